//! Datagrams to somebody outside, over sockets that learn who refused.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use socket2::Socket;
use tokio::{io::Interest, net::UdpSocket, time::sleep};

use super::{client, error_queue};
use crate::layer::{
    attempt::Failure,
    redirect::{Play, Transport},
};

/// A socket in error that tells none: looked at again after this.
const SPURIOUS: Duration = Duration::from_millis(5);

/// A socket with the hop limit of any program, which may be read before it has sent.
///
/// # Errors
/// What socket(2), setsockopt(2) or bind(2) return; `EPERM` where the identity cannot be played.
pub fn open(to: SocketAddr, play: &Play) -> io::Result<Socket> {
    let socket = client::open(to, Transport::Udp, play, None)?;
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    socket.bind(&SocketAddr::new(any, 0).into())?;
    Ok(socket)
}

/// Sends a datagram, to `to` where the socket is not connected, and waits for nothing.
///
/// # Errors
/// Why it was not sent.
pub fn send(socket: Socket, bytes: &[u8], to: Option<SocketAddr>) -> Result<UdpSocket, Failure> {
    let sent = match to {
        None => socket.send(bytes),
        Some(to) => socket.send_to(bytes, &to.into()),
    };
    sent.map_err(|error| Failure::of("send", &error, error_queue::offender(&socket)))?;
    UdpSocket::from_std(socket.into())
        .map_err(|error| Failure::of("register the socket", &error, None))
}

/// Waits for a datagram: its length and its sender.
///
/// # Errors
/// What came in its place.
pub async fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
) -> Result<(usize, SocketAddr), Failure> {
    loop {
        let ready = socket.ready(Interest::READABLE | Interest::ERROR).await;
        let ready = ready.map_err(|error| Failure::of("wait", &error, None))?;
        match socket.try_recv_from(buffer) {
            Ok(received) => return Ok(received),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if ready.is_error() {
                    match (socket.take_error(), error_queue::offender(socket)) {
                        (Ok(Some(error)) | Err(error), by) => {
                            return Err(Failure::of("receive", &error, by));
                        }
                        (Ok(None), Some(by)) => return Err(Failure::Refused { by: Some(by) }),
                        (Ok(None), None) => sleep(SPURIOUS).await,
                    }
                }
            }
            Err(error) => {
                return Err(Failure::of("receive", &error, error_queue::offender(socket)));
            }
        }
    }
}
