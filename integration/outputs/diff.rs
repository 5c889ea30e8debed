//! A good pod's report against a broken pod, as one has them at three in the morning.

use std::fs;

use crate::world::{Backend, Output, Pod, Rules, Who, World, sh, starter};

/// Leaves the report of a good pod in a file of the other pod, and gives that file's name.
fn good_report(bad: &Pod, text: &str) -> String {
    let file = bad.file("good.json");
    fs::write(&file, text).expect("write");
    file.display().to_string()
}

fn istio() -> Pod {
    Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio())
}

fn report_of(pod: &Pod, who: Who, code: i32) -> String {
    pod.run(who, &["check", "--output", "json"]).expect(code).stdout
}

fn diff(pod: &Pod, who: Who, good: &str, more: &[&str]) -> Output {
    pod.run(who, &[&["diff", good], more].concat())
}

#[test]
fn two_healthy_pods_with_other_addresses_do_not_differ() {
    for who in Who::ALL {
        let text = report_of(&istio(), who, 0);
        let other = istio();
        // Another node's pod: other addresses, and another gateway.
        other.node.sh("ip address add 10.77.0.254/24 dev host");
        sh("ip address add 10.77.0.99/24 dev eth0; ip address del 10.77.0.2/24 dev eth0
            ip address add 10.77.0.99/24 dev eth0 2>/dev/null || true
            ip address add fd77::99/64 dev eth0 nodad; ip address del fd77::2/64 dev eth0
            ip route replace default via 10.77.0.254; ip -6 route replace default via fd77::1");
        let good = good_report(&other, &text);
        let run = diff(&other, who, &good, &[]).expect(0);
        assert!(run.stdout.starts_with("nothing differs in "), "{who:?}: {run}");
    }
}

#[test]
fn a_pod_without_a_familys_rules_differs_in_that_alone() {
    let text = report_of(&istio(), Who::App, 0);
    let bad = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio().only_v4());
    let good = good_report(&bad, &text);
    let run = diff(&bad, Who::App, &good, &[]).expect(30);
    assert!(run.stdout.contains("+ FAIL     redirect  redirect-family-missing IPv6\n"), "{run}");
    assert!(run.stdout.contains("cause: redirect-family-missing: "), "{run}");
    assert!(!run.stdout.contains("-holds") && run.stdout.ends_with(", exit 30\n"), "{run}");
    let run = diff(&bad, Who::App, &good, &["--output", "json"]).expect(30);
    let report = run.report();
    assert_eq!(report["differs"], true, "{run}");
    assert_eq!(report["cause"]["code"], "redirect-family-missing", "{run}");
    let changes: Vec<_> = report["differences"].as_array().expect("differences").iter().collect();
    let appeared = changes.iter().find(|d| d["change"] == "appeared").expect("one");
    assert_eq!(appeared["bad"]["code"], "redirect-family-missing", "{run}");
    assert!(appeared["good"].is_null(), "{run}");
    // And the same broken pod against itself, some looks and probe ports later.
    let same = good_report(&bad, &report_of(&bad, Who::App, 30));
    let run = diff(&bad, Who::App, &same, &[]).expect(0);
    assert!(run.stdout.contains("both say redirect-family-missing: "), "{run}");
}

#[test]
fn the_layers_of_the_good_report_are_looked_at_unless_others_are_named() {
    let pod = World::V4.start();
    let look = ["check", "link", "--output", "json"];
    let good = good_report(&pod, &pod.run(Who::App, &look).expect(0).stdout);
    sh("ip route del default");
    let run = diff(&pod, Who::App, &good, &[]).expect(0);
    assert!(run.stdout.starts_with("nothing differs in 1 finding"), "{run}");
    let run = diff(&pod, Who::App, &good, &["--only", "link,route"]).expect(20);
    assert!(run.stdout.contains("+ FAIL     route     route-no-default IPv4\n"), "{run}");
}

#[test]
fn a_configuration_file_counts_for_the_look() {
    let pod = istio();
    let good = good_report(&pod, &report_of(&pod, Who::App, 0));
    let file = pod.file("podprobe.yaml");
    fs::write(&file, "mesh: linkerd\nonly: [redirect]\n").expect("write");
    let launch = pod.launch(Who::App, &["diff", &good]);
    let run = launch.env("PODPROBE_CONFIG", file.to_str().expect("UTF-8")).run().expect(30);
    assert!(run.stdout.contains("~ mesh               istio → linkerd\n"), "{run}");
    assert!(run.stdout.contains("link      not looked at here\n"), "{run}");
    let run = pod.run(Who::App, &["diff", "--help"]).expect(0);
    assert!(run.stdout.contains("--severity") && run.stdout.contains("GOOD"), "{run}");
}

#[test]
fn what_lies_behind_the_broken_layer_is_said_once() {
    let pod = istio();
    let good = good_report(&pod, &report_of(&pod, Who::App, 0));
    sh("ip route del default; ip -6 route del default");
    let run = diff(&pod, Who::App, &good, &[]).expect(20);
    assert!(run.stdout.contains("redirect  not reached\n"), "{run}");
    assert!(!run.stdout.contains("-holds") && !run.stdout.contains("~ "), "{run}");
}

#[test]
fn two_files_are_compared_without_a_look_and_either_may_be_standard_input() {
    let pod = istio();
    let good = good_report(&pod, &report_of(&pod, Who::App, 0));
    let bad = pod.file("bad.json");
    pod.load(Backend::IptablesNft, &Rules::istio().only_v6());
    let flags = ["check", "--mode", "warn", "--output", "json"];
    fs::write(&bad, pod.run(Who::App, &flags).expect(0).stdout).expect("write");
    let bad = bad.display().to_string();
    let nowhere = World::V4.start();
    // `--mode warn` does not make a failure no difference.
    let run = nowhere.run(Who::App, &["diff", &good, &bad]).expect(30);
    assert!(run.stdout.contains("redirect-family-missing IPv4"), "{run}");
    assert_eq!(nowhere.node.packets(), (0, 0));
    let run = nowhere.run(Who::App, &["diff", &bad, &good]).expect(30);
    assert!(run.stdout.starts_with("note: the good report is not of a good pod: "), "{run}");
    nowhere.run(Who::App, &["diff", &good, &good]).expect(0);
    for (line, code) in [("\"$0\" diff - \"$2\" <\"$1\"", 30), ("\"$0\" diff \"$1\" - <\"$1\"", 0)]
    {
        let program = format!("{} {}", starter(), nowhere.program().display());
        let ended = sh(&format!(
            "set -- '{good}' '{bad}'; set +e; {}; echo $?",
            line.replace("\"$0\"", &program)
        ));
        assert_eq!(ended.lines().last(), Some(code.to_string().as_str()), "{ended}");
    }
}

#[test]
fn what_is_no_report_ends_with_2_before_anything_is_sent() {
    let pod = World::V4.start();
    for (text, problem) in [
        ("", "it is empty"),
        ("kind: Pod", "not JSON, which `podprobe check --output json` writes"),
        ("{\"kind\": \"Pod\"}", "not a report: it has no schemaVersion"),
        ("{\"schemaVersion\": 9}", "schemaVersion 9, but this podprobe reads version 1"),
        ("{\"schemaVersion\": 1, \"mesh\": 7}", "not a report of this podprobe: "),
        ("{\"recordingVersion\": 1}", "a recording of --record"),
    ] {
        let file = good_report(&pod, text);
        let run = diff(&pod, Who::App, &file, &[]).expect(2);
        assert!(run.stderr.contains(problem) && run.stderr.contains(&file), "{run}");
        assert!(run.stdout.is_empty() && run.stderr.lines().count() == 1, "{run}");
    }
    let run = diff(&pod, Who::App, "/no/such/file", &[]).expect(2);
    assert!(run.stderr.contains("No such file"), "{run}");
    let good = good_report(&pod, &report_of(&pod, Who::App, 30));
    let run = diff(&pod, Who::App, &good, &["--output", "tap"]).expect(2);
    assert!(run.stderr.contains("diff prints text or json"), "{run}");
    pod.run(Who::App, &["diff", "-", "-"]).expect(2);
    pod.run(Who::App, &["diff"]).expect(2);
}
