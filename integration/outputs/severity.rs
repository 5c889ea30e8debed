//! A warning that blocks and a failure that only warns, because somebody said so.

use std::fs;

use super::{blackhole, without_dns};
use crate::world::{Backend, Output, Pod, Rules, Who, World, sh};

fn finding(run: &Output, code: &str) -> serde_json::Value {
    let report = run.report();
    let findings = report["findings"].as_array().expect("findings").clone();
    let found = findings.into_iter().find(|finding| finding["code"] == code);
    found.unwrap_or_else(|| panic!("no {code}: {run}"))
}

#[test]
fn a_failure_that_only_warns_does_not_block_and_the_next_layer_is_looked_at() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    let flags = ["check", "--output", "json"];
    blackhole();
    let run = pod.run(Who::App, &flags).expect(20);
    assert_eq!(run.cause(), "route-blackhole", "{run}");
    let lowered = [&flags[..], &["--severity", "route-blackhole=warn"]].concat();
    let run = pod.run(Who::App, &lowered);
    let told = finding(&run, "route-blackhole");
    assert_eq!(told["severity"], "warn", "{run}");
    assert_eq!(told["evidence"]["usualSeverity"], "fail", "{run}");
    assert_eq!(told["evidence"]["declaredSeverity"], "warn", "{run}");
    assert!(run.report()["notReached"].as_array().expect("layers").is_empty(), "{run}");
    assert_ne!(run.cause(), "route-blackhole", "{run}");
}

#[test]
fn a_warning_that_blocks_gives_its_layers_exit_code() {
    let pod = World::V4.start();
    let only = ["check", "link"];
    let api = |more: &[&str]| {
        let launch = pod.launch(Who::App, &[&only[..], more].concat());
        launch.env("KUBERNETES_SERVICE_HOST", "no address").run()
    };
    assert!(api(&[]).expect(0).stdout.contains(" warn     link      env-apiserver-unset\n"));
    let run = api(&["--severity", "env-apiserver-unset=fail"]).expect(10);
    let line = " FAIL     link      env-apiserver-unset (usually warn, declared otherwise)\n";
    assert!(run.stdout.contains(line), "{run}");
    let run = api(&["--severity", "env-apiserver-unset=ok"]).expect(0);
    assert!(run.stdout.contains(" ok       link      env-apiserver-unset (usually warn"), "{run}");
    // The environment says the same, and a flag goes before it.
    let by = |more: &[&str]| {
        let launch = pod.launch(Who::App, &[&only[..], more].concat());
        let launch = launch.env("PODPROBE_SEVERITY", "env-apiserver-unset=fail");
        launch.env("KUBERNETES_SERVICE_HOST", "no address").run()
    };
    by(&[]).expect(10);
    by(&["--severity", "env-apiserver-unset=warn"]).expect(0);
    by(&["--severity", ""]).expect(0);
}

#[test]
fn a_lowered_redirect_failure_passes_but_a_required_proof_still_does_not() {
    let pod = World::V4.start();
    let lowered = ["--severity", "redirect-missing=warn"];
    let run = pod.run(Who::App, &[&["gate", "--deadline", "1s"], &lowered[..]].concat()).expect(0);
    assert!(
        run.stdout.contains("; warning: redirect-missing (usually fail, declared otherwise)"),
        "{run}"
    );
    let flags = [&["check", "--require", "outbound", "--output", "json"], &lowered[..]].concat();
    let run = pod.run(Who::App, &flags).expect(5);
    assert_eq!(run.cause(), "proof-required", "{run}");
    let reason = run.report()["cause"]["reason"].to_string();
    assert!(reason.contains("prove outbound: "), "{reason}");
}

#[test]
fn what_was_looked_at_and_declared_is_no_missing_proof() {
    let pod = World::V4.start();
    // Nothing is as promised, so that nothing is proved.
    sh("nft 'add table ip t; add chain ip t c { type nat hook output priority -100; }
        add rule ip t c meta l4proto { tcp, udp } redirect to :15001'");
    let flags = ["check", "--only", "redirect", "--mesh", "none", "--output", "json"];
    let run = pod.run(Who::App, &flags).expect(30);
    assert_eq!(run.report()["proofs"], 0, "{run}");
    let failed = run.codes("fail").iter().map(|code| format!("{code}=warn")).collect::<Vec<_>>();
    let declared = failed.join(",");
    let run = pod.run(Who::App, &[&flags[..], &["--severity", &declared]].concat()).expect(0);
    assert_eq!(run.report()["proofs"], 0, "{run}");
}

#[test]
fn a_file_declares_by_a_mapping_a_list_or_a_line() {
    let (pod, conf) = without_dns();
    let check = |text: &str| {
        let file = pod.file("podprobe.yaml");
        fs::write(&file, text).expect("write");
        let flags = ["check", "dns", "--mesh", "none", "--resolv-conf", &conf, "--output", "json"];
        pod.launch(Who::App, &flags).env("PODPROBE_CONFIG", file.to_str().expect("UTF-8")).run()
    };
    let run = check("{}").expect(40);
    let cause = run.cause();
    for text in [
        format!("severity:\n  {cause}: warn\n  dns-lossy: fail\n"),
        format!("severity: [{cause}=warn, dns-lossy=fail]\n"),
        format!("severity: {cause}=warn,dns-lossy=fail\n"),
        format!("{{\"severity\": {{\"{cause}\": \"warn\"}}}}"),
    ] {
        let run = check(&text).expect(0);
        assert_eq!(run.codes("warn"), [cause.as_str()], "{text}: {run}");
    }
    check("severity: {}\n").expect(40);
    check("severity:\n").expect(40);
}

#[test]
fn what_cannot_be_declared_is_refused_with_the_reason() {
    let pod = World::V4.start();
    for (declared, reason) in [
        ("dns-silnt=warn", "no code is called \"dns-silnt\": did you mean dns-silent?"),
        ("DNS_SILENT=warn", "did you mean dns-silent?"),
        ("nonsense=warn", "`podprobe explain` lists them"),
        ("dns-silent=unknown", "\"unknown\" is no severity for dns-silent: write fail, warn or ok"),
        ("dns-silent", "write CODE=fail, warn or ok"),
        ("proof-required=ok", "ask for less instead"),
        ("not-observable=warn", "neither yes nor no: --require makes it block"),
        ("redirect-holds=fail", "it has no other severity"),
        ("dns-silent=warn,dns-silent=ok", "dns-silent is there twice"),
    ] {
        let run = pod.run(Who::App, &["gate", "--severity", declared]).expect(2);
        assert!(run.stderr.contains(reason) && run.stdout.is_empty(), "{declared}: {run}");
        let file = pod.file("podprobe.yaml");
        fs::write(&file, format!("\nseverity: '{declared}'\n")).expect("write");
        let launch = pod.launch(Who::App, &["gate"]);
        let run = launch.env("PODPROBE_CONFIG", file.to_str().expect("UTF-8")).run().expect(2);
        assert!(run.stderr.contains("line 2: severity: "), "{run}");
        assert!(
            run.stderr.contains(reason) && run.stderr.lines().count() == 1,
            "{declared}: {run}"
        );
    }
    assert_eq!(pod.node.packets(), (0, 0));
}

#[test]
fn a_recording_keeps_what_was_declared() {
    let pod = World::V4.start();
    let file = pod.file("recording.json").display().to_string();
    let flags = ["check", "--severity", "redirect-missing=warn", "--record", &file];
    pod.run(Who::App, &flags).expect(0);
    let elsewhere = World::V4.start();
    let run = elsewhere.run(Who::App, &["check", "--replay", &file, "--output", "json"]).expect(0);
    assert_eq!(run.codes("warn"), ["redirect-missing"], "{run}");
}
