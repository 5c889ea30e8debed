//! Beside a proxy, and before it: its ports are never taken from it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::running::{Watch, cause, get, metric, ready, started, until};
use crate::live::{ENVOY, Manner, Proxy, SIDECAR};
use crate::world::{Backend, Pod, Rules, Who, World, sh};

fn istio() -> Pod {
    Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio())
}

/// Somebody who takes the capture ports again and again; how often that failed.
fn collisions(time: Duration) -> usize {
    let start = Instant::now();
    let mut failed = 0;
    while start.elapsed() < time {
        for port in SIDECAR {
            failed += usize::from(TcpListener::bind(("0.0.0.0", port)).is_err());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    failed
}

#[test]
fn a_proxy_finds_its_ports_free_at_any_moment() {
    let pod = istio();
    let _watch = Watch::start(&pod, Who::Root, &["--every", "all=100ms"]);
    until("a first look", || get("/report.json").is_some_and(|answer| answer.status == 200));
    assert_eq!(collisions(Duration::from_secs(2)), 0);
    assert_eq!(cause(), "proxy-absent");
    assert_eq!(get("/startupz").expect("an answer").status, 503);
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    started();
}

#[test]
fn before_the_proxy_its_ports_are_bound_until_everything_held_and_then_they_are_its() {
    let pod = istio();
    let _watch = Watch::start(&pod, Who::Root, &["--listeners", "bind", "--every", "all=100ms"]);
    started();
    assert_eq!(collisions(Duration::from_secs(1)), 0);
    // Not there yet is not broken.
    assert_eq!(ready(200), "ready\n");
    // Nor is it because something changes meanwhile.
    sh("ip address add 10.77.0.77/24 dev eth0");
    until("the change is noticed", || {
        metric("podprobe_network_events_total{kind=\"address\"}") >= Some(1.0)
    });
    let rounds = metric("podprobe_looks_total{layer=\"link\"}");
    until("some more rounds", || {
        metric("podprobe_looks_total{layer=\"link\"}") > rounds.map(|rounds| rounds + 3.0)
    });
    assert_eq!(metric("podprobe_drifts_total{layer=\"redirect\"}"), Some(0.0));
    let envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    let looks = metric("podprobe_looks_total{layer=\"redirect\"}");
    until("a look beside the proxy", || metric("podprobe_looks_total{layer=\"redirect\"}") > looks);
    assert_eq!(ready(200), "ready\n");
    sh("ip6tables -t nat -D OUTPUT -p tcp -j ISTIO_OUTPUT || ip6tables -t nat -F OUTPUT");
    ready(503);
    assert_eq!(cause(), "redirect-family-missing");
    assert_eq!(envoy.read(), 0, "the proxy was sent bytes");
}

#[test]
fn rules_that_are_lost_beside_a_proxy_are_noticed_and_told_as_paths() {
    let pod = istio();
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    let _watch = Watch::start(&pod, Who::App, &[]);
    started();
    sh("iptables -t nat -F OUTPUT");
    let why = ready(503);
    assert!(why.starts_with("broken: redirect: redirect-family-missing: nothing in IPv4"), "{why}");
    let findings = metric(
        "podprobe_check_result{code=\"redirect-family-missing\",layer=\"redirect\",subject=\"application TCP to <outside>:<port>\",family=\"ipv4\"}",
    );
    assert_eq!(findings, Some(3.0), "{}", get("/metrics").expect("metrics").body);
}
