//! Interfaces: loopback, one that the CNI plugin made, its carrier, its MTU.

use std::net::{IpAddr, Ipv4Addr};

use super::{Expected, FAMILIES};
use crate::{
    finding::{Code, Finding},
    pod::{Address, Environment, Family, Link, Pod},
};

/// Below this MTU the kernel takes IPv6 off the link (RFC 8200, section 5; `IPV6_MIN_MTU`).
const IPV6_LEAST_MTU: u32 = 1280;
/// What every IPv4 host must be able to receive (RFC 791); DNS over UDP counts on 512 bytes.
const IPV4_LEAST_MTU: u32 = 576;

/// Judges the interfaces.
pub(super) fn judge(
    links: &[Link],
    pod: &Pod,
    environment: &Environment,
    expected: &Expected,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = loopback(pod).into_iter().collect();
    let given: Vec<&Link> = links.iter().filter(|link| link.is_given()).collect();
    if given.is_empty() {
        let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
        let reason = format!("look for a pod interface: there is only {}", names.join(", "));
        findings.push(Finding::new(Code::LinkNoPodInterface, "links", reason));
    }
    findings.extend(down(&given, pod, environment));
    findings.extend(given.iter().filter_map(|link| mtu(link, pod, expected)));
    findings
}

fn loopback(pod: &Pod) -> Option<Finding> {
    if pod.loopback_up() == Some(false) {
        let reason = "look at lo: it is down, so that nothing in the pod can reach 127.0.0.1";
        return Some(Finding::new(Code::LinkLoDown, "lo", reason));
    }
    pod.addresses.seen()?;
    if pod.has_address(IpAddr::V4(Ipv4Addr::LOCALHOST)) {
        return None;
    }
    let reason = "look at lo: it has no 127.0.0.1";
    let only_v6 = pod.global_addresses(Family::Ipv4).is_empty()
        && !pod.global_addresses(Family::Ipv6).is_empty();
    let code = if only_v6 { Code::LoopbackIpv4Missing } else { Code::LinkLoDown };
    Some(Finding::new(code, "lo", reason))
}

/// Interfaces that cannot carry a packet. A node's spare devices have no address, and a bridge has
/// no carrier while no pod is on it: neither is anything to fix.
fn down(given: &[&Link], pod: &Pod, environment: &Environment) -> Vec<Finding> {
    let addressed = |link: &Link| !addresses_of(link, pod).is_empty();
    let broken =
        || given.iter().filter(|link| !link.works() && link.kind.as_deref() != Some("bridge"));
    let served = given.iter().any(|link| link.works() && addressed(link));
    // IPv6 addresses go with the carrier: when nothing works, an interface without any counts.
    let nothing_else = !given.iter().any(|link| link.works()) && !broken().any(|l| addressed(l));
    let judged = |link: &Link| {
        let told = |address: &&Address| environment.pod_ips.contains(&address.ip);
        let primary = !served || addresses_of(link, pod).iter().any(told);
        let code = if primary { Code::LinkDown } else { Code::LinkAttachmentDown };
        let what = if link.up { "it is up but has no carrier" } else { "it is set down" };
        Finding::new(code, &link.name, format!("look at {}: {what}", link.name))
    };
    broken().filter(|link| nothing_else || addressed(link)).map(|link| judged(link)).collect()
}

fn addresses_of<'p>(link: &Link, pod: &'p Pod) -> Vec<&'p Address> {
    let own = |address: &&Address| address.link_index == link.index && address.is_global();
    pod.addresses.list().iter().filter(own).collect()
}

/// IPv6 vanishes from a link whose MTU is too small, addresses and all, so its absence is the sign.
fn mtu(link: &Link, pod: &Pod, expected: &Expected) -> Option<Finding> {
    let [v4, v6] = FAMILIES
        .map(|family| addresses_of(link, pod).into_iter().any(|address| family.holds(address.ip)));
    let promised = expected.promised_by(Family::Ipv6).is_some();
    let gone = pod.global_addresses(Family::Ipv6).is_empty()
        && (promised || speaks_ipv6(pod) || pod.global_addresses(Family::Ipv4).is_empty());
    let wanted = !expected.excludes(Family::Ipv6) && (v6 || gone);
    let name = &link.name;
    let mtu = link.mtu;
    if mtu < IPV6_LEAST_MTU && wanted {
        let reason = format!(
            "look at {name}'s MTU: {mtu} is less than the {IPV6_LEAST_MTU} that IPv6 needs, so that the kernel takes IPv6 off the link"
        );
        let finding = Finding::new(Code::LinkMtuTooSmall, name, reason).with("mtu", mtu);
        return Some(finding.of(Some(Family::Ipv6)));
    }
    if mtu < IPV4_LEAST_MTU && v4 {
        let reason = format!(
            "look at {name}'s MTU: {mtu} is less than the {IPV4_LEAST_MTU} that every IPv4 host must take"
        );
        return Some(Finding::new(Code::LinkMtuTiny, name, reason).with("mtu", mtu));
    }
    None
}

/// Whether there is an IPv6 address beside `::1` and link-local ones; on lo, a mesh puts one.
fn speaks_ipv6(pod: &Pod) -> bool {
    let beside = |a: &Address| Family::Ipv6.holds(a.ip) && a.is_global() && !a.ip.is_loopback();
    pod.addresses.list().iter().any(beside)
}
