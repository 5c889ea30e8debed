//! Kuma: Istio's shape with other owners, and DNS over UDP alone.

use super::Mesh;
use crate::world::{Backend, Pod, Rules, Who, World};
use Who::{App, NetAdmin, Root};

const KUMA: Mesh = Mesh { name: "kuma", proxy: Who::Ids(5678, 5678), flags: &[] };

#[test]
fn intact_rules_hold_in_ipv4() {
    KUMA.holds(World::V4, &Rules::kuma(), &[]);
}

#[test]
fn intact_rules_hold_behind_a_silent_first_hop() {
    KUMA.holds(World::DUAL.silent_node(), &Rules::kuma(), &[]);
}

#[test]
fn intact_rules_hold_in_both_families() {
    KUMA.holds(World::DUAL, &Rules::kuma(), &[]);
}

#[test]
fn the_proxys_group_alone_exempts_nobody() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::kuma());
    KUMA.passes(&pod, Who::Ids(65532, 5678), &[]);
    KUMA.passes(&pod, Who::Ids(5678, 65532), &[]);
}

#[test]
fn no_rules_and_rules_for_one_family_are_told_apart() {
    KUMA.missing(
        &Rules::kuma(),
        &KUMA.everybody(),
        &["redirect-missing"],
        &["redirect-family-missing"],
    );
}

#[test]
fn another_outbound_port_is_named() {
    let rules = Rules::kuma().replace("ports 15001", "ports 15053");
    let seen: &[&str] = &["outbound-wrong-port"];
    KUMA.broken(&rules, &[(App, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn another_inbound_port_is_named() {
    let rules = Rules::kuma().replace("ports 15006", "ports 15010");
    let seen: &[&str] = &["inbound-wrong-port"];
    KUMA.broken(&rules, &[(KUMA.proxy, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn rules_for_another_proxy_are_an_identity_mismatch() {
    let rules = Rules::kuma().replace("owner 5678", "owner 1337");
    let seen: &[&str] = &["identity-mismatch"];
    KUMA.broken(&rules, &[(KUMA.proxy, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn dns_that_leaves_the_pod_is_named() {
    let rules = Rules::kuma().without("ports 15053");
    let seen: &[&str] = &["dns-escaped"];
    KUMA.broken(&rules, &[(App, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn captured_dns_over_tcp_is_named() {
    let rules = Rules::kuma().without("-p tcp --dport 53 -m owner ! --uid-owner 5678 -j RETURN");
    let seen: &[&str] = &["dns-captured", "exclusion-captured"];
    KUMA.broken(&rules, &[(App, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn the_proxys_own_queries_must_not_come_back_to_it() {
    let rules =
        Rules::kuma().without("-A OUTPUT -p udp --dport 53 -m owner --uid-owner 5678 -j RETURN");
    let seen: &[&str] = &["proxy-loop", "dns-captured"];
    KUMA.broken(&rules, &[(KUMA.proxy, seen), (Root, seen), (NetAdmin, seen)]);
}
