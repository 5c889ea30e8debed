//! The rules that each mesh's own installer makes for a promise, as text.
//!
//! They serve to name what is absent or altered once a flow has failed, never to find fault: an
//! installer of another version may write other rules for the same promise.

mod ambient;
mod istio;
mod others;

use super::{model::Ruleset, save};
use crate::{
    capture::{Capture, Exempt, Reach},
    pod::Family,
};

/// The rules of one family; none for a mesh whose rules are not known.
#[must_use]
pub fn expected(mesh: &str, capture: &Capture, family: Family) -> Option<Ruleset> {
    let writer = Writer { capture, family };
    let text = match mesh {
        "istio" | "istio-tproxy" => writer.istio(),
        "istio-ambient" => writer.ambient(),
        "linkerd" => writer.linkerd(),
        "kuma" => writer.kuma(),
        "consul" => writer.consul(),
        "osm" => writer.osm(),
        "appmesh" => writer.appmesh(),
        _ => return None,
    };
    Some(save::parse(&text, family))
}

struct Writer<'a> {
    capture: &'a Capture,
    family: Family,
}

impl Writer<'_> {
    fn localhost(&self) -> &'static str {
        if self.family == Family::Ipv4 { "127.0.0.1/32" } else { "::1/128" }
    }

    fn passthrough(&self) -> &'static str {
        if self.family == Family::Ipv4 { "127.0.0.6/32" } else { "::6/128" }
    }

    /// The proxy's users and groups, as matches.
    fn owners(&self) -> Vec<(String, String)> {
        let Exempt::Owner { uids, gids } = &self.capture.exempt else { return Vec::new() };
        let is = |option: &str, id: &u32| {
            (format!("-m owner {option} {id}"), format!("-m owner ! {option} {id}"))
        };
        let users = uids.iter().map(|id| is("--uid-owner", id));
        users.chain(gids.iter().map(|id| is("--gid-owner", id))).collect()
    }

    fn excluded_cidrs(&self) -> impl Iterator<Item = String> {
        let nets = self.capture.exclude_outbound_cidrs.iter();
        nets.filter(|net| self.family.holds(net.addr())).map(ToString::to_string)
    }

    fn captures_dns(&self) -> bool {
        self.capture.dns.udp != Reach::Nothing
    }

    fn exclusions(chain: &str, ports: &[u16]) -> Vec<String> {
        ports.iter().map(|port| format!("-A {chain} -p tcp --dport {port} -j RETURN")).collect()
    }
}
