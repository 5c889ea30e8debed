//! Where each destination's packets would go: the outside, nameservers, the API server, targets.

use std::net::IpAddr;

use super::{
    observe::{Lookup, Role},
    refusal::{Refusal, explain},
};
use crate::{
    finding::{Code, Finding},
    pod::{Answer, Family, Pod, Route},
};

/// What keeps each family from reaching the outside.
pub(super) fn defaults(families: &[Family], pod: &Pod, lookups: &[Lookup]) -> Vec<Finding> {
    families.iter().filter_map(|family| default(*family, pod, lookups)).collect()
}

fn default(family: Family, pod: &Pod, lookups: &[Lookup]) -> Option<Finding> {
    let found =
        |code, reason: String| Some(Finding::new(code, "default route", reason).of(Some(family)));
    let outside = |l: &&Lookup| l.role == Role::Outside && family.holds(l.destination);
    let refusal = match lookups.iter().find(outside) {
        Some(Lookup { answer: Answer::Leads(path), .. }) if path.kind == "unicast" => return None,
        Some(Lookup { answer: Answer::Refused { errno }, destination, .. }) => {
            explain(errno, *destination, pod)
        }
        _ => None,
    };
    match refusal {
        Some(Refusal { code: Code::RouteNoRouteTo, .. }) if is_empty(family, pod) => {
            let reason =
                format!("list {family} routes: no table has one that leads out of the pod");
            found(Code::RouteTableEmpty, reason)
        }
        Some(Refusal { code: Code::RouteNoRouteTo, .. }) => {
            found(Code::RouteNoDefault, no_default(family, pod))
        }
        Some(Refusal { code, clause }) => {
            found(code, format!("look up an {family} default route: {clause}"))
        }
        None if pod.has_default_route(family) == Some(false) => {
            found(Code::RouteNoDefault, no_default(family, pod))
        }
        None => None,
    }
}

fn no_default(family: Family, pod: &Pod) -> String {
    let asked = format!("look up an {family} default route");
    let out = |route: &&Route| route.family == family && route.is_default() && route.leads_out();
    match pod.routes.list().iter().find(out) {
        Some(route) => format!(
            "{asked}: table {} has one, but no policy rule sends this pod's connections there",
            route.table
        ),
        None => format!("{asked}: no table has one"),
    }
}

/// Whether nothing was routed: the kernel's own routes to link-local addresses do not count.
fn is_empty(family: Family, pod: &Pod) -> bool {
    let link_local = |ip: IpAddr| match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let counts =
        |r: &Route| r.family == family && r.leads_out() && !link_local(r.destination.addr());
    pod.routes.seen().is_some_and(|routes| !routes.iter().any(counts))
}

/// Nameservers and the API server, as far as that does not follow from the family's own trouble.
/// A resolver goes on to its next server at once when there is no way to one: only if no server is
/// left, nothing resolves. Of a family that is not under test, a missing route is told and no more;
/// of a target likewise, for its own layer fails on it, and looks at all the others.
pub(super) fn others(
    families: &[Family],
    before: &[Finding],
    pod: &Pod,
    lookups: &[Lookup],
) -> Vec<Finding> {
    let follows = |to: IpAddr| before.iter().any(|f| f.family == Some(Family::of(to)));
    let a_server_is_left = lookups
        .iter()
        .any(|lookup| lookup.role == Role::Nameserver && matches!(lookup.answer, Answer::Leads(_)));
    let judged =
        lookups.iter().filter(|lookup| !follows(lookup.destination)).filter_map(|lookup| {
            let Lookup { role, destination, answer: Answer::Refused { errno }, .. } = lookup else {
                return None;
            };
            let Refusal { code, clause } = explain(errno, *destination, pod)?;
            let family = Family::of(*destination);
            let code = if families.contains(&family) { code } else { Code::RouteOtherFamily };
            let (what, code) = match role {
                Role::Outside => return None,
                Role::Nameserver if a_server_is_left => ("nameserver", Code::RouteNameserverLost),
                Role::Nameserver => ("nameserver", code),
                Role::ApiServer => ("API server", code),
                Role::Target => ("target", Code::RouteTargetLost),
            };
            let reason = format!("look up the route to {what} {destination}: {clause}");
            let finding = Finding::new(code, format!("{what} {destination}"), reason);
            Some(finding.of(Some(family)))
        });
    judged.collect()
}
