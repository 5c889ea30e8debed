//! Addresses by other addresses: the same by the same, those of one network by those of one network, and
//! of the same kind, so that a recording is judged as before.
//!
//! Each bit is turned or not by a keyed hash of the bits before it (the idea of Crypto-PAn, Xu et al. 2002).

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Bits and length of a network, as in IPv6: IPv4 is `::ffff:0:0/96` of it.
type Network = (u128, u32);

/// What is the same everywhere, and tells nothing about a cluster.
const KEPT: [Network; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
    // Unspecified, loopback, and Istio's ::6.
    v6(0, 120),
    v6(0x0064_ff9b, 128),
    v6(0x0100_0000, 64),
    v6(0x2001_0db8, 32),
    v6(0xfe80_0000, 128),
    v6(0xff00_0000, 8),
];
/// What an address stays in: private stays private, and public public.
const KINDS: [Network; 9] = [
    v4([0, 0, 0, 0], 0),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v6(0x0064_ff9b, 96),
    v6(0xfc00_0000, 7),
    v6(0xfe80_0000, 64),
];

const fn v4(octets: [u8; 4], length: u32) -> Network {
    (mapped(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])), 96 + length)
}

/// By the first 32 bits, behind which these have none.
const fn v6(first: u32, length: u32) -> Network {
    ((first as u128) << 96, length)
}

const fn mapped(ip: Ipv4Addr) -> u128 {
    ip.to_ipv6_mapped().to_bits()
}

/// Whether both have the same first bits.
fn share(one: u128, other: u128, length: u32) -> bool {
    (one ^ other).checked_shr(128 - length).unwrap_or(0) == 0
}

/// Another address, the same for the same address and key.
pub(super) fn other(ip: IpAddr, key: &RandomState) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => match Ipv6Addr::from_bits(turned(mapped(v4), key)).to_ipv4_mapped() {
            Some(other) => other.into(),
            // The mapped prefix is one of the kinds.
            None => ip,
        },
        IpAddr::V6(v6) => Ipv6Addr::from_bits(turned(v6.to_bits(), key)).into(),
    }
}

/// A network's first address is the first of the other network, too.
pub(super) fn other_network(ip: IpAddr, length: u32, key: &RandomState) -> IpAddr {
    let width: u32 = if ip.is_ipv4() { 32 } else { 128 };
    let bits = |ip| match ip {
        IpAddr::V4(v4) => mapped(v4),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let free = 1_u128.checked_shl(width.saturating_sub(length));
    let hosts = free.map_or(u128::MAX, |first| first - 1);
    let told = other(ip, key);
    if bits(ip) & hosts != 0 {
        return told;
    }
    match told {
        IpAddr::V4(v4) => {
            let low = u32::try_from(hosts & u128::from(u32::MAX)).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & !low).into()
        }
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !hosts).into(),
    }
}

fn turned(address: u128, key: &RandomState) -> u128 {
    if KEPT.iter().any(|(network, length)| share(address, *network, *length)) {
        return address;
    }
    let mut turned = address;
    for length in 0..128 {
        // On the way to a network that has a meaning nothing is turned: who leaves it there, stays out.
        let on_the_way = |(network, of): &Network| *of > length && share(address, *network, length);
        if KEPT.iter().chain(&KINDS).any(on_the_way) {
            continue;
        }
        let before = address.checked_shr(128 - length).unwrap_or(0);
        if key.hash_one((length, before)) & 1 == 1 {
            turned ^= 1 << (127 - length);
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_the_same_everywhere_stays() {
        let key = RandomState::new();
        for kept in [
            "127.0.0.6",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "169.254.20.10",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::6",
            "2001:db8::5",
            "ff02::1",
            "fe80::",
        ] {
            let ip: IpAddr = kept.parse().expect("an address");
            assert_eq!(other(ip, &key), ip);
        }
    }

    #[test]
    fn a_networks_address_becomes_a_networks_address() {
        let key = RandomState::new();
        for (text, length) in [("10.96.0.0", 12), ("0.0.0.0", 0), ("fd00:10::", 32), ("::", 0)] {
            let ip: IpAddr = text.parse().expect("an address");
            let told = ipnet::IpNet::new(other_network(ip, u32::from(length), &key), length);
            let told = told.expect("a network");
            assert_eq!(told, told.trunc(), "{text}");
        }
        let host: IpAddr = "10.96.0.1".parse().expect("an address");
        assert_eq!(other_network(host, 12, &key), other(host, &key));
    }

    proptest! {
        #[test]
        fn neighbours_stay_neighbours_and_nobody_becomes_another(a: u32, b: u32, length in 0..=32_u32) {
            let key = RandomState::new();
            let of = |bits| match other(Ipv4Addr::from_bits(bits).into(), &key) {
                IpAddr::V4(v4) => v4.to_bits(),
                IpAddr::V6(v6) => panic!("{v6}"),
            };
            let near = |a: u32, b: u32| (a ^ b).checked_shr(32 - length).unwrap_or(0) == 0;
            prop_assert_eq!(near(a, b), near(of(a), of(b)));
            prop_assert_eq!(a == b, of(a) == of(b));
        }

        #[test]
        fn an_address_stays_of_its_kind(bits: u128) {
            let (ip, key) = (Ipv6Addr::from_bits(bits), RandomState::new());
            let IpAddr::V6(told) = other(ip.into(), &key) else { panic!("{ip}") };
            for (network, length) in KEPT.iter().chain(&KINDS) {
                let of = |ip: Ipv6Addr| share(ip.to_bits(), *network, *length);
                prop_assert_eq!(of(ip), of(told), "{} {}", ip, told);
            }
        }

        #[test]
        fn a_private_address_stays_private(a: u8, b: u8, c: u8) {
            let key = RandomState::new();
            for ip in [Ipv4Addr::new(10, a, b, c), Ipv4Addr::new(192, 168, b, c), Ipv4Addr::new(172, 16 + a % 16, b, c)] {
                let IpAddr::V4(told) = other(ip.into(), &key) else { panic!("{ip}") };
                prop_assert!(told.is_private(), "{} {}", ip, told);
            }
        }
    }
}
