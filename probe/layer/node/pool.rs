//! host-local's reservations: a file an address (containernetworking/plugins
//! `plugins/ipam/host-local/backend/disk/backend.go`).

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::{
    chain::{Chain, Role, Use},
    conf::{field, word},
    seen::{Seen, join},
};
use crate::finding::{Code, Finding};

/// Where flanneld writes the node's subnets.
pub const FLANNEL_FILE: &str = "/run/flannel/subnet.env";
/// Where containerd keeps a directory for each running container: the distribution's, k3s',
/// `MicroK8s`'.
pub const SANDBOXES: [&str; 3] = [
    "/run/containerd/io.containerd.runtime.v2.task/k8s.io",
    "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
    "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io",
];
/// host-local's own directory.
const DATA: &str = "/var/lib/cni/networks";
/// From here on a pool is nearly exhausted, in hundredths.
const NEARLY: u128 = 90;
/// So few reservations may be those of pods that come and go just now.
const FEW: usize = 10;

/// The directory of a plugin's reservations, if it is host-local.
#[must_use]
pub fn directory(used: &Use) -> Option<String> {
    let local = used.kind == "host-local" && used.role == Role::Ipam && !used.network.contains('/');
    let data = word(&used.value, "dataDir").filter(|path| path.starts_with('/')).unwrap_or(DATA);
    local.then(|| join(data, &used.network))
}

/// The address that a file of this name reserves.
#[must_use]
pub fn address(name: &str) -> Option<IpAddr> {
    name.parse().ok()
}

/// Addresses that one pod gets one of.
struct Range {
    first: IpAddr,
    last: IpAddr,
    gateway: IpAddr,
}

impl Range {
    /// As host-local completes it (`allocator/range.go`).
    fn of(value: &Value) -> Option<Range> {
        let subnet: IpNet = word(value, "subnet")?.parse().ok()?;
        let address = |name: &str| word(value, name).and_then(|text| text.parse::<IpAddr>().ok());
        let (first, last) = (after(subnet.network(), 1)?, subnet.broadcast());
        let last = if last.is_ipv4() { number(last).checked_sub(1)? } else { number(last) };
        Some(Range {
            first: address("rangeStart").unwrap_or(first),
            last: address("rangeEnd").unwrap_or(with(subnet.network(), last)?),
            gateway: address("gateway").unwrap_or(first),
        })
    }

    fn has(&self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&ip)
    }

    fn size(&self) -> u128 {
        let all = number(self.last).saturating_sub(number(self.first)).saturating_add(1);
        all.saturating_sub(u128::from(self.has(self.gateway)))
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// An address of the same family.
fn with(like: IpAddr, number: u128) -> Option<IpAddr> {
    Some(match like {
        IpAddr::V4(_) => IpAddr::V4(u32::try_from(number).ok()?.into()),
        IpAddr::V6(_) => IpAddr::V6(number.into()),
    })
}

fn after(ip: IpAddr, more: u128) -> Option<IpAddr> {
    with(ip, number(ip).checked_add(more)?)
}

/// The sets of ranges: a pod gets an address of each.
fn sets(seen: &Seen, used: &Use, chain: &Chain) -> Vec<Vec<Range>> {
    let by_flannel =
        chain.uses.iter().any(|other| other.kind == "flannel" && other.list == used.list);
    if by_flannel {
        let text = seen.flannel.as_deref().unwrap_or_default();
        let keys = ["FLANNEL_SUBNET=", "FLANNEL_IPV6_SUBNET="];
        let subnet = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key));
        let range = |subnet: &str| Range::of(&json!({ "subnet": subnet }));
        return keys.into_iter().filter_map(|key| Some(vec![range(subnet(key)?)?])).collect();
    }
    let set =
        |set: &Value| -> Option<Vec<Range>> { set.as_array()?.iter().map(Range::of).collect() };
    let ranges = field(&used.value, "ranges").and_then(|(_, sets)| sets.as_array());
    let listed = ranges.into_iter().flatten().map(set);
    let single = field(&used.value, "subnet").map(|_| Range::of(&used.value).map(|one| vec![one]));
    listed.chain(single).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Judges the pools of a chain, as far as the configuration tells their size.
#[must_use]
pub fn judge(seen: &Seen, chain: &Chain) -> Vec<Finding> {
    let mut findings = Vec::new();
    for used in &chain.uses {
        let Some(directory) = directory(used) else { continue };
        let inside = |path: &str| path.strip_prefix(&join(&directory, "")).and_then(address);
        let held = seen.reservations.iter().filter_map(|(path, who)| Some((inside(path)?, who)));
        let held: Vec<(IpAddr, &String)> = held.collect();
        let full = sets(seen, used, chain)
            .iter()
            .filter_map(|set| fullness(&directory, set, &held))
            .min_by_key(|f| f.code);
        findings.extend(full);
        findings.extend(leak(seen, &directory, &held));
    }
    findings
}

fn fullness(directory: &str, set: &[Range], held: &[(IpAddr, &String)]) -> Option<Finding> {
    let size = set.iter().map(Range::size).fold(0, u128::saturating_add);
    let taken = held.iter().filter(|(ip, _)| set.iter().any(|range| range.has(*ip))).count();
    let (first, taken_wide) = (set.first()?, u128::try_from(taken).unwrap_or(u128::MAX));
    let code = if taken_wide >= size {
        Code::CniIpamExhausted
    } else if taken_wide.saturating_mul(100) >= size.saturating_mul(NEARLY) {
        Code::CniIpamNearlyExhausted
    } else {
        return None;
    };
    let reason = format!(
        "count reservations in {directory}: {taken} of {size} addresses from {} on are taken",
        first.first
    );
    Some(Finding::new(code, directory, reason))
}

/// Reservations of sandboxes that the runtime no longer has.
fn leak(seen: &Seen, directory: &str, held: &[(IpAddr, &String)]) -> Option<Finding> {
    let sandboxes = seen.sandboxes.as_ref()?;
    let lost = held.iter().filter(|(_, holder)| !sandboxes.contains(*holder)).count();
    let reason = format!(
        "look for the sandboxes that hold addresses in {directory}: {lost} of {} are gone",
        held.len()
    );
    let many = lost >= FEW && lost > held.len() - lost;
    many.then(|| Finding::new(Code::CniIpamLeak, directory, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(value: &Value) -> u128 {
        Range::of(value).expect("a range").size()
    }

    #[test]
    fn a_range_is_completed_as_host_local_does() {
        assert_eq!(size(&json!({"subnet": "10.244.1.0/24"})), 253);
        assert_eq!(size(&json!({"subnet": "10.244.1.7/24"})), 253);
        assert_eq!(
            size(
                &json!({"subnet": "10.1.0.0/16", "rangeStart": "10.1.2.3", "rangeEnd": "10.1.2.4"})
            ),
            2
        );
        assert_eq!(size(&json!({"subnet": "fd00::/120"})), 254);
        assert!(Range::of(&json!({"subnet": "usePodCidr"})).is_none());
        assert!(Range::of(&json!({"subnet": "255.255.255.255/32"})).is_none());
    }
}
