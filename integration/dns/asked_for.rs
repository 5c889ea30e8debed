//! DNS is looked at when it is asked for, in its place, by somebody whom the mesh lets go.

use std::time::Duration;

use super::responder::{Over, Responder, Stand, bytes, cluster, name};
use super::{CLUSTER, fine, pod, run};
use crate::world::{Backend, Pod, Rules, Who, World, sh};

const NODE: Stand = Stand::at("10.77.0.1");

fn with_file(pod: &Pod, resolv_conf: &str) -> String {
    let path = pod.file("resolv.conf");
    std::fs::write(&path, resolv_conf).expect("write resolv.conf");
    path.display().to_string()
}

#[test]
fn nothing_is_asked_unless_it_is_asked_for() {
    let pod = pod();
    let path = with_file(&pod, CLUSTER);
    let common = ["--mesh", "none", "--resolv-conf", path.as_str(), "--output", "json"];
    let (_, before) = pod.node.packets();
    for command in ["check", "gate"] {
        let report = pod.run(Who::App, &[&[command], &common[..]].concat()).expect(0);
        assert!(!report.stdout.contains("\"layer\": \"dns\""), "{report}");
    }
    assert_eq!(pod.node.packets().1, before, "queries were sent");
    for more in [["--also", "dns"], ["--only", "dns"]] {
        let report = pod.run(Who::App, &[&["check"], &common[..], &more].concat()).expect(40);
        assert_eq!(report.cause(), "dns-refused-by-server", "{report}");
    }
    assert!(pod.node.packets().1 > before, "no query was sent");
}

#[test]
fn also_adds_and_only_leaves_out() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let path = with_file(&pod, CLUSTER);
    let layers = |more: &[&str]| -> Vec<String> {
        let common =
            ["check", "--mesh", "none", "--resolv-conf", path.as_str(), "--output", "json"];
        let report = pod.run(Who::App, &[&common[..], more].concat()).expect(0).report();
        let findings = report["findings"].as_array().expect("findings").iter();
        let mut layers: Vec<String> =
            findings.map(|f| f["layer"].as_str().expect("a layer").to_owned()).collect();
        layers.dedup();
        layers
    };
    assert_eq!(layers(&["--also", "dns"]), ["link", "route", "redirect", "dns"]);
    assert_eq!(layers(&["--only", "link,dns"]), ["link", "dns"]);
    assert_eq!(layers(&["--also", "dns", "--skip", "redirect"]), ["link", "route", "dns"]);
}

#[test]
fn a_broken_route_is_the_cause_and_dns_is_not_reached() {
    let pod = pod();
    let path = with_file(&pod, CLUSTER);
    sh("ip route del default; ip -6 route del default");
    let flags =
        ["check", "--also", "dns", "--mesh", "none", "--resolv-conf", &path, "--output", "json"];
    let report = pod.run(Who::App, &flags).expect(20);
    let text = report.report()["notReached"].to_string();
    assert!(text.contains("dns") && text.contains("redirect"), "{report}");
}

#[test]
fn gate_waits_for_a_server_that_comes_late() {
    let pod = pod();
    let path = with_file(&pod, CLUSTER);
    let flags =
        ["gate", "--only", "dns", "--mesh", "none", "--resolv-conf", &path, "--output", "json"];
    let gate = pod.launch(Who::App, &flags).start();
    assert!(gate.still_runs_after(Duration::from_millis(600)), "it did not wait");
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let report = gate.wait().expect(0);
    assert!(report.report()["attempts"].as_u64() > Some(1), "{report}");
}

#[test]
fn the_last_look_ends_soon_after_the_deadline_and_says_which_step_hung() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, over| {
        let late = over == Over::Udp && name(query) == "slow.example.";
        if late { None } else { bytes(&cluster(query)) }
    });
    let gate = |file: &str, more: &[&str]| {
        let path = with_file(&pod, file);
        let flags = ["gate", "--only", "dns", "--mesh", "none", "--deadline", "1s"];
        let files = ["--output", "json", "--resolv-conf", &path];
        pod.run(Who::App, &[&flags[..], &files, more].concat()).expect(40)
    };
    let silent = gate("search svc.cluster.local\nnameserver 10.96.0.10\n", &[]);
    assert_eq!(silent.cause(), "dns-silent", "{silent}");
    assert!(silent.stdout.contains("come as far as the node (10.77.0.1)"), "{silent}");
    assert!(!silent.stdout.contains("2500 ms"), "a look that knows no deadline: {silent}");
    let name = gate(CLUSTER, &["--dns-name", "slow.example."]);
    assert_eq!(name.cause(), "dns-upstream-down", "{name}");
    assert!(name.stdout.contains("ask 10.77.0.1 for slow.example. A: gets no answer"), "{name}");
    assert!(!name.stdout.contains("2500 ms"), "a look that knows no deadline: {name}");
}

#[test]
fn a_name_that_there_was_no_time_for_is_no_missing_name() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| {
        // Every name but the cluster's own takes longer than any patience, but one: the first.
        let first = name(query).ends_with("a.svc.cluster.local.");
        if first || !name(query).starts_with("far.") { bytes(&cluster(query)) } else { None }
    });
    let path = with_file(&pod, CLUSTER);
    let flags = ["gate", "--only", "dns", "--mesh", "none", "--deadline", "100ms"];
    let more = ["--output", "json", "--resolv-conf", &path, "--dns-name", "far.example"];
    let run = pod.run(Who::App, &[&flags[..], &more].concat()).expect(40);
    assert!(!run.codes("fail").contains(&"dns-name-missing".to_owned()), "{run}");
    assert!(run.stdout.contains("far.example.svc.cluster.local. A: gets no answer"), "{run}");
}

#[test]
fn the_plan_names_every_server_and_sends_nothing() {
    let pod = pod();
    let before = pod.node.packets();
    let report = run(&pod, CLUSTER, &["--plan", "--nameserver", "fd77::1"]).expect(0);
    for to in ["query UDP 10.77.0.1:53", "query TCP [fd77::1]:53"] {
        assert!(report.stdout.contains(to), "{report}");
    }
    assert_eq!(pod.node.packets(), before);
}

#[test]
fn a_recording_is_judged_the_same() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let file = pod.file("recording.json").display().to_string();
    let first = fine(run(&pod, CLUSTER, &["--record", &file]));
    let again = pod.run(Who::App, &["check", "--replay", &file, "--output", "json"]).expect(0);
    assert_eq!(first.report()["findings"], again.report()["findings"]);
}

/// Istio's rules with DNS capture, a mesh's DNS proxy in the pod, and nobody on the node.
fn captured() -> (Pod, Responder) {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio_dns());
    let proxy = Responder::here(Stand { tcp: true, ..Stand::at("127.0.0.1") });
    (pod, proxy)
}

#[test]
fn the_meshs_answer_is_not_the_nameservers() {
    let (pod, _proxy) = captured();
    let path = with_file(&pod, CLUSTER);
    let flags = [
        "check",
        "dns",
        "--mesh",
        "istio",
        "--dns-capture",
        "true",
        "--resolv-conf",
        &path,
        "--output",
        "json",
    ];
    let app = pod.run(Who::App, &flags).expect(5);
    assert_eq!(app.codes("unknown"), ["dns-masked", "proof-required"], "{app}");
    assert!(app.stdout.contains("needs uid 1337"), "{app}");
    for who in [Who::Proxy, Who::Root] {
        let proxy = pod.run(who, &flags).expect(40);
        assert_eq!(proxy.cause(), "dns-refused-by-server", "{who:?}: {proxy}");
    }
}

#[test]
fn over_what_is_not_captured_the_server_itself_answers() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let path = with_file(&pod, CLUSTER);
    let flags = ["check", "dns", "--mesh", "istio", "--resolv-conf", &path, "--output", "json"];
    let app = pod.run(Who::App, &flags).expect(0);
    assert_eq!(app.codes("unknown"), ["dns-masked"], "{app}");
    assert!(app.stdout.contains("answered by 10.77.0.1 over UDP;"), "{app}");
    for who in [Who::Proxy, Who::Root] {
        fine(pod.run(who, &flags));
    }
}
