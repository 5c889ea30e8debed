//! No mesh: that anything is captured is the failure.

use super::Mesh;
use crate::world::{Backend, Rules, Who, World, sh};
use Who::App;

const NONE: Mesh = Mesh { name: "none", proxy: Who::Proxy, flags: &[] };

#[test]
fn a_pod_without_rules_passes() {
    for world in [World::V4, World::DUAL, World::DUAL.silent_node()] {
        let pod = world.start();
        for who in NONE.everybody() {
            NONE.passes(&pod, who, &[]);
        }
    }
}

#[test]
fn rules_of_others_that_capture_nothing_pass() {
    let pod = World::DUAL.start();
    sh("iptables-nft -A INPUT -p tcp --dport 15020 -j DROP
        iptables-nft -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080
        iptables-nft -t nat -A POSTROUTING -o eth0 -j MASQUERADE");
    for who in NONE.everybody() {
        NONE.passes(&pod, who, &[]);
    }
}

#[test]
fn a_node_that_answers_for_services_itself_is_no_doubt() {
    let pod = World::V4.start();
    // As kube-proxy has it in IPVS mode, on a device of its own.
    pod.node.sh("ip address add 10.96.0.1/32 dev lo");
    let run = pod.launch(App, &["check", "--mesh", "none", "--output", "json"]);
    let run = run.env("KUBERNETES_SERVICE_HOST", "10.96.0.1").run().expect(0);
    let mut unknown = run.codes("unknown");
    unknown.retain(|code| code != "not-observable");
    assert_eq!(unknown, ["probe-failed"], "the kernel tells no difference: {run}");
    let mut istio = pod.launch(Who::Proxy, &["check", "--output", "json"]);
    pod.load(Backend::IptablesNft, &Rules::istio());
    istio = istio.env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    assert!(istio.run().expect(0).codes("unknown").iter().all(|code| code == "not-observable"));
}

#[test]
fn every_meshs_rules_are_unexpected_to_an_application() {
    let pod = World::DUAL.start();
    for rules in every_mesh() {
        for backend in rules.backends() {
            pod.load(backend, &rules);
            NONE.sees(&pod, App, &["capture-unexpected"]);
        }
    }
}

/// The world's own promise to all tests that load one rule set after another.
#[test]
fn loading_replaces_whatever_was_there() {
    let pod = World::DUAL.start();
    for rules in every_mesh() {
        for backend in rules.backends() {
            pod.load(backend, &rules);
            pod.load(Backend::IptablesNft, &rules.only_v4().only_v6());
            for who in [Who::Proxy, App] {
                NONE.passes(&pod, who, &[]);
            }
            let routing = sh(
                "ip -4 rule show; ip -6 rule show; ip -4 route show table all; ip -6 route show table all",
            );
            assert!(!routing.contains("fwmark") && !routing.contains("table 1"), "{routing}");
        }
    }
}

#[test]
fn one_family_is_enough() {
    let pod = World::DUAL.start();
    for (rules, family) in [(Rules::istio().only_v4(), "ipv4"), (Rules::istio().only_v6(), "ipv6")]
    {
        pod.load(Backend::IptablesNft, &rules);
        let run = NONE.sees(&pod, App, &["capture-unexpected"]);
        assert_eq!(super::families(&run), [family], "{run}");
    }
}

#[test]
fn the_sidecars_own_uid_meets_its_inbound_rules() {
    let pod = World::DUAL.start();
    for backend in Backend::ALL {
        pod.load(backend, &Rules::istio());
        NONE.sees(&pod, Who::Proxy, &["capture-unexpected"]);
    }
}

/// Whose reset it was cannot be told: that is no pass.
#[test]
fn a_rule_that_leads_one_port_to_nobody_never_passes() {
    let pod = World::DUAL.start();
    sh("iptables-nft -t nat -A OUTPUT -p tcp --dport 443 -j REDIRECT --to-ports 9999");
    let run = NONE.run(&pod, App, &[]).expect(5);
    assert!(run.report()["cause"]["reason"].to_string().contains(":443 was refused"), "{run}");
}

#[test]
fn captured_dns_alone_is_unexpected() {
    let pod = World::DUAL.start();
    sh("iptables-nft -t nat -A OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 15053");
    NONE.sees(&pod, App, &["capture-unexpected", "dns-captured"]);
}

fn every_mesh() -> [Rules; 10] {
    [
        Rules::istio(),
        Rules::istio_dns(),
        Rules::istio_tproxy(),
        Rules::ambient(),
        Rules::linkerd(),
        Rules::kuma(),
        Rules::consul(),
        Rules::consul_dual(),
        Rules::osm(),
        Rules::appmesh(),
    ]
}
