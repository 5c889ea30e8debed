//! Probe sockets: hop limit 1, errors queued, connected without blocking.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpStream, time::timeout};

use super::{errno_name, error_queue};
use crate::layer::redirect::{Offender, Outcome, Transport};

/// Redirection inside the pod never decrements it; a packet that leaves the pod dies at the first
/// hop, whose ICMP "time exceeded" is the proof of escape.
const HOP_LIMIT: u32 = 1;

/// A probe socket, before it is bound or connected.
///
/// # Errors
/// What socket(2) or setsockopt(2) return.
pub fn socket(to: SocketAddr, transport: Transport) -> io::Result<Socket> {
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(to), kind.nonblocking(), Some(protocol))?;
    if to.is_ipv4() {
        socket.set_ttl_v4(HOP_LIMIT)?;
    } else {
        socket.set_unicast_hops_v6(HOP_LIMIT)?;
    }
    error_queue::enable(&socket, to.is_ipv6())?;
    Ok(socket)
}

/// Binds a probe socket to an address, with a port of the kernel's choice if `port` is 0.
///
/// # Errors
/// What bind(2) returns.
pub fn bind(socket: &Socket, address: IpAddr, port: u16) -> io::Result<()> {
    socket.set_reuse_address(port != 0)?;
    socket.bind(&SocketAddr::new(address, port).into())
}

/// Connects, waiting at most `patience` for an answer.
///
/// On loopback the kernel finishes the handshake before connect(2) returns, however little CPU we
/// get: a socket still in `SYN_SENT` after tens of milliseconds was not captured.
///
/// # Errors
/// The outcome, when it is not a connection.
pub async fn connect(
    socket: Socket,
    to: SocketAddr,
    patience: Duration,
) -> Result<TcpStream, Outcome> {
    if let Err(error) = socket.connect(&to.into())
        && error.raw_os_error() != Some(Errno::EINPROGRESS as i32)
    {
        return Err(failure("connect", &error, error_queue::offender(&socket)));
    }
    let stream = TcpStream::from_std(socket.into())
        .map_err(|error| failure("register the socket", &error, None))?;
    let waited = timeout(patience, stream.writable()).await.is_err();
    // What a filter of system calls refuses is no word about the network.
    let error = stream.take_error();
    let error = error.map_err(|refused| failure("read the socket's error", &refused, None))?;
    if let Some(error) = error {
        return Err(failure("connect", &error, error_queue::offender(&stream)));
    }
    match stream.peer_addr() {
        Ok(_) => Ok(stream),
        Err(error) if error.raw_os_error() != Some(Errno::ENOTCONN as i32) => {
            Err(failure("read the socket's peer", &error, None))
        }
        Err(_) if waited => Err(Outcome::Silent { waited_ms: millis(patience) }),
        Err(error) => Err(failure("connect", &error, error_queue::offender(&stream))),
    }
}

/// The outcome that an error stands for.
#[must_use]
pub fn failure(operation: &str, error: &io::Error, by: Option<Offender>) -> Outcome {
    match (error.raw_os_error().map(Errno::from_raw), by) {
        (_, Some(by)) if by.is_time_exceeded() => Outcome::LeftThePod { hop: by.address },
        (Some(Errno::ECONNREFUSED | Errno::ECONNRESET), by) => Outcome::Refused { by },
        (_, by) => {
            Outcome::Failed { operation: operation.to_owned(), errno: errno_name(error), by }
        }
    }
}

/// Whole milliseconds.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
