//! JUnit, TAP and OpenMetrics of real runs; the parsers stand beside the code that writes them.

use std::fs;

use roxmltree::{Document, Node};

use crate::world::{Output, Pod, Who, World, sh};

/// A pod without rules that somebody without privilege looks at: a failure, an unknown, and layers
/// that hold.
fn broken() -> Pod {
    World::DUAL.start()
}

fn lines<'o>(run: &'o Output, start: &'o str) -> impl Iterator<Item = &'o str> {
    run.stdout.lines().filter(move |line| line.starts_with(start))
}

#[test]
fn junit_has_a_suite_a_layer_and_a_failure_for_the_cause() {
    let pod = broken();
    let run = pod.run(Who::App, &["check", "--output", "junit"]).expect(30);
    let xml = Document::parse(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"));
    let of =
        |tag: &str| xml.descendants().filter(|node| node.has_tag_name(tag)).collect::<Vec<_>>();
    let names: Vec<_> =
        of("testsuite").iter().filter_map(|suite| suite.attribute("name")).collect();
    assert_eq!(names, ["link", "route", "redirect"], "{run}");
    let [failure] = of("failure")[..] else { panic!("one failure: {run}") };
    assert_eq!(failure.attribute("type"), Some("redirect-missing"), "{run}");
    let case = failure.parent_element().expect("a case");
    assert_eq!(case.attribute("classname"), Some("redirect-missing"), "{run}");
    let subject = case.attribute("name").unwrap_or_default();
    assert!(subject.contains("<outside>:<port>"), "{subject} changes from run to run");
    let skipped = of("skipped");
    let cases = skipped.iter().filter_map(Node::parent_element);
    let unknown: Vec<_> = cases.filter_map(|case| case.attribute("classname")).collect();
    assert_eq!(unknown, ["not-observable"; 2], "the proxy's flows, and those from outside: {run}");
    assert!(of("error").is_empty(), "{run}");
}

#[test]
fn what_could_not_be_proved_is_an_error_of_junit_and_not_ok_in_tap() {
    let pod = World::V4.start();
    let check = |form| {
        let flags = ["check", "--mesh", "none", "--require", "inbound", "--output", form];
        pod.run(Who::App, &flags).expect(5)
    };
    let run = check("junit");
    let xml = Document::parse(&run.stdout).expect("XML");
    let root = xml.root_element();
    assert_eq!((root.attribute("errors"), root.attribute("failures")), (Some("1"), Some("0")));
    let run = check("tap");
    let not_ok: Vec<&str> = lines(&run, "not ok ").collect();
    assert!(matches!(not_ok[..], [line] if line.contains("proof-required")), "{run}");
}

#[test]
fn tap_plans_as_many_points_as_follow() {
    let pod = broken();
    let run = pod.run(Who::App, &["check", "--output", "tap"]).expect(30);
    let mut said = run.stdout.lines();
    assert_eq!(said.next(), Some("TAP version 14"));
    let points = lines(&run, "ok ").chain(lines(&run, "not ok ")).count();
    assert_eq!(said.next(), Some(format!("1..{points}").as_str()), "{run}");
    assert_eq!(lines(&run, "not ok ").count(), 1, "{run}");
    assert!(lines(&run, "ok ").any(|line| line.contains(" # SKIP ")), "{run}");
}

#[test]
fn layers_behind_a_broken_one_are_skipped_in_every_form() {
    let pod = broken();
    sh("ip route del default; ip -6 route del default");
    let check = |form| pod.run(Who::App, &["check", "--output", form]).expect(20);
    let run = check("tap");
    let skipped = "redirect: not-reached: redirect # SKIP not reached: route-no-default first";
    assert!(lines(&run, "ok ").any(|line| line.ends_with(skipped)), "{run}");
    assert!(check("junit").stdout.contains("classname=\"not-reached\""));
    let run = check("openmetrics");
    assert!(lines(&run, "podprobe_not_reached{layer=\"redirect\"} 1").next().is_some(), "{run}");
    assert!(lines(&run, "podprobe_ready_seconds").next().is_none(), "{run}");
}

#[test]
fn metrics_have_the_same_labels_in_every_run() {
    let pod = broken();
    let samples = || {
        let run = pod.run(Who::App, &["check", "--output", "openmetrics"]).expect(30);
        let results: Vec<String> =
            lines(&run, "podprobe_check_result{").map(String::from).collect();
        assert!(run.stdout.ends_with("\n# EOF\n") && results.len() >= 4, "{run}");
        assert!(lines(&run, "podprobe_verdict 3").next().is_some(), "{run}");
        assert!(lines(&run, "podprobe_exit_code 30").next().is_some(), "{run}");
        results
    };
    assert_eq!(samples(), samples());
    let failed = samples().into_iter().find(|line| line.ends_with(" 3")).expect("a failure");
    assert!(failed.contains("code=\"redirect-missing\",layer=\"redirect\""), "{failed}");
}

#[test]
fn several_files_in_several_forms_are_left_whatever_stdout_has() {
    let pod = broken();
    let forms = [
        ("json", "\"schemaVersion\": 1"),
        ("jsonl", "\"schemaVersion\":1"),
        ("junit", "</testsuites>\n"),
        ("tap", "TAP version 14\n"),
        ("openmetrics", "# EOF\n"),
        ("text", "exit 30\n"),
    ];
    let file = |form: &str| pod.file(&format!("report.{form}"));
    let mut flags = vec!["check".to_owned()];
    for (form, _) in forms {
        fs::write(file(form), "an old report, which is longer than nothing").expect("write");
        flags.extend(["--output-file".to_owned(), format!("{form}={}", file(form).display())]);
    }
    // A directory that this user may write, with files of somebody else.
    let words: Vec<&str> = flags.iter().map(String::as_str).collect();
    pod.run(Who::App, &words).expect(30);
    for (form, end) in forms {
        let text = fs::read_to_string(file(form)).expect("a report");
        assert!(text.contains(end) && !text.contains("an old report"), "{form}: {text}");
    }
    let left = fs::read_dir(pod.file("")).expect("a directory").count();
    assert_eq!(left, forms.len(), "nothing is left beside the reports");
}

#[test]
fn a_file_that_cannot_be_written_is_told_and_does_not_change_the_verdict() {
    let pod = broken();
    let run = pod.run(Who::App, &["check", "--output-file", "tap=/no/such/place"]).expect(30);
    assert!(run.stderr.contains("write /no/such/place: No such file"), "{run}");
    let run = pod.run(Who::App, &["check", "--output-file", "xml=/tmp/x"]).expect(2);
    assert!(run.stderr.contains("\"xml\" is no form of the report: text, json, jsonl"), "{run}");
}
