//! From the bodies of an nftables dump to tables: pure.

mod expression;
mod test;

use std::collections::BTreeMap;

use netlink_packet_core::{NLA_HEADER_SIZE, NlaBuffer};

use super::{
    bytes::word,
    model::{Backend, Base, Chain, Hook, Kind, Rule, Scope, Table},
};
use crate::net::{netlink::attributes, nfnetlink::HEADER_BYTES};

/// The bodies of one dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bodies {
    /// `NFT_MSG_NEWTABLE`.
    pub tables: Vec<Vec<u8>>,
    /// `NFT_MSG_NEWCHAIN`.
    pub chains: Vec<Vec<u8>>,
    /// `NFT_MSG_NEWRULE`.
    pub rules: Vec<Vec<u8>>,
    /// `NFT_MSG_NEWSETELEM`, by the set.
    pub elements: BTreeMap<SetName, Vec<Vec<u8>>>,
}

/// Which set: family, table, name.
pub type SetName = (u8, String, String);

/// A set's values, and whether one is the end of an interval.
pub(super) type Elements = Vec<(Vec<u8>, bool)>;

/// Attributes of tables, chains and rules (kernel `include/uapi/linux/netfilter/nf_tables.h`).
const TABLE_NAME: u16 = 1;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_HANDLE: u16 = 3;
const RULE_EXPRESSIONS: u16 = 4;
const LIST_ELEMENTS: u16 = 3;
const ELEMENT_KEY: u16 = 1;
const ELEMENT_FLAGS: u16 = 3;
const ELEMENT_KEY_END: u16 = 10;
const DATA_VALUE: u16 = 1;

/// `NF_ACCEPT`.
const ACCEPT: u32 = 1;

/// The tables of IPv4, IPv6 and both; those of bridges and devices are left out.
#[must_use]
pub fn read(bodies: &Bodies) -> Vec<Table> {
    let mut tables: Vec<(u8, Table)> = bodies.tables.iter().filter_map(|b| table(b)).collect();
    for body in &bodies.chains {
        let Some((family, of, chain)) = chain(body) else { continue };
        if let Some((_, table)) = find(&mut tables, family, &of) {
            table.chains.push(chain);
        }
    }
    let sets: BTreeMap<&SetName, Elements> =
        bodies.elements.iter().map(|(name, bodies)| (name, elements(bodies))).collect();
    for body in &bodies.rules {
        add_rule(&mut tables, body, &sets);
    }
    tables.into_iter().map(|(_, table)| table).collect()
}

/// The sets that rules look into.
#[must_use]
pub fn wanted_sets(rules: &[Vec<u8>]) -> Vec<SetName> {
    let mut names = Vec::new();
    for body in rules {
        let Some(family) = body.first() else { continue };
        let table = text(body, RULE_TABLE);
        for (name, data) in body_expressions(body) {
            if name == "lookup" {
                names.push((*family, table.clone(), expression::looked_into(data)));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn find<'t>(tables: &'t mut [(u8, Table)], family: u8, name: &str) -> Option<&'t mut (u8, Table)> {
    tables.iter_mut().find(|(of, table)| *of == family && table.name == name)
}

/// `NFPROTO_INET`, `NFPROTO_IPV4`, `NFPROTO_IPV6`.
fn scope(family: u8) -> Option<Scope> {
    match family {
        1 => Some(Scope::Inet),
        2 => Some(Scope::Ip),
        10 => Some(Scope::Ip6),
        _ => None,
    }
}

fn table(body: &[u8]) -> Option<(u8, Table)> {
    let family = *body.first()?;
    let (scope, name) = (scope(family)?, text(body, TABLE_NAME));
    Some((family, Table { backend: Backend::Nft, scope, name, chains: Vec::new() }))
}

fn chain(body: &[u8]) -> Option<(u8, String, Chain)> {
    let family = *body.first()?;
    let hook = value(body, HEADER_BYTES, CHAIN_HOOK);
    let number = |bytes: &[u8]| bytes.first_chunk().map(|be| u32::from_be_bytes(*be));
    let base = hook.and_then(|hook| {
        let at = |kind| value(hook, 0, kind).and_then(number);
        let priority = at(HOOK_PRIORITY)?.cast_signed();
        let policy = value(body, HEADER_BYTES, CHAIN_POLICY).and_then(number);
        Some(Base {
            kind: kind(&text(body, CHAIN_TYPE), priority),
            hook: Hook::from_number(at(HOOK_NUMBER)?)?,
            priority,
            accepts: policy.is_none_or(|policy| policy == ACCEPT),
        })
    });
    let chain = Chain { name: text(body, CHAIN_NAME), base, rules: Vec::new() };
    Some((family, text(body, CHAIN_TABLE), chain))
}

/// Which of iptables' tables a base chain stands for.
fn kind(named: &str, priority: i32) -> Kind {
    match (named, priority) {
        ("nat", _) => Kind::Nat,
        ("route", _) => Kind::Mangle,
        (_, ..=-200) => Kind::Raw,
        (_, ..=-100) => Kind::Mangle,
        _ => Kind::Filter,
    }
}

fn add_rule(tables: &mut [(u8, Table)], body: &[u8], sets: &BTreeMap<&SetName, Elements>) {
    let Some(family) = body.first().copied() else { return };
    let table_name = text(body, RULE_TABLE);
    let Some((_, table)) = find(tables, family, &table_name) else { return };
    let scope = table.scope;
    let chain_name = text(body, RULE_CHAIN);
    let Some(chain) = table.chains.iter_mut().find(|chain| chain.name == chain_name) else {
        return;
    };
    let set = |name: &str| sets.get(&(family, table_name.clone(), name.to_owned()));
    let mut reader = expression::Reader::new(scope);
    for (name, data) in body_expressions(body) {
        reader.take(&name, data, &|name| set(name).cloned());
    }
    let handle = value(body, HEADER_BYTES, RULE_HANDLE).and_then(<[u8]>::first_chunk);
    let (matches, actions, packets) = reader.done();
    let rule = Rule::new(&chain_name, matches, actions);
    let handle = handle.map(|be| u64::from_be_bytes(*be));
    chain.rules.push(Rule { handle, packets, ..rule });
}

/// The expressions of a rule's body, each with its name.
fn body_expressions(body: &[u8]) -> Vec<(String, &[u8])> {
    const NAME: u16 = 1;
    const DATA: u16 = 2;
    let list = value(body, HEADER_BYTES, RULE_EXPRESSIONS).unwrap_or_default();
    attributes(list, 0)
        .map(|element| {
            let element = content(element);
            let name = value(element, 0, NAME).map(word).unwrap_or_default();
            (name, value(element, 0, DATA).unwrap_or_default())
        })
        .collect()
}

fn elements(bodies: &[Vec<u8>]) -> Elements {
    const INTERVAL_END: u32 = 1;
    let mut found = Vec::new();
    for body in bodies {
        let list = value(body, HEADER_BYTES, LIST_ELEMENTS).unwrap_or_default();
        for element in attributes(list, 0) {
            let element = content(element);
            let key = |kind| value(element, 0, kind).and_then(|key| value(key, 0, DATA_VALUE));
            let flags = value(element, 0, ELEMENT_FLAGS).and_then(<[u8]>::first_chunk);
            let ends = flags.is_some_and(|be| u32::from_be_bytes(*be) & INTERVAL_END != 0);
            // A set of concatenations keeps both ends in one element: not read.
            let closed = value(element, 0, ELEMENT_KEY_END).is_some();
            if let Some(key) = key(ELEMENT_KEY).filter(|_| !closed) {
                found.push((key.to_vec(), ends));
            }
        }
    }
    found
}

/// The first attribute of this kind behind a fixed header.
pub(super) fn value(bytes: &[u8], header: usize, kind: u16) -> Option<&[u8]> {
    attributes(bytes, header).find(|attribute| attribute.kind() == kind).map(content)
}

/// What an attribute holds, as long as the bytes that it stands in.
fn content(attribute: NlaBuffer<&[u8]>) -> &[u8] {
    let length = attribute.value_length();
    attribute.into_inner().get(NLA_HEADER_SIZE..NLA_HEADER_SIZE + length).unwrap_or_default()
}

fn text(body: &[u8], kind: u16) -> String {
    value(body, HEADER_BYTES, kind).map(word).unwrap_or_default()
}
