//! Routes of every table and both families, by `RTM_GETROUTE`.

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{parse_ip, parse_u32};
use netlink_packet_route::route::{RouteHeader, RouteType};
use nix::libc::{
    RTA_DST, RTA_GATEWAY, RTA_MULTIPATH, RTA_OIF, RTA_PRIORITY, RTA_TABLE, RTM_GETROUTE,
};
use serde::{Deserialize, Serialize};

use super::Family;
use super::link::{Link, name_of};
use crate::net::netlink::{Netlink, attributes};

/// Size of `struct rtmsg`.
pub(super) const HEADER_BYTES: usize = 12;

/// Size of `struct rtnexthop`.
const NEXT_HOP_BYTES: usize = 8;

/// A gateway of the other family (`linux/rtnetlink.h`; not in libc for musl).
const RTA_VIA: u16 = 18;

/// One route; a multipath route is one `Route` for each next hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Address family of the destination.
    pub family: Family,
    /// Where the route leads; prefix 0 for a default route.
    pub destination: IpNet,
    /// Next hop, if not directly on the link; it can be of the other family.
    pub gateway: Option<IpAddr>,
    /// Name of the outgoing link.
    pub link: Option<String>,
    /// Routing table: 254 main, 255 local.
    pub table: u32,
    /// `unicast`, `local`, `blackhole`, `unreachable`, `prohibit`, `throw`, …
    pub kind: String,
    /// Priority among routes to the same destination: the lowest wins.
    pub metric: u32,
}

impl Route {
    /// Whether the route matches every destination of its family.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.destination.prefix_len() == 0
    }

    /// Whether packets go on from here, rather than end in this pod or in an error.
    #[must_use]
    pub fn leads_out(&self) -> bool {
        self.kind == "unicast"
    }
}

/// The routes of the namespace; `links` give the names.
pub(super) fn dump(netlink: &mut Netlink, links: &[Link]) -> io::Result<Vec<Route>> {
    let request = RouteHeader::default();
    netlink.dump(RTM_GETROUTE, &request, |body, found| read(body, links, found))
}

/// Reads one message. `RouteMessage` would link the parsers of MPLS, segment routing and others.
pub(crate) fn read(body: &[u8], links: &[Link], found: &mut Vec<Route>) {
    let Ok(header) = RouteHeader::parse(body) else { return };
    let Some(family) = Family::from_netlink(header.address_family) else { return };
    let Some(kind) = kind(header.kind) else { return };
    let (mut to, mut metric, mut table) = (family.unspecified(), 0, u32::from(header.table));
    let mut hops = Vec::new();
    for attribute in attributes(body, HEADER_BYTES) {
        let value = attribute.value();
        match attribute.kind() {
            RTA_DST => to = parse_ip(value).unwrap_or(to),
            RTA_PRIORITY => metric = parse_u32(value).unwrap_or(metric),
            RTA_TABLE => table = parse_u32(value).unwrap_or(table),
            RTA_MULTIPATH => hops = next_hops(value),
            _ => {}
        }
    }
    let Ok(destination) = IpNet::new(to, header.destination_prefix_length) else { return };
    if hops.is_empty() {
        hops.push(next_hop(body, HEADER_BYTES, None));
    }
    found.extend(hops.into_iter().map(|(gateway, link)| Route {
        family,
        destination,
        gateway,
        link: link.map(|index| name_of(links, index)),
        table,
        kind: kind.clone(),
        metric,
    }));
}

/// Gateway and link index.
pub(super) type NextHop = (Option<IpAddr>, Option<u32>);

/// Reads gateway and link from the attributes behind a header.
pub(super) fn next_hop(bytes: &[u8], header: usize, index: Option<u32>) -> NextHop {
    let (mut gateway, mut link) = (None, index);
    for attribute in attributes(bytes, header) {
        let value = attribute.value();
        match attribute.kind() {
            RTA_GATEWAY => gateway = parse_ip(value).ok(),
            // `struct rtvia`: two bytes of family, then the address.
            RTA_VIA => gateway = value.get(2..).and_then(|ip| parse_ip(ip).ok()),
            RTA_OIF => link = parse_u32(value).ok(),
            _ => {}
        }
    }
    (gateway, link)
}

/// Reads the `struct rtnexthop` list of a multipath route: length, flags, weight, link index,
/// attributes.
fn next_hops(mut bytes: &[u8]) -> Vec<NextHop> {
    let mut hops = Vec::new();
    while let Some(header) = bytes.first_chunk::<NEXT_HOP_BYTES>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let Some(hop) = bytes.get(..length).filter(|hop| hop.len() >= NEXT_HOP_BYTES) else {
            break;
        };
        let index = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
        hops.push(next_hop(hop, NEXT_HOP_BYTES, Some(index)));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

/// The word of ip-route(8) for a route type; `None` for the three kinds that only add noise.
pub(super) fn kind(kind: RouteType) -> Option<String> {
    let word = match kind {
        RouteType::Broadcast | RouteType::Anycast | RouteType::Multicast => return None,
        RouteType::Unicast => "unicast",
        RouteType::Local => "local",
        RouteType::BlackHole => "blackhole",
        RouteType::Unreachable => "unreachable",
        RouteType::Prohibit => "prohibit",
        RouteType::Throw => "throw",
        RouteType::Nat => "nat",
        other => return Some(format!("type-{}", u8::from(other))),
    };
    Some(word.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn sample() -> Vec<Route> {
        let route = |destination: &str, gateway: Option<&str>, table, kind: &str, link: &str| {
            let destination: IpNet = destination.parse().unwrap();
            let gateway = gateway.map(|ip| ip.parse().unwrap());
            let (link, kind) = (Some(link.to_owned()), kind.to_owned());
            let family = Family::of(destination.addr());
            Route { family, destination, gateway, link, table, kind, metric: 0 }
        };
        vec![
            route("0.0.0.0/0", Some("10.0.0.1"), 254, "unicast", "eth0"),
            route("10.0.0.0/24", None, 254, "unicast", "eth0"),
            route("::/0", None, 133, "local", "lo"),
        ]
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).unwrap();
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat()
    }

    fn routes(kind: u8, attributes: &[Vec<u8>]) -> Vec<Route> {
        let mut body = vec![2, 0, 0, 0, 254, 3, 0, kind, 0, 0, 0, 0];
        body.extend(attributes.concat());
        let mut found = Vec::new();
        read(&body, &super::super::link::tests::sample(), &mut found);
        found
    }

    #[test]
    fn default_route_by_gateway() {
        let gateway = attribute(RTA_GATEWAY, &[10, 0, 0, 1]);
        let link = attribute(RTA_OIF, &2_u32.to_ne_bytes());
        assert_eq!(routes(1, &[gateway, link]), sample()[..1]);
    }

    #[test]
    fn ipv4_route_can_have_an_ipv6_gateway() {
        let mut via = 10_u16.to_ne_bytes().to_vec();
        via.extend("fe80::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
        // 18 bytes: the attribute is padded to a multiple of four.
        let mut via = attribute(RTA_VIA, &via);
        via.extend([0; 2]);
        assert_eq!(routes(1, &[via])[0].gateway, Some("fe80::1".parse().unwrap()));
    }

    #[test]
    fn each_next_hop_of_a_multipath_route_is_a_route() {
        let hop = |index: u32, last| {
            let gateway = attribute(RTA_GATEWAY, &[10, 0, 0, last]);
            [&16_u16.to_ne_bytes()[..], &[0, 0], &index.to_ne_bytes(), &gateway].concat()
        };
        let found = routes(1, &[attribute(RTA_MULTIPATH, &[hop(2, 1), hop(7, 3)].concat())]);
        let hops: Vec<_> =
            found.iter().map(|route| (route.gateway, route.link.as_deref())).collect();
        let ip = |text: &str| text.parse().ok();
        assert_eq!(hops, [(ip("10.0.0.1"), Some("eth0")), (ip("10.0.0.3"), Some("#7"))]);
    }

    #[test]
    fn table_attribute_wins_and_noisy_kinds_are_left_out() {
        assert_eq!(routes(7, &[attribute(RTA_TABLE, &1000_u32.to_ne_bytes())])[0].table, 1000);
        assert_eq!(routes(7, &[])[0].kind, "unreachable");
        for noisy in [3, 4, 5] {
            assert!(routes(noisy, &[]).is_empty());
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 12..100)) {
            (bytes[0], bytes[1]) = (2, bytes[1] & 31);
            read(&bytes, &[], &mut Vec::new());
            next_hops(&bytes);
        }
    }
}
