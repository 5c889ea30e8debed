//! HTTP: who asks what, what is answered, and what is not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::running::{AT, Watch, ask, cause, get, json, metric, ready, started, until};
use crate::world::server::{Server, closes};
use crate::world::{Pod, Who, World, sh};

fn watched(arguments: &[&str]) -> (Pod, Watch) {
    let pod = World::DUAL.start();
    let mut all = vec!["--mesh", "none"];
    all.extend(arguments);
    let watch = Watch::start(&pod, Who::App, &all);
    started();
    (pod, watch)
}

#[test]
fn the_report_is_that_of_check_and_names_itself() {
    let (_pod, _watch) = watched(&[]);
    let report = json("/report.json");
    assert_eq!(report["command"], "watch");
    assert_eq!(report["verdict"], "ok");
    let history = json("/history.json");
    assert_eq!(history["schemaVersion"], 1);
    assert_eq!(history["ready"], true);
    let layers: Vec<&str> = history["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|layer| layer["layer"].as_str().expect("a name"))
        .collect();
    assert_eq!(layers, ["link", "route", "redirect"]);
    assert_eq!(history["minutes"][0]["worst"]["route"], "ok");
}

/// Each family's help, type and unit stand before its samples, and no series is there twice.
#[test]
fn metrics_are_described_and_no_series_is_there_twice() {
    let (_pod, _watch) = watched(&[]);
    let answer = get("/metrics").expect("metrics");
    assert!(answer.head.contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(answer.body.ends_with("# EOF\n") && answer.body.matches("# EOF").count() == 1);
    let (mut described, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for line in answer.body.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, name) = rest.split_once(' ').expect("a name");
            let name = name.split(' ').next().expect("a name");
            described.entry(name.to_owned()).or_insert_with(BTreeSet::new).insert(what.to_owned());
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        value.parse::<f64>().expect("a number");
        assert!(seen.insert(series.to_owned()), "twice: {series}");
        let name = series.split('{').next().expect("a name");
        let family =
            ["_total", "_info"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let told = described.get(family).unwrap_or_else(|| panic!("{family} is not described"));
        assert!(told.contains("HELP") && told.contains("TYPE"), "{family}: {told:?}");
        assert_eq!(
            told.contains("UNIT"),
            family.ends_with("_seconds") || family.ends_with("_bytes"),
            "{family}"
        );
    }
    for name in [
        "podprobe_build_info{version=\"0.1.0\"}",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    ] {
        assert!(seen.contains(name), "{name} in {}", answer.body);
    }
}

#[test]
fn only_get_is_answered_and_only_what_there_is() {
    let (_pod, _watch) = watched(&[]);
    assert_eq!(get("/etc/passwd").expect("an answer").status, 404);
    let post = format!("POST /readyz HTTP/1.1\r\nHost: {AT}\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(ask(&post).expect("an answer").status, 405);
    let page = get("/").expect("the page");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(page.head.contains("x-content-type-options: nosniff"), "{}", page.head);
    for part in ["/page.css", "/page.js"] {
        assert_eq!(get(part).expect("a part of the page").status, 200, "{part}");
    }
    let long = format!("GET / HTTP/1.1\r\nHost: {AT}\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    assert!(ask(&long).is_none_or(|answer| answer.status == 431), "an endless head");
    assert_eq!(get("/livez").expect("an answer").status, 200);
}

#[test]
fn connections_that_say_nothing_do_not_keep_the_kubelet_out() {
    let (pod, _watch) = watched(&[]);
    // From the node: an address that is not the kubelet's own here, which asks by loopback.
    let idle: Vec<TcpStream> = pod
        .node
        .run(|| (0..100).filter_map(|_| TcpStream::connect("10.77.0.2:9464").ok()).collect());
    assert!(idle.len() > 50, "some connected: {}", idle.len());
    assert_eq!(get("/livez").expect("an answer").status, 200);
}

#[test]
fn told_to_end_it_is_unready_first() {
    let (_pod, watch) = watched(&["--drain", "5s"]);
    watch.signal(Signal::SIGTERM);
    assert_eq!(ready(503), "stopping\n");
    assert_eq!(get("/livez").expect("an answer").status, 200, "it is no reason to restart it");
    // A second signal ends the wait.
    let run = watch.end(Signal::SIGTERM).expect(143);
    assert!(run.elapsed < Duration::from_secs(10), "{run}");
}

#[test]
fn ready_asks_and_says_what_is_broken() {
    let (pod, watch) = watched(&[]);
    let yes = pod.run(Who::App, &["ready"]).expect(0);
    assert_eq!(yes.stdout, "ready\n");
    sh("ip route del default");
    ready(503);
    let no = pod.run(Who::App, &["ready"]).expect(1);
    assert!(no.stdout.starts_with("broken: route"), "{no}");
    pod.run(Who::App, &["ready", "--ask", "live"]).expect(0);
    pod.run(Who::App, &["ready", "--ask", "startup"]).expect(0);
    watch.end(Signal::SIGTERM).expect(143);
    let nobody = pod.run(Who::App, &["ready"]).expect(1);
    assert!(nobody.stderr.contains("ask the watch at [::1]:9464: "), "{nobody}");
}

#[test]
fn layers_that_do_not_matter_for_traffic_do_not_make_it_unready() {
    let (_pod, _watch) = watched(&["--ready-layers", "link"]);
    sh("ip route del default");
    until("the break is seen", || cause() == "route-no-default");
    assert_eq!(ready(200), "ready\n");
    assert_eq!(metric("podprobe_ready"), Some(1.0));
}

#[test]
fn a_mode_that_does_not_enforce_stays_ready_and_off_does_not_look() {
    let pod = World::DUAL.start();
    let watch = Watch::start(&pod, Who::App, &["--mesh", "none", "--mode", "warn"]);
    started();
    sh("ip route del default");
    until("the break is seen", || cause() == "route-no-default");
    assert_eq!(ready(200), "ready\n");
    watch.end(Signal::SIGTERM).expect(143);
    let _off = Watch::start(&pod, Who::App, &["--mode", "off"]);
    assert_eq!(ready(200), "ready\n");
    assert_eq!(metric("podprobe_verdict"), None, "nothing was looked at");
}

#[test]
fn reports_and_recordings_go_to_files() {
    let pod = World::DUAL.start();
    let (report, recording) = (pod.file("report.json"), pod.file("drift.json"));
    let to_report = format!("json={}", report.display());
    let record = recording.display().to_string();
    let _watch = Watch::start(
        &pod,
        Who::App,
        &["--mesh", "none", "--output-file", &to_report, "--record", &record],
    );
    started();
    until("a report", || report.exists());
    assert!(!recording.exists(), "nothing drifted");
    sh("ip route del default");
    ready(503);
    until("a recording", || recording.exists());
    let replayed = pod.run(Who::App, &["check", "--replay", &record]).expect(20);
    assert!(replayed.stdout.contains("route-no-default"), "{replayed}");
}

#[test]
fn targets_are_told_as_blackbox_exporter_does() {
    let pod = World::DUAL.start();
    let _server = Server::on(&pod.node, "10.77.0.1:8080", closes);
    let open = ["reach", "--mesh", "none", "--target", "tcp://10.77.0.1:8080"];
    let all = [&open[..], &["--target", "tcp://10.77.0.1:8081"]].concat();
    let _watch = Watch::start(&pod, Who::App, &all);
    let success = |target: &str| metric(&format!("probe_success{{target=\"{target}\"}}"));
    until("both are told", || success("tcp://10.77.0.1:8081").is_some());
    assert_eq!(success("tcp://10.77.0.1:8080"), Some(1.0));
    assert_eq!(success("tcp://10.77.0.1:8081"), Some(0.0));
}

#[test]
fn an_address_that_is_taken_and_times_that_are_too_short_are_refused() {
    let (pod, _watch) = watched(&[]);
    let taken = pod.run(Who::App, &["watch", "--mesh", "none"]).expect(1);
    assert!(taken.stderr.contains("listen on 0.0.0.0:9464: EADDRINUSE"), "{taken}");
    let often = pod.run(Who::App, &["watch", "--every", "dns=1ms"]).expect(2);
    assert!(often.stderr.contains("10ms is the least"), "{often}");
}
