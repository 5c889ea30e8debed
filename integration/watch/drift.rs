//! What breaks and holds again: seen, doubted, said once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;

use super::running::{Watch, cause, get, json, metric, ready, started, until};
use crate::dns::{Responder, Stand, bytes, cluster};
use crate::world::{Pod, Who, World, sh};

/// What stands before "drift: " in a log.
fn drifts(log: &str) -> Vec<&str> {
    log.lines().filter_map(|line| line.split_once("drift: ")).map(|(_, told)| told).collect()
}

/// A pod in no mesh whose nameserver answers as long as it is told to.
fn with_dns() -> (Pod, Arc<AtomicBool>, Responder, String) {
    let pod = World::DUAL.start();
    let silent = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&silent);
    let server = Responder::on(&pod.node, Stand::at("10.77.0.1"), move |query, _| {
        if told.load(Ordering::SeqCst) { None } else { bytes(&cluster(query)) }
    });
    let path = pod.file("resolv.conf");
    let text = "search a.svc.cluster.local svc.cluster.local cluster.local\n\
                nameserver 10.77.0.1\noptions ndots:5\n";
    std::fs::write(&path, text).expect("write resolv.conf");
    (pod, silent, server, path.display().to_string())
}

#[test]
fn startup_waits_for_the_network_and_says_what_is_missing() {
    let pod = World::DUAL.start();
    sh("ip route del default; ip -6 route del default");
    let watch = Watch::start(&pod, Who::App, &["--mesh", "none"]);
    until("a first look", || !cause().is_empty());
    let startup = get("/startupz").expect("an answer");
    assert_eq!(startup.status, 503);
    assert!(startup.body.starts_with("did not hold yet: route-no-default: "), "{}", startup.body);
    assert_eq!(metric("podprobe_started"), Some(0.0));
    assert_eq!(metric("podprobe_network_ready_seconds"), None);
    sh("ip route add default via 10.77.0.1; ip -6 route add default via fd77::1");
    started();
    assert_eq!(ready(200), "ready\n");
    assert_eq!(metric("podprobe_started"), Some(1.0));
    assert!(metric("podprobe_network_ready_seconds") > Some(0.0));
    // Nothing had held, so nothing drifted.
    assert_eq!(metric("podprobe_drifts_total{layer=\"route\"}"), Some(0.0));
    let run = watch.end(Signal::SIGTERM).expect(143);
    assert_eq!(drifts(&run.stderr), Vec::<&str>::new(), "{run}");
    assert_eq!(run.stderr.matches("waiting: route-no-default: ").count(), 1, "{run}");
}

#[test]
fn a_drift_is_said_once_and_so_is_its_end() {
    let pod = World::DUAL.start();
    let watch = Watch::start(&pod, Who::App, &["--mesh", "none"]);
    started();
    sh("ip route del default");
    let why = ready(503);
    assert!(why.starts_with("broken: route"), "{why}");
    assert_eq!(cause(), "route-no-default");
    assert_eq!(metric("podprobe_layer_result{layer=\"route\"}"), Some(3.0));
    assert!(metric("podprobe_broken_since_timestamp_seconds{layer=\"route\"}").is_some());
    // Behind it nothing is looked at.
    assert_eq!(metric("podprobe_layer_result{layer=\"redirect\"}"), None);
    let looks = metric("podprobe_looks_total{layer=\"route\"}");
    until("some more looks", || {
        metric("podprobe_looks_total{layer=\"route\"}") > looks.map(|looks| looks + 5.0)
    });
    sh("ip route add default via 10.77.0.1");
    ready(200);
    assert_eq!(metric("podprobe_drifts_total{layer=\"route\"}"), Some(1.0));
    assert_eq!(metric("podprobe_broken_since_timestamp_seconds{layer=\"route\"}"), None);
    let history = json("/history.json");
    let changes = history["changes"].as_array().expect("changes");
    let of_route: Vec<_> = changes.iter().filter(|change| change["layer"] == "route").collect();
    assert_eq!(of_route.len(), 2, "{history}");
    assert_eq!(of_route[0]["to"], "fail");
    assert_eq!(of_route[0]["code"], "route-no-default");
    assert_eq!(of_route[1]["from"], "fail");
    let run = watch.end(Signal::SIGTERM).expect(143);
    let told = drifts(&run.stderr);
    assert_eq!(told.len(), 1, "{run}");
    assert!(
        told[0].starts_with("route held for ") && told[0].contains("broke: route-no-default: ")
    );
    assert_eq!(run.stderr.matches("route holds again after ").count(), 1, "{run}");
}

#[test]
fn one_look_that_failed_is_no_drift() {
    let (pod, silent, _server, resolv_conf) = with_dns();
    let watch =
        Watch::start(&pod, Who::App, &["dns", "--mesh", "none", "--resolv-conf", &resolv_conf]);
    started();
    let looks = || metric("podprobe_looks_total{layer=\"dns\"}").expect("a counter");
    // A look may be under way already: the one after it sees silence from its beginning.
    silent.store(true, Ordering::SeqCst);
    let before = looks();
    until("a look at a silent server", || looks() >= before + 1.0);
    silent.store(false, Ordering::SeqCst);
    until("the doubt is over", || metric("podprobe_flickers_total{layer=\"dns\"}") == Some(1.0));
    assert_eq!(metric("podprobe_drifts_total{layer=\"dns\"}"), Some(0.0));
    let run = watch.end(Signal::SIGTERM).expect(143);
    assert_eq!(drifts(&run.stderr), Vec::<&str>::new(), "{run}");
}

#[test]
fn a_server_that_stays_silent_is_a_drift_and_other_layers_stand() {
    let (pod, silent, _server, resolv_conf) = with_dns();
    let _watch = Watch::start(
        &pod,
        Who::App,
        &["link", "dns", "--mesh", "none", "--resolv-conf", &resolv_conf],
    );
    started();
    silent.store(true, Ordering::SeqCst);
    ready(503);
    // Over TCP it closes the connection instead of answering.
    assert_eq!(cause(), "dns-answer-unusable");
    assert_eq!(metric("podprobe_layer_result{layer=\"link\"}"), Some(0.0));
    silent.store(false, Ordering::SeqCst);
    ready(200);
}

#[test]
fn the_kernels_notices_bring_a_look_at_once() {
    let pod = World::DUAL.start();
    let slow = ["--mesh", "none", "--every", "all=1h"];
    let _watch = Watch::start(&pod, Who::App, &slow);
    started();
    let looks = metric("podprobe_looks_total{layer=\"route\"}");
    sh("ip route del default");
    ready(503);
    assert!(metric("podprobe_network_events_total{kind=\"route\"}") >= Some(1.0));
    sh("ip route add default via 10.77.0.1");
    ready(200);
    assert!(metric("podprobe_looks_total{layer=\"route\"}") > looks);
    for (kind, change) in [
        ("address", "ip address add 10.77.0.77/24 dev eth0"),
        ("link", "ip link set eth0 mtu 1400"),
        ("rule", "ip rule add fwmark 7 table 77"),
    ] {
        sh(change);
        let series = format!("podprobe_network_events_total{{kind=\"{kind}\"}}");
        until(&format!("a notice about a {kind}"), || metric(&series) >= Some(1.0));
    }
}

#[test]
fn a_device_of_its_own_is_no_change_of_the_pod() {
    let pod =
        Pod::with(World::DUAL, crate::world::Backend::IptablesNft, &crate::world::Rules::istio());
    let _envoy = crate::live::Proxy::start(
        crate::live::ENVOY,
        &crate::live::SIDECAR,
        crate::live::Manner::Reads,
    );
    let _watch = Watch::start(&pod, Who::NetAdmin, &[]);
    started();
    assert!(metric("podprobe_proofs{proof=\"arriving\"}") > Some(0.0), "it injects");
    let looks = metric("podprobe_looks_total{layer=\"redirect\"}");
    until("some more looks", || {
        metric("podprobe_looks_total{layer=\"redirect\"}") > looks.map(|looks| looks + 3.0)
    });
    for kind in ["link", "address", "route", "rule"] {
        let series = format!("podprobe_network_events_total{{kind=\"{kind}\"}}");
        assert_eq!(metric(&series), Some(0.0), "{kind}");
    }
}
