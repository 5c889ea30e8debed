//! The usual ways in which rules are wrong, and the one cause that podprobe names for each.

use crate::world::{Backend, Output, Pod, Rules, Who, World, sh};
use Who::{App, Proxy, Root};

#[test]
fn no_rules_at_all_are_missing_to_everybody() {
    for world in [World::V4, World::DUAL, World::DUAL.silent_node()] {
        let pod = world.start();
        for who in Who::ALL {
            let run = pod.run(who, &["check", "--output", "json"]).expect(30);
            caused(&run, who, &["redirect-missing"]);
        }
    }
}

#[test]
fn no_rules_are_missing_also_where_the_node_itself_has_the_services_addresses() {
    // As kube-proxy in IPVS mode binds them: ports that are none of the service's are refused there.
    let pod = World::DUAL.start();
    pod.node.sh("ip address add 10.96.0.1/32 dev lo");
    for who in [App, Root] {
        let launch = pod.launch(who, &["check", "--output", "json"]);
        let run = launch.env("KUBERNETES_SERVICE_HOST", "10.96.0.1").run().expect(30);
        caused(&run, who, &["redirect-missing"]);
        assert!(!run.codes("fail").contains(&"capture-refused".to_owned()), "{who:?}: {run}");
    }
}

#[test]
fn a_dead_port_refuses_what_arrives_and_lets_nothing_through() {
    let rules = Rules::istio().replace("ports 15006", "ports 15099");
    let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
    let run = pod.run(Who::NetAdmin, &["check", "--output", "json"]).expect(30);
    assert_eq!(run.codes("fail"), ["capture-refused"], "{run}");
}

#[test]
fn what_is_dropped_at_the_capture_port_did_not_leave_also_past_a_silent_hop() {
    let pod = Pod::with(World::V4.silent_node(), Backend::IptablesNft, &Rules::istio());
    sh("iptables-nft -A INPUT -p tcp --dport 15001 -j DROP");
    for who in [App, Root] {
        see(&pod, who, &[], &["capture-dropped"]);
    }
}

#[test]
fn the_text_names_one_cause_and_the_next_step() {
    let pod = World::DUAL.start();
    for who in Who::ALL {
        let run = pod.run(who, &["check"]).expect(30);
        let starting =
            |word: &str| run.stdout.lines().filter(|line| line.starts_with(word)).count();
        assert_eq!((starting("cause:"), starting("hint:")), (1, 1), "{who:?}: {run}");
        assert!(run.stdout.contains("cause: redirect-missing: "), "{who:?}: {run}");
    }
}

#[test]
fn rules_for_one_family_alone_are_told_from_no_rules() {
    for backend in [Backend::IptablesNft, Backend::IptablesLegacy] {
        for (rules, missing) in
            [(Rules::istio().only_v4(), "ipv6"), (Rules::istio().only_v6(), "ipv4")]
        {
            let pod = Pod::with(World::DUAL, backend, &rules);
            for who in Who::ALL {
                let run = pod.run(who, &["check", "--output", "json"]).expect(30);
                caused(&run, who, &["redirect-family-missing"]);
                assert!(names_family(&run, missing), "{who:?}: {missing} is missing, but {run}");
            }
        }
    }
}

#[test]
fn swapped_ports_are_named() {
    let rules = Rules::istio()
        .replace("15001", "0")
        .replace("15006", "15001")
        .replace("ports 0", "ports 15006");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    see(&pod, Root, &[], &["ports-swapped"]);
    see(&pod, Proxy, &[], &["ports-swapped", "inbound-wrong-port"]);
    see(&pod, App, &[], &["ports-swapped", "outbound-wrong-port"]);
}

#[test]
fn another_inbound_port_is_named_where_podprobe_knows_it() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio().replace(":15006", ":15053"));
    see(&pod, Proxy, &[], &["inbound-wrong-port"]);
    see(&pod, Root, &[], &["inbound-wrong-port"]);
    pod.run(App, &["check"]).expect(0);
}

#[test]
fn another_outbound_port_is_named_where_podprobe_knows_it() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio().replace(":15001", ":15053"));
    see(&pod, App, &[], &["outbound-wrong-port"]);
    see(&pod, Root, &[], &["outbound-wrong-port"]);
    pod.run(Proxy, &["check"]).expect(0);
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    let pod = Pod::with(
        World::DUAL,
        Backend::IptablesNft,
        &Rules::istio().replace("ports 15001", "ports 15099"),
    );
    see(&pod, App, &[], &["capture-refused", "outbound-wrong-port"]);
    see(&pod, Root, &[], &["capture-refused", "outbound-wrong-port"]);
    pod.load(Backend::IptablesNft, &Rules::istio().replace("ports 15006", "ports 15099"));
    see(&pod, Proxy, &[], &["capture-refused", "inbound-wrong-port"]);
    see(&pod, Root, &[], &["capture-refused", "inbound-wrong-port"]);
}

#[test]
fn rules_for_another_proxy_are_an_identity_mismatch() {
    let pod = Pod::with(
        World::DUAL,
        Backend::IptablesNft,
        &Rules::istio().replace("owner 1337", "owner 2102"),
    );
    see(&pod, Proxy, &[], &["identity-mismatch"]);
    see(&pod, Root, &[], &["identity-mismatch"]);
    pod.run(App, &["check"]).expect(0);
}

#[test]
fn a_missing_passthrough_address_is_not_probed_through_the_default_route() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    sh("ip address del ::6/128 dev lo");
    see(&pod, Proxy, &[], &["inbound-address-missing"]);
    see(&pod, Root, &[], &["inbound-address-missing"]);
    see(&pod, App, &[], &["inbound-address-missing"]);
}

#[test]
fn a_declared_exclusion_without_a_rule_is_captured() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let port = ["--exclude-outbound-ports", "5432"];
    let network = ["--exclude-outbound-cidrs", "10.96.64.0/18"];
    for who in [App, Root] {
        see(&pod, who, &port, &["exclusion-captured"]);
        see(&pod, who, &network, &["exclusion-captured"]);
    }
    // On its way to the application, by 127.0.0.6, the proxy meets the port but never the network.
    see(&pod, Proxy, &port, &["exclusion-captured"]);
    pod.run(Proxy, &[&["check"], &network[..]].concat()).expect(0);
}

#[test]
fn a_captured_tunnel_port_is_a_missing_exclusion() {
    let rules = Rules::istio().replace("! --dport 15008 -m owner --uid", "-m owner --uid");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    see(&pod, Proxy, &[], &["exclusion-missing"]);
    see(&pod, Root, &[], &["exclusion-missing"]);
    pod.run(App, &["check"]).expect(0);
}

#[test]
fn promised_dns_without_rules_escapes() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    see(&pod, App, &["--dns-capture", "true"], &["dns-escaped"]);
    see(&pod, Root, &["--dns-capture", "true"], &["dns-escaped"]);
    // With DNS capture, port 53 is exempt from the inbound redirection as well.
    // Only a hint: a missing rule for the proxy's uid looks the same and changes no real flow.
    let run = pod.run(Proxy, &["check", "--output", "json", "--dns-capture", "true"]);
    assert!(run.codes("warn").contains(&"dns-exemption-differs".to_owned()), "{run}");
    run.expect(0);
}

#[test]
fn dns_on_another_port_than_declared_is_named() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio_dns());
    let flags = ["--dns-capture", "true", "--dns-port", "15054"];
    see(&pod, App, &flags, &["dns-wrong-port"]);
    see(&pod, Root, &flags, &["dns-wrong-port"]);
}

#[test]
fn captured_dns_that_nobody_declared_is_named() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio_dns());
    see(&pod, App, &[], &["dns-captured"]);
    see(&pod, Root, &[], &["dns-captured"]);
}

#[test]
fn a_foreign_redirect_to_nobody_refuses() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    both_families("-t nat -I OUTPUT 1 -p tcp ! -o lo -j REDIRECT --to-ports 19999");
    see(&pod, App, &[], &["capture-refused", "outbound-wrong-port"]);
    see(
        &pod,
        Root,
        &[],
        &["capture-refused", "outbound-wrong-port", "proxy-loop", "traffic-diverted"],
    );
}

#[test]
fn a_foreign_drop_is_told_from_a_missing_rule() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    // A capture port can be dialled by everybody, whomever its rule redirects.
    both_families("-A INPUT -p tcp --dport 15001 -j DROP");
    for who in [Proxy, App, Root] {
        see(&pod, who, &[], &["capture-dropped"]);
    }
    both_families("-R INPUT 1 -p tcp --dport 15006 -j DROP");
    for who in [Proxy, App, Root] {
        see(&pod, who, &[], &["capture-dropped"]);
    }
}

/// One failing look: exit 30, and the cause is one of these.
#[track_caller]
fn see(pod: &Pod, who: Who, flags: &[&str], causes: &[&str]) {
    let run = pod.run(who, &[&["check", "--output", "json"], flags].concat());
    assert_eq!(run.code, 30, "{who:?} does not see {causes:?}: {run}");
    caused(&run, who, causes);
}

#[track_caller]
fn caused(run: &Output, who: Who, causes: &[&str]) {
    assert!(causes.contains(&run.cause().as_str()), "{who:?}: the cause is not {causes:?}: {run}");
    assert!(run.codes("fail").contains(&run.cause()), "{who:?}: the cause is no finding: {run}");
}

fn names_family(run: &Output, family: &str) -> bool {
    let report = run.report();
    let findings = report["findings"].as_array().expect("findings");
    let named =
        |finding: &&serde_json::Value| finding["severity"] == "fail" && finding["family"] == family;
    findings.iter().any(|finding| named(&finding))
}

fn both_families(rule: &str) {
    sh(&format!("iptables-nft {rule}; ip6tables-nft {rule}"));
}

#[test]
fn the_proxys_egress_that_ends_at_a_dead_port_never_passes() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    sh(
        "iptables-nft -t nat -I OUTPUT -p tcp -d 192.0.2.0/24 --dport 80 -m owner --uid-owner 1337 \
        -j REDIRECT --to-ports 9999",
    );
    for who in [Who::Proxy, Who::Root] {
        let run = pod.run(who, &["check", "--output", "json"]).expect(5);
        assert!(run.report()["cause"]["reason"].to_string().contains("prove loop"), "{run}");
    }
}
