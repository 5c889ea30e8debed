//! Where injected packets come from: the device's number, its addresses, and the way back to them.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
};

use netlink_packet_route::{AddressFamily, route::RouteHeader};
use nix::libc::{RTA_DST, RTA_OIF, RTA_SRC, RTM_GETROUTE};

use super::super::flow::{Flow, Proof, Sender};
use crate::{
    net::{
        errno_name,
        netlink::{Netlink, Request, attributes},
        tun::Tun,
    },
    pod::{Family, Pod, Route},
};

/// How often a flow is sent from another port, where nobody seems to have answered: conntrack remaps a
/// source port that an earlier connection to the same capture port had.
pub(super) const ATTEMPTS: u16 = 3;
/// Device numbers that are tried before it is given up.
const TRIES: u8 = 16;
/// Bytes of `struct rtmsg`.
const ROUTE_BYTES: usize = 12;

/// Makes a device whose number, and so whose addresses, nobody uses.
pub(super) fn device(pod: &Pod, seed: u64) -> Result<(Tun, u8), String> {
    let mut last = "no addresses are free".to_owned();
    for step in 0..TRIES {
        let number = u8::try_from(seed % 256).unwrap_or_default().wrapping_add(step);
        if [Family::Ipv4, Family::Ipv6].iter().any(|family| is_used(pod, ends(number, *family).1)) {
            continue;
        }
        match Tun::make(number) {
            Ok(tun) => return Ok((tun, number)),
            Err((operation, error)) => {
                last = format!("{operation}: {}", errno_name(&error));
                // Another podprobe has this one.
                if !matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::InvalidInput) {
                    break;
                }
            }
        }
    }
    Err(last)
}

/// Whether the pod has something of its own to do with the address.
fn is_used(pod: &Pod, ip: IpAddr) -> bool {
    let routed = |route: &Route| !route.is_default() && route.destination.contains(&ip);
    pod.has_address(ip) || pod.routes.list().iter().any(routed)
}

/// The address inside the pod and the one outside, documentation addresses: TEST-NET-2 and -3 (RFC
/// 5737), `2001:db8::/32` (RFC 3849).
pub(super) fn ends(number: u8, family: Family) -> (IpAddr, IpAddr) {
    let pair = |last: bool| -> IpAddr {
        let host = u16::from(number) * 2 + u16::from(last);
        match family {
            Family::Ipv4 => {
                let [half, low] = host.to_be_bytes();
                let net = if half == 0 { [198, 51, 100] } else { [203, 0, 113] };
                IpAddr::from([net[0], net[1], net[2], low])
            }
            Family::Ipv6 => IpAddr::from([0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, host]),
        }
    };
    (pair(false), pair(true))
}

/// From where a flow is sent in one of its attempts; a DNS server's answer comes from its port.
pub(super) fn source(
    (number, first): (u8, u16),
    (attempt, flows): (u16, usize),
    index: usize,
    flow: &Flow,
) -> Option<SocketAddr> {
    let ip = flow.source.unwrap_or_else(|| ends(number, flow.family).1);
    let further = usize::from(attempt).checked_mul(flows)?.checked_add(index)?;
    let port = first.checked_add(u16::try_from(further).ok()?)?;
    Some(SocketAddr::new(ip, if flow.proof == Proof::Dns { 53 } else { port }))
}

pub(super) fn sources(number: u8, first: u16, flows: &[Flow]) -> BTreeMap<SocketAddr, usize> {
    let arriving = flows.iter().enumerate().filter(|(_, flow)| flow.sender == Sender::Outside);
    let all = arriving.flat_map(|(index, flow)| {
        (0..ATTEMPTS).filter_map(move |attempt| {
            Some((source((number, first), (attempt, flows.len()), index, flow)?, index))
        })
    });
    all.collect()
}

/// The index of the link by which an answer from here to there would leave.
pub(super) fn way_out(netlink: &mut Netlink, from: IpAddr, to: IpAddr) -> io::Result<Option<u32>> {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (address_family, bits) =
        if to.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
    let header = RouteHeader {
        address_family,
        destination_prefix_length: bits,
        source_prefix_length: bits,
        ..RouteHeader::default()
    };
    let (from, to) = (octets(from), octets(to));
    let request = Request { header, attributes: &[(RTA_DST, &to), (RTA_SRC, &from)] };
    let body = netlink.ask(RTM_GETROUTE, &request)?;
    let link = attributes(&body, ROUTE_BYTES).find(|attribute| attribute.kind() == RTA_OIF);
    Ok(link.and_then(|link| Some(u32::from_ne_bytes(link.value().try_into().ok()?))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::pod::tests::sample;

    #[test]
    fn each_device_has_addresses_of_its_own() {
        let all: BTreeSet<IpAddr> = (0..=255)
            .flat_map(|number| [Family::Ipv4, Family::Ipv6].map(|family| ends(number, family)))
            .flat_map(|(inside, outside)| [inside, outside])
            .collect();
        assert_eq!(all.len(), 256 * 4);
    }

    #[test]
    fn what_the_pod_routes_is_left_alone() {
        let mut pod = sample();
        let outside = ends(3, Family::Ipv4).1;
        assert!(!is_used(&pod, outside));
        let crate::pod::Look::Seen(routes) = &mut pod.routes else { unreachable!() };
        let destination = "198.51.100.0/24".parse().expect("a network");
        routes.push(Route { destination, ..routes[0].clone() });
        assert!(is_used(&pod, outside));
    }
}
