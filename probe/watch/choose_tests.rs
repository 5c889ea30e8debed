//! What a choice of peers promises.

use std::{collections::HashMap, net::IpAddr};

use proptest::{collection::hash_set, prelude::*, sample::Index};

use super::*;

/// How nodes get their pods' addresses: in a row, or a /24 for each node as most CNI plugins do.
fn cluster(nodes: u32, per_node: bool) -> Vec<IpAddr> {
    let place = |node: u32| if per_node { (node << 8) + 7 } else { node + 2 };
    (0..nodes).map(|node| IpAddr::from((0x0a00_0000 + place(node)).to_be_bytes())).collect()
}

/// How many choose each address.
fn chosen_by(addresses: &[IpAddr], k: usize) -> HashMap<IpAddr, usize> {
    let mut count: HashMap<IpAddr, usize> = addresses.iter().map(|peer| (*peer, 0)).collect();
    for own in addresses {
        for peer in choose(&own.to_string(), addresses, k) {
            *count.get_mut(&peer).expect("a peer is one of the addresses") += 1;
        }
    }
    count
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
        .prop_map(|address| address.to_canonical())
}

fn addresses() -> impl Strategy<Value = Vec<IpAddr>> {
    hash_set(address(), 1..60).prop_map(|set| set.into_iter().collect())
}

proptest! {
    #[test]
    fn never_itself_never_twice_and_as_many_as_there_are(all in addresses(), k in 0usize..6) {
        let own = all[0];
        let chosen = choose(&own.to_string(), &all, k);
        prop_assert!(!chosen.contains(&own));
        prop_assert!(chosen.iter().all(|peer| all.contains(peer)));
        for family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
            let others = all.iter().filter(|peer| family(peer) && **peer != own).count();
            prop_assert_eq!(chosen.iter().filter(|peer| family(peer)).count(), others.min(k));
        }
        let mut once = chosen.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), chosen.len());
    }

    #[test]
    fn order_and_repetition_make_no_difference(all in addresses(), turn in any::<Index>(), k in 1usize..6) {
        let mut other = all.clone();
        other.rotate_left(turn.index(all.len()));
        other.push(other[0]);
        other.reverse();
        prop_assert_eq!(choose("node-7", &all, k), choose("node-7", &other, k));
    }

    #[test]
    fn one_that_goes_is_missed_by_who_had_chosen_it(all in addresses(), gone in any::<Index>(), k in 1usize..6) {
        let gone = *gone.get(&all);
        let rest: Vec<IpAddr> = all.iter().copied().filter(|peer| *peer != gone).collect();
        for own in rest.iter().map(IpAddr::to_string) {
            let (before, after) = (choose(&own, &all, k), choose(&own, &rest, k));
            let kept: Vec<IpAddr> = before.iter().copied().filter(|peer| *peer != gone).collect();
            if kept.len() == before.len() {
                prop_assert_eq!(before, after);
            } else {
                // The others keep their order; at most one new one has come behind them.
                let same = after.iter().filter(|peer| kept.contains(peer)).copied().collect::<Vec<_>>();
                prop_assert_eq!(same, kept.clone());
                prop_assert!(after.len() <= kept.len() + 1);
            }
        }
    }

    #[test]
    fn a_refill_keeps_what_is_kept(all in addresses(), seen in addresses(), k in 1usize..6) {
        let held = choose("node-7", &all, k);
        let kept = &held[..held.len() / 2];
        let after = refill("node-7", kept, &seen, k);
        prop_assert!(kept.iter().all(|peer| after.contains(peer)));
        for family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
            prop_assert!(after.iter().filter(|peer| family(peer)).count() <= k);
        }
        prop_assert_eq!(refill("node-7", &after, &seen, k), after, "nothing moves for nothing");
    }
}

#[test]
fn each_is_chosen_by_about_k() {
    for per_node in [false, true] {
        let addresses = cluster(1000, per_node);
        let count = chosen_by(&addresses, 3);
        assert_eq!(count.values().sum::<usize>(), 3000);
        // Binomial with mean 3: more than 14 has a chance of one in a million for each address.
        let most = count.values().max().expect("there are addresses");
        assert!(*most <= 14, "one is asked by {most}, per node {per_node}");
        // e^-3 = 5 % are chosen by nobody; whether they can be reached they find out themselves.
        let nobody = count.values().filter(|count| **count == 0).count();
        assert!((20..=90).contains(&nobody), "{nobody} of 1000 are asked by nobody");
    }
}

#[test]
fn both_own_addresses_are_left_out() {
    let all: Vec<IpAddr> = ["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"]
        .map(|text| text.parse().expect("an address"))
        .into();
    assert_eq!(choose("10.0.0.1,fd00::1", &all, 3), [all[1], all[3]]);
    assert_eq!(choose("::ffff:10.0.0.1", &all[..2], 3), [all[1]], "IPv4 in IPv6's clothes");
}

#[test]
fn every_version_chooses_alike() {
    // Computed apart, in Python: whoever changes the weights makes a half-upgraded cluster choose twice.
    let all = cluster(10, false);
    let shown: Vec<String> = choose("node-7", &all, 3).iter().map(IpAddr::to_string).collect();
    assert_eq!(shown, ["10.0.0.10", "10.0.0.9", "10.0.0.6"]);
}
