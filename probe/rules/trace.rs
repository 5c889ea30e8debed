//! The rules on a packet's way in a form that can be compared, whoever wrote them: pure.

use std::collections::BTreeSet;

use super::{
    model::{Action, Kind, Match, Place, Rule, Ruleset, Table, Test},
    text,
    walk::Walk,
};

/// One rule that took the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Where it stands.
    pub(super) place: Place,
    /// The base chain that led there.
    pub(super) base: Place,
    /// What its table is for.
    pub(super) kind: Kind,
    /// Its chain and what it says, in one form for all back ends.
    pub(super) key: Key,
}

/// A chain and what a rule says.
pub(super) type Key = (String, String);

/// The steps of a walk.
pub(super) fn steps(rules: &Ruleset, walk: &Walk) -> Vec<Step> {
    let step = |(place, base): &(Place, Place)| {
        let kind = rules.chain(*base)?.base.as_ref()?.kind;
        let rule = rules.rule(*place)?;
        Some(Step { place: *place, base: *base, kind, key: (label(rules, *place), says(rule)) })
    };
    walk.steps.iter().filter_map(step).collect()
}

/// Everything that the tables of this kind say.
pub(super) fn keys(rules: &Ruleset, kind: Kind) -> BTreeSet<Key> {
    let of_kind = |place: &Place| rules.tables.get(place.table).is_some_and(|t| is(t, kind));
    let all = rules.rules().filter(|(place, _)| of_kind(place));
    all.map(|(place, rule)| (label(rules, place), says(rule))).collect()
}

/// Whether a table has chains of this kind; without any its name tells.
pub(super) fn is(table: &Table, kind: Kind) -> bool {
    let mut bases = table.chains.iter().filter_map(|chain| chain.base.as_ref()).peekable();
    if bases.peek().is_none() {
        return table.name.contains(kind.name());
    }
    bases.any(|base| base.kind == kind)
}

/// The chain by its hook, or by its name as every back end would write it.
pub(super) fn label(rules: &Ruleset, place: Place) -> String {
    let Some(chain) = rules.chain(place) else { return String::new() };
    match &chain.base {
        Some(base) => base.hook.name().to_owned(),
        None => plain(&chain.name),
    }
}

/// `ISTIO_IN_REDIRECT` and `istio-in-redirect` are the same chain.
pub(super) fn plain(name: &str) -> String {
    let plain = name.to_lowercase().replace('_', "-");
    // The one name that istio writes in two ways.
    plain.replace("prerouting", "prert")
}

/// What a rule says, in one form: matches sorted, actions that belong together as one.
pub(super) fn says(rule: &Rule) -> String {
    let mut matches: Vec<Match> = rule.matches.clone();
    matches.retain(|m| !matches!(m.test, Test::Family(_)));
    for one in &mut matches {
        if let Test::SourcePorts(ports) | Test::DestinationPorts(ports) = &mut one.test {
            ports.sort_unstable();
        }
    }
    let mut words: Vec<String> =
        matches.iter().map(|m| text::rule("", std::slice::from_ref(m), &[])).collect();
    words.sort();
    words.dedup();
    let actions: Vec<Action> = folded(&rule.actions);
    words.push(text::rule("", &[], &actions));
    words.join(" ").replace("-A ", "")
}

/// nftables writes TPROXY, mark and verdict apart; a log changes nothing.
fn folded(actions: &[Action]) -> Vec<Action> {
    let mut folded: Vec<Action> = Vec::new();
    for action in actions {
        match (folded.last_mut(), action) {
            (Some(Action::Tproxy { mark, mask, .. }), Action::SetMark(value, bits)) => {
                (*mark, *mask) = (*value, *bits);
            }
            (Some(Action::Tproxy { .. }), Action::Accept) | (_, Action::Nothing(_)) => {}
            (_, Action::Jump(name)) => folded.push(Action::Jump(plain(name))),
            (_, Action::Goto(name)) => folded.push(Action::Goto(plain(name))),
            (_, other) => folded.push(other.clone()),
        }
    }
    folded
}
