//! What Istio's arguments and variables mean on real rules, to each identity.

use std::time::Duration;

use super::{ISTIO_1_10, ISTIO_1_20, ISTIO_1_30, injected, intact, words};
use crate::world::{Backend, Pod, Rules, Who, World, sh};
use Who::{App, Ids, Proxy, Root};

#[test]
fn the_arguments_of_three_istios_pass_and_fail() {
    for line in [ISTIO_1_10, ISTIO_1_20, ISTIO_1_30] {
        let run = intact().run(Proxy, &words(line)).expect(0);
        assert!(run.elapsed < Duration::from_secs(2), "{run}");
        let timeout = [&words(line)[..], &["--probe-timeout", "0.5s"]].concat();
        World::V4.start().run(Proxy, &timeout).expect(126);
    }
    let native = [&words(ISTIO_1_30)[..], &["--native-nftables"]].concat();
    Pod::with(World::V4, Backend::Nft, &Rules::istio()).run(Proxy, &native).expect(0);
}

#[test]
fn every_vantage_passes_on_good_rules_and_fails_without() {
    for who in [App, Root] {
        intact().run(who, &injected(&[])).expect(0);
        World::V4.start().run(who, &injected(&[])).expect(126);
    }
    // The mesh's group with another uid is neither proxy nor application: it proves nothing.
    intact().run(Ids(0, 1337), &injected(&[])).expect(1);
}

#[test]
fn custom_ports_pass_with_the_plugin_s_builtin_ones_and_say_so() {
    let flags = ["-p", "15011", "-z", "15016"];
    let run = intact().run(Proxy, &injected(&flags)).expect(0);
    assert!(run.stdout.contains("\twarn\tbuiltin-port: "), "{run}");
    assert!(run.stdout.contains("Listening on 127.0.0.1:15016\n"), "{run}");
    let rules = Rules::istio().replace("15006", "15016").replace("15001", "15011");
    let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
    let run = pod.run(Proxy, &injected(&flags)).expect(0);
    assert!(!run.stdout.contains("\twarn\t"), "{run}");
}

#[test]
fn variables_that_services_inject_break_nothing() {
    let pod = intact();
    let run = pod
        .launch(Proxy, &injected(&["--log_output_level=debug"]))
        .env("INBOUND_TUNNEL_PORT", "tcp://10.96.3.4:15008")
        .env("ENVOY_PORT", "tcp://10.96.3.5:10000")
        .env("REDIRECT_DNS", "maybe")
        .env("PROBE_TIMEOUT", "forever")
        .run()
        .expect(0);
    for variable in ["INBOUND_TUNNEL_PORT", "ENVOY_PORT", "REDIRECT_DNS", "PROBE_TIMEOUT"] {
        assert!(run.stdout.contains(&format!("\tdebug\tignored {variable}=")), "{run}");
    }
}

#[test]
fn tproxy_is_proved_with_its_routing() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio_tproxy());
    let tproxy = injected(&["-m", "TPROXY"]);
    for (who, is_another) in [(Proxy, false), (Root, false), (Ids(0, 1337), false), (App, true)] {
        let run = pod.run(who, &tproxy).expect(0);
        assert_eq!(run.stdout.contains(", the rules are for 1337:1337"), is_another, "{run}");
    }
    pod.run(Proxy, &[&tproxy[..], &["-r", "134"]].concat()).expect(126);
    sh("ip rule del fwmark 1337");
    let run = pod.run(Proxy, &tproxy).expect(126);
    assert!(run.stdout.contains("\terror\tmarked-route-missing: "), "{run}");
}

#[test]
fn one_family_is_tested_unless_dual_stack_is_declared() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio().only_v4());
    let run = pod.run(Proxy, &injected(&[])).expect(0);
    assert!(!run.stdout.contains("[::1]"), "{run}");
    let run = pod.run(Proxy, &injected(&["--dual-stack"])).expect(126);
    assert!(run.stdout.contains("\terror\tredirect-family-missing: "), "{run}");
    let declared = || pod.launch(Proxy, &injected(&[])).env("ISTIO_DUAL_STACK", "true").run();
    declared().expect(126);
    pod.load(Backend::IptablesNft, &Rules::istio());
    let run = declared().expect(0);
    assert!(run.stdout.contains("Listening on [::1]:15006\n"), "{run}");
}

#[test]
fn declared_dns_and_exclusions_are_verified() {
    let pod = intact();
    pod.run(App, &injected(&["--redirect-dns"])).expect(126);
    // Rules and arguments come from the same annotations: the next pod would have the same of both.
    pod.run(App, &injected(&["-o", "5432"])).expect(1);
    pod.run(App, &injected(&["-x", "10.96.64.0/18"])).expect(1);
    pod.load(Backend::IptablesNft, &Rules::istio_dns());
    let dns = "ISTIO_META_DNS_CAPTURE";
    pod.launch(App, &injected(&[])).env(dns, "true").run().expect(0);
    pod.run(App, &injected(&[])).expect(1);
    pod.load(Backend::IptablesNft, &Rules::istio_excl());
    let declared = injected(&["-o", "5432", "-x", "10.96.64.0/18"]);
    pod.run(App, &declared).expect(0);
    pod.run(Proxy, &declared).expect(0);
}

/// The CNI plugin excludes 15020 where nothing else is; what programs the rules in its place may not.
#[test]
fn the_plugin_s_own_exclusion_may_be_there_or_not() {
    let pod = intact();
    let bare = Rules::istio()
        .without("-A ISTIO_OUTPUT -p tcp --dport 15020 -j RETURN")
        .without("-A ISTIO_OUTPUT -p udp --dport 15020 -j RETURN");
    for line in [ISTIO_1_10, ISTIO_1_20, ISTIO_1_30] {
        for who in [Proxy, App, Root] {
            pod.load(Backend::IptablesNft, &Rules::istio());
            pod.run(who, &words(line)).expect(0);
            pod.load(Backend::IptablesNft, &bare);
            pod.run(who, &words(line)).expect(0);
        }
    }
    // Declared, it is a promise like any other.
    pod.run(Proxy, &injected(&["-o", "15020"])).expect(1);
}

#[test]
fn another_identity_than_declared_is_told_and_proves_what_it_can() {
    let rules = Rules::istio().replace("owner 1337", "owner 1000740000");
    let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
    let flags = injected(&["-u", "1000740000"]);
    let run = pod.run(Ids(1_000_740_000, 1_000_740_000), &flags).expect(0);
    assert!(!run.stdout.contains(", the rules are for"), "{run}");
    let run = pod.run(Ids(1_000_740_001, 1_000_740_001), &flags).expect(0);
    let said = "\twarn\trunning as 1000740001:1000740001, the rules are for 1000740000:1000740000 ";
    assert!(run.stdout.contains(said), "{run}");
    assert!(run.stdout.contains(" outbound "), "{run}");
}

#[test]
fn the_proxy_s_group_is_this_container_s_where_none_is_declared() {
    let rules = Rules::istio()
        .replace("uid-owner 1337", "uid-owner 1000740000")
        .replace("gid-owner 1337", "gid-owner 1000740099");
    let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
    let openshift = Ids(1_000_740_000, 1_000_740_099);
    let run = pod.run(openshift, &injected(&["-u", "1000740000"])).expect(0);
    assert!(!run.stdout.contains("\twarn\t"), "{run}");
    let typed = ["-u", "1000740000", "-g", "1000740000"];
    let run = pod.run(openshift, &injected(&typed)).expect(0);
    assert!(run.stdout.contains("\twarn\tidentity-differs: "), "{run}");
}
