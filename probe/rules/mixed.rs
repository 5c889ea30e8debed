//! Capture rules in two back ends at once.

use std::collections::BTreeMap;

use super::{
    model::{Action, Backend, Ruleset, Scope},
    read::Dump,
};
use crate::finding::{Code, Finding};

/// A finding where both back ends redirect.
#[must_use]
pub fn mixed(dump: &Dump) -> Option<Finding> {
    let rules = dump.ruleset();
    let capturing = capturing(&rules);
    let (legacy, nft) = (capturing.get("legacy")?, capturing.get("nft")?);
    let reason = format!(
        "read the rules: iptables-legacy and nftables both redirect ({} and {} rules, the first \
         {legacy_first} and {nft_first}): the kernel asks both, in the order of their priority",
        legacy.len(),
        nft.len(),
        legacy_first = legacy[0],
        nft_first = nft[0],
    );
    Some(
        Finding::new(Code::RulesMixed, "rules", reason)
            .with("legacy", legacy.clone())
            .with("nft", nft.clone()),
    )
}

/// The rules that send packets elsewhere, by back end.
fn capturing(rules: &Ruleset) -> BTreeMap<&'static str, Vec<String>> {
    let mut found: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for (place, rule) in rules.rules() {
        let captures = |action: &Action| {
            matches!(action, Action::Redirect(_) | Action::Dnat(..) | Action::Tproxy { .. })
        };
        let Some(table) = rules.tables.get(place.table) else { continue };
        let scope = match (table.backend, table.scope) {
            (Backend::Legacy, Scope::Ip6) => "ip6tables ",
            (Backend::Legacy, _) => "iptables ",
            (Backend::Nft, _) => "",
        };
        if rule.actions.iter().any(captures) {
            let told = format!("{scope}{} `{rule}`", table.name);
            found.entry(table.backend.name()).or_default().push(told);
        }
    }
    found
}
