//! The readers on dumps of a real kernel, and on dumps that were damaged.

use proptest::prelude::*;

use super::{
    legacy,
    model::{Ruleset, Table},
    nft,
};
use crate::pod::Family;

/// Istio with DNS capture, native nftables.
const NATIVE: &str = include_str!("corpus/native.txt");
/// Istio TPROXY for IPv4, ambient for IPv6, and two rules more, by iptables-nft.
const COMPAT: &str = include_str!("corpus/compat.txt");
/// The same by iptables-legacy; its FORWARD drops.
const LEGACY: &str = include_str!("corpus/legacy.txt");

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn bodies(text: &str) -> nft::Bodies {
    let mut bodies = nft::Bodies::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["table", hex] => bodies.tables.push(bytes(hex)),
            ["chain", hex] => bodies.chains.push(bytes(hex)),
            ["rule", hex] => bodies.rules.push(bytes(hex)),
            ["elements", family, table, set, hex] => {
                let name = (family.parse().expect("a family"), table.to_owned(), set.to_owned());
                bodies.elements.entry(name).or_default().push(bytes(hex));
            }
            _ => panic!("what is {line}"),
        }
    }
    bodies
}

/// Family, name, and the two parts of a table.
fn blobs() -> Vec<(Family, String, Vec<u8>, Vec<u8>)> {
    let blob = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let family = if words[0] == "v6" { Family::Ipv6 } else { Family::Ipv4 };
        (family, words[1].to_owned(), bytes(words[2]), bytes(words[3]))
    };
    LEGACY.lines().map(blob).collect()
}

fn texts(tables: &[Table]) -> Vec<String> {
    let rules = Ruleset { tables: tables.to_vec() };
    let mut texts: Vec<String> = rules
        .rules()
        .map(|(place, rule)| {
            let table = &rules.tables[place.table];
            format!("{} {} {}", table.scope.name(), table.name, rule.text)
        })
        .collect();
    texts.sort();
    texts
}

#[test]
fn iptables_of_both_back_ends_says_the_same() {
    let nft = texts(&nft::read(&bodies(COMPAT)));
    let legacy: Vec<Table> = blobs()
        .iter()
        .map(|(family, name, info, entries)| {
            legacy::read(*family, name, info, entries).expect("a table")
        })
        .collect();
    assert_eq!(nft, texts(&legacy));
    assert!(nft.len() > 50, "{}", nft.len());
    for wanted in [
        "ip nat -A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT",
        "ip mangle -A ISTIO_TPROXY ! -d 127.0.0.1/32 -p tcp -j TPROXY --on-port 15006 --tproxy-mark 0x539/0xffffffff",
        "ip mangle -A ISTIO_INBOUND -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT",
        "ip6 nat -A ISTIO_PRERT ! -d ::1/128 -p tcp ! --dport 15008 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15006",
        "ip6 mangle -A ISTIO_PRERT -m mark --mark 0x539/0xfff -j CONNMARK --set-xmark 0x111/0xfff",
        "ip filter -A OUTPUT -p tcp -m multiport --dports 1:3,9 -j REJECT",
        "ip filter -A INPUT unreadable(statistic) -j DROP",
    ] {
        assert!(nft.iter().any(|text| text == wanted), "no `{wanted}` in\n{}", nft.join("\n"));
    }
}

#[test]
fn the_policy_of_a_legacy_chain_is_read() {
    let of_filter = |(family, name, ..): &&(Family, String, Vec<u8>, Vec<u8>)| {
        *family == Family::Ipv4 && name == "filter"
    };
    let blobs = blobs();
    let (family, name, info, entries) = blobs.iter().find(of_filter).expect("filter");
    let table = legacy::read(*family, name, info, entries).expect("a table");
    let policy = |name: &str| {
        let chain = table.chains.iter().find(|chain| chain.name == name).expect("a chain");
        chain.base.as_ref().expect("a base chain").accepts
    };
    assert!(policy("INPUT") && policy("OUTPUT"));
    assert!(!policy("FORWARD"));
}

#[test]
fn native_rules_are_read_in_the_same_words() {
    let texts = texts(&nft::read(&bodies(NATIVE)));
    for wanted in [
        "inet istio-proxy-nat -A istio-output -s ::6/128 -o lo -j RETURN",
        "inet istio-proxy-nat -A istio-output ! -d 127.0.0.1/32 -o lo -p tcp -m multiport ! --dports 53,15008 -m owner --uid-owner 1337 -j istio-in-redirect",
        "inet istio-proxy-nat -A istio-output-dns -p udp --dport 53 -j REDIRECT --to-ports 15053",
        "inet istio-proxy-raw -A istio-inbound -p udp --sport 53 -j CT --zone 1",
    ] {
        assert!(texts.iter().any(|text| text == wanted), "no `{wanted}` in\n{}", texts.join("\n"));
    }
    assert!(!texts.iter().any(|text| text.contains("unreadable")), "{}", texts.join("\n"));
}

#[test]
fn rules_that_look_into_a_set_that_was_not_read_are_unreadable_by_name() {
    let mut bodies = bodies(NATIVE);
    assert_eq!(nft::wanted_sets(&bodies.rules).len(), 2);
    bodies.elements.clear();
    let texts = texts(&nft::read(&bodies));
    let unreadable = texts.iter().filter(|text| text.contains("unreadable(lookup)"));
    assert_eq!(unreadable.count(), 2, "{}", texts.join("\n"));
}

/// Each body with a byte changed, or cut.
fn damaged(bodies: &[Vec<u8>], at: usize, byte: u8, cut: bool) -> Vec<Vec<u8>> {
    let damage = |body: &Vec<u8>| {
        let mut body = body.clone();
        let place = at % body.len().max(1);
        if cut {
            body.truncate(place);
        } else if let Some(old) = body.get_mut(place) {
            *old = byte;
        }
        body
    };
    bodies.iter().map(damage).collect()
}

proptest! {
    #[test]
    fn damaged_nftables_never_panic(at in 0usize..400, byte: u8, cut: bool, native: bool) {
        let whole = bodies(if native { NATIVE } else { COMPAT });
        let damage = |list: &[Vec<u8>]| damaged(list, at, byte, cut);
        let elements = whole.elements.iter().map(|(name, list)| (name.clone(), damage(list)));
        let elements = elements.collect();
        let rules = damage(&whole.rules);
        let _ = nft::wanted_sets(&rules);
        let _ = nft::read(&nft::Bodies { rules, elements, ..whole.clone() });
        let (tables, chains) = (damage(&whole.tables), damage(&whole.chains));
        let _ = nft::read(&nft::Bodies { tables, chains, ..whole });
    }

    #[test]
    fn damaged_legacy_tables_never_panic(
        at: prop::sample::Index, byte: u8, in_info: bool, cut: bool,
    ) {
        for (family, name, mut info, mut entries) in blobs() {
            let damaged = if in_info { &mut info } else { &mut entries };
            let at = at.index(damaged.len());
            if cut { damaged.truncate(at) } else { damaged[at] = byte }
            let _ = legacy::read(family, &name, &info, &entries);
        }
    }

    #[test]
    fn garbage_is_no_table(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = legacy::read(Family::Ipv4, "nat", &bytes, &bytes);
        let _ = legacy::read(Family::Ipv6, "nat", &bytes, &bytes);
        let list = vec![bytes];
        let bodies = nft::Bodies {
            tables: list.clone(), chains: list.clone(), rules: list.clone(), ..Default::default()
        };
        let _ = (nft::wanted_sets(&list), nft::read(&bodies));
    }
}
