//! Who says "too big": TCP heeds the message and does not tell its sender; a datagram's socket does.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::Interest,
    net::UdpSocket,
    time::{sleep, timeout},
};

use crate::{
    layer::redirect::{Offender, Play, Transport},
    net::{client, error_queue, path_mtu::ignore_learned},
};

/// How long one may take: a router, or the other side that answers the datagram.
const PATIENCE: Duration = Duration::from_millis(200);
/// A socket in error that tells none: looked at again after this.
const SPURIOUS: Duration = Duration::from_millis(5);

/// Sends one datagram, whatever path MTU was learned; the sender of the ICMP message, if one came.
pub(super) async fn too_big(to: SocketAddr, play: &Play, datagram: &[u8]) -> Option<Offender> {
    let socket = client::open(to, Transport::Udp, play, None).ok()?;
    ignore_learned(&socket, to.is_ipv6()).ok()?;
    socket.connect(&to.into()).and_then(|()| socket.send(datagram)).ok()?;
    let socket = UdpSocket::from_std(socket.into()).ok()?;
    timeout(PATIENCE, offender(&socket)).await.ok().flatten()
}

async fn offender(socket: &UdpSocket) -> Option<Offender> {
    loop {
        let ready = socket.ready(Interest::READABLE | Interest::ERROR).await.ok()?;
        if ready.is_error()
            && let Some(by) = error_queue::offender(socket)
        {
            return Some(by);
        }
        if socket.try_recv(&mut [0; 1]).is_ok() {
            return None;
        }
        if ready.is_error() {
            sleep(SPURIOUS).await;
        }
    }
}
