//! Istio's TPROXY mode: nat captures what leaves, mangle what arrives, and policy routing brings it home.

use super::Mesh;
use crate::world::{Backend, Pod, Rules, Who, World, sh};
use Who::{App, NetAdmin, Root};

/// The proxy runs as root for its transparent listeners, and the rules know it by its group.
const TPROXY: Mesh = Mesh { name: "istio-tproxy", proxy: Who::Ids(0, 1337), flags: &[] };
/// The mesh's own validator has the proxy's uid in REDIRECT mode.
const VALIDATOR: Who = Who::Proxy;

#[test]
fn intact_rules_hold_in_ipv4() {
    TPROXY.holds(World::V4, &Rules::istio_tproxy(), &[]);
}

#[test]
fn intact_rules_hold_in_both_families() {
    TPROXY.holds(World::DUAL, &Rules::istio_tproxy(), &[]);
}

#[test]
fn intact_rules_hold_for_the_meshs_own_validator() {
    for backend in Backend::ALL {
        let pod = Pod::with(World::DUAL, backend, &Rules::istio_tproxy());
        TPROXY.passes(&pod, VALIDATOR, &[]);
    }
}

#[test]
fn intact_rules_hold_behind_a_silent_first_hop() {
    TPROXY.holds(World::DUAL.silent_node(), &Rules::istio_tproxy(), &[]);
}

#[test]
fn no_rules_and_rules_for_one_family_are_told_apart() {
    TPROXY.missing(
        &Rules::istio_tproxy(),
        &[App, Root, NetAdmin],
        &["redirect-missing"],
        &["redirect-family-missing"],
    );
    // What vanishes and what goes on looks alike to whoever cannot take it over: policy routing is left.
    let routing: &[&str] = &["marked-route-missing", "redirect-missing", "redirect-family-missing"];
    TPROXY.missing(&Rules::istio_tproxy(), &[TPROXY.proxy, VALIDATOR], routing, routing);
}

/// nat's rule for the validator's uid is there in every back end, so that its absence is one in all.
#[test]
fn rules_that_a_reboot_took_away_are_missing_though_the_routes_are_there() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio_tproxy());
    sh("nft flush ruleset");
    for who in [App, Root, NetAdmin, VALIDATOR] {
        TPROXY.sees(&pod, who, &["redirect-missing"]);
    }
}

#[test]
fn redirect_rules_are_another_interception() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    for who in [TPROXY.proxy, VALIDATOR, App, Root, NetAdmin] {
        TPROXY.sees(&pod, who, &["interception-differs", "marked-route-missing"]);
    }
}

#[test]
fn a_missing_policy_rule_or_route_is_seen_by_everybody_in_its_family() {
    let pod = World::DUAL.start();
    let whole = Rules::istio_tproxy();
    for (line, family) in [(0, "ipv4"), (1, "ipv4"), (2, "ipv6"), (3, "ipv6")] {
        let mut rules = whole.clone();
        let command = rules.setup.remove(line);
        for backend in Backend::ALL {
            pod.load(backend, &rules);
            for who in [VALIDATOR, App, Root] {
                let run = TPROXY.sees(&pod, who, &["marked-route-missing"]);
                assert_eq!(super::families(&run), [family], "{command}: {who:?}: {run}");
            }
        }
    }
}

#[test]
fn a_table_that_leads_out_of_the_pod_is_no_local_route() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio_tproxy());
    sh(
        "ip route replace default via 10.77.0.1 table 133; ip route del local 0.0.0.0/0 table 133 || true",
    );
    for who in TPROXY.everybody() {
        TPROXY.sees(&pod, who, &["marked-route-missing"]);
    }
}

/// Only who is known by its group, as the proxy is, gets its own connections to mangle.
#[test]
fn without_the_jump_in_mangle_what_arrives_escapes() {
    let seen: &[&str] = &["inbound-escaped", "interception-differs", "inbound-wrong-port"];
    let rules = Rules::istio_tproxy()
        .without("-A PREROUTING -p tcp -j ISTIO_INBOUND")
        .without("prerouting meta l4proto tcp counter jump istio-inbound");
    for backend in Backend::ALL {
        let pod = Pod::with(World::DUAL, backend, &rules);
        TPROXY.sees(&pod, NetAdmin, seen);
        TPROXY.passes(&pod, VALIDATOR, &[]);
        TPROXY.passes(&pod, App, &[]);
    }
}

/// By iptables a packet vanishes if nobody may take it over, so that one which arrives is evidence;
/// by native nftables it goes on. Who knows which it is sees more.
#[test]
fn a_declared_back_end_shows_the_missing_jump_without_a_transparent_listener() {
    let rules = Rules::istio_tproxy().without("-A PREROUTING -p tcp -j ISTIO_INBOUND");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    let declared = Mesh { flags: &["--native-nftables", "false"], ..TPROXY };
    for who in [TPROXY.proxy, Root] {
        TPROXY.passes(&pod, who, &[]);
        declared.sees(&pod, who, &["inbound-escaped", "redirect-missing"]);
    }
    pod.load(Backend::IptablesNft, &Rules::istio_tproxy());
    for who in declared.everybody() {
        declared.passes(&pod, who, &[]);
    }
}

#[test]
fn without_the_jump_in_nat_outbound_is_missing() {
    let rules = Rules::istio_tproxy().without("-A OUTPUT -j ISTIO_OUTPUT");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    for who in [App, Root, NetAdmin] {
        TPROXY.sees(&pod, who, &["redirect-missing", "outbound-escaped"]);
    }
}

#[test]
fn another_inbound_port_of_mangle_is_seen_through_the_proxys_group() {
    let rules = Rules::istio_tproxy()
        .replace("--on-port 15006", "--on-port 15001")
        .replace("ip to :15006", "ip to :15001")
        .replace("ip6 to :15006", "ip6 to :15001");
    for backend in Backend::ALL {
        let pod = Pod::with(World::DUAL, backend, &rules);
        let run = TPROXY.sees(&pod, NetAdmin, &["inbound-wrong-port"]);
        let report = run.report();
        let reason = report["cause"]["reason"].as_str().expect("a reason");
        assert!(reason.contains("15001"), "the reason does not say which port: {run}");
    }
}

/// nat's inbound rules in TPROXY mode know users that nobody runs as: what they do serves nobody.
#[test]
fn another_inbound_port_of_nat_is_no_failure() {
    let rules = Rules::istio_tproxy().replace("--to-ports 15006", "--to-ports 15053");
    TPROXY.broken(&rules, &[]);
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    TPROXY.passes(&pod, VALIDATOR, &[]);
}

#[test]
fn another_outbound_port_is_named() {
    let rules = Rules::istio_tproxy().replace("--to-ports 15001", "--to-ports 15053");
    let seen: &[&str] = &["outbound-wrong-port"];
    TPROXY.broken(&rules, &[(App, seen), (Root, seen), (NetAdmin, seen)]);
}

#[test]
fn rules_for_another_proxy_loop_for_this_one() {
    let rules = Rules::istio_tproxy().replace("owner 1337", "owner 2102");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    for who in [TPROXY.proxy, VALIDATOR, Root, NetAdmin] {
        TPROXY.sees(&pod, who, &["identity-mismatch", "proxy-loop"]);
    }
    TPROXY.sees(&pod, NetAdmin, &["identity-mismatch"]);
    TPROXY.passes(&pod, App, &[]);
}
