//! Where the kernel would send a packet: `RTM_GETROUTE` for one destination, a fib lookup with
//! every policy rule that applies to this process.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{parse_ip, parse_u32};
use netlink_packet_route::{
    AddressFamily,
    route::{RouteHeader, RouteType},
};
use nix::libc::{RTA_DST, RTA_PREFSRC, RTA_TABLE, RTM_GETROUTE};
use serde::{Deserialize, Serialize};

use super::link::{Link, name_of};
use super::route::{HEADER_BYTES, kind, next_hop};
use crate::net::{
    errno_name,
    netlink::{Netlink, Request, attributes},
};

/// What the kernel answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The packet would go here.
    Leads(Path),
    /// It would go nowhere; connect(2) fails with the same errno.
    Refused {
        /// By its name: `ENETUNREACH` for no route, `EINVAL` for a blackhole, `EHOSTUNREACH` for
        /// an unreachable route, `EACCES` for a prohibited one.
        errno: String,
    },
}

/// The way a packet would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Path {
    /// The kind of the route, as in [`super::Route`].
    pub kind: String,
    /// The next hop; absent when the destination itself is on the link.
    pub gateway: Option<IpAddr>,
    /// Name of the outgoing link.
    pub link: String,
    /// Index of the outgoing link.
    pub link_index: u32,
    /// The source address that the kernel would choose.
    pub source: Option<IpAddr>,
    /// The table that had the route.
    pub table: u32,
}

/// Asks for one destination; `links` give the names. This process's own uid counts for `uidrange`
/// rules, as it would for a connection.
///
/// # Errors
/// What was no answer to the question: no netlink, or a sandbox that does not know the request.
pub fn lookup(netlink: &mut Netlink, to: IpAddr, links: &[Link]) -> io::Result<Answer> {
    let octets = match to {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (address_family, bits) =
        if to.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
    let header =
        RouteHeader { address_family, destination_prefix_length: bits, ..RouteHeader::default() };
    let request = Request { header, attributes: &[(RTA_DST, &octets)] };
    match netlink.ask(RTM_GETROUTE, &request) {
        Ok(body) => read(&body, links).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        Err(error) if is_answer(&error) => Ok(Answer::Refused { errno: errno_name(&error) }),
        Err(error) => Err(error),
    }
}

/// Whether the error is what a packet to the destination would meet.
fn is_answer(error: &io::Error) -> bool {
    let errno = errno_name(error);
    ["ENETUNREACH", "EINVAL", "EHOSTUNREACH", "EACCES"].contains(&errno.as_str())
}

pub(crate) fn read(body: &[u8], links: &[Link]) -> Option<Answer> {
    let header = RouteHeader::parse(body).ok()?;
    let (gateway, link) = next_hop(body, HEADER_BYTES, None);
    let (mut source, mut table) = (None, u32::from(header.table));
    for attribute in attributes(body, HEADER_BYTES) {
        match attribute.kind() {
            RTA_PREFSRC => source = parse_ip(attribute.value()).ok(),
            RTA_TABLE => table = parse_u32(attribute.value()).unwrap_or(table),
            _ => {}
        }
    }
    let kind = match header.kind {
        RouteType::Broadcast => "broadcast".to_owned(),
        RouteType::Multicast => "multicast".to_owned(),
        RouteType::Anycast => "anycast".to_owned(),
        other => kind(other)?,
    };
    let link_index = link.unwrap_or_default();
    let link = name_of(links, link_index);
    Some(Answer::Leads(Path { kind, gateway, link, link_index, source, table }))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn leads(gateway: Option<&str>, link: &str, source: &str) -> Answer {
        let gateway = gateway.map(|ip| ip.parse().expect("an address"));
        let source = source.parse().ok();
        let (kind, link) = ("unicast".to_owned(), link.to_owned());
        Answer::Leads(Path { kind, gateway, link, link_index: 2, source, table: 254 })
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn reads_gateway_link_and_source() {
        let mut body = vec![2, 32, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0];
        body.extend([8, 0, 5, 0, 10, 0, 0, 1]); // RTA_GATEWAY
        body.extend([8, 0, 4, 0, 2, 0, 0, 0]); // RTA_OIF
        body.extend([8, 0, 7, 0, 10, 0, 0, 2]); // RTA_PREFSRC
        let links = super::super::link::tests::sample();
        assert_eq!(read(&body, &links), Some(leads(Some("10.0.0.1"), "eth0", "10.0.0.2")));
    }

    #[test]
    fn what_a_packet_would_not_meet_is_no_answer() {
        for (errno, answer) in [(22, true), (13, true), (101, true), (113, true), (95, false)] {
            assert_eq!(is_answer(&io::Error::from_raw_os_error(errno)), answer, "{errno}");
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(&bytes, &[]);
        }
    }
}
