//! Listening and bound sockets of the namespace, by the kernel's socket monitor (`sock_diag`).
//!
//! Needs no privilege and no `/proc`, and costs a small part of reading `/proc/net/tcp`.

use std::io;
use std::net::SocketAddr;

use netlink_packet_core::Parseable;
use netlink_packet_sock_diag::constants::{
    AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, SOCK_DIAG_BY_FAMILY,
};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags,
};

use super::netlink::Netlink;
use nix::libc::ENOENT;

/// `TCP_LISTEN` (kernel `include/net/tcp_states.h`).
const STATE_LISTEN: u8 = 10;

/// One socket as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundSocket {
    /// The local address and port.
    pub address: SocketAddr,
    /// The owner's user id.
    pub uid: u32,
    /// The inode that `/proc/PID/fd` shows.
    pub inode: u32,
}

/// The TCP sockets in LISTEN of one address family.
///
/// # Errors
/// The kernel's answer, `ENOENT` when it has no `tcp_diag`.
pub fn tcp_listeners(netlink: &mut Netlink, ipv6: bool) -> io::Result<Vec<BoundSocket>> {
    sockets(netlink, ipv6, IPPROTO_TCP, StateFlags::LISTEN)
}

/// The bound, unconnected UDP sockets of one address family: their state is CLOSE.
///
/// # Errors
/// The kernel's answer, `ENOENT` when it has no `udp_diag`.
pub fn udp_listeners(netlink: &mut Netlink, ipv6: bool) -> io::Result<Vec<BoundSocket>> {
    sockets(netlink, ipv6, IPPROTO_UDP, StateFlags::CLOSE)
}

/// The TCP connections of one address family, each by its own address and its peer's.
///
/// # Errors
/// The kernel's answer, `ENOENT` when it has no `tcp_diag`.
pub fn connections(netlink: &mut Netlink, ipv6: bool) -> io::Result<Vec<(SocketAddr, SocketAddr)>> {
    let request = every(ipv6, IPPROTO_TCP, StateFlags::ESTABLISHED | StateFlags::CLOSE_WAIT);
    netlink.dump(SOCK_DIAG_BY_FAMILY, &request, |body, found| found.extend(read_ends(body)))
}

/// Whether somebody listens at the address.
///
/// # Errors
/// The kernel's answer, other than that there is none.
pub fn is_listened_at(netlink: &mut Netlink, at: SocketAddr) -> io::Result<bool> {
    // From port 0 nobody can have a connection: what is found is the listener.
    let nobody = SocketAddr::new(at.ip(), 0);
    match netlink.ask(SOCK_DIAG_BY_FAMILY, &exact(nobody, at)) {
        Ok(body) => Ok(body.get(1) == Some(&STATE_LISTEN)),
        Err(error) if error.raw_os_error() == Some(ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// States of a connection that neither side has begun to close (kernel `include/net/tcp_states.h`):
/// established, and not yet accepted.
const OPEN_STATES: [u8; 3] = [1, 3, 12];

/// Of a connection that both sides have closed.
const STATE_TIME_WAIT: u8 = 6;

/// The socket of this namespace whose local address is `theirs` and whose peer is `ours`: the other
/// end of a connection of this process, whoever accepted it; and whether it is open. One that is
/// closed for good is of an earlier connection from the same port, and one that is closing may be.
///
/// # Errors
/// The kernel's answer, other than that there is none.
pub fn other_end(
    netlink: &mut Netlink,
    ours: SocketAddr,
    theirs: SocketAddr,
) -> io::Result<Option<(BoundSocket, bool)>> {
    match netlink.ask(SOCK_DIAG_BY_FAMILY, &exact(ours, theirs)) {
        // An exact lookup that finds nothing falls back to the listener.
        Ok(body) if body.get(1) == Some(&STATE_LISTEN) => Ok(None),
        Ok(body) if body.get(1) == Some(&STATE_TIME_WAIT) => Ok(None),
        Ok(body) => {
            let open = body.get(1).is_some_and(|state| OPEN_STATES.contains(state));
            Ok(read_socket(&body).map(|socket| (socket, open)))
        }
        Err(error) if error.raw_os_error() == Some(ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A question for one socket by its two ends.
fn exact(ours: SocketAddr, theirs: SocketAddr) -> InetRequest {
    let socket_id = SocketId {
        source_port: theirs.port(),
        destination_port: ours.port(),
        source_address: theirs.ip(),
        destination_address: ours.ip(),
        interface_id: 0,
        cookie: [0xff; 8],
    };
    InetRequest {
        family: if ours.is_ipv6() { AF_INET6 } else { AF_INET },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id,
    }
}

/// The peer of a TCP socket that is still connecting, as the kernel has it: not what connect(2) was
/// told, if somebody rewrote that.
///
/// # Errors
/// The kernel's answer.
pub fn connecting_to(netlink: &mut Netlink, ours: SocketAddr) -> io::Result<Option<SocketAddr>> {
    let request = InetRequest {
        family: if ours.is_ipv6() { AF_INET6 } else { AF_INET },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::SYN_SENT,
        socket_id: if ours.is_ipv6() { SocketId::new_v6() } else { SocketId::new_v4() },
    };
    let peers = netlink.dump(SOCK_DIAG_BY_FAMILY, &request, |body, found| {
        let Ok(InetResponseHeader { socket_id: id, .. }) = InetResponseHeader::parse(body) else {
            return;
        };
        if (id.source_address, id.source_port) == (ours.ip(), ours.port()) {
            found.push(SocketAddr::new(id.destination_address, id.destination_port));
        }
    })?;
    Ok(peers.first().copied())
}

fn sockets(
    netlink: &mut Netlink,
    ipv6: bool,
    protocol: u8,
    states: StateFlags,
) -> io::Result<Vec<BoundSocket>> {
    let request = every(ipv6, protocol, states);
    netlink.dump(SOCK_DIAG_BY_FAMILY, &request, |body, found| found.extend(read_socket(body)))
}

fn every(ipv6: bool, protocol: u8, states: StateFlags) -> InetRequest {
    InetRequest {
        family: if ipv6 { AF_INET6 } else { AF_INET },
        protocol,
        extensions: ExtensionFlags::empty(),
        states,
        socket_id: if ipv6 { SocketId::new_v6() } else { SocketId::new_v4() },
    }
}

/// Both ends; an IPv4 connection of a socket for both families by its IPv4 addresses.
pub(crate) fn read_ends(body: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let id = InetResponseHeader::parse(body).ok()?.socket_id;
    let end = |ip: std::net::IpAddr, port| SocketAddr::new(ip.to_canonical(), port);
    Some((end(id.source_address, id.source_port), end(id.destination_address, id.destination_port)))
}

pub(crate) fn read_socket(body: &[u8]) -> Option<BoundSocket> {
    let header = InetResponseHeader::parse(body).ok()?;
    let id = header.socket_id;
    let address = SocketAddr::new(id.source_address, id.source_port);
    Some(BoundSocket { address, uid: header.uid, inode: header.inode })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An `inet_diag_msg` of a listener on 127.0.0.1:15001 by uid 1337, inode 77.
    fn listener_bytes() -> Vec<u8> {
        let mut bytes = vec![AF_INET, 10, 0, 0];
        bytes.extend(15001_u16.to_be_bytes());
        bytes.extend([0; 2]);
        bytes.extend([127, 0, 0, 1]);
        bytes.extend([0; 12 + 16 + 4 + 8]);
        bytes.extend([0; 12]);
        bytes.extend(1337_u32.to_ne_bytes());
        bytes.extend(77_u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn reads_address_owner_and_inode() {
        let socket = read_socket(&listener_bytes()).unwrap();
        let address = "127.0.0.1:15001".parse().unwrap();
        assert_eq!(socket, BoundSocket { address, uid: 1337, inode: 77 });
    }

    #[test]
    fn cut_answer_is_no_socket() {
        assert_eq!(read_socket(&listener_bytes()[..40]), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = read_socket(&bytes);
            let _ = read_ends(&bytes);
        }
    }
}
