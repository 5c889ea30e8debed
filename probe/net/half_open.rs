//! Connections of which the other side's program never learns: the handshake's last packet is kept
//! back, and a reset takes its place.

use std::{io, time::Duration};

use socket2::{SockRef, Socket};
use tokio::net::TcpStream;

/// Makes this socket's handshake stop short of its end. The kernel keeps the last ACK back for up to
/// 200 ms, in the hope of sending it with data (`TCP_QUICKACK` in tcp(7); kernel
/// `net/ipv4/tcp_input.c`, `tcp_rcv_synsent_state_process`): so long the other end stays in
/// `SYN_RECV`, where `accept(2)` does not see it. A sandbox that does not know it shakes hands as usual.
pub fn keep(socket: &Socket) {
    let _ = socket.set_tcp_quickack(false);
}

/// Completes the handshake.
///
/// # Errors
/// What setsockopt(2) returns.
pub fn complete(connection: &TcpStream) -> io::Result<()> {
    SockRef::from(connection).set_tcp_quickack(true)
}

/// Ends it by a reset; if it is still half-open, nobody ever knew of it.
pub fn abandon(connection: TcpStream) {
    // Without it, closing would complete the handshake, and the other side would see an empty
    // connection: no harm that is worth an error.
    let _ = SockRef::from(&connection).set_linger(Some(Duration::ZERO));
    drop(connection);
}
