//! From a table of iptables-legacy to the plain form: pure.

mod entry;

use std::collections::BTreeMap;

use super::{
    bytes::{at, u32_at},
    model::{Action, Backend, Base, Chain, Hook, Kind, Rule, Scope, Table},
};
use crate::pod::Family;
use entry::{Entry, Target, V4, V6, entry};

/// `IPT_F_GOTO`, `IP6T_F_GOTO`.
const GOTO_V4: u8 = 0x02;
const GOTO_V6: u8 = 0x04;

/// Where `struct ipt_getinfo` keeps valid hooks, their entries, their policies.
const VALID_HOOKS: usize = 32;
const HOOK_ENTRIES: usize = 36;
const UNDERFLOWS: usize = 56;
/// More entries than any pod has.
const MOST_ENTRIES: usize = 65_536;

/// A table; none where the bytes are none.
#[must_use]
pub fn read(family: Family, name: &str, info: &[u8], entries: &[u8]) -> Option<Table> {
    let layout = if family == Family::Ipv4 { &V4 } else { &V6 };
    let mut parsed = Vec::new();
    let mut offset = 0;
    while offset < entries.len() && parsed.len() < MOST_ENTRIES {
        let (entry, next) = entry(entries, offset, layout)?;
        parsed.push(entry);
        offset += next;
    }
    let bases = bases(name, info)?;
    let mut reader = Reader { bases: &bases, names: BTreeMap::new() };
    for (index, entry) in parsed.iter().enumerate() {
        if let (Some(Target::Head(name)), Some(next)) = (entry.target(), parsed.get(index + 1)) {
            reader.names.insert(next.offset, name);
        }
    }
    let chains = reader.chains(&parsed);
    let scope = if family == Family::Ipv4 { Scope::Ip } else { Scope::Ip6 };
    Some(Table { backend: Backend::Legacy, scope, name: name.to_owned(), chains })
}

/// The base chains: where they begin, where their policies stand.
fn bases(table: &str, info: &[u8]) -> Option<Vec<(usize, usize, Base)>> {
    let valid = u32_at(info, VALID_HOOKS)?;
    let kind = match table {
        "raw" => Kind::Raw,
        "mangle" => Kind::Mangle,
        "nat" => Kind::Nat,
        _ => Kind::Filter,
    };
    let mut bases = Vec::new();
    for number in (0..5).filter(|number| valid >> number & 1 == 1) {
        let hook = Hook::from_number(number)?;
        let index = 4 * usize::try_from(number).ok()?;
        let place = |from| usize::try_from(u32_at(info, from + index)?).ok();
        let base = Base { kind, hook, priority: priority(kind, hook), accepts: true };
        bases.push((place(HOOK_ENTRIES)?, place(UNDERFLOWS)?, base));
    }
    Some(bases)
}

/// `enum nf_ip_hook_priorities`.
fn priority(kind: Kind, hook: Hook) -> i32 {
    match kind {
        Kind::Raw => -300,
        Kind::Mangle => -150,
        Kind::Nat if matches!(hook, Hook::Prerouting | Hook::Output) => -100,
        Kind::Nat => 100,
        Kind::Filter => 0,
    }
}

struct Reader<'a> {
    bases: &'a [(usize, usize, Base)],
    /// Chains by the offset of their first rule.
    names: BTreeMap<usize, String>,
}

impl Reader<'_> {
    fn chains(&self, entries: &[Entry]) -> Vec<Chain> {
        let mut chains: Vec<Chain> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if let Some((_, _, base)) = self.bases.iter().find(|(at, ..)| *at == entry.offset) {
                let (name, base) = (base.hook.name().to_owned(), Some(base.clone()));
                chains.push(Chain { name, base, rules: Vec::new() });
            }
            let target = entry.target();
            if let Some(Target::Head(name)) = target {
                // The table's last entry is a head without a chain.
                if index + 1 < entries.len() {
                    chains.push(Chain { name, base: None, rules: Vec::new() });
                }
                continue;
            }
            let Some(chain) = chains.last_mut() else { continue };
            let underflow = self.bases.iter().any(|(_, at, _)| *at == entry.offset);
            match (&mut chain.base, target) {
                // The policy stands behind the last rule; -2 is ACCEPT.
                (Some(base), Some(Target::Verdict(verdict))) if underflow => {
                    base.accepts = verdict == -2;
                }
                (_, target) => chain.rules.push(self.rule(&chain.name, entry, target)),
            }
        }
        for chain in chains.iter_mut().filter(|chain| chain.base.is_none()) {
            // Each chain of a user's ends with a return of the library's own.
            chain.rules.pop();
        }
        chains
    }

    fn rule(&self, chain: &str, entry: &Entry, target: Option<Target>) -> Rule {
        let goto = if entry.layout.family == Family::Ipv4 { GOTO_V4 } else { GOTO_V6 };
        let flags = entry.bytes.get(entry.layout.flags).copied().unwrap_or(0);
        let actions = match target {
            // A jump to the next rule: a rule without a target.
            Some(Target::Verdict(to)) if usize::try_from(to).ok() == Some(entry.end()) => {
                Vec::new()
            }
            Some(Target::Verdict(verdict)) => vec![self.verdict(verdict, flags & goto != 0)],
            Some(Target::Other(action)) => vec![action],
            Some(Target::Head(_)) | None => vec![Action::Unreadable("target".to_owned())],
        };
        let packets = at::<8>(entry.bytes, entry.layout.counters).map(u64::from_ne_bytes);
        Rule { packets, ..Rule::new(chain, entry.matches(), actions) }
    }

    /// `-NF_ACCEPT - 1` and so on; else where to jump to.
    fn verdict(&self, verdict: i32, goto: bool) -> Action {
        match verdict {
            -1 => Action::Drop,
            -2 => Action::Accept,
            -5 => Action::Return,
            offset => {
                let name = usize::try_from(offset).ok().and_then(|at| self.names.get(&at));
                match name {
                    Some(name) if goto => Action::Goto(name.clone()),
                    Some(name) => Action::Jump(name.clone()),
                    None => Action::Unreadable(format!("verdict {offset}")),
                }
            }
        }
    }
}
