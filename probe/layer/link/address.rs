//! Addresses: one of every promised family, nobody else's, those that `POD_IP` names, and prefixes
//! that do not overlap.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Expected, FAMILIES};
use crate::{
    finding::{Code, Finding},
    pod::{Address, Dad, Environment, Family, Link, Pod, Rule},
};

/// The tables that are there before anybody routes by policy: default, main, local.
const OWN_TABLES: [u32; 3] = [253, 254, 255];

/// Judges the addresses.
pub(super) fn judge(pod: &Pod, environment: &Environment, expected: &Expected) -> Vec<Finding> {
    let Some(addresses) = pod.addresses.seen() else { return Vec::new() };
    let mut findings: Vec<Finding> = duplicates(addresses).collect();
    let missing = |family| without_address(family, pod, environment, expected);
    findings.extend(FAMILIES.into_iter().filter_map(missing));
    findings.extend(mismatch(pod, environment, expected));
    if findings.is_empty() && FAMILIES.iter().all(|family| !has_any(*family, pod)) {
        let links: Vec<&str> = given(pod).map(|link| link.name.as_str()).collect();
        let reason = format!("look for an address on {}: there is no global one", links.join(", "));
        findings.push(Finding::new(Code::AddressNone, "addresses", reason));
    }
    findings.extend(overlaps(pod));
    findings
}

fn given(pod: &Pod) -> impl Iterator<Item = &Link> {
    pod.links.list().iter().filter(|link| link.is_given())
}

fn has_any(family: Family, pod: &Pod) -> bool {
    let loopback = |index| pod.links.list().iter().any(|link| link.index == index && link.loopback);
    let own = |a: &Address| family.holds(a.ip) && a.is_global() && !loopback(a.link_index);
    pod.addresses.list().iter().any(own)
}

/// Addresses that another host on the link has already.
fn duplicates(addresses: &[Address]) -> impl Iterator<Item = Finding> {
    let failed =
        addresses.iter().filter(|address| address.is_global() && address.dad == Dad::Failed);
    failed.map(|Address { ip, link, .. }| {
        let reason = format!(
            "look at {ip} on {link}: duplicate address detection found another owner, so that the kernel does not use it"
        );
        Finding::new(Code::AddressDuplicate, ip.to_string(), reason).of(Some(Family::of(*ip)))
    })
}

/// A family without a usable global address, though it was promised, or though there is one that
/// duplicate address detection holds back: to leave that family out would be a silent skip.
fn without_address(
    family: Family,
    pod: &Pod,
    environment: &Environment,
    expected: &Expected,
) -> Option<Finding> {
    if !pod.global_addresses(family).is_empty() || expected.excludes(family) {
        return None;
    }
    let mut held = pod.addresses.list().iter().filter(|a| family.holds(a.ip) && a.is_global());
    if let Some(address) = held.find(|address| !address.dad.usable()) {
        return tentative(address);
    }
    let promised = expected.promised_by(family)?;
    let disabled = family == Family::Ipv6 && environment.ipv6_disabled == Some(true);
    let why = if disabled { ", and the sysctl disable_ipv6 is on" } else { "" };
    let reason = format!(
        "look for an {family} address, which {promised} names: no interface has a global one{why}"
    );
    Some(Finding::new(Code::AddressFamilyMissing, "addresses", reason).of(Some(family)))
}

/// An address that may become usable; one that never will was reported as a duplicate.
fn tentative(Address { ip, link, dad, .. }: &Address) -> Option<Finding> {
    let reason = format!("look at {ip} on {link}: duplicate address detection is not over");
    let finding = Finding::new(Code::AddressTentative, ip.to_string(), reason);
    (*dad == Dad::Tentative).then(|| finding.of(Some(Family::of(*ip))))
}

/// Addresses that the API server knows this pod by and no interface has. A family without any
/// address is another finding.
fn mismatch<'p>(
    pod: &'p Pod,
    environment: &'p Environment,
    expected: &'p Expected,
) -> impl Iterator<Item = Finding> + 'p {
    let told = environment.pod_ips.iter().copied();
    let wrong = told.filter(|ip| {
        let family = Family::of(*ip);
        !expected.excludes(family) && has_any(family, pod) && !pod.has_address(*ip)
    });
    wrong.map(|ip| {
        let family = Family::of(ip);
        let own: Vec<String> = pod.global_addresses(family).iter().map(IpAddr::to_string).collect();
        let reason = format!(
            "look for {ip}, which POD_IP names: it is on no interface, the pod has {}",
            own.join(", ")
        );
        Finding::new(Code::EnvPodIpMismatch, ip.to_string(), reason).of(Some(family))
    })
}

/// Two links whose networks intersect: the routing table sends what is for both to one of them.
fn overlaps(pod: &Pod) -> Vec<Finding> {
    let networks: Vec<(&Address, IpNet)> = pod
        .addresses
        .list()
        .iter()
        .filter(|address| address.is_global() && !address.secondary)
        .filter(|address| works(address.link_index, pod))
        .filter_map(|address| IpNet::new(address.ip, address.prefix).ok().map(|net| (address, net)))
        .filter(|(_, net)| net.prefix_len() < net.max_prefix_len())
        .collect();
    let mut findings = Vec::new();
    for (at, (first, one)) in networks.iter().enumerate() {
        for (second, other) in &networks[at + 1..] {
            let meet = one.contains(other) || other.contains(one);
            if first.link_index != second.link_index && meet && !by_policy(&[first, second], pod) {
                let reason = format!(
                    "compare networks: {} on {} overlaps {} on {}",
                    other.trunc(),
                    second.link,
                    one.trunc(),
                    first.link
                );
                findings.push(Finding::new(Code::AddressOverlap, &second.link, reason));
            }
        }
    }
    findings
}

fn works(index: u32, pod: &Pod) -> bool {
    given(pod).any(|link| link.index == index && link.works())
}

/// Whether a policy rule chooses the table by one of these source addresses, as clouds set it up
/// for several interfaces in one subnet.
fn by_policy(addresses: &[&&Address], pod: &Pod) -> bool {
    let chooses = |rule: &Rule| {
        let from = |net: IpNet| addresses.iter().any(|address| net.contains(&address.ip));
        rule.from.is_some_and(from) && rule.fwmark.is_none() && !OWN_TABLES.contains(&rule.table)
    };
    pod.rules.list().iter().any(chooses)
}
