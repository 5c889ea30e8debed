//! Linkerd: outbound alone can be seen from inside, for its rules let all loopback traffic go.

use super::Mesh;
use crate::world::{Backend, Pod, Rules, Who, World};
use Who::{App, NetAdmin, Root};

const LINKERD: Mesh = Mesh { name: "linkerd", proxy: Who::Ids(2102, 2102), flags: &[] };

#[test]
fn intact_rules_hold_in_ipv4() {
    LINKERD.holds(World::V4, &Rules::linkerd(), &[]);
}

#[test]
fn intact_rules_hold_behind_a_silent_first_hop() {
    LINKERD.holds(World::DUAL.silent_node(), &Rules::linkerd(), &[]);
}

#[test]
fn intact_rules_hold_in_both_families() {
    LINKERD.holds(World::DUAL, &Rules::linkerd(), &[]);
}

#[test]
fn the_charts_default_holds_in_a_dual_stack_pod_when_it_is_declared() {
    LINKERD.holds(World::DUAL, &Rules::linkerd().only_v4(), &["--families", "ipv4"]);
}

#[test]
fn intact_rules_hold_for_the_meshs_own_validator() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::linkerd());
    LINKERD.passes(&pod, Who::Ids(65534, 65534), &[]);
}

#[test]
fn the_proxys_group_alone_exempts_nobody() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::linkerd());
    LINKERD.passes(&pod, Who::Ids(65532, 2102), &[]);
    LINKERD.passes(&pod, Who::Ids(2102, 65532), &[]);
}

#[test]
fn no_rules_and_rules_for_one_family_are_told_apart() {
    LINKERD.missing(
        &Rules::linkerd(),
        &[App, Root, NetAdmin],
        &["redirect-missing"],
        &["redirect-family-missing"],
    );
}

#[test]
fn another_outbound_port_is_named() {
    let rules = Rules::linkerd().replace("ports 4140", "ports 4143");
    let seen: &[&str] = &["outbound-wrong-port", "ports-swapped"];
    LINKERD.broken(&rules, &[(App, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn another_inbound_port_shows_from_outside() {
    let rules = Rules::linkerd().replace("ports 4143", "ports 4140");
    LINKERD.broken(&rules, &[(NetAdmin, &["inbound-wrong-port"])]);
}

#[test]
fn rules_for_another_proxy_loop_for_this_one() {
    let rules = Rules::linkerd().replace("owner 2102", "owner 2103");
    let seen: &[&str] = &["identity-mismatch", "proxy-loop"];
    LINKERD.broken(&rules, &[(LINKERD.proxy, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn captured_loopback_is_seen() {
    let rules = Rules::linkerd().without("-A PROXY_INIT_OUTPUT -o lo -j RETURN");
    let seen: &[&str] = &["loopback-captured"];
    LINKERD.broken(&rules, &[(App, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn the_ports_that_the_chart_always_excludes_must_not_be_captured() {
    let rules = Rules::linkerd().without("-A PROXY_INIT_OUTPUT -p tcp -m multiport");
    let seen: &[&str] = &["exclusion-captured"];
    LINKERD.broken(&rules, &[(App, seen), (Root, seen), (NetAdmin, seen)]);
}
