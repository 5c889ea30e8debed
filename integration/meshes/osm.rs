//! Open Service Mesh: IPv4 alone, and no exemption for a passthrough address.

use super::Mesh;
use crate::world::{Backend, Pod, Rules, Who, World};
use Who::{App, NetAdmin, Root};

const OSM: Mesh = Mesh { name: "osm", proxy: Who::Ids(1500, 1500), flags: &[] };

#[test]
fn intact_rules_hold_behind_a_silent_first_hop() {
    OSM.holds(World::V4.silent_node(), &Rules::osm(), &[]);
}

#[test]
fn intact_rules_hold_in_ipv4() {
    OSM.holds(World::V4, &Rules::osm(), &[]);
}

#[test]
fn intact_rules_hold_in_the_one_family_of_a_dual_stack_pod() {
    OSM.holds(World::DUAL, &Rules::osm(), &["--families", "ipv4"]);
}

#[test]
fn a_dual_stack_pod_is_told_that_ipv6_goes_past_the_mesh() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::osm());
    for who in OSM.everybody() {
        OSM.sees(&pod, who, &["redirect-family-missing"]);
    }
}

#[test]
fn no_rules_are_missing_to_everybody() {
    let pod = World::V4.start();
    for who in OSM.everybody() {
        OSM.sees(&pod, who, &["redirect-missing"]);
    }
}

#[test]
fn another_outbound_port_is_named() {
    sees(
        &Rules::osm().replace("ports 15001", "ports 15003"),
        &[App, Root, NetAdmin],
        &["outbound-wrong-port", "ports-swapped"],
    );
}

#[test]
fn another_inbound_port_is_named() {
    sees(
        &Rules::osm().replace("ports 15003", "ports 15001"),
        &[OSM.proxy, Root, NetAdmin],
        &["inbound-wrong-port", "ports-swapped"],
    );
}

#[test]
fn rules_for_another_proxy_are_an_identity_mismatch() {
    let rules = Rules::osm().replace("owner 1500", "owner 1337");
    sees(&rules, &[OSM.proxy, Root, NetAdmin], &["identity-mismatch"]);
}

#[test]
fn a_missing_jump_is_missing_to_everybody() {
    let rules = Rules::osm().without("-A OUTPUT -p tcp -j OSM_PROXY_OUTBOUND");
    // What arrives from outside is captured still.
    sees(&rules, &OSM.everybody(), &["redirect-missing", "outbound-escaped"]);
}

/// Those see one of the causes in an IPv4 pod, and the others nothing.
#[track_caller]
fn sees(rules: &Rules, seers: &[Who], causes: &[&str]) {
    for backend in [Backend::IptablesNft, Backend::IptablesLegacy] {
        let pod = Pod::with(World::V4, backend, rules);
        for who in OSM.everybody() {
            if seers.contains(&who) {
                OSM.sees(&pod, who, causes);
            } else {
                OSM.passes(&pod, who, &[]);
            }
        }
    }
}
