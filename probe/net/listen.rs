//! Dummy listeners: non-blocking, never sharing their port.

use std::{io, net::SocketAddr};

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;

/// Connections the kernel may hold for us: more than the probes in flight.
const BACKLOG: i32 = 256;

/// A TCP listener. Never with `SO_REUSEPORT`: beside a running proxy of the same uid that would
/// take its traffic.
///
/// # Errors
/// What socket(2), bind(2) or listen(2) return; `EADDRINUSE` when somebody holds the port.
pub fn tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    // Lets us bind while connections of whoever had the port before are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// A TCP listener that TPROXY may hand connections to, whatever their destination.
///
/// # Errors
/// As [`tcp`]; `EPERM` without `NET_ADMIN` or `NET_RAW`.
pub fn transparent(address: SocketAddr) -> io::Result<Socket> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    // One flag for both families: an IPv6 socket takes SOL_IP's option as well (kernel
    // `net/ipv6/ipv6_sockglue.c`).
    socket.set_ip_transparent_v4(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// A bound UDP socket.
///
/// # Errors
/// What socket(2) or bind(2) return.
pub fn udp(address: SocketAddr) -> io::Result<Socket> {
    let socket = open(address, Type::DGRAM, Protocol::UDP)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Lets what the listener answers get no further than the first hop, for it answers probes of this pod
/// alone.
///
/// # Errors
/// What setsockopt(2) returns.
pub fn stay_near(socket: Socket) -> io::Result<Socket> {
    if socket.local_addr()?.is_ipv6() {
        socket.set_unicast_hops_v6(1)?;
    } else {
        socket.set_ttl_v4(1)?;
    }
    Ok(socket)
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking(), Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// The destination that a redirected connection was made to (`SO_ORIGINAL_DST`, kernel
/// `net/netfilter/nf_conntrack_proto.c`); on a connection that was not redirected the kernel gives
/// its local address, and none without conntrack.
///
/// # Errors
/// `EPERM` where one may not ask, under a filter of system calls.
pub fn original_destination(accepted: &TcpStream) -> io::Result<Option<SocketAddr>> {
    let socket = SockRef::from(accepted);
    let is_ipv4 = accepted.local_addr()?.is_ipv4();
    let original = if is_ipv4 { socket.original_dst_v4() } else { socket.original_dst_v6() };
    match original {
        Ok(original) => Ok(original.as_socket()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Err(_) => Ok(None),
    }
}

/// Whether this machine is without the family.
#[must_use]
pub fn has_no_family(error: &io::Error) -> bool {
    [Errno::EAFNOSUPPORT, Errno::EADDRNOTAVAIL]
        .map(|errno| Some(errno as i32))
        .contains(&error.raw_os_error())
}

/// A listening or datagram socket of one family: `[::]` leaves IPv4 to a listener of its own.
///
/// # Errors
/// What socket(2), setsockopt(2), bind(2) or listen(2) return.
pub fn service(at: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), kind.nonblocking(), Some(protocol))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&at.into())?;
    if kind == Type::STREAM {
        socket.listen(64)?;
    }
    Ok(socket)
}
