//! A rule that should be there: where, and how it would be written here.

use super::{Absent, Compared};
use crate::rules::{
    model::{Action, Kind, Place, Rule, Ruleset, Scope},
    text,
    trace::{self, Step, is, label, plain},
};

impl Compared<'_> {
    /// The expected rule, in the words of the rules that are there.
    pub(super) fn absent(
        &self,
        rules: &Ruleset,
        kind: Kind,
        wanted: &Step,
        instead: Option<Place>,
    ) -> Option<Absent> {
        let rule = rules.rule(wanted.place)?;
        let (table, chain) = self.home(rules, kind, wanted.place);
        // The nearest expected rule before it that is there.
        let here = |place: Place| label(self.actual, place) == wanted.key.0;
        let of_kind =
            |place: Place| self.actual.tables.get(place.table).is_some_and(|t| is(t, kind));
        let in_chain: Vec<(Place, &Rule)> =
            self.actual.rules().filter(|(place, _)| here(*place) && of_kind(*place)).collect();
        let before = (0..wanted.place.rule).rev().find_map(|index| {
            let says = trace::says(rules.rule(Place { rule: index, ..wanted.place })?);
            in_chain.iter().find(|(_, rule)| trace::says(rule) == says).map(|(place, _)| *place)
        });
        let last =
            rules.chain(wanted.place).is_some_and(|c| c.rules.len() == wanted.place.rule + 1);
        let native = self.is_native(&table);
        let actions: Vec<_> =
            rule.actions.iter().flat_map(|action| self.localized(action, native)).collect();
        Some(Absent {
            table,
            text: text::rule(&chain, &rule.matches, &actions),
            chain,
            empty: in_chain.is_empty(),
            behind: before,
            last,
            instead,
        })
    }

    /// Table and chain as they are called here.
    fn home(&self, rules: &Ruleset, kind: Kind, wanted: Place) -> (String, String) {
        let wanted_label = label(rules, wanted);
        let tables = self.actual.tables.iter().enumerate().filter(|(_, table)| is(table, kind));
        for (index, table) in tables {
            let chain = (0..table.chains.len()).find(|chain| {
                label(self.actual, Place { table: index, chain: *chain, rule: 0 }) == wanted_label
            });
            if let Some(chain) = chain {
                return (table.name.clone(), table.chains[chain].name.clone());
            }
        }
        let chain = rules.chain(wanted).map_or(String::new(), |chain| chain.name.clone());
        (kind.name().to_owned(), self.chain_name(&chain))
    }

    /// nftables' own tables are of both families; iptables makes one for each.
    fn is_native(&self, name: &str) -> bool {
        let mut tables = self.actual.tables.iter();
        tables.any(|table| table.name == name && table.scope == Scope::Inet)
    }

    /// A jump to a chain by the name that it has here; TPROXY as nftables writes it.
    fn localized(&self, action: &Action, native: bool) -> Vec<Action> {
        match action {
            Action::Jump(name) => vec![Action::Jump(self.chain_name(name))],
            Action::Goto(name) => vec![Action::Goto(self.chain_name(name))],
            Action::Tproxy { port, mark, mask } if native => vec![
                Action::Tproxy { port: *port, mark: 0, mask: 0 },
                Action::SetMark(*mark, *mask),
                Action::Accept,
            ],
            other => vec![other.clone()],
        }
    }

    fn chain_name(&self, name: &str) -> String {
        let mut chains = self.actual.tables.iter().flat_map(|table| &table.chains);
        let here = chains.find(|chain| chain.base.is_none() && plain(&chain.name) == plain(name));
        here.map_or_else(|| name.to_owned(), |chain| chain.name.clone())
    }
}
