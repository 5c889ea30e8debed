//! ARP probes (RFC 5227) over a packet socket: who says that an IPv4 address is his?

use std::{io, net::Ipv4Addr, os::fd::AsFd};

use nix::libc;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, SockRef, Socket, Type};

/// A hardware address of Ethernet.
pub type Hardware = [u8; 6];

/// Everybody on the link.
const EVERYBODY: Hardware = [0xff; 6];
/// Hardware type 1, protocol IPv4, addresses of 6 and 4 bytes (RFC 826).
const HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Bytes of an ARP packet for IPv4 on Ethernet.
pub const PACKET_BYTES: usize = 28;
/// `ETH_P_ARP`, as the kernel wants it: in network byte order.
#[expect(clippy::cast_possible_truncation, reason = "it is 0x0806")]
const PROTOCOL: u16 = (libc::ETH_P_ARP as u16).to_be();

/// A socket for the ARP packets of one link, which does not wait. Needs `CAP_NET_RAW`.
///
/// # Errors
/// `EPERM` without the capability, or what packet(7) says.
pub fn open(link: u32) -> io::Result<Socket> {
    // Protocol 0 hears nothing: bind(2) names the protocol together with the link.
    let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking(), Some(Protocol::from(0)))?;
    socket.bind(&everybody_on(link))?;
    Ok(socket)
}

/// Asks everybody on the link.
///
/// # Errors
/// What packet(7) says, such as `ENETDOWN`.
pub fn send(socket: &impl AsFd, link: u32, packet: &[u8]) -> io::Result<()> {
    SockRef::from(socket).send_to(packet, &everybody_on(link)).map(|_| ())
}

/// The probe for an address: its sender names no address of his own, so that nobody learns one.
#[must_use]
pub fn probe(own: Hardware, ip: Ipv4Addr) -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    packet[..6].copy_from_slice(&HEAD);
    packet[7] = 1; // request
    packet[8..14].copy_from_slice(&own);
    packet[24..].copy_from_slice(&ip.octets());
    packet
}

/// Who the sender of an ARP packet says that he is; none for a probe, and for what is no ARP of
/// IPv4 on Ethernet.
#[must_use]
pub fn sender(packet: &[u8]) -> Option<(Ipv4Addr, Hardware)> {
    let packet: &[u8; PACKET_BYTES] = packet.first_chunk()?;
    let hardware = Hardware::try_from(&packet[8..14]).ok()?;
    let ip = Ipv4Addr::from(<[u8; 4]>::try_from(&packet[14..18]).ok()?);
    (packet.starts_with(&HEAD) && !ip.is_unspecified()).then_some((ip, hardware))
}

/// `struct sockaddr_ll` of everybody who speaks ARP on the link.
fn everybody_on(link: u32) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is one of the address types that the storage has room and alignment for, and all
    // of its fields are integers, of which zeros are values.
    #[expect(unsafe_code, reason = "socket2 has no safe address of packet sockets")]
    let address: &mut libc::sockaddr_ll = unsafe { storage.view_as() };
    address.sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).unwrap_or_default();
    address.sll_protocol = PROTOCOL;
    // 0 would be every link: an index that is none is refused by bind(2) and sendto(2).
    address.sll_ifindex = i32::try_from(link).unwrap_or(-1);
    address.sll_halen = 6;
    address.sll_addr[..6].copy_from_slice(&EVERYBODY);
    let length = std::mem::size_of::<libc::sockaddr_ll>();
    let length = libc::socklen_t::try_from(length).unwrap_or_default();
    // SAFETY: the storage has a sockaddr_ll whose family says so, and the length is its own.
    #[expect(unsafe_code, reason = "socket2 has no safe address of packet sockets")]
    unsafe {
        SockAddr::new(storage, length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: Hardware = [2, 0, 0, 0, 0, 7];

    #[test]
    fn a_probe_asks_for_an_address_and_claims_none() {
        let packet = probe(OWN, Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(packet[..8], [0, 1, 8, 0, 6, 4, 0, 1]);
        assert_eq!((&packet[8..14], &packet[24..]), (&OWN[..], &[10, 1, 2, 3][..]));
        assert_eq!(sender(&packet), None);
    }

    #[test]
    fn an_answer_names_address_and_hardware() {
        let mut packet = probe(OWN, Ipv4Addr::UNSPECIFIED);
        packet[7] = 2;
        packet[14..18].copy_from_slice(&[10, 1, 2, 3]);
        assert_eq!(sender(&packet), Some((Ipv4Addr::new(10, 1, 2, 3), OWN)));
        assert_eq!(sender(&packet[..27]), None);
        packet[4] = 8;
        assert_eq!(sender(&packet), None);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = sender(&bytes);
        }
    }
}
