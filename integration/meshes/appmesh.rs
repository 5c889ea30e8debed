//! App Mesh: no traffic inside the pod is captured, so outbound alone can be seen from inside.

use super::Mesh;
use crate::world::{Backend, Pod, Rules, Who, World};
use Who::{App, NetAdmin, Root};

const APPMESH: Mesh = Mesh { name: "appmesh", proxy: Who::Ids(1337, 1337), flags: &[] };
const EVERY_APP: [Who; 3] = [App, Root, NetAdmin];

#[test]
fn intact_rules_hold_in_ipv4() {
    APPMESH.holds(World::V4, &Rules::appmesh(), &[]);
}

#[test]
fn intact_rules_hold_behind_a_silent_first_hop() {
    APPMESH.holds(World::DUAL.silent_node(), &Rules::appmesh(), &[]);
}

#[test]
fn intact_rules_hold_in_both_families() {
    APPMESH.holds(World::DUAL, &Rules::appmesh(), &[]);
}

#[test]
fn intact_rules_hold_in_the_one_family_that_is_declared() {
    APPMESH.holds(World::DUAL, &Rules::appmesh().only_v4(), &["--families", "ipv4"]);
}

#[test]
fn the_proxys_group_alone_exempts_nobody() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::appmesh());
    APPMESH.passes(&pod, Who::Ids(65532, 1337), &[]);
}

#[test]
fn no_rules_and_rules_for_one_family_are_told_apart() {
    APPMESH.missing(
        &Rules::appmesh(),
        &EVERY_APP,
        &["redirect-missing"],
        &["redirect-family-missing"],
    );
}

#[test]
fn another_outbound_port_is_named() {
    let rules = Rules::appmesh().replace("ports 15001", "ports 15000");
    let seen: &[&str] = &["outbound-wrong-port", "ports-swapped"];
    APPMESH.broken(&rules, &EVERY_APP.map(|who| (who, seen)));
}

#[test]
fn another_inbound_port_is_nobodys_to_see() {
    APPMESH.broken(&Rules::appmesh().replace("ports 15000", "ports 15001"), &[]);
}

#[test]
fn rules_for_another_proxy_loop_for_this_one() {
    let rules = Rules::appmesh().replace("owner 1337", "owner 1338");
    let seen: &[&str] = &["identity-mismatch", "proxy-loop"];
    APPMESH.broken(&rules, &[(APPMESH.proxy, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn captured_local_addresses_are_seen() {
    let rules = Rules::appmesh().replace(" -m addrtype ! --dst-type LOCAL", "");
    let seen: &[&str] = &["loopback-captured"];
    APPMESH.broken(&rules, &EVERY_APP.map(|who| (who, seen)));
}

#[test]
fn the_exclusions_that_it_always_has_must_not_be_captured() {
    for rule in ["--dports 22", "-d 169.254.169.254/32"] {
        let seen: &[&str] = &["exclusion-captured"];
        APPMESH.broken(&Rules::appmesh().without(rule), &EVERY_APP.map(|who| (who, seen)));
    }
}
