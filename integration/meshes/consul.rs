//! Consul: loopback addresses but 127.0.0.1 are captured as outbound, and DNS for one resolver address alone.

use super::Mesh;
use crate::world::{Backend, Pod, Rules, Who, World};
use Who::{App, NetAdmin, Root};

const CONSUL: Mesh = Mesh { name: "consul", proxy: Who::Ids(5995, 5995), flags: &[] };
/// The iptables form leaves IPv6 alone except in a dual-stack cluster.
const IPV4: Mesh = Mesh { flags: &["--families", "ipv4"], ..CONSUL };
const EVERY_APP: [Who; 3] = [App, Root, NetAdmin];

#[test]
fn intact_rules_hold_behind_a_silent_first_hop() {
    CONSUL.holds(World::V4.silent_node(), &Rules::consul(), &[]);
}

#[test]
fn intact_rules_hold_in_ipv4() {
    CONSUL.holds(World::V4, &Rules::consul(), &[]);
}

#[test]
fn intact_rules_of_an_ipv4_cluster_hold_in_a_dual_stack_pod() {
    IPV4.holds(World::DUAL, &Rules::consul(), &[]);
}

#[test]
fn intact_rules_hold_in_both_families() {
    CONSUL.holds(World::DUAL, &Rules::consul_dual(), &[]);
}

#[test]
fn rules_without_dns_hold_when_that_is_declared() {
    for (world, rules) in [(World::V4, Rules::consul()), (World::DUAL, Rules::consul_dual())] {
        CONSUL.holds(world, &rules.without("53"), &["--dns-capture", "false"]);
    }
}

#[test]
fn no_rules_and_rules_for_one_family_are_told_apart() {
    CONSUL.missing(
        &Rules::consul_dual(),
        &EVERY_APP,
        &["redirect-missing"],
        &["redirect-family-missing"],
    );
}

#[test]
fn another_outbound_port_is_named() {
    sees(
        &Rules::consul().replace("ports 15001", "ports 20000"),
        &EVERY_APP,
        &["outbound-wrong-port", "ports-swapped"],
    );
}

#[test]
fn another_inbound_port_shows_from_outside() {
    let rules = Rules::consul().replace("ports 20000", "ports 15001");
    sees(&rules, &[NetAdmin], &["inbound-wrong-port"]);
}

#[test]
fn rules_for_another_proxy_loop_for_this_one() {
    sees(
        &Rules::consul().replace("owner 5995", "owner 1337"),
        &[CONSUL.proxy, Root, NetAdmin],
        &["identity-mismatch", "proxy-loop"],
    );
}

#[test]
fn captured_localhost_is_seen() {
    sees(&Rules::consul().without("-d 127.0.0.1/32 -j RETURN"), &EVERY_APP, &["loopback-captured"]);
}

#[test]
fn dns_for_the_local_resolver_is_named_when_it_is_not_captured() {
    sees(&Rules::consul().without("-j CONSUL_DNS_REDIRECT"), &EVERY_APP, &["dns-escaped"]);
}

#[test]
fn dns_on_another_port_is_named() {
    sees(
        &Rules::consul().replace("127.0.0.1:8600", "127.0.0.1:20000"),
        &EVERY_APP,
        &["dns-wrong-port"],
    );
}

/// Those see one of the causes in an IPv4 pod, and the others nothing.
#[track_caller]
fn sees(rules: &Rules, seers: &[Who], causes: &[&str]) {
    for backend in [Backend::IptablesNft, Backend::IptablesLegacy] {
        let pod = Pod::with(World::V4, backend, rules);
        for who in CONSUL.everybody() {
            if seers.contains(&who) {
                CONSUL.sees(&pod, who, causes);
            } else {
                CONSUL.passes(&pod, who, &[]);
            }
        }
    }
}
