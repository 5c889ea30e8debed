//! Who says "too big": TCP heeds the message and does not tell its sender; a datagram's socket does.

use std::{net::SocketAddr, time::Duration};

use tokio::{net::UdpSocket, time::timeout};

use crate::{
    layer::redirect::{Offender, Play, Transport},
    net::{client, datagram, path_mtu::ignore_learned},
};

/// How long one may take: a router, or the other side that answers the datagram.
const PATIENCE: Duration = Duration::from_millis(200);

/// Sends one datagram, whatever path MTU was learned; the sender of the ICMP message, if one came.
pub(super) async fn too_big(to: SocketAddr, play: &Play, bytes: &[u8]) -> Option<Offender> {
    let socket = client::open(to, Transport::Udp, play, None).ok()?;
    ignore_learned(&socket, to.is_ipv6()).ok()?;
    socket.connect(&to.into()).and_then(|()| socket.send(bytes)).ok()?;
    let socket = UdpSocket::from_std(socket.into()).ok()?;
    let heard = timeout(PATIENCE, datagram::receive(&socket, &mut [0; 1])).await.ok()?;
    heard.err()?.by().copied()
}
