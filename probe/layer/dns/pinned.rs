//! Judging /etc/hosts: a name that it pins is answered before DNS is asked, rightly or not.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    hosts::{Hosts, Pin},
    outcome::{Purpose, Seen},
    zone,
};
use crate::{
    finding::{Code, Finding, Layer},
    plan::Plan,
    pod::Family,
};

/// The API server's names, as its certificate has them (kubeadm's `apiServer.certSANs`).
pub(super) fn api_names(zone: Option<&str>) -> Vec<String> {
    let mut names = vec!["kubernetes.default".to_owned(), "kubernetes.default.svc".to_owned()];
    names.extend(zone.map(|zone| format!("kubernetes.default.svc.{zone}")));
    names
}

/// Whether the file answers for this name, so that nobody asks DNS.
pub(super) fn pinned(seen: &Seen, name: &str) -> bool {
    seen.hosts.as_ref().is_some_and(|hosts| hosts.of(name).next().is_some())
}

/// One finding for each name that the file pins.
pub(super) fn judge(plan: &Plan, seen: &Seen) -> Vec<Finding> {
    let path = plan.dns.hosts.display().to_string();
    let pins = match &seen.hosts {
        None => return Vec::new(),
        Some(Hosts::Pins(pins)) => pins,
        // Nothing pins a name then, for no resolver reads it, either.
        Some(Hosts::Unreadable(errno)) if errno == "ENOENT" => return Vec::new(),
        Some(Hosts::Unreadable(errno)) => {
            return vec![Finding::unseen(Layer::Dns, &path, format!("read {path}: {errno}"))];
        }
    };
    let names: BTreeSet<&str> = pins.iter().map(|pin| pin.name.as_str()).collect();
    names.into_iter().map(|name| one(plan, seen, &path, name, pins)).collect()
}

fn one(plan: &Plan, seen: &Seen, path: &str, name: &str, pins: &[Pin]) -> Finding {
    let pins: Vec<&Pin> = pins.iter().filter(|pin| pin.name == name).collect();
    let dns = in_dns(plan, seen, name);
    // Of a family without an address in DNS, or that was not asked for, there is nothing to compare.
    let known = |ip: IpAddr| dns.iter().any(|other| Family::of(*other) == Family::of(ip));
    let differs = pins.iter().any(|pin| known(pin.address) && !dns.contains(&pin.address));
    let lines: Vec<String> =
        pins.iter().map(|pin| format!("{} (line {})", pin.address, pin.line)).collect();
    let says = if dns.is_empty() {
        "has no address for it".to_owned()
    } else if differs || !pins.iter().any(|pin| known(pin.address)) {
        format!("says {}", joined(&dns))
    } else {
        "says the same".to_owned()
    };
    let code = if differs { Code::HostsOverride } else { Code::HostsPinned };
    let reason = format!("look up {name} in {path}: {}; DNS {says}", lines.join(", "));
    let pinned: BTreeSet<IpAddr> = pins.iter().map(|pin| pin.address).collect();
    let text = |ips: &BTreeSet<IpAddr>| ips.iter().map(ToString::to_string).collect::<Vec<_>>();
    Finding::new(code, name, reason).with("hosts", text(&pinned)).with("dns", text(&dns))
}

/// What the nameservers say about it.
fn in_dns(plan: &Plan, seen: &Seen, name: &str) -> BTreeSet<IpAddr> {
    let api = api_names(zone(&plan.dns, &seen.file).as_deref()).iter().any(|api| api == name);
    let about = |purpose: &Purpose| match purpose {
        Purpose::Name(asked) => asked == name,
        Purpose::Path | Purpose::Aaaa => api,
        _ => false,
    };
    let asked = seen.nameservers.iter().flat_map(|server| &server.asked);
    let replies = asked.filter(|asked| about(&asked.purpose)).filter_map(|asked| asked.reply());
    replies.flat_map(|reply| reply.addresses.clone()).collect()
}

fn joined(addresses: &BTreeSet<IpAddr>) -> String {
    let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    all.join(", ")
}
