//! Packets made and read by hand: TCP segments and datagrams as if from outside, and the kernel's
//! answers.
//!
//! Headers as in RFC 791, 8200, 9293 and 768, checksums as in RFC 1071: connection tracking calls a
//! packet with a wrong one invalid, and many rule sets drop those.

use std::net::{IpAddr, SocketAddr};

/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Bytes of the headers without options.
const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;
const TCP_BYTES: usize = 20;
const UDP_BYTES: usize = 8;
const ICMP_BYTES: usize = 8;

/// Delivery inside the pod does not decrement it; what a rule sends on dies at the next hop.
const HOP_LIMIT: u8 = 1;
/// The window that the sender offers.
const WINDOW: u16 = 0xffff;

/// TCP flags (RFC 9293 §3.1).
pub mod flag {
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement counts.
    pub const ACK: u8 = 0x10;
}

/// What of a TCP segment is not its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// [`flag`]s.
    pub flags: u8,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledged: u32,
}

/// What the kernel answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A TCP segment from there.
    Segment(SocketAddr, Control),
    /// An ICMP error about a packet of ours.
    Unreachable {
        /// Who sent it.
        by: IpAddr,
        /// ICMP type.
        icmp_type: u8,
        /// ICMP code.
        icmp_code: u8,
    },
}

/// A TCP segment with a payload; none if the addresses are of two families.
#[must_use]
pub fn tcp(from: SocketAddr, to: SocketAddr, control: Control, payload: &[u8]) -> Option<Vec<u8>> {
    let mut body = ports(from, to);
    body.extend(control.sequence.to_be_bytes());
    body.extend(control.acknowledged.to_be_bytes());
    body.extend([0x50, control.flags]);
    body.extend(WINDOW.to_be_bytes());
    body.extend([0; 4]);
    body.extend(payload);
    packet(from.ip(), to.ip(), TCP, 16, body)
}

/// A datagram; none if the addresses are of two families.
#[must_use]
pub fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
    let mut body = ports(from, to);
    body.extend(length(UDP_BYTES + payload.len()));
    body.extend([0; 2]);
    body.extend(payload);
    packet(from.ip(), to.ip(), UDP, 6, body)
}

fn ports(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    [from.port().to_be_bytes(), to.port().to_be_bytes()].concat()
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

/// Puts the body's checksum at its place, and the IP header in front.
fn packet(from: IpAddr, to: IpAddr, protocol: u8, at: usize, mut body: Vec<u8>) -> Option<Vec<u8>> {
    let mut pseudo = pseudo_header(from, to, protocol, body.len());
    pseudo.extend(&body);
    // For UDP over IPv4 zero would mean "no checksum" (RFC 768).
    let sum = match checksum(&pseudo) {
        0 if protocol == UDP => u16::MAX,
        sum => sum,
    };
    body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    let mut packet = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![0x45, 0];
            header.extend(length(IPV4_BYTES + body.len()));
            // No identification, for it may not be fragmented (RFC 6864).
            header.extend([0, 0, 0x40, 0, HOP_LIMIT, protocol, 0, 0]);
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = checksum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            header
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(length(body.len()));
            header.extend([protocol, HOP_LIMIT]);
            header.extend(from.octets());
            header.extend(to.octets());
            header
        }
        _ => return None,
    };
    packet.extend(body);
    Some(packet)
}

fn pseudo_header(from: IpAddr, to: IpAddr, protocol: u8, bytes: usize) -> Vec<u8> {
    let mut header = Vec::new();
    for ip in [from, to] {
        match ip {
            IpAddr::V4(ip) => header.extend(ip.octets()),
            IpAddr::V6(ip) => header.extend(ip.octets()),
        }
    }
    header.extend([0, protocol]);
    header.extend(length(bytes));
    header
}

/// The ones' complement of the ones' complement sum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| {
        u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

/// Reads an answer, and to which of our addresses it belongs; none for what answers nothing.
#[must_use]
pub fn read(packet: &[u8]) -> Option<(SocketAddr, Answer)> {
    let (from, to, protocol, body) = ip(packet)?;
    match protocol {
        TCP => segment(from, to, body),
        ICMP | ICMPV6 => unreachable(from, protocol, body),
        _ => None,
    }
}

/// Both ends, the protocol and what is behind the IP header, extension headers included.
fn ip(packet: &[u8]) -> Option<(IpAddr, IpAddr, u8, &[u8])> {
    match packet.first()? >> 4 {
        4 => {
            let header = packet.first_chunk::<IPV4_BYTES>()?;
            let bytes = usize::from(header[0] & 0xf) * 4;
            let end = |at: usize| Some(<[u8; 4]>::try_from(&header[at..at + 4]).ok()?.into());
            Some((end(12)?, end(16)?, header[9], packet.get(bytes.max(IPV4_BYTES)..)?))
        }
        6 => {
            let header = packet.first_chunk::<IPV6_BYTES>()?;
            let end = |at: usize| Some(<[u8; 16]>::try_from(&header[at..at + 16]).ok()?.into());
            Some((end(8)?, end(24)?, header[6], &packet[IPV6_BYTES..]))
        }
        _ => None,
    }
}

fn segment(from: IpAddr, to: IpAddr, body: &[u8]) -> Option<(SocketAddr, Answer)> {
    let header = body.first_chunk::<TCP_BYTES>()?;
    let word = |at: usize| Some(u32::from_be_bytes(header[at..at + 4].try_into().ok()?));
    let from = SocketAddr::new(from, u16::from_be_bytes([header[0], header[1]]));
    let control = Control { flags: header[13], sequence: word(4)?, acknowledged: word(8)? };
    let to = SocketAddr::new(to, u16::from_be_bytes([header[2], header[3]]));
    Some((to, Answer::Segment(from, control)))
}

/// "Unreachable" and "time exceeded", which bring back the beginning of our packet.
fn unreachable(by: IpAddr, protocol: u8, body: &[u8]) -> Option<(SocketAddr, Answer)> {
    let header = body.first_chunk::<ICMP_BYTES>()?;
    let (icmp_type, icmp_code) = (header[0], header[1]);
    let is_error = matches!((protocol, icmp_type), (ICMP, 3 | 11 | 12) | (ICMPV6, 1..=4));
    let (ours, _, inner, ports) = ip(&body[ICMP_BYTES..])?;
    let port = ports.first_chunk::<2>().map(|port| u16::from_be_bytes(*port))?;
    let answer = Answer::Unreachable { by, icmp_type, icmp_code };
    // A packet of one family is no answer to one of the other.
    let alike = by.is_ipv4() == (protocol == ICMP) && by.is_ipv4() == ours.is_ipv4();
    let answers = alike && is_error && [TCP, UDP].contains(&inner);
    answers.then_some((SocketAddr::new(ours, port), answer))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    const ENDS: [(&str, &str); 2] =
        [("198.51.100.3:40001", "10.77.0.2:8080"), ("[2001:db8:ffff::3]:40001", "[fd77::2]:8080")];

    #[test]
    fn what_is_made_is_read_back() {
        let control = Control { flags: flag::SYN, sequence: 7, acknowledged: 9 };
        for (from, to) in ENDS.map(|(from, to)| (address(from), address(to))) {
            let made = tcp(from, to, control, b"x").expect("one family");
            assert_eq!(read(&made), Some((to, Answer::Segment(from, control))));
        }
    }

    #[test]
    fn checksums_come_out_as_zero() {
        for (from, to) in ENDS.map(|(from, to)| (address(from), address(to))) {
            let control = Control { flags: flag::ACK, sequence: 1, acknowledged: 2 };
            let bytes = if from.is_ipv4() { IPV4_BYTES } else { IPV6_BYTES };
            for (protocol, made) in
                [(TCP, tcp(from, to, control, b"odd")), (UDP, udp(from, to, b"odd"))]
            {
                let made = made.expect("one family");
                let (header, body) = made.split_at(bytes);
                assert!(from.is_ipv6() || checksum(header) == 0);
                let mut all = pseudo_header(from.ip(), to.ip(), protocol, body.len());
                all.extend(body);
                assert_eq!(checksum(&all), 0, "{from} {protocol}");
            }
        }
    }

    #[test]
    fn two_families_make_no_packet() {
        assert_eq!(udp(address(ENDS[0].0), address(ENDS[1].1), b""), None);
    }

    #[test]
    fn an_icmp_error_belongs_to_the_port_that_it_is_about() {
        let (from, to) = (address(ENDS[0].0), address(ENDS[0].1));
        let ours = udp(from, to, b"token").expect("one family");
        let mut error =
            vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, ICMP, 0, 0, 10, 77, 0, 2, 198, 51, 100, 3];
        error.extend([3, 3, 0, 0, 0, 0, 0, 0]);
        error.extend(&ours[..28]);
        let answer = Answer::Unreachable { by: to.ip(), icmp_type: 3, icmp_code: 3 };
        assert_eq!(read(&error), Some((from, answer)));
        error[20] = 8;
        assert_eq!(read(&error), None, "an echo request is no error");
        error[20] = 3;
        error.truncate(28);
        error.extend(udp(address(ENDS[1].0), address(ENDS[1].1), b"token").expect("one family"));
        assert_eq!(read(&error), None, "no router of IPv4 refuses what is sent over IPv6");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = read(&bytes);
        }

        #[test]
        fn garbage_in_an_icmp_error_never_panics(
            inner in proptest::collection::vec(any::<u8>(), 0..80), v6 in any::<bool>(),
        ) {
            let mut bytes = if v6 { vec![0x60, 0, 0, 0, 0, 0, ICMPV6, 64] } else { vec![0x45] };
            bytes.resize(if v6 { IPV6_BYTES } else { IPV4_BYTES }, 0);
            if !v6 {
                bytes[9] = ICMP;
            }
            bytes.extend([3, 1, 0, 0, 0, 0, 0, 0]);
            bytes.extend(inner);
            let _ = read(&bytes);
        }
    }
}
