//! Route: a default route for every family, without which no egress meets the nat rules.

use crate::{
    finding::{Code, Finding, Layer},
    pod::{Family, Pod},
};

/// Judges the routes of the families under test.
#[must_use]
pub fn judge(families: &[Family], pod: &Pod) -> Vec<Finding> {
    if pod.routes.seen().is_none() {
        let reason = format!("routes not observable: {}", pod.routes.why());
        return vec![Finding::unseen(Layer::Route, "routes", reason)];
    }
    let missing: Vec<Finding> = families
        .iter()
        .filter(|family| pod.has_default_route(**family) == Some(false))
        .map(|family| {
            let reason = format!("look up an {family} default route: no table has one");
            Finding::new(Code::RouteNoDefault, "default route", reason).of(Some(*family))
        })
        .collect();
    if !missing.is_empty() || families.is_empty() {
        return missing;
    }
    let names: Vec<String> = families.iter().map(ToString::to_string).collect();
    let reason = format!("default route for {}", names.join(", "));
    vec![Finding::new(Code::RouteHolds, "default route", reason)]
}
