//! Which peers a pod asks: k of those that a headless Service names, by rendezvous hashing.
//!
//! Each pod gives every address a weight, made of its own name and that address, and takes the k
//! heaviest (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998). Pods need
//! not talk about it; each address is chosen by about k pods; one that goes is replaced by those alone
//! who had chosen it, and one that comes is taken by about k. So a cluster of N nodes makes N·k
//! exchanges a round, and never N².

use std::{cmp::Reverse, collections::BTreeSet, net::IpAddr};

/// The k peers of each family that `own` asks, heaviest first, IPv4 before IPv6.
///
/// `own` names the pod: its address, its addresses as the downward API's `status.podIPs` writes them,
/// with commas, or its node. The pod never asks itself: addresses in `own` are not chosen. Who gives a
/// node's name takes the pod's own addresses out of `addresses`. The order of `addresses`, and one that
/// is there twice, make no difference.
#[must_use]
pub fn choose(own: &str, addresses: &[IpAddr], k: usize) -> Vec<IpAddr> {
    refill(own, &[], addresses, k)
}

/// Likewise, but first those of `kept` that are there already, and others only for the free places.
///
/// For answers that are not the whole: a nameserver that truncates names a part of the addresses, and
/// another part next time. Then who is missing has not gone, and `kept` is what still answers.
#[must_use]
pub fn refill(own: &str, kept: &[IpAddr], addresses: &[IpAddr], k: usize) -> Vec<IpAddr> {
    let own_addresses: Vec<IpAddr> =
        own.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    let seed = fold(OFFSET, own.as_bytes());
    let mut chosen = Vec::with_capacity(2 * k);
    for family in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
        let kept: Vec<IpAddr> = of_family(kept, family).take(k).collect();
        let places = k - kept.len();
        // No larger than k, and without those that are there twice. Equal weights are as good as
        // impossible; the address makes the order whole all the same.
        let mut heaviest = BTreeSet::new();
        for address in of_family(addresses, family) {
            if !kept.contains(&address)
                && !of_family(&own_addresses, family).any(|own| own == address)
            {
                heaviest.insert((Reverse(weight(seed, address)), address));
            }
            if heaviest.len() > places {
                heaviest.pop_last();
            }
        }
        chosen.extend(kept);
        chosen.extend(heaviest.into_iter().map(|(_, address)| address));
    }
    chosen
}

/// Those of one family, in the order given, with IPv4 addresses that are written as IPv6 among IPv4's.
fn of_family(addresses: &[IpAddr], family: fn(&IpAddr) -> bool) -> impl Iterator<Item = IpAddr> {
    addresses.iter().map(IpAddr::to_canonical).filter(family)
}

/// FNV-1a's offset basis and prime for 64 bits (RFC 9923).
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// What an address weighs for the pod whose name gave `seed`.
///
/// Written out, because all versions must choose alike while a cluster is upgraded, which the standard
/// library does not promise of its hasher. FNV-1a takes in the octets; alone it leaves the weights of
/// neighbouring addresses alike in their upper bits, which decide, hence the mixing.
fn weight(seed: u64, address: IpAddr) -> u64 {
    mix(match address {
        IpAddr::V4(address) => fold(seed, &address.octets()),
        IpAddr::V6(address) => fold(seed, &address.octets()),
    })
}

/// FNV-1a's round for each octet.
fn fold(state: u64, octets: &[u8]) -> u64 {
    octets.iter().fold(state, |state, octet| (state ^ u64::from(*octet)).wrapping_mul(PRIME))
}

/// The finaliser of splitmix64 (Steele, Lea and Flood 2014, with Stafford's variant 13 of the constants).
fn mix(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
#[path = "choose_scale.rs"]
mod scale;
#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
