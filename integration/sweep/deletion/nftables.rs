//! What each rule of the native form means to whom; most of them serve both families.

use super::{DNS, EVERYBODY, EXCLUDED, HALF_PROXY, INSIDE, NOBODY, OUTWARD, Row, sweep};
use crate::world::{Backend, Rules};

/// The first row that matches counts.
const TABLE: &[Row] = &[
    // The application's conntrack zone, and the way to it; then the proxy's.
    Row { says: |rule| rule.ends_with("-dns udp dport 53 counter ct zone set 2"), seen: OUTWARD },
    Row { says: |rule| rule.contains("-raw output counter jump istio-output-dns"), seen: OUTWARD },
    Row { says: |rule| rule.contains(" istio-proxy-raw "), seen: HALF_PROXY },
    // Only packets from outside meet these.
    Row { says: |rule| rule.contains(" prerouting "), seen: NOBODY },
    Row { says: |rule| rule.contains(" istio-inbound "), seen: NOBODY },
    // The way into the chains, and the targets.
    Row { says: |rule| rule.contains(" output counter jump istio-output"), seen: EVERYBODY },
    Row { says: |rule| rule.ends_with(" jump istio-output-dns"), seen: OUTWARD },
    Row { says: |rule| rule.ends_with(" jump istio-redirect"), seen: OUTWARD },
    Row { says: |rule| rule.ends_with(" redirect to :15001"), seen: OUTWARD },
    Row { says: |rule| rule.ends_with(" redirect to :15006"), seen: INSIDE },
    Row { says: |rule| rule.ends_with(" redirect to :15053"), seen: OUTWARD },
    // Exclusions.
    Row { says: |rule| rule.contains(" dport 15020 "), seen: NOBODY },
    Row { says: |rule| rule.contains(" udp dport 5432 "), seen: NOBODY },
    Row { says: |rule| rule.contains(" tcp dport 5432 "), seen: EVERYBODY },
    Row { says: |rule| rule.contains(" daddr 10.96.64.0/18 "), seen: OUTWARD },
    // The proxy's own traffic.
    Row { says: |rule| rule.contains(" saddr "), seen: INSIDE },
    Row { says: |rule| rule.contains(" skuid 1337 counter jump "), seen: INSIDE },
    // Idle while uid and gid are both the proxy's, or because of an earlier rule.
    Row { says: |rule| rule.contains(" skgid 1337 counter jump "), seen: NOBODY },
    Row { says: |rule| rule.contains(" skgid != 1337 counter return"), seen: NOBODY },
    Row { says: |rule| rule.contains(" skuid != 1337 counter return"), seen: HALF_PROXY },
    Row { says: |rule| rule.contains(" skuid 1337 counter return"), seen: HALF_PROXY },
    Row { says: |rule| rule.contains(" skgid 1337 counter return"), seen: HALF_PROXY },
    Row { says: |rule| rule.contains(" daddr 127.0.0.1/32 counter return"), seen: NOBODY },
    Row { says: |rule| rule.contains(" daddr ::1/128 counter return"), seen: NOBODY },
];

#[test]
fn every_native_rule_of_the_sidecar_is_seen_by_whom_it_concerns() {
    sweep(Backend::Nft, TABLE, &Rules::istio(), |rules| &mut rules.nft, &[]);
}

#[test]
fn every_native_rule_of_captured_dns_is_seen_by_whom_it_concerns() {
    sweep(Backend::Nft, TABLE, &Rules::istio_dns(), |rules| &mut rules.nft, DNS);
}

#[test]
fn every_native_rule_with_exclusions_is_seen_by_whom_it_concerns() {
    sweep(Backend::Nft, TABLE, &Rules::istio_excl(), |rules| &mut rules.nft, EXCLUDED);
}
