//! `podprobe rules`: what it prints against what the tools of each back end print.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::world::{Backend, Pod, Rules, Who, World, sh};

/// The rule sets and podprobe's name for their mesh.
fn meshes() -> Vec<(&'static str, Rules)> {
    vec![
        ("istio", Rules::istio_dns()),
        ("istio", Rules::istio_excl()),
        ("istio-tproxy", Rules::istio_tproxy()),
        ("istio-ambient", Rules::ambient()),
        ("linkerd", Rules::linkerd()),
        ("kuma", Rules::kuma()),
        ("consul", Rules::consul_dual()),
        ("osm", Rules::osm()),
        ("appmesh", Rules::appmesh()),
    ]
}

fn read(pod: &Pod, mesh: &str) -> Vec<Value> {
    let run = pod.run(Who::NetAdmin, &["rules", "--mesh", mesh, "--output", "json"]).expect(0);
    run.report()["rules"].as_array().expect("rules").clone()
}

fn text(rule: &Value) -> &str {
    rule["text"].as_str().expect("a text")
}

/// The words of a rule in any order, without what every tool adds of its own.
fn words(rule: &str) -> BTreeSet<String> {
    let rule = rule.replace("! -", "!-").replace("--set-xmark", "--set-mark");
    // A list of one port is one port.
    let rule = rule.replace("--dports", "--dport").replace("--sports", "--sport");
    let plain = |word: &str| match word.strip_suffix("/0xffffffff") {
        Some(word) => word.to_owned(),
        None => word.to_owned(),
    };
    let left_out =
        ["tcp", "udp", "-m", "multiport", "0x0", "--nfmask", "--ctmask", "0xffffffff", "--on-ip"];
    let words = rule.split_whitespace().filter(|word| !left_out.contains(word));
    words.filter(|word| !["0.0.0.0", "::"].contains(word)).map(plain).collect()
}

/// Every rule that the tool prints, as family and words.
fn saved(pod: &Pod, v4: &str, v6: &str) -> Vec<BTreeSet<String>> {
    let lock = pod.file("xtables.lock");
    let text = sh(&format!("XTABLES_LOCKFILE={} {v4}; XTABLES_LOCKFILE={0} {v6}", lock.display()));
    text.lines().filter(|line| line.starts_with("-A ")).map(words).collect()
}

fn sorted(mut all: Vec<BTreeSet<String>>) -> Vec<BTreeSet<String>> {
    all.sort();
    all
}

#[test]
fn both_back_ends_of_iptables_are_read_as_their_own_tools_print_them() {
    let pod = World::DUAL.start();
    for (backend, v4, v6) in [
        (Backend::IptablesNft, "iptables-nft-save", "ip6tables-nft-save"),
        (Backend::IptablesLegacy, "iptables-legacy-save", "ip6tables-legacy-save"),
    ] {
        for (mesh, rules) in meshes() {
            pod.load(backend, &rules);
            let rules = read(&pod, mesh);
            let read: Vec<_> = rules.iter().map(|rule| words(text(rule))).collect();
            assert!(read.len() > 5, "{backend:?} {mesh}: {}", read.len());
            assert_eq!(sorted(read), sorted(saved(&pod, v4, v6)), "{backend:?} {mesh}");
        }
    }
}

#[test]
fn every_native_rule_is_read_in_its_place() {
    let pod = World::DUAL.start();
    for (mesh, rules) in meshes().into_iter().filter(|(_, rules)| !rules.nft.is_empty()) {
        pod.load(Backend::Nft, &rules);
        let read = read(&pod, mesh);
        let unreadable = read.iter().find(|rule| text(rule).contains("unreadable"));
        assert_eq!(unreadable, None, "{mesh}");
        let count = |chain: &str| {
            let of_chain = format!(" {chain} ");
            rules.nft.lines().filter(|l| l.starts_with("add rule") && l.contains(&of_chain)).count()
        };
        for rule in &read {
            let chain = rule["chain"].as_str().expect("a chain");
            assert!(text(rule).starts_with(&format!("-A {chain} ")), "{rule}");
            let position = rule["position"].as_u64().expect("a position");
            assert!(position <= u64::try_from(count(chain)).expect("few"), "{mesh}: {rule}");
        }
        let all = rules.nft.lines().filter(|line| line.starts_with("add rule")).count();
        assert_eq!(read.len(), all, "{mesh}");
    }
}

#[test]
fn a_rule_is_printed_with_the_flows_that_meet_it() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    let rules = read(&pod, "istio");
    let serves = |end: &str| {
        let rule = rules.iter().find(|rule| text(rule).ends_with(end)).expect(end);
        rule["serves"].as_array().expect("a list").clone()
    };
    assert_eq!(serves("--to-ports 15001"), ["outbound"]);
    assert_eq!(serves("-A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN"), ["passthrough"]);
    assert_eq!(serves("-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT"), ["inbound"]);
    assert_eq!(serves("-A ISTIO_INBOUND -p tcp --dport 15021 -j RETURN"), ["inbound exclusion"]);
    assert_eq!(serves("-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN"), Vec::<Value>::new());
}

#[test]
fn what_cannot_be_read_is_named_and_not_guessed() {
    let pod = World::V4.start();
    sh("iptables-nft -t nat -A OUTPUT -p tcp -m statistic --mode nth --every 2 --packet 0 -j REDIRECT --to-ports 9
        nft add table inet odd; nft add chain inet odd out '{ type nat hook output priority -90 ; }'
        nft add rule inet odd out meta l4proto tcp numgen inc mod 2 0 redirect to :9");
    let rules = read(&pod, "istio");
    let texts: Vec<&str> = rules.iter().map(text).collect();
    assert_eq!(
        texts,
        [
            "-A OUTPUT -p tcp unreadable(statistic) -j REDIRECT --to-ports 9",
            "-A out -p tcp unreadable(numgen) -j REDIRECT --to-ports 9"
        ]
    );
}

#[test]
fn reading_makes_no_legacy_table() {
    let pod = World::DUAL.start();
    let names = || {
        ["ip_tables_names", "ip6_tables_names"].map(|name| {
            fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default()
        })
    };
    let before = names();
    let run = pod.run(Who::NetAdmin, &["rules"]).expect(0);
    assert_eq!(run.stdout, "no rules\n", "{run}");
    assert_eq!(names(), before);
}

#[test]
fn without_the_capability_it_says_so_and_ends_with_5() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    let run = pod.run(Who::Root, &["rules"]).expect(5);
    assert!(run.stdout.contains("could not look: nftables: dump nftables: EPERM"), "{run}");
    assert!(run.stdout.contains("NET_ADMIN"), "{run}");
    pod.load(Backend::IptablesLegacy, &Rules::istio());
    let run = pod.run(Who::App, &["rules"]).expect(5);
    assert!(
        run.stdout.contains("iptables-legacy: read /proc/net/ip_tables_names: EACCES"),
        "{run}"
    );
    assert!(run.stdout.contains("uid 0"), "{run}");
}

#[test]
fn rules_in_both_back_ends_are_told() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    let lock = pod.file("xtables.lock");
    let legacy = |rule: &str| {
        sh(&format!("XTABLES_LOCKFILE={} iptables-legacy -t nat -A OUTPUT {rule}", lock.display()));
    };
    // A rule that redirects nothing is no second writer of redirections.
    legacy("-p udp -j RETURN");
    let run = pod.run(Who::NetAdmin, &["rules"]).expect(0);
    assert!(!run.stdout.contains("rules-mixed"), "{run}");
    legacy("-p tcp --dport 9999 -j REDIRECT --to-ports 15001");
    let run = pod.run(Who::NetAdmin, &["rules"]).expect(0);
    assert!(run.stdout.contains("warn rules-mixed: "), "{run}");
}
