//! What stands in the way: settings that must not matter, and those in which nothing can be told.

use super::{check, proved};
use crate::world::{Backend, Pod, Rules, Who, World, sh};

#[test]
fn strict_filters_and_duplicate_address_detection_do_not_matter() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    sh("for who in all default eth0; do
            echo 1 > /proc/sys/net/ipv4/conf/$who/rp_filter
            echo 1 > /proc/sys/net/ipv6/conf/$who/accept_dad
        done
        echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose
        for tables in iptables-nft ip6tables-nft; do
            $tables -t mangle -I PREROUTING -m conntrack --ctstate INVALID -j DROP
            $tables -I INPUT -m conntrack --ctstate INVALID -j DROP
        done");
    for _ in 0..5 {
        let run = check(&pod, &["--require", "arriving"]).expect(0);
        assert!(proved(&run, "arriving") >= 12, "{run}");
    }
}

#[test]
fn without_the_device_it_is_unknown_and_no_gate_fails_for_it() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let bare = |arguments: &[&str]| {
        let launch = pod.launch(Who::NetAdmin, arguments);
        launch.stage("mount -t tmpfs -o mode=755 tmpfs /dev".into()).run()
    };
    let run = bare(&["check", "--output", "json"]).expect(0);
    let unknown = run.findings("not-observable");
    assert_eq!(unknown.len(), 1, "{run}");
    let reason = unknown[0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("open /dev/net/tun: ENOENT"), "{run}");
    assert!(reason.contains("gate --await-inbound"), "{run}");
    let run = bare(&["gate"]).expect(0);
    assert!(!run.stdout.contains("unknown"), "{run}");
    let run = bare(&["gate", "--require", "arriving"]).expect(5);
    assert!(run.stdout.contains("prove arriving: "), "{run}");
}

#[test]
fn who_lacks_the_privilege_is_told_what_it_takes_and_nothing_else_changes() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    for who in Who::ALL {
        let run = pod.run(who, &["gate"]).expect(0);
        assert!(!run.stdout.contains("outside"), "{run}");
        let run = pod.run(who, &["check"]).expect(0);
        assert!(run.stdout.contains("inbound from outside not observable"), "{run}");
    }
}

#[test]
fn it_can_be_forbidden() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let run = check(&pod, &["--inject", "false"]).expect(0);
    assert_eq!(proved(&run, "arriving"), 0, "{run}");
    let run = check(&pod, &["--inject", "false", "--require", "arriving"]).expect(5);
    assert!(run.report()["cause"]["reason"].to_string().contains("--inject false"), "{run}");
}

#[test]
fn answers_that_would_go_another_way_are_not_provoked() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    sh("ip route add default via 10.77.0.1 table 77; ip rule add from 10.77.0.2 lookup 77");
    let run = check(&pod, &[]).expect(0);
    assert!(proved(&run, "arriving") >= 6, "IPv6 is not concerned: {run}");
    let unknown = run.findings("not-observable");
    assert_eq!(unknown.len(), 1, "{run}");
    assert!(unknown[0]["reason"].to_string().contains("routing rules would send"), "{run}");
    let run = check(&pod, &["--require", "arriving"]).expect(5);
    assert!(run.report()["cause"]["reason"].to_string().contains("routing rules"), "{run}");
}

#[test]
fn rules_that_let_in_the_pods_own_interface_alone_prove_nothing() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    sh("iptables-nft -A INPUT -i lo -j ACCEPT; iptables-nft -A INPUT -i eth0 -j ACCEPT
        iptables-nft -P INPUT DROP");
    let run = check(&pod, &[]).expect(0);
    assert!(run.report().to_string().contains("everything else from outside"), "{run}");
    check(&pod, &["--require", "arriving"]).expect(5);
}

#[test]
fn without_ipv6_the_other_family_is_proved() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio().only_v4());
    sh("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
    let run = check(&pod, &["--require", "arriving"]).expect(0);
    assert!(proved(&run, "arriving") >= 6, "{run}");
}
