//! Nobody notices: no server gets a connection, nothing is left in the pod, runs do not meet.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{Server, check, proved};
use crate::world::{Backend, Pod, Rules, Who, World, sh};

/// Links, addresses, routes and policy rules, without counters of time.
fn traces() -> String {
    sh("ip -o link; ip -o address | sed 's/valid_lft.*//'; ip route show table all; \
        ip -6 route show table all; ip rule; ip -6 rule")
}

fn has_device() -> bool {
    sh("ip -o link").contains("podprobe")
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "in vain: {what}");
    }
}

#[test]
fn nothing_is_left_when_it_is_over() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::ambient());
    let before = traces();
    let flags = ["--mesh", "istio-ambient", "--listeners", "bind"];
    let run = check(&pod, &flags).expect(0);
    assert!(proved(&run, "arriving") > 0, "{run}");
    assert_eq!(traces(), before);
}

#[test]
fn nothing_is_left_when_it_is_killed() {
    let pod = World::DUAL.start();
    let before = traces();
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGABRT] {
        let gate = pod.launch(Who::NetAdmin, &["gate", "--deadline", "15s"]).start();
        wait_until("a device", has_device);
        gate.signal(signal);
        let run = gate.wait();
        assert!([137, 143, 134].contains(&run.code), "{signal}: {run}");
        wait_until("no device", || !has_device());
        assert_eq!(traces(), before, "{signal}");
    }
}

#[test]
fn runs_at_the_same_time_do_not_meet() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let _proxy = [15001, 15006].map(|port| Server::start(1337, port));
    let runs: Vec<_> =
        (0..6).map(|_| pod.launch(Who::NetAdmin, &["check", "--output", "json"]).start()).collect();
    for run in runs {
        let run = run.wait().expect(0);
        assert!(proved(&run, "arriving") >= 12, "{run}");
    }
}

#[test]
fn a_server_of_the_pod_gets_no_connection_from_there() {
    let pod = World::DUAL.start();
    let servers = [80, 8080].map(|port| Server::start(1000, port));
    let run = check(&pod, &["--mesh", "none"]).expect(0);
    assert!(proved(&run, "arriving-exclusion") >= 8, "{run}");
    pod.load(Backend::IptablesNft, &Rules::istio());
    check(&pod, &[]).expect(0);
    // Now what arrives reaches the servers.
    sh("iptables-nft -t nat -F PREROUTING; ip6tables-nft -t nat -F PREROUTING");
    let run = check(&pod, &[]).expect(30);
    assert_eq!(run.cause(), "inbound-escaped", "{run}");
    assert_eq!(servers.map(|server| server.given()), [0, 0]);
}

#[test]
fn nothing_of_it_leaves_the_pod() {
    for rules in [None, Some(Rules::istio())] {
        let pod = World::DUAL.start();
        if let Some(rules) = rules {
            pod.load(Backend::IptablesNft, &rules);
        }
        check(&pod, &[]);
        let (_, far) = pod.node.packets();
        assert_eq!(far, 0, "packets that could travel beyond the first hop");
    }
}
