//! The rules, intact and broken, from each identity.

use nix::sys::signal::Signal;

use super::{Envoy, Noticed};
use crate::world::{Backend, Output, Pod, Rules, Who, World};

/// Rules with one thing broken: what it is, who sees it, and which causes name it.
type Break = (&'static str, Rules, &'static [Who], &'static [&'static str]);

fn proofs(run: &Output) -> u64 {
    run.report()["proofs"].as_u64().expect("a number of proofs")
}

/// Runs again where Envoy noticed something: a machine that leaves podprobe without CPU for a fifth of a
/// second completes its handshakes.
#[track_caller]
fn unnoticed(envoy: &Envoy, mut run: impl FnMut()) {
    let mut last = envoy.noticed();
    for _ in 0..5 {
        run();
        let now = envoy.noticed();
        assert_eq!(now.bytes, 0, "podprobe sent bytes to Envoy");
        if now == last {
            return;
        }
        last = now;
    }
    panic!("Envoy notices every look: {last:?}");
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn each_identity_proves_its_half_and_envoy_never_learns_of_it() {
    for backend in Backend::ALL {
        let pod = Pod::with(World::DUAL, backend, &Rules::istio());
        let envoy = Envoy::sidecar(&pod);
        let before = pod.node.packets();
        for who in Who::ALL {
            unnoticed(&envoy, || {
                let run = pod.run(who, &["check", "--output", "json"]).expect(0);
                assert!(proofs(&run) > 10, "{backend:?} {who:?}: {run}");
            });
        }
        // Had Envoy accepted a probe, it would have dialled 192.0.2.0/24 with a hop limit of 64.
        if envoy.noticed() == Noticed::NOTHING {
            assert_eq!(pod.node.packets().1, before.1, "something went beyond the first hop");
        }
    }
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn what_is_missing_or_wrong_in_one_family_or_direction_is_named() {
    let outbound = "-A ISTIO_OUTPUT -j ISTIO_REDIRECT";
    let inbound = "--uid-owner 1337 -j ISTIO_IN_REDIRECT";
    let only_v4 = |rules: Rules| Rules { v6: Rules::istio().v6, ..rules };
    let only_v6 = |rules: Rules| Rules { v4: Rules::istio().v4, ..rules };
    let swapped = Rules::istio().replace("15001", "1500x").replace("15006", "15001");
    let nothing =
        Rules { v4: "*nat\nCOMMIT\n".into(), v6: "*nat\nCOMMIT\n".into(), ..Rules::istio() };
    let family = |v4: bool| {
        let empty = "*nat\nCOMMIT\n".to_owned();
        if v4 {
            Rules { v4: empty, ..Rules::istio() }
        } else {
            Rules { v6: empty, ..Rules::istio() }
        }
    };
    let cases: [Break; 8] = [
        ("no rules", nothing, &Who::ALL, &["redirect-missing"]),
        ("no rules of IPv4", family(true), &Who::ALL, &["redirect-family-missing"]),
        ("no rules of IPv6", family(false), &Who::ALL, &["redirect-family-missing"]),
        (
            "outbound, IPv4",
            only_v4(Rules::istio().without(outbound)),
            &[Who::App, Who::Root],
            &["outbound-escaped", "redirect-family-missing"],
        ),
        (
            "outbound, IPv6",
            only_v6(Rules::istio().without(outbound)),
            &[Who::App, Who::Root],
            &["outbound-escaped", "redirect-family-missing"],
        ),
        (
            "inbound, IPv4",
            only_v4(Rules::istio().without(inbound)),
            &[Who::Proxy, Who::Root],
            &["inbound-escaped", "redirect-family-missing"],
        ),
        (
            "inbound, IPv6",
            only_v6(Rules::istio().without(inbound)),
            &[Who::Proxy, Who::Root],
            &["inbound-escaped", "redirect-family-missing"],
        ),
        ("swapped", swapped.replace("1500x", "15006"), &[Who::Root], &["ports-swapped"]),
    ];
    let pod = World::DUAL.start();
    let envoy = Envoy::sidecar(&pod);
    for (what, rules, seen_by, causes) in cases {
        pod.load(Backend::IptablesNft, &rules);
        for who in seen_by {
            unnoticed(&envoy, || {
                let run = pod.run(*who, &["check", "--output", "json"]).expect(30);
                assert!(causes.contains(&&*run.cause()), "{what} {who:?}: {run}");
            });
        }
    }
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn tproxy_is_proved_by_the_transparent_socket_and_missed_where_it_is_not() {
    for backend in Backend::ALL {
        let pod = Pod::with(World::DUAL, backend, &Rules::istio_tproxy());
        let envoy = Envoy::transparent(&pod);
        for who in [Who::Ids(0, 1337), Who::Root] {
            let check =
                ["check", "--mesh", "istio-tproxy", "--require", "inbound", "--output", "json"];
            unnoticed(&envoy, || {
                let run = pod.run(who, &check).expect(0);
                assert!(proofs(&run) > 10, "{backend:?} {who:?}: {run}");
            });
        }
        let broken = Rules::istio_tproxy()
            .without("-A PREROUTING -p tcp -j ISTIO_INBOUND")
            .without("prerouting meta l4proto tcp counter jump istio-inbound");
        pod.load(backend, &broken);
        let run =
            pod.run(Who::Root, &["check", "--mesh", "istio-tproxy", "--output", "json"]).expect(30);
        assert!(
            ["redirect-missing", "inbound-escaped"].contains(&&*run.cause()),
            "{backend:?}: {run}"
        );
    }
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn a_stopped_envoy_still_takes_what_the_rules_bring_and_a_killed_one_does_not() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let envoy = Envoy::sidecar(&pod);
    envoy.signal(Signal::SIGSTOP);
    for who in Who::ALL {
        pod.run(who, &["check"]).expect(0);
    }
    envoy.signal(Signal::SIGCONT);
    envoy.kill();
    for who in [Who::App, Who::Root] {
        // Nobody holds the ports: podprobe listens itself, and the rules are right.
        pod.run(who, &["check"]).expect(0);
        let run = pod.run(who, &["check", "--listeners", "live", "--output", "json"]).expect(30);
        assert_eq!(run.cause(), "proxy-absent", "{who:?}: {run}");
    }
}
