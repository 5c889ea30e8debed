//! The next hop: does it answer for its own address on the link?

use std::net::IpAddr;

use super::observe::{Lookup, Neighbour, Role, Seen};
use crate::{
    finding::{Code, Finding},
    pod::{Address, Answer, Family, Path, Pod, Resolution, Route},
};

/// Judges the next hops of all lookups.
pub(super) fn judge(pod: &Pod, seen: &Seen) -> Vec<Finding> {
    seen.neighbours.iter().filter_map(|neighbour| one(neighbour, pod, seen)).collect()
}

fn one(neighbour: &Neighbour, pod: &Pod, seen: &Seen) -> Option<Finding> {
    let resolution = *neighbour.resolution.seen()?;
    let (lookup, path) = users(neighbour, seen).next()?;
    let Neighbour { ip, link, .. } = neighbour;
    let waited = neighbour.waited_ms;
    let asked = if ip.is_ipv4() { "ARP" } else { "neighbour discovery" };
    let silent = format!("{link} asked by {asked}, and nobody answered within {waited} ms");
    let (code, subject, reason) = if path.gateway.is_none() {
        return on_link(neighbour, lookup, resolution, pod, &silent);
    } else if !resolution.unanswered() {
        return None;
    } else if is_on_link(*ip, link, pod) {
        (Code::RouteGatewayNoNeighbour, "gateway", format!("look for gateway {ip}: {silent}"))
    } else {
        let reason =
            format!("look for gateway {ip}: it is in no network that {link} is on; {silent}");
        (Code::RouteGatewayOfflink, "gateway", reason)
    };
    let finding = Finding::new(code, format!("{subject} {ip}"), reason);
    Some(finding.of(Some(Family::of(lookup.destination))).with("waitedMs", waited))
}

/// The lookups that lead to this next hop.
fn users<'s>(
    neighbour: &'s Neighbour,
    seen: &'s Seen,
) -> impl Iterator<Item = (&'s Lookup, &'s Path)> {
    seen.lookups.list().iter().filter_map(|lookup| match &lookup.answer {
        Answer::Leads(path)
            if path.link_index == neighbour.link_index
                && path.gateway.unwrap_or(lookup.destination) == neighbour.ip =>
        {
            Some((lookup, path))
        }
        _ => None,
    })
}

/// A nameserver or the API server itself, taken for a neighbour. That is in order when it answers,
/// but a service's address belongs to nobody: then some network covers it that should not.
fn on_link(
    Neighbour { ip, link, .. }: &Neighbour,
    lookup: &Lookup,
    resolution: Resolution,
    pod: &Pod,
    silent: &str,
) -> Option<Finding> {
    let what = match lookup.role {
        Role::ApiServer => "API server",
        Role::Nameserver | Role::Outside | Role::Target => "nameserver",
    };
    let network = covering(*ip, link, pod).map(|address| {
        let net = ipnet::IpNet::new(address.ip, address.prefix).map(|net| net.trunc().to_string());
        net.unwrap_or_default()
    });
    let (code, clause) = match (&network, lookup.role) {
        _ if resolution.unanswered() => {
            (Code::RouteServiceNoNeighbour, format!("it is on {link} by the routes; {silent}"))
        }
        (Some(network), Role::ApiServer) if resolution != Resolution::Unneeded => {
            let clause = format!(
                "it is inside {network}, which is on {link}: the pod asks {link} for it instead of a router"
            );
            (Code::AddressCoversService, clause)
        }
        _ => return None,
    };
    let reason = format!("look for {what} {ip}: {clause}");
    Some(Finding::new(code, format!("{what} {ip}"), reason).of(Some(Family::of(*ip))))
}

/// The pod's address whose network the other one is in.
fn covering<'p>(ip: IpAddr, link: &str, pod: &'p Pod) -> Option<&'p Address> {
    let covers = |a: &&Address| {
        a.link == link && ipnet::IpNet::new(a.ip, a.prefix).is_ok_and(|net| net.contains(&ip))
    };
    pod.addresses.list().iter().find(covers)
}

/// Whether the link is known to lead to the gateway itself: by an address's network, or by a route
/// without gateway, such as Calico's to 169.254.1.1.
fn is_on_link(gateway: IpAddr, link: &str, pod: &Pod) -> bool {
    let direct = |route: &Route| {
        route.gateway.is_none()
            && route.leads_out()
            && route.link.as_deref() == Some(link)
            && route.destination.contains(&gateway)
    };
    covering(gateway, link, pod).is_some() || pod.routes.list().iter().any(direct)
}
