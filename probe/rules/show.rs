//! The rules for a person to read: in order, a line each, with the flows that meet them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde_json::{Value, json};

use super::{
    mixed::mixed,
    model::{Action, Hook, Place, Ruleset, Test},
    packets::Cast,
    read::Dump,
    walk::walk,
};
use crate::{
    layer::redirect::{Proof, flows, vantage},
    plan::Plan,
    pod::Pod,
};

/// The hooks that traffic of the pod itself meets, in its order.
const HOOKS: [Hook; 3] = [Hook::Prerouting, Hook::Input, Hook::Output];

/// So many kinds of flows are not listed one by one.
const SUMMED_UP: usize = 6;

/// A rule and what it serves.
pub struct Line {
    place: Place,
    serves: BTreeSet<&'static str>,
}

/// Every rule, in the order of hooks, priorities and jumps.
#[must_use]
pub fn lines(plan: &Plan, pod: &Pod, rules: &Ruleset) -> Vec<Line> {
    let mut served = serves(plan, pod, rules);
    let places = ordered(rules);
    places
        .into_iter()
        .map(|place| Line { place, serves: served.remove(&place).unwrap_or_default() })
        .collect()
}

/// The text of `podprobe rules`.
#[must_use]
pub fn text(plan: &Plan, pod: &Pod, dump: &Dump) -> String {
    let rules = dump.ruleset();
    let lines = lines(plan, pod, &rules);
    let mut text = String::new();
    let mut last = None;
    for line in &lines {
        let Line { place, serves } = line;
        let Some(rule) = rules.rule(*place) else { continue };
        if last != Some((place.table, place.chain)) {
            last = Some((place.table, place.chain));
            text.push_str(&heading(&rules, *place));
        }
        let counted = rule.packets.map(|n| format!(", {n} packets")).unwrap_or_default();
        let serves: Vec<&str> = serves.iter().copied().collect();
        let serves = match serves.len() {
            0 => "-".to_owned(),
            SUMMED_UP.. => "all kinds".to_owned(),
            _ => serves.join(", "),
        };
        let _ = writeln!(text, "  {:>3}  {}  ({serves}{counted})", place.rule + 1, rule.text);
    }
    if lines.is_empty() && dump.unseen().is_empty() {
        text.push_str("no rules\n");
    }
    if let Some(finding) = mixed(dump) {
        let _ = writeln!(text, "{} {}: {}", finding.severity.word(), finding.code, finding.reason);
    }
    for unseen in dump.unseen() {
        let _ = writeln!(text, "could not look: {unseen}");
    }
    text
}

/// "nat OUTPUT (nft ip, at output, priority -100)".
fn heading(rules: &Ruleset, at: Place) -> String {
    let (Some(table), Some(chain)) = (rules.tables.get(at.table), rules.chain(at)) else {
        return String::new();
    };
    let keeper = format!("{} {}", table.backend.name(), table.scope.name());
    let base = chain.base.as_ref().map(|base| {
        let policy = if base.accepts { "" } else { ", policy DROP" };
        format!(", hook {}, priority {}{policy}", base.hook.name().to_lowercase(), base.priority)
    });
    format!("{} {} ({keeper}{})\n", table.name, chain.name, base.unwrap_or_default())
}

/// The same as one document.
#[must_use]
pub fn document(plan: &Plan, pod: &Pod, dump: &Dump) -> Value {
    let rules = dump.ruleset();
    let listed: Vec<Value> = lines(plan, pod, &rules)
        .iter()
        .filter_map(|line| {
            let rule = rules.rule(line.place)?;
            let (table, chain) = (rules.tables.get(line.place.table)?, rules.chain(line.place)?);
            let unreadable: Vec<&str> = rule.matches.iter().filter_map(|m| name(&m.test)).collect();
            Some(json!({
                "backend": table.backend,
                "family": table.scope,
                "table": table.name,
                "chain": chain.name,
                "base": chain.base,
                "position": line.place.rule + 1,
                "handle": rule.handle,
                "text": rule.text,
                "packets": rule.packets,
                "serves": line.serves,
                "unreadable": unreadable,
            }))
        })
        .collect();
    json!({ "rules": listed, "findings": mixed(dump), "couldNotLook": dump.unseen() })
}

fn name(test: &Test) -> Option<&str> {
    match test {
        Test::Unreadable(name) => Some(name),
        _ => None,
    }
}

/// Which flows meet each rule.
fn serves(plan: &Plan, pod: &Pod, rules: &Ruleset) -> BTreeMap<Place, BTreeSet<&'static str>> {
    let vantage = vantage(&plan.capture, plan.app, &pod.identity);
    let cast = Cast::new(&plan.capture, &vantage, pod);
    let addresses = plan.addresses(pod);
    let mut served: BTreeMap<Place, BTreeSet<&'static str>> = BTreeMap::new();
    let mut add = |packet, word| {
        for (place, _) in walk(rules, &cast.ground, &packet, None).steps {
            served.entry(place).or_default().insert(word);
        }
    };
    for flow in flows(&plan.capture, &addresses) {
        for packet in cast.packets(&flow) {
            add(packet, word(flow.proof));
        }
    }
    served
}

/// What a proof's flows are to a person.
fn word(proof: Proof) -> &'static str {
    match proof {
        Proof::Outbound | Proof::Service => "outbound",
        Proof::Inbound => "proxy to its pod",
        Proof::Arriving => "inbound",
        Proof::ArrivingExclusion => "inbound exclusion",
        Proof::Return => "way back",
        Proof::Loop => "proxy's own egress",
        Proof::Passthrough => "passthrough",
        Proof::Loopback => "localhost",
        Proof::Exclusion => "exclusion",
        Proof::Tunnel => "tunnel",
        Proof::Dns => "dns",
    }
}

/// The places of all rules, each once.
fn ordered(rules: &Ruleset) -> Vec<Place> {
    let mut bases: Vec<(usize, i32, usize, usize)> = Vec::new();
    for (table, t) in rules.tables.iter().enumerate() {
        for (chain, c) in t.chains.iter().enumerate() {
            let Some(base) = &c.base else { continue };
            let hook = HOOKS.iter().position(|hook| *hook == base.hook);
            bases.extend(hook.map(|hook| (hook, base.priority, table, chain)));
        }
    }
    bases.sort_unstable();
    let (mut places, mut known) = (Vec::new(), BTreeSet::new());
    for (_, _, table, chain) in bases {
        reached(rules, table, chain, &mut known, &mut places);
    }
    // What stands where no packet gets stands last.
    for (table, t) in rules.tables.iter().enumerate() {
        for chain in 0..t.chains.len() {
            reached(rules, table, chain, &mut known, &mut places);
        }
    }
    places
}

/// The rules of a chain, then of those that it jumps to.
fn reached(
    rules: &Ruleset,
    table: usize,
    chain: usize,
    known: &mut BTreeSet<(usize, usize)>,
    places: &mut Vec<Place>,
) {
    let chains = &rules.tables[table].chains;
    let mut waiting = vec![chain];
    while let Some(chain) = waiting.pop() {
        if !known.insert((table, chain)) {
            continue;
        }
        let mut next = Vec::new();
        for (rule, r) in chains[chain].rules.iter().enumerate() {
            places.push(Place { table, chain, rule });
            next.extend(r.actions.iter().filter_map(|action| match action {
                Action::Jump(name) | Action::Goto(name) => {
                    chains.iter().position(|chain| chain.name == *name)
                }
                _ => None,
            }));
        }
        waiting.extend(next.into_iter().rev());
    }
}
