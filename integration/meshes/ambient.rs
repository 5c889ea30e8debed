//! Istio ambient without ztunnel: rules that know it by its mark, and so look the same to every uid.

use super::Mesh;
use crate::world::{Backend, Pod, Rules, Who, World, sh};
use Who::{App, NetAdmin, Root};

/// Nobody in the pod is the proxy; Istio's sidecar uid is one like any other. podprobe stands in for ztunnel.
const AMBIENT: Mesh =
    Mesh { name: "istio-ambient", proxy: Who::Proxy, flags: &["--listeners", "bind"] };

#[test]
fn intact_rules_hold_in_ipv4() {
    AMBIENT.holds(World::V4, &Rules::ambient(), &[]);
}

#[test]
fn intact_rules_hold_behind_a_silent_first_hop() {
    AMBIENT.holds(World::DUAL.silent_node(), &Rules::ambient(), &[]);
}

#[test]
fn intact_rules_hold_in_both_families() {
    AMBIENT.holds(World::DUAL, &Rules::ambient(), &[]);
}

#[test]
fn intact_rules_hold_for_a_root_without_capabilities() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::ambient());
    AMBIENT.passes(&pod, Who::Ids(0, 0), &[]);
}

#[test]
fn rules_without_dns_hold_when_that_is_declared() {
    AMBIENT.holds(World::DUAL, &Rules::ambient().without("15053"), &["--dns-capture", "false"]);
}

#[test]
fn no_rules_and_rules_for_one_family_are_told_apart() {
    AMBIENT.missing(
        &Rules::ambient(),
        &AMBIENT.everybody(),
        &["redirect-missing"],
        &["redirect-family-missing"],
    );
}

#[test]
fn a_missing_policy_rule_or_route_is_seen_by_everybody_in_its_family() {
    let pod = World::DUAL.start();
    let whole = Rules::ambient();
    for (line, family) in [(0, "ipv4"), (1, "ipv4"), (2, "ipv6"), (3, "ipv6")] {
        let mut rules = whole.clone();
        let command = rules.setup.remove(line);
        for backend in Backend::ALL {
            pod.load(backend, &rules);
            for who in [App, Root] {
                let run = AMBIENT.sees(&pod, who, &["marked-route-missing"]);
                assert_eq!(super::families(&run), [family], "{command}: {who:?}: {run}");
            }
        }
    }
}

#[test]
fn rules_that_a_reboot_took_away_are_missing_though_the_routes_are_there() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::ambient());
    sh("nft flush ruleset");
    for who in AMBIENT.everybody() {
        AMBIENT.sees(&pod, who, &["redirect-missing"]);
    }
}

#[test]
fn another_outbound_port_is_named_by_everybody() {
    let rules = Rules::ambient().replace("ports 15001", "ports 15006");
    let seen: &[&str] = &["outbound-wrong-port", "ports-swapped"];
    AMBIENT.broken(&rules, &AMBIENT.everybody().map(|who| (who, seen)));
}

#[test]
fn dns_that_leaves_the_pod_is_named_by_everybody() {
    let rules = Rules::ambient().without("--dport 53 -j REDIRECT");
    let seen: &[&str] = &["dns-escaped"];
    AMBIENT.broken(&rules, &AMBIENT.everybody().map(|who| (who, seen)));
}

#[test]
fn a_capture_of_ztunnel_itself_is_a_loop_to_whoever_can_set_its_mark() {
    let rules = Rules::ambient().replace(
        "-p tcp -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15001",
        "-p tcp -j REDIRECT --to-ports 15001",
    );
    AMBIENT.broken(&rules, &[(NetAdmin, &["proxy-loop", "identity-mismatch"])]);
}

#[test]
fn what_only_arrives_from_outside_shows_from_there_alone() {
    AMBIENT.broken(&Rules::ambient().without("ports 15006"), &[(NetAdmin, &["inbound-escaped"])]);
}
