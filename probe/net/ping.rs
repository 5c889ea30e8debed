//! Echo requests without privilege: ping sockets, which the group range of
//! `net.ipv4.ping_group_range` opens to users (icmp(7)).

use std::{io, net::IpAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::error_queue;

/// `ICMP_ECHO` (RFC 792) and its `ICMPv6` sibling (RFC 4443).
const ECHO: (u8, u8) = (8, 128);
/// Their replies.
const REPLY: (u8, u8) = (0, 129);

/// A socket for echo requests.
///
/// # Errors
/// `EACCES` where this group is outside the range.
pub fn open(to: IpAddr) -> io::Result<Socket> {
    let (domain, protocol) = match to {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(protocol))?;
    error_queue::enable(&socket, to.is_ipv6())?;
    Ok(socket)
}

/// An echo request: the kernel puts in identifier and checksum.
#[must_use]
pub fn request(to: IpAddr) -> [u8; 16] {
    let mut packet = *b"\0\0\0\0\0\0\0\x01podprobe";
    packet[0] = if to.is_ipv4() { ECHO.0 } else { ECHO.1 };
    packet
}

/// Whether this is the reply to [`request`].
#[must_use]
pub fn is_reply(to: IpAddr, packet: &[u8]) -> bool {
    let kind = if to.is_ipv4() { REPLY.0 } else { REPLY.1 };
    packet.first() == Some(&kind) && packet.get(8..) == Some(b"podprobe")
}
