//! Which address families Istio programs rules for: those of the pod's addresses with dual stack,
//! else that of the first one (istio `tools/common/config/config.go`).

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use crate::pod::{Address, Family, Pod};

/// The families to test; none where the pod's addresses decide.
pub(super) fn families(dual_stack: bool, pod: &Pod) -> Option<Vec<Family>> {
    if dual_stack {
        return None;
    }
    let first = match pod.addresses.seen() {
        Some(addresses) => first_family(addresses, pod),
        None => by_route(),
    };
    // Where there is no address at all yet, the link layer waits for one and says so.
    Some(vec![first.unwrap_or(Family::Ipv4)])
}

/// The kernel lists IPv4 first. Duplicate address detection delays an address, not the decision.
fn first_family(addresses: &[Address], pod: &Pod) -> Option<Family> {
    let loopback: Vec<u32> =
        pod.links.list().iter().filter(|link| link.loopback).map(|link| link.index).collect();
    let own = |address: &&Address| {
        address.is_global() && !address.ip.is_loopback() && !loopback.contains(&address.link_index)
    };
    let has = |family: Family| addresses.iter().filter(own).any(|a| family.holds(a.ip));
    [Family::Ipv4, Family::Ipv6].into_iter().find(|family| has(*family))
}

/// Where addresses cannot be listed: IPv6 alone if there is no way out by IPv4. Connecting a
/// datagram socket sends nothing.
fn by_route() -> Option<Family> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // RFC 5737: an address that nobody has.
    let routed = socket.connect((IpAddr::from([192, 0, 2, 1]), 9)).is_ok();
    Some(if routed { Family::Ipv4 } else { Family::Ipv6 })
}
