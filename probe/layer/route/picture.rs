//! The whole picture: two default routes that compete, and cluster traffic by the wrong interface.

use super::observe::{Lookup, Role};
use crate::{
    finding::{Code, Finding},
    pod::{Answer, Environment, Family, Pod, Route},
};

/// Default routes of one table and metric by different links. Next hops of one multipath route by
/// one link are no choice between networks.
pub(super) fn multiple_defaults(pod: &Pod) -> Vec<Finding> {
    let routes = pod.routes.list().iter();
    let defaults: Vec<&Route> = routes.filter(|r| r.is_default() && r.leads_out()).collect();
    let mut findings: Vec<Finding> = Vec::new();
    for (at, first) in defaults.iter().enumerate() {
        let rival = defaults[at + 1..].iter().find(|second| {
            (first.family, first.table, first.metric)
                == (second.family, second.table, second.metric)
                && first.link != second.link
        });
        let said = findings.iter().any(|finding| finding.family == Some(first.family));
        if let Some(second) = rival.filter(|_| !said) {
            let reason = format!(
                "list {} default routes: {} and {} have the same metric {}",
                first.family,
                way(first),
                way(second),
                first.metric
            );
            let finding = Finding::new(Code::RouteMultipleDefaults, "default route", reason);
            findings.push(finding.of(Some(first.family)));
        }
    }
    findings
}

fn way(route: &Route) -> String {
    let via = route.gateway.map(|ip| format!("via {ip} ")).unwrap_or_default();
    format!("{via}dev {}", route.link.as_deref().unwrap_or("?"))
}

/// Nameservers and the API server that would be spoken to from another address than the pod's own.
/// The outside may have an interface of its own on purpose; the cluster knows the pod by one.
pub(super) fn sources(pod: &Pod, environment: &Environment, lookups: &[Lookup]) -> Vec<Finding> {
    let unexpected = |lookup: &Lookup| {
        let Answer::Leads(path) = &lookup.answer else { return None };
        let (to, source) = (lookup.destination, path.source?);
        let mut own = environment.pod_ips.iter().filter(|ip| Family::of(to).holds(**ip)).peekable();
        let what = match lookup.role {
            Role::Outside | Role::Target => return None,
            Role::Nameserver => "nameserver",
            Role::ApiServer => "API server",
        };
        let expected = **own.peek()?;
        if path.kind != "unicast" || own.any(|ip| *ip == source) || !pod.has_address(expected) {
            return None;
        }
        let reason = format!(
            "look up the route to {what} {to}: packets would leave {} from {source}, not from {expected}, which POD_IP names",
            path.link
        );
        let finding = Finding::new(Code::RouteSourceUnexpected, format!("{what} {to}"), reason);
        Some(finding.of(Some(Family::of(to))))
    };
    lookups.iter().filter_map(unexpected).collect()
}
