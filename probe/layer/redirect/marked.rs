//! Policy routing for the mesh's marked packets: everybody may read it, and no connection shows it.

use crate::{
    capture::MarkedRoute,
    finding::{Code, Finding, Layer},
    pod::{Family, Pod, Route, Rule},
};

/// Whether each family has the rule for the mark, and the route that its table must hold.
#[must_use]
pub fn judge_marked_route(wanted: MarkedRoute, families: &[Family], pod: &Pod) -> Vec<Finding> {
    let blind = [pod.rules.why(), pod.routes.why()].into_iter().find(|why| !why.is_empty());
    if let Some(why) = blind {
        let reason = format!("policy routing could not be looked at: {why}");
        return vec![Finding::unseen(Layer::Redirect, "policy routing", reason)];
    }
    families.iter().filter_map(|family| missing(wanted, *family, pod)).collect()
}

fn missing(wanted: MarkedRoute, family: Family, pod: &Pod) -> Option<Finding> {
    let MarkedRoute { mark, mask, table } = wanted;
    let named =
        if mask == u32::MAX { format!("{mark:#x}") } else { format!("{mark:#x}/{mask:#x}") };
    let has_rule = pod.rules.list().iter().any(|rule| leads(rule, wanted, family));
    let has_route = pod.routes.list().iter().any(|route| delivers(route, table, family));
    let reason = match (has_rule, has_route) {
        (true, true) => return None,
        (false, true) => format!("look for `fwmark {named} lookup {table}` in {family}: no rule"),
        (true, false) => {
            format!("look for `local default dev lo` in {family} table {table}: no route")
        }
        (false, false) => {
            format!(
                "look for `fwmark {named} lookup {table}` and `local default dev lo` in {family}: neither"
            )
        }
    };
    Some(Finding::new(Code::MarkedRouteMissing, format!("table {table}"), reason).of(Some(family)))
}

/// A rule for the mark that leads to the table, for packets from everywhere.
fn leads(rule: &Rule, wanted: MarkedRoute, family: Family) -> bool {
    rule.family == family
        && rule.fwmark == Some(wanted.mark)
        && rule.mask.unwrap_or(u32::MAX) == wanted.mask
        && rule.table == wanted.table
        && rule.action == "lookup"
        && !rule.inverted
        && rule.from.is_none()
        && rule.to.is_none()
}

/// A route that delivers everything to this pod itself.
fn delivers(route: &Route, table: u32, family: Family) -> bool {
    route.family == family
        && route.table == table
        && route.is_default()
        && route.kind == "local"
        && route.link.as_deref() == Some("lo")
}
