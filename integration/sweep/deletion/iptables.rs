//! What each iptables rule means to whom.

use super::{DNS, EVERYBODY, EXCLUDED, HALF_PROXY, INSIDE, NOBODY, OUTWARD, Row, sweep};
use crate::world::{Backend, Rules};

/// The first row that matches counts.
const TABLE: &[Row] = &[
    // Only packets from outside, and invalid ones, meet these.
    Row { says: |rule| rule.contains("ISTIO_DROP"), seen: NOBODY },
    Row { says: |rule| rule.starts_with("-A PREROUTING "), seen: NOBODY },
    Row { says: |rule| rule.starts_with("-A ISTIO_INBOUND "), seen: NOBODY },
    // The application's zone: without it, answers of a DNS proxy that is not the mesh's find back.
    Row { says: |rule| rule.ends_with("-p udp --dport 53 -j CT --zone 2"), seen: OUTWARD },
    Row { says: |rule| rule == "-A OUTPUT -j ISTIO_OUTPUT_DNS", seen: OUTWARD },
    // The proxy's: the same query from proxy and application at once shows them, which takes root.
    Row { says: |rule| rule.contains("-j CT "), seen: HALF_PROXY },
    // The way into the chains.
    Row { says: |rule| rule == "-A OUTPUT -j ISTIO_OUTPUT", seen: EVERYBODY },
    Row { says: |rule| rule == "-A ISTIO_OUTPUT -j ISTIO_OUTPUT_DNS", seen: OUTWARD },
    Row { says: |rule| rule == "-A ISTIO_OUTPUT -j ISTIO_REDIRECT", seen: OUTWARD },
    // The targets.
    Row { says: |rule| rule.starts_with("-A ISTIO_REDIRECT "), seen: OUTWARD },
    Row { says: |rule| rule.starts_with("-A ISTIO_IN_REDIRECT "), seen: INSIDE },
    Row {
        says: |rule| rule.starts_with("-A ISTIO_OUTPUT_DNS ") && rule.contains("REDIRECT"),
        seen: OUTWARD,
    },
    // Exclusions. 15020 is the mesh's own and may be absent; UDP is redirected on port 53 only.
    Row { says: |rule| rule.contains("--dport 15020"), seen: NOBODY },
    Row { says: |rule| rule.contains("-p udp --dport 5432"), seen: NOBODY },
    // The proxy meets it as well, on its way to the application by 127.0.0.6.
    Row { says: |rule| rule.contains("-p tcp --dport 5432"), seen: EVERYBODY },
    Row { says: |rule| rule.contains("-d 10.96.64.0/18"), seen: OUTWARD },
    // The proxy's own traffic.
    Row {
        says: |rule| rule.contains("-s 127.0.0.6/32") || rule.contains("-s ::6/128"),
        seen: INSIDE,
    },
    Row { says: |rule| rule.contains("--uid-owner 1337 -j ISTIO_IN_REDIRECT"), seen: INSIDE },
    // Idle: each of the pair for uid and gid does the other's work while uid and gid are both the proxy's.
    Row { says: |rule| rule.contains("--gid-owner 1337 -j ISTIO_IN_REDIRECT"), seen: NOBODY },
    Row { says: |rule| rule.contains("! --uid-owner 1337 -j RETURN"), seen: HALF_PROXY },
    Row { says: |rule| rule.contains("! --gid-owner 1337 -j RETURN"), seen: NOBODY },
    Row { says: |rule| rule.contains("--uid-owner 1337 -j RETURN"), seen: HALF_PROXY },
    Row { says: |rule| rule.contains("--gid-owner 1337 -j RETURN"), seen: HALF_PROXY },
    // Idle: earlier rules return everything on lo.
    Row { says: |rule| rule.contains("-d 127.0.0.1/32 -j RETURN"), seen: NOBODY },
    Row { says: |rule| rule.contains("-d ::1/128 -j RETURN"), seen: NOBODY },
];

#[test]
fn every_ipv4_rule_of_the_sidecar_is_seen_by_whom_it_concerns() {
    sweep(Backend::IptablesNft, TABLE, &Rules::istio(), |rules| &mut rules.v4, &[]);
}

#[test]
fn every_ipv6_rule_of_the_sidecar_is_seen_by_whom_it_concerns() {
    sweep(Backend::IptablesNft, TABLE, &Rules::istio(), |rules| &mut rules.v6, &[]);
}

#[test]
fn every_ipv4_rule_of_captured_dns_is_seen_by_whom_it_concerns() {
    sweep(Backend::IptablesNft, TABLE, &Rules::istio_dns(), |rules| &mut rules.v4, DNS);
}

#[test]
fn every_ipv6_rule_of_captured_dns_is_seen_by_whom_it_concerns() {
    sweep(Backend::IptablesNft, TABLE, &Rules::istio_dns(), |rules| &mut rules.v6, DNS);
}

#[test]
fn every_ipv4_rule_with_exclusions_is_seen_by_whom_it_concerns() {
    sweep(Backend::IptablesNft, TABLE, &Rules::istio_excl(), |rules| &mut rules.v4, EXCLUDED);
}

#[test]
fn every_ipv6_rule_with_exclusions_is_seen_by_whom_it_concerns() {
    sweep(Backend::IptablesNft, TABLE, &Rules::istio_excl(), |rules| &mut rules.v6, EXCLUDED);
}
