//! Rules of every back end in one plain form: tables, chains, rules, matches, actions.

mod action;
mod kind;
mod test;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use action::Action;
pub use kind::{Backend, Base, Hook, Kind, Scope};
pub use test::{Match, Test, state};

use crate::pod::Family;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Who keeps it.
    pub backend: Backend,
    /// Whose packets it sees.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// Its chains.
    pub chains: Vec<Chain>,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Absent: entered by jumps alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base: Option<Base>,
    /// Its rules, in order; a rule's position counts from 1.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// In the notation of iptables-save, in one line.
    pub text: String,
    /// nftables' own number for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handle: Option<u64>,
    /// What a packet must have.
    pub matches: Vec<Match>,
    /// What is done to it then.
    pub actions: Vec<Action>,
    /// Packets that it took, if it counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub packets: Option<u64>,
}

impl Rule {
    /// A rule of this chain, with its text.
    #[must_use]
    pub fn new(chain: &str, matches: Vec<Match>, actions: Vec<Action>) -> Rule {
        let text = super::text::rule(chain, &matches, &actions);
        Rule { text, handle: None, matches, actions, packets: None }
    }
}

impl Rule {
    /// Whether packets of a family can meet it: none that names addresses of the other one.
    #[must_use]
    pub fn concerns(&self, family: Family) -> bool {
        self.matches.iter().all(|m| match &m.test {
            Test::Source(net) | Test::Destination(net) => family.holds(net.addr()),
            Test::Family(other) => (*other == family) != m.negated,
            _ => true,
        })
    }
}

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The table's index in the list.
    pub table: usize,
    /// The chain's index in the table.
    pub chain: usize,
    /// The rule's index in the chain.
    pub rule: usize,
}

/// Every table of the namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ruleset {
    /// The tables.
    pub tables: Vec<Table>,
}

impl Ruleset {
    /// The rule at this place.
    #[must_use]
    pub fn rule(&self, at: Place) -> Option<&Rule> {
        self.chain(at).and_then(|chain| chain.rules.get(at.rule))
    }

    /// The chain of this place.
    #[must_use]
    pub fn chain(&self, at: Place) -> Option<&Chain> {
        self.tables.get(at.table)?.chains.get(at.chain)
    }

    /// The rules that packets of a family can meet, each in its place.
    #[must_use]
    pub fn of(&self, family: Family) -> Ruleset {
        let mut rules = self.clone();
        for table in rules.tables.iter_mut().filter(|table| !table.scope.holds(family)) {
            table.chains.clear();
            table.name.clear();
        }
        rules
    }

    /// Every rule with its place.
    pub fn rules(&self) -> impl Iterator<Item = (Place, &Rule)> {
        self.tables.iter().enumerate().flat_map(|(table, t)| {
            t.chains.iter().enumerate().flat_map(move |(chain, c)| {
                let place = move |rule| Place { table, chain, rule };
                c.rules.iter().enumerate().map(move |(index, rule)| (place(index), rule))
            })
        })
    }

    /// "rule 3 of nat OUTPUT": how a person finds it.
    #[must_use]
    pub fn address(&self, at: Place) -> String {
        let (table, chain) = (self.tables.get(at.table), self.chain(at));
        let (table, chain) = (table.map_or("", |t| &t.name), chain.map_or("", |c| &c.name));
        format!("rule {} of {table} {chain}", at.rule + 1)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
