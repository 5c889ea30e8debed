//! Route: would a packet to a nameserver, to the API server, to a target and to the outside leave this
//! pod, by which link, and does the next hop answer?

mod destination;
mod gateway;
#[cfg(test)]
mod judge_tests;
mod observe;
mod picture;
mod refusal;
mod reverse;

use crate::{
    finding::{Code, Finding, Layer, Severity},
    plan::Plan,
    pod::{Environment, Look, Pod},
};

pub use observe::{Lookup, Neighbour, Role, Seen, observe, packets};

/// Judges the routes of the families under test.
#[must_use]
pub fn judge(plan: &Plan, pod: &Pod, environment: &Environment, seen: &Seen) -> Vec<Finding> {
    let families = plan.addresses(pod).families;
    let lookups = seen.lookups.list();
    if pod.routes.seen().is_none() && lookups.is_empty() {
        let reason = format!("routes not observable: {}", why(pod, seen));
        return vec![Finding::unseen(Layer::Route, "routes", reason)];
    }
    let mut findings = destination::defaults(&families, pod, lookups);
    findings.extend(destination::others(&families, &findings, pod, lookups));
    findings.extend(gateway::judge(pod, seen));
    findings.extend(picture::multiple_defaults(pod));
    findings.extend(picture::sources(pod, environment, lookups));
    findings.extend(seen.strict.iter().flat_map(|strict| reverse::judge(pod, strict)));
    if !families.is_empty() && !findings.iter().any(|f| f.severity == Severity::Fail) {
        let names: Vec<String> = families.iter().map(ToString::to_string).collect();
        let reason = format!("default route for {}", names.join(", "));
        findings.insert(0, Finding::new(Code::RouteHolds, "default route", reason));
    }
    findings
}

fn why(pod: &Pod, seen: &Seen) -> String {
    [pod.routes.why(), Look::why(&seen.lookups)].join(", ")
}
