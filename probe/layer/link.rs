//! Link: loopback, a pod interface, and an address of every declared family.

use crate::{
    finding::{Code, Finding, Layer},
    plan::Plan,
    pod::{Address, Dad, Family, Pod},
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
    let families = [Family::Ipv4, Family::Ipv6];
    findings.extend(families.iter().filter_map(|family| without_address(*family, plan, pod)));
    let none = families.iter().all(|family| pod.global_addresses(*family).is_empty());
    if findings.is_empty() && none && pod.addresses.seen().is_some() {
        let reason = "look for an address: no interface has a global one of any family";
        findings.push(Finding::new(Code::AddressFamilyMissing, "addresses", reason));
    }
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

/// A family without a usable global address, though it was declared, or though there is one that
/// duplicate address detection holds back: to leave that family out would be a silent skip.
fn without_address(family: Family, plan: &Plan, pod: &Pod) -> Option<Finding> {
    let addresses = pod.addresses.seen()?;
    if !pod.global_addresses(family).is_empty() {
        return None;
    }
    let declared = plan.families.as_ref().map(|families| families.contains(&family));
    let held_back = |a: &&Address| family.holds(a.ip) && a.is_global() && !a.dad.usable();
    let pending = addresses.iter().find(held_back);
    if declared == Some(false) || (declared.is_none() && pending.is_none()) {
        return None;
    }
    let reason = match pending {
        Some(address) => format!(
            "look for an {family} address: duplicate address detection of {} on {} {}",
            address.ip,
            address.link,
            if address.dad == Dad::Failed { "found another owner" } else { "is not over" }
        ),
        None => format!("look for an {family} address: no interface has a global one"),
    };
    Some(Finding::new(Code::AddressFamilyMissing, "addresses", reason).of(Some(family)))
}
