//! Real connections to somebody outside, over sockets that learn who refused.

use std::{io, net::SocketAddr, time::Duration};

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpStream, time::timeout};

use super::{dial::millis, error_queue, owner::as_owner};
use crate::layer::{
    attempt::Failure,
    redirect::{Play, Transport},
};

/// A non-blocking socket towards `to` that queues ICMP errors, with the usual hop limit if `hops`
/// is none.
///
/// # Errors
/// What socket(2) or setsockopt(2) return; `EPERM` where the identity cannot be played.
pub fn open(
    to: SocketAddr,
    transport: Transport,
    play: &Play,
    hops: Option<u8>,
) -> io::Result<Socket> {
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let create = || Socket::new(Domain::for_address(to), kind.nonblocking(), Some(protocol));
    let socket = match play {
        Play::As { uid, gid } => as_owner(*uid, *gid, create)?,
        Play::Own | Play::Marked { .. } => create()?,
        Play::Cannot { .. } => return Err(io::Error::from_raw_os_error(Errno::EPERM as i32)),
    };
    if let Play::Marked { mark } = play {
        socket.set_mark(*mark)?;
    }
    match (hops, to) {
        (None, _) => {}
        (Some(hops), SocketAddr::V4(_)) => socket.set_ttl_v4(hops.into())?,
        (Some(hops), SocketAddr::V6(_)) => socket.set_unicast_hops_v6(hops.into())?,
    }
    error_queue::enable(&socket, to.is_ipv6())?;
    Ok(socket)
}

/// Opens a connection as this identity, waiting at most `patience`.
///
/// # Errors
/// Why there is none.
pub async fn connect(
    to: SocketAddr,
    play: &Play,
    patience: Duration,
) -> Result<TcpStream, Failure> {
    if let Play::Cannot { reason } = play {
        return Err(Failure::Masked { reason: reason.clone() });
    }
    let socket = open(to, Transport::Tcp, play, None)
        .map_err(|error| Failure::of("open a socket", &error, None))?;
    connect_socket(socket, to, patience).await
}

/// Connects a socket of [`open`], waiting at most `patience`.
///
/// # Errors
/// Why there is no connection.
pub async fn connect_socket(
    socket: Socket,
    to: SocketAddr,
    patience: Duration,
) -> Result<TcpStream, Failure> {
    if let Err(error) = socket.connect(&to.into())
        && error.raw_os_error() != Some(Errno::EINPROGRESS as i32)
    {
        return Err(Failure::of("connect", &error, error_queue::offender(&socket)));
    }
    let stream = TcpStream::from_std(socket.into())
        .map_err(|error| Failure::of("register the socket", &error, None))?;
    let waited = timeout(patience, stream.writable()).await.is_err();
    match (stream.take_error(), stream.peer_addr()) {
        (Ok(None), Ok(_)) => Ok(stream),
        (Ok(None), Err(_)) if waited => Err(Failure::Silent { waited_ms: millis(patience) }),
        (Ok(Some(error)) | Err(error), _) | (Ok(None), Err(error)) => {
            Err(Failure::of("connect", &error, error_queue::offender(&stream)))
        }
    }
}
