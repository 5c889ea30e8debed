//! What the errno of a lookup means: no route, or a route or rule that refuses.

use std::net::IpAddr;

use crate::{
    finding::Code,
    pod::{Family, Pod, Route, Rule},
};

/// Why a destination cannot be reached, in one clause.
pub(super) struct Refusal {
    /// The kind of refusal; [`Code::RouteNoRouteTo`] when nothing leads there.
    pub(super) code: Code,
    /// What refuses.
    pub(super) clause: String,
}

/// The meaning of a lookup's errno. None for an errno that no route or rule of the pod explains:
/// then it is the kernel's, or a sandbox's, word about the question and not about the route.
pub(super) fn explain(errno: &str, to: IpAddr, pod: &Pod) -> Option<Refusal> {
    let (code, kind) = match errno {
        "ENETUNREACH" => {
            let clause = "no route leads there (ENETUNREACH)".to_owned();
            return Some(Refusal { code: Code::RouteNoRouteTo, clause });
        }
        "EINVAL" => (Code::RouteBlackhole, "blackhole"),
        "EHOSTUNREACH" => (Code::RouteUnreachable, "unreachable"),
        "EACCES" => (Code::RouteProhibit, "prohibit"),
        _ => return None,
    };
    let who = route(kind, to, pod).or_else(|| rule(kind, to, pod))?;
    Some(Refusal { code, clause: format!("{who} ({errno})") })
}

/// The most specific route of the kind.
fn route(kind: &str, to: IpAddr, pod: &Pod) -> Option<String> {
    let refuses = |route: &&Route| route.kind == kind && route.destination.contains(&to);
    let routes = pod.routes.list().iter().filter(refuses);
    let route = routes.max_by_key(|route| route.destination.prefix_len())?;
    let what =
        if route.is_default() { "the default".to_owned() } else { route.destination.to_string() };
    let table =
        if route.table == 254 { String::new() } else { format!(" of table {}", route.table) };
    Some(format!("{what} is a `{kind}` route{table}"))
}

fn rule(kind: &str, to: IpAddr, pod: &Pod) -> Option<String> {
    let takes = |rule: &&Rule| {
        let meant = rule.to.is_none_or(|net| net.contains(&to) != rule.inverted);
        rule.action == kind && rule.family == Family::of(to) && meant
    };
    let rule = pod.rules.list().iter().find(takes)?;
    Some(format!("policy rule {} says `{kind}`", rule.priority))
}
