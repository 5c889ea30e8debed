//! Each value of a promise, declared in each way, on rules that have it and on rules that have not.

use super::By;
use crate::world::{Backend, Pod, Rules, Who, World};

#[test]
fn marks_and_tables_are_declared() {
    let mut rules = Rules::istio()
        .without("gid-owner")
        .replace("owner --uid-owner 1337", "mark --mark 0x77b/0xfff")
        .replace("owner ! --uid-owner 1337", "mark ! --mark 0x77b/0xfff");
    rules.setup = ["", "-6 "]
        .into_iter()
        .flat_map(|family| {
            let rule = format!("{family}rule add fwmark 0x222/0xfff lookup 222");
            [rule, format!("{family}route add local default dev lo table 222")]
        })
        .collect();
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    // Where the proxy is known by its mark, podprobe takes it for a ztunnel that runs already.
    let marked = [("listeners", "bind"), ("proxy-mark", "0x77b/0xfff")];
    let routing = [("route-mark", "546/4095"), ("route-table", "222")];
    let check = |by: By, who, parts: &[&[(&str, &str)]]| by.check(&pod, who, &parts.concat());
    for by in By::ALL {
        check(by, Who::NetAdmin, &[&marked, &routing]).expect(0);
        check(by, Who::NetAdmin, &[&marked]).expect(0);
        check(by, Who::NetAdmin, &[&marked[..1], &routing]).expect(30);
        check(by, Who::NetAdmin, &[&marked[..1], &[("proxy-mark", "0x77c/0xfff")]]).expect(30);
        for (name, wrong) in [("route-mark", "547/4095"), ("route-table", "223")] {
            let other = routing.map(|(key, right)| (key, if key == name { wrong } else { right }));
            let run = check(by, Who::App, &[&marked, &other]).expect(30);
            assert_eq!(run.cause(), "marked-route-missing", "{by:?}: {run}");
        }
    }
}

#[test]
fn the_way_of_interception_brings_its_policy_routing_which_can_be_denied() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    for by in By::ALL {
        by.check(&pod, Who::App, &[]).expect(0);
        let run = by.check(&pod, Who::App, &[("interception", "tproxy")]).expect(30);
        assert_eq!(run.cause(), "marked-route-missing", "{by:?}: {run}");
        assert_eq!(run.report()["mesh"], "istio-tproxy", "{by:?}: {run}");
        by.check(&pod, Who::App, &[("interception", "tproxy"), ("route-mark", "none")]).expect(0);
        by.check(&pod, Who::App, &[("mesh", "istio-tproxy"), ("interception", "redirect")])
            .expect(0);
    }
}

#[test]
fn dns_is_declared_for_one_protocol() {
    let udp = Rules::istio_dns()
        .without("-p tcp --dport 53 -j REDIRECT")
        .replace("-m multiport ! --dports 53,15008", "! --dport 15008")
        .replace("-p tcp ! --dport 53 -m owner", "-p tcp -m owner");
    let pod = Pod::with(World::V4, Backend::IptablesNft, &udp);
    for by in By::ALL {
        by.check(&pod, Who::App, &[("dns-capture", "true")]).expect(30);
        by.check(&pod, Who::App, &[("dns-capture", "tcp")]).expect(30);
        by.check(&pod, Who::App, &[("dns-capture", "false")]).expect(30);
        for who in [Who::App, Who::Proxy] {
            by.check(&pod, who, &[("dns-capture", "udp")]).expect(0);
        }
    }
}

#[test]
fn each_of_several_owners_is_the_proxy() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    for by in By::ALL {
        let several = [("proxy-uid", "1337,2000"), ("proxy-gid", "1337, 3000")];
        by.check(&pod, Who::Ids(2000, 2000), &[]).expect(0);
        let run = by.check(&pod, Who::Ids(2000, 2000), &several).expect(30);
        assert_eq!(run.cause(), "identity-mismatch", "{by:?}: {run}");
        by.check(&pod, Who::Proxy, &several).expect(0);
        by.check(&pod, Who::App, &several).expect(0);
    }
}

#[test]
fn conntrack_zones_are_declared() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio_dns().without("CT --zone"));
    for by in By::ALL {
        let run = by.check(&pod, Who::Root, &[("dns-capture", "true")]).expect(30);
        let codes = run.codes("fail");
        assert!(codes.contains(&"dns-zone-missing".to_owned()), "{by:?}: {run}");
        by.check(&pod, Who::Root, &[("dns-capture", "true"), ("dns-zones", "false")]).expect(0);
    }
}

#[test]
fn an_empty_list_of_groups_leaves_the_uid_alone_to_know_the_proxy_by() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio().without("gid-owner"));
    let in_group = Who::Ids(5000, 1337);
    for by in By::ALL {
        by.check(&pod, in_group, &[("proxy-gid", ""), ("require", "outbound")]).expect(0);
        by.check(&pod, in_group, &[("require", "outbound")]).expect(5);
    }
}

#[test]
fn ports_that_may_be_excluded_and_ports_that_traffic_may_stray_to_are_declared() {
    let rules = Rules::istio()
        .replace("--dport 15020", "--dport 443")
        .replace("ports 15001", "ports 25099");
    let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
    let outbound = ("outbound-port", "25099");
    let tolerated = ("tolerated-outbound-ports", "443");
    for by in By::ALL {
        by.check(&pod, Who::App, &[outbound]).expect(30);
        by.check(&pod, Who::App, &[outbound, tolerated]).expect(0);
        let run = by.check(&pod, Who::App, &[tolerated, ("known-ports", "25099")]).expect(30);
        assert_eq!(run.cause(), "outbound-wrong-port", "{by:?}: {run}");
        let run = by.check(&pod, Who::App, &[tolerated]).expect(30);
        assert_ne!(run.cause(), "outbound-wrong-port", "{by:?}: {run}");
    }
}

#[test]
fn egress_is_captured_of_the_declared_groups_alone() {
    let groups = Rules::istio().replace(
        "-A ISTIO_OUTPUT -j ISTIO_REDIRECT",
        "-A ISTIO_OUTPUT -m owner --gid-owner 3000 -j ISTIO_REDIRECT",
    );
    let pod = Pod::with(World::V4, Backend::IptablesNft, &groups);
    for by in By::ALL {
        by.check(&pod, Who::Ids(2000, 3000), &[("only-groups", "3000")]).expect(0);
        by.check(&pod, Who::Root, &[("only-groups", "3000")]).expect(0);
        by.check(&pod, Who::Root, &[("only-groups", "*")]).expect(30);
        by.check(&pod, Who::Root, &[("only-groups", "3001")]).expect(30);
    }
}

#[test]
fn passthrough_and_what_a_pod_sends_to_itself_are_declared() {
    let none = Rules::istio().without("127.0.0.6");
    let pod = Pod::with(World::V4, Backend::IptablesNft, &none);
    for by in By::ALL {
        by.check(&pod, Who::Proxy, &[]).expect(30);
        by.check(&pod, Who::Proxy, &[("passthrough", "false")]).expect(0);
        by.check(&pod, Who::Proxy, &[("passthrough", "false"), ("proxy-to-pod", "nothing")])
            .expect(30);
        by.check(&pod, Who::App, &[("app-to-pod", "not-localhost")]).expect(30);
    }
}
