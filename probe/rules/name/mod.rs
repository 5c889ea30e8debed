//! Which rule is wrong: the way of a failed flow through the rules that are there, beside its way
//! through those that should be. Pure.

mod absent;

use std::collections::BTreeSet;

use super::{
    model::{Action, Chain, Kind, Place, Ruleset},
    packets::Cast,
    trace::{self, Step, is, keys, label, steps},
    walk::{Counted, Effects, Lost, Packet, Walk, walk},
};
use crate::{
    layer::redirect::{Flow, Promise},
    pod::Family,
};

/// What the rules say of one failed flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The rule that took it and should not have, or stands in place of another.
    pub rule: Option<Place>,
    /// The chain whose policy dropped it.
    pub policy: Option<Place>,
    /// The rule that is not there.
    pub absent: Option<Absent>,
    /// The rules on its way, in order.
    pub way: Vec<Place>,
    /// Rules that may have taken it, but cannot be read in whole.
    pub doubts: Vec<Place>,
    /// What became of it by the rules as they were read.
    pub predicted: Effects,
    /// Whether that is what was promised: then what is wrong is not among the rules.
    pub fulfils: bool,
}

/// An expected rule that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// The chain does not exist, or has no rule at all.
    pub empty: bool,
    /// The rule, as iptables-save would write it.
    pub text: String,
    /// The rule behind which it should stand.
    pub behind: Option<Place>,
    /// It should be the chain's last one.
    pub last: bool,
    /// The rule that takes the packet instead; none where nothing does.
    pub instead: Option<Place>,
}

/// Rules that are there, and rules that should be.
pub(super) struct Compared<'a> {
    pub(super) family: Family,
    pub(super) actual: &'a Ruleset,
    pub(super) expected: Option<&'a Ruleset>,
}

impl Compared<'_> {
    /// What the rules say of a flow, with what they counted while it was sent once more.
    pub(super) fn name(&self, cast: &Cast, flow: &Flow, counted: Option<&Counted>) -> Named {
        let packets = cast.packets(flow);
        let mut named: Option<Named> = None;
        for (index, packet) in packets.iter().enumerate() {
            let answer = index > 0;
            let found = self.of_packet(cast, flow.promise, packet, counted, answer);
            let tells = found.rule.is_some() || found.absent.is_some() || found.policy.is_some();
            if named.is_none() || tells {
                named = Some(found);
            }
            if tells {
                break;
            }
        }
        named.unwrap_or_default()
    }

    fn of_packet(
        &self,
        cast: &Cast,
        promise: Promise,
        packet: &Packet,
        counted: Option<&Counted>,
        answer: bool,
    ) -> Named {
        let actual = walk(self.actual, &cast.ground, packet, counted);
        let mut named = Named {
            way: actual.steps.iter().map(|(place, _)| *place).collect(),
            doubts: actual.doubts.clone(),
            predicted: actual.effects.clone(),
            fulfils: !answer && fulfils(promise, &actual.effects),
            ..Named::default()
        };
        match actual.effects.lost {
            Some(Lost::Rule(place)) => {
                named.rule = Some(place);
                return named;
            }
            Some(Lost::Policy(place)) => {
                named.policy = Some(place);
                return named;
            }
            None => {}
        }
        let expected = self.expected.map(|rules| (rules, walk(rules, &cast.ground, packet, None)));
        match expected {
            Some((rules, expected)) if answer || fulfils(promise, &expected.effects) => {
                self.differ(rules, &expected, &actual, &mut named);
            }
            _ if !named.fulfils && !answer => named.rule = decider(self.actual, promise, &actual),
            _ => {}
        }
        named
    }

    /// The first place where the two ways part, in a table whose effect is not the same.
    fn differ(&self, rules: &Ruleset, expected: &Walk, actual: &Walk, named: &mut Named) {
        let (e, a) = (&expected.effects, &actual.effects);
        let differing = [
            (Kind::Nat, e.nat != a.nat),
            (Kind::Mangle, e.tproxy != a.tproxy || (e.mark, e.conn_mark) != (a.mark, a.conn_mark)),
            (Kind::Raw, e.zone != a.zone),
        ];
        let differing: Vec<Kind> =
            differing.into_iter().filter(|(_, differs)| *differs).map(|(kind, _)| kind).collect();
        let (e, a) = (steps(rules, expected), steps(self.actual, actual));
        for kind in differing {
            let of = |steps: &[Step]| steps.iter().filter(|s| s.kind == kind).cloned().collect();
            let (e, a): (Vec<Step>, Vec<Step>) = (of(&e), of(&a));
            let a = self.effective(&a, &keys(rules, kind));
            self.part(rules, kind, &e, &a, named);
            if named.rule.is_some() || named.absent.is_some() {
                return;
            }
        }
    }

    /// Without the ways through base chains that no expected rule stands in and that lead nowhere.
    fn effective(&self, steps: &[Step], expected: &BTreeSet<trace::Key>) -> Vec<Step> {
        let acts = |step: &Step| {
            use Action::{Accept, Goto, Jump, Nothing, Return};
            let rule = self.actual.rule(step.place);
            rule.is_some_and(|rule| {
                !rule.actions.iter().all(|action| {
                    matches!(action, Accept | Goto(_) | Jump(_) | Nothing(_) | Return)
                })
            })
        };
        let matters = |base: Place| {
            let stays = |chain: &Chain, index| {
                chain
                    .rules
                    .iter()
                    .any(|rule| expected.contains(&(label(self.actual, index), trace::says(rule))))
            };
            let own = self.actual.chain(base).is_some_and(|chain| stays(chain, base));
            own || steps.iter().any(|s| s.base == base && (acts(s) || expected.contains(&s.key)))
        };
        steps.iter().filter(|step| matters(step.base)).cloned().collect()
    }

    fn part(&self, rules: &Ruleset, kind: Kind, e: &[Step], a: &[Step], named: &mut Named) {
        let same = e.iter().zip(a).take_while(|(e, a)| e.key == a.key).count();
        let (wanted, took) = (e.get(same), a.get(same));
        let expected = keys(rules, kind);
        let is_foreign = |step: &&Step| !expected.contains(&step.key);
        let foreign = took.filter(is_foreign).map(|step| step.place);
        let Some(wanted) = wanted else {
            named.rule = foreign.or(took.map(|step| step.place));
            return;
        };
        if keys(self.actual, kind).contains(&wanted.key) {
            // It is there, but another one came first.
            named.rule = foreign.or(took.map(|step| step.place));
            return;
        }
        let altered = self.altered(kind, wanted, &expected);
        named.rule = altered.or(foreign);
        named.absent = self.absent(rules, kind, wanted, took.map(|step| step.place));
    }

    /// The rule of the same chain that says nearly the same, and that nobody expects.
    fn altered(&self, kind: Kind, wanted: &Step, expected: &BTreeSet<trace::Key>) -> Option<Place> {
        let words = |says: &str| says.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let wanted_family = self.family;
        let wanted_words = words(&wanted.key.1);
        let mut best: Option<(usize, Place)> = None;
        for (place, rule) in self.actual.rules() {
            let key = (label(self.actual, place), trace::says(rule));
            let table = self.actual.tables.get(place.table);
            if key.0 != wanted.key.0
                || expected.contains(&key)
                || !rule.concerns(wanted_family)
                || !table.is_some_and(|t| is(t, kind))
            {
                continue;
            }
            let other = words(&key.1);
            let shared = other.iter().filter(|word| wanted_words.contains(word)).count();
            let alike = shared * 3 >= other.len().max(wanted_words.len()) * 2;
            if alike && best.is_none_or(|(most, _)| shared > most) {
                best = Some((shared, place));
            }
        }
        best.map(|(_, place)| place)
    }
}

/// Whether what became of a packet is what was promised.
fn fulfils(promise: Promise, effects: &Effects) -> bool {
    let port = effects.nat.and_then(|(_, port)| port);
    match promise {
        _ if effects.lost.is_some() => false,
        Promise::Captured(wanted) => port == Some(wanted),
        Promise::Transparent(wanted) => effects.nat.is_none() && effects.tproxy == Some(wanted),
        Promise::Elsewhere => port.is_some() || effects.tproxy.is_some(),
        Promise::Untouched => effects.nat.is_none() && effects.tproxy.is_none(),
    }
}

/// Where nobody knows what is expected: the rule that decided about the packet.
fn decider(rules: &Ruleset, promise: Promise, walk: &Walk) -> Option<Place> {
    let kind = match promise {
        Promise::Transparent(_) if walk.effects.nat.is_none() => Kind::Mangle,
        _ => Kind::Nat,
    };
    steps(rules, walk).iter().rev().find(|step| step.kind == kind).map(|step| step.place)
}
