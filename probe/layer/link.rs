//! Link: loopback, a pod interface, and an address of every declared family.

use crate::{
    finding::{Code, Finding, Layer},
    plan::Plan,
    pod::{Family, Pod},
};

/// Fallback tunnel devices that the kernel puts into every network namespace (kernel
/// `Documentation/admin-guide/sysctl/net.rst`, `fb_tunnels_only_for_init_net`).
const FALLBACK_DEVICES: [&str; 8] =
    ["tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6tnl0", "ip6gre0"];

/// Judges interfaces and addresses.
#[must_use]
pub fn judge(plan: &Plan, pod: &Pod) -> Vec<Finding> {
    let Some(links) = pod.links.seen() else {
        let reason = format!("interfaces not observable: {}", pod.links.why());
        return vec![Finding::unseen(Layer::Link, "links", reason)];
    };
    let mut findings = Vec::new();
    if pod.loopback_up() == Some(false) {
        let reason = "look at lo: it is down, so that nothing in the pod can reach 127.0.0.1";
        findings.push(Finding::new(Code::LinkLoDown, "lo", reason));
    }
    let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
    let real = |link: &&crate::pod::Link| {
        !link.loopback && !FALLBACK_DEVICES.contains(&link.name.as_str())
    };
    if !links.iter().any(|link| real(&link)) {
        let reason = format!("look for a pod interface: there is only {}", names.join(", "));
        findings.push(Finding::new(Code::LinkNoPodInterface, "links", reason));
    }
    findings.extend(plan.families.iter().flatten().filter_map(|f| without_address(*f, pod)));
    if findings.is_empty() {
        let own: Vec<String> = [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .flat_map(|family| pod.global_addresses(family))
            .map(|ip| ip.to_string())
            .collect();
        let reason = format!("{} up, addresses {}", names.join(", "), own.join(", "));
        findings.push(Finding::new(Code::LinkHolds, "links", reason));
    }
    findings
}

/// A declared family without a usable global address.
fn without_address(family: Family, pod: &Pod) -> Option<Finding> {
    let blind = pod.addresses.seen().is_none();
    if blind || !pod.global_addresses(family).is_empty() {
        return None;
    }
    let pending = pod.addresses.seen()?.iter().find(|a| family.holds(a.ip) && !a.dad.usable());
    let reason = match pending {
        Some(address) => format!(
            "look for an {family} address: {} on {} is {:?} in duplicate address detection",
            address.ip, address.link, address.dad
        ),
        None => format!("look for an {family} address: no interface has a global one"),
    };
    Some(Finding::new(Code::AddressFamilyMissing, "addresses", reason).of(Some(family)))
}
