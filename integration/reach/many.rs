//! Many targets at once.

use std::fmt::Write;
use std::fs;

use super::{finding, fine, pod};
use crate::world::server::{Server, hangs};
use crate::world::{Launch, Pod, Who};

/// Targets of one port, each with a name of its own.
fn many<'p>(pod: &'p Pod, count: usize, at: &str, output: &str) -> Launch<'p> {
    let mut text = String::new();
    for n in 0..count {
        let _ = writeln!(text, "t{n}={at}");
    }
    let path = pod.file("targets");
    fs::write(&path, text).expect("a file");
    let path = path.display().to_string();
    let line = ["check", "reach", "--mesh", "none", "--output", output, "--targets-file", &path];
    pod.launch(Who::App, &line)
}

#[test]
fn descriptors_bound_what_is_tried_at_once() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    for limit in [80, 200] {
        let few = many(&pod, 400, "10.77.0.1:5432", "json").stage(format!("ulimit -n {limit}"));
        let run = fine(few.run());
        assert_eq!(finding(&run, "reach-holds")["evidence"]["answering"], 400, "{run}");
    }
}

#[test]
fn a_soft_limit_is_raised() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    let few = many(&pod, 400, "10.77.0.1:5432", "json").stage("ulimit -S -n 70".into());
    fine(few.run());
}

#[test]
fn many_failures_are_counted_and_all_named_in_json() {
    let pod = pod();
    let text = many(&pod, 300, "10.77.0.1:81", "text").run().expect(60);
    assert!(text.stdout.lines().count() < 100, "{text}");
    assert!(text.stdout.contains("the same of 280 more targets"), "{text}");
    let json = many(&pod, 300, "10.77.0.1:81", "json").run().expect(60);
    let findings = json.report()["findings"].as_array().expect("findings").clone();
    let named = findings.last().expect("a finding")["evidence"]["targets"].as_array().map(Vec::len);
    assert_eq!((findings.len(), named), (21, Some(280)), "{json}");
}

#[test]
fn silent_targets_wait_together() {
    let pod = pod();
    let run = many(&pod, 300, "192.0.2.1:81", "json").run().expect(60);
    // One after another, they would wait for ten minutes.
    assert_eq!(run.codes("fail"), ["reach-silent", "reach-timeout-node"], "{run}");
}
