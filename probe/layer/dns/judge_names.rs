//! Judging the names under test: found, and by whom.

use serde_json::{Value, json};

use super::{
    judge_file::queries,
    names::{self, Knows},
    outcome::{Nameserver, Seen},
    pinned::pinned,
    walk::{Walk, walk},
};
use crate::{
    finding::{Code, Finding},
    plan::Plan,
    pod::{Transport, resolv_conf::Reader},
};

/// What each name that some nameserver knows comes to; the others are told elsewhere.
pub(super) fn judge(plan: &Plan, seen: &Seen) -> Vec<Finding> {
    let asked = plan.dns.names().filter(|name| !pinned(seen, name));
    let known = asked.filter_map(|name| {
        let knows = |s: &&Nameserver| names::name(s, name) == Some(Knows::Yes);
        Some((name, seen.nameservers.iter().find(knows)?))
    });
    known.filter_map(|(name, server)| one(name, server, &walks(seen, name, server))).collect()
}

/// Everybody's walk.
pub(super) fn walks(seen: &Seen, name: &str, server: &Nameserver) -> [Walk; 3] {
    Reader::ALL.map(|reader| walk(reader, &seen.reading(reader), name, server))
}

fn one(name: &str, server: &Nameserver, walks: &[Walk; 3]) -> Option<Finding> {
    let complete = || walks.iter().filter(|walk| !walk.cut);
    complete().next()?;
    let first = complete().find_map(Walk::found);
    let agree = complete().all(|walk| walk.found() == first);
    let by_tcp = server.path(Transport::Udp).is_some_and(|udp| udp.reply().is_none());
    let over = if by_tcp { " over TCP" } else { "" };
    let ask = format!("ask {}{over} for {name}", server.address);
    let (code, reason) = match first {
        Some((full, addresses)) if agree => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let is = match addresses.as_slice() {
                [] => "has a long answer".to_owned(),
                addresses => format!("is {}", addresses.join(", ")),
            };
            let reason = format!("{ask}: {full} {is}; a lookup costs {} queries", cost(walks));
            (Code::DnsNameFound, reason)
        }
        _ => (Code::DnsNameLibcDiffers, format!("{ask}: {}", each(walks))),
    };
    Some(Finding::new(code, name, reason).with("walks", evidence(walks)))
}

/// "glibc: a.b. NXDOMAIN, a.b.corp.example. 10.0.0.1 (4 queries); musl: …".
fn each(walks: &[Walk]) -> String {
    let each = walks.iter().map(|walk| {
        let end = if walk.found().is_none() && !walk.cut { ", and no further" } else { "" };
        format!("{}: {}{end} ({} queries)", walk.reader.name(), walk.told(), walk.queries())
    });
    each.collect::<Vec<_>>().join("; ")
}

/// The queries of everybody's walk.
pub(super) fn cost(walks: &[Walk; 3]) -> String {
    queries(walks.each_ref().map(Walk::queries))
}

/// The walks as evidence.
pub(super) fn evidence(walks: &[Walk]) -> Vec<Value> {
    let of = |walk: &Walk| json!({ "resolver": walk.reader.name(), "walk": walk.told(), "queries": walk.queries() });
    walks.iter().map(of).collect()
}
