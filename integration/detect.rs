//! `--mesh auto`: which mesh it is, and what says so.

use std::{fs, net::TcpListener};

use crate::world::{Backend, Output, Pod, Rules, Who, World};

fn auto(pod: &Pod, who: Who) -> Output {
    let annotations = pod.file("annotations").display().to_string();
    let flags = ["--mesh", "auto", "--annotations", &annotations, "--listeners", "bind"];
    pod.run(who, &[&["check", "--output", "json"], &flags[..]].concat())
}

fn because(run: &Output) -> String {
    let report = run.report();
    let findings = report["findings"].as_array().expect("findings").clone();
    let told = findings.iter().find(|finding| finding["code"] == "mesh-detected");
    told.map(|finding| finding["reason"].to_string()).unwrap_or_default()
}

#[test]
fn each_mesh_is_known_by_its_own_rules() {
    let (proxy, app) = (Who::Proxy, Who::App);
    let meshes = [
        (Rules::istio(), app, "istio", "egress arrives at port 15001"),
        (Rules::istio(), proxy, "istio", "127.0.0.6"),
        (Rules::istio_tproxy(), app, "istio-tproxy", "mark 0x539"),
        (Rules::ambient(), app, "istio-ambient", "mark 0x111"),
        (Rules::linkerd(), app, "linkerd", "port 4140"),
        (Rules::kuma(), app, "kuma", "UDP alone"),
        (Rules::kuma(), Who::Ids(5678, 5678), "kuma", "uid 5678"),
        (Rules::consul(), app, "consul", "127.0.0.6"),
        (Rules::osm(), Who::Ids(1500, 1500), "osm", "127.0.0.6"),
    ];
    for (rules, who, mesh, why) in meshes {
        let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
        let run = auto(&pod, who);
        assert_eq!(run.report()["mesh"], mesh, "{run}");
        assert!(because(&run).contains(why), "{run}");
    }
}

#[test]
fn without_rules_or_annotation_nothing_is_proved() {
    let pod = World::DUAL.start();
    for who in Who::ALL {
        let run = auto(&pod, who).expect(5);
        assert_eq!(run.codes("unknown"), ["mesh-not-detected", "proof-required"], "{run}");
    }
}

#[test]
fn other_layers_need_to_know_only_whose_answers_they_get() {
    let flags = ["check", "reach", "--mesh", "auto", "--target", "tcp://10.77.0.1:8080"];
    let flags = [&flags[..], &["--annotations", "/nonexistent", "--output", "json"]].concat();
    let serve =
        |pod: &Pod| pod.node.run(|| TcpListener::bind("10.77.0.1:8080").expect("a free port"));
    let pod = World::V4.start();
    let _server = serve(&pod);
    let run = pod.run(Who::App, &flags).expect(0);
    assert_eq!(run.codes("ok"), ["reach-holds"], "{run}");
    // The same answer would be the proxy's.
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let _server = serve(&pod);
    let run = pod.run(Who::App, &flags).expect(5);
    assert!(run.codes("unknown").contains(&"reach-masked".to_owned()), "{run}");
    assert_eq!(run.report()["mesh"], "istio", "{run}");
}

#[test]
fn an_annotation_is_a_promise_and_its_absence_from_the_rules_the_failure() {
    let pod = World::DUAL.start();
    fs::write(pod.file("annotations"), "ambient.istio.io/redirection=\"enabled\"\n")
        .expect("write");
    let run = auto(&pod, Who::App).expect(30);
    assert_eq!(
        (run.cause().as_str(), run.report()["mesh"].as_str()),
        ("redirect-missing", Some("istio-ambient"))
    );
    assert!(because(&run).contains("ambient.istio.io/redirection"), "{run}");
}

#[test]
fn the_gate_waits_for_a_mesh_to_show() {
    let pod = World::V4.start();
    let gate = pod.launch(Who::App, &["gate", "--mesh", "auto", "--deadline", "10s"]).start();
    assert!(gate.still_runs_after(std::time::Duration::from_millis(300)));
    pod.load(Backend::Nft, &Rules::istio());
    gate.wait().expect(0);
}

#[test]
fn a_recording_of_a_detection_is_judged_the_same() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::linkerd());
    let file = pod.file("recording").display().to_string();
    let live = pod.run(Who::App, &["check", "--mesh", "auto", "--record", &file]).expect(0);
    let again = pod.run(Who::App, &["check", "--replay", &file]).expect(0);
    assert_eq!(live.stdout, again.stdout);
}
