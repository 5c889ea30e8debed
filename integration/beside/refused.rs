//! Each system call that a profile allows, refused in turn: whatever podprobe lacks then, no pod that holds is
//! called broken for it, and no broken one is let start.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::world::{Backend, Output, Pod, Rules, Who, World};

use super::seccomp::{confined, copied};

/// The modes with all that they look at in one pod.
const LOOKS: [(Who, &[&str]); 3] = [
    (Who::App, &["gate", "--deadline", "1s", "--also", "dns,service,mtu"]),
    (Who::Root, &["gate", "--deadline", "1s"]),
    (Who::NetAdmin, &["check", "redirect", "link", "route"]),
];

/// Without them no program starts or ends, and none says how it ended.
const ENDS: [&str; 2] = ["execve", "exit_group"];

#[test]
#[ignore = "needs python3-seccomp: make test-beside"]
fn a_call_that_is_refused_is_no_word_about_the_network() {
    let (whole, broken) = (Rules::istio(), Rules::istio().without("REDIRECT"));
    let wrong: Vec<String> = thread::scope(|scope| {
        let pods = [(&whole, true), (&broken, false)];
        let looks = pods.into_iter().flat_map(|pod| LOOKS.map(|look| (pod, look)));
        let threads: Vec<_> = looks
            .map(|((rules, holds), (who, line))| {
                scope.spawn(move || wrong(rules, holds, who, line))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a look")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The calls without which this look, in a pod with these rules, says what is not so.
fn wrong(rules: &Rules, holds: bool, who: Who, line: &[&str]) -> Vec<String> {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, rules);
    let line = [line, &["--output", "json"]].concat();
    let free = pod.run(who, &line);
    let known = complaints(&free);
    // With all of its profile it comes to a report, and to the same one: what is missing below is the call.
    let whole = confined(&pod, who, &line).run();
    assert!(whole.stdout.starts_with('{') && whole.code == free.code, "{free}\n{whole}");
    assert_eq!(complaints(&whole), known, "{whole}");
    let mut wrong = Vec::new();
    for call in calls(&pod, line[0]) {
        let run = without(&pod, who, &line, &call);
        let told = complaints(&run).difference(&known).cloned().collect::<Vec<_>>();
        if holds && !told.is_empty() || !holds && run.code == 0 {
            wrong.push(format!("{who:?} {} without {call}: {} {told:?}", line[0], run.code));
        }
    }
    wrong
}

/// Under its profile without one call.
fn without(pod: &Pod, who: Who, line: &[&str], call: &str) -> Output {
    let launch = confined(pod, who, line);
    let path = profile(pod, line[0]);
    let mut all = read(&path);
    for group in all["syscalls"].as_array_mut().expect("groups") {
        let names = group["names"].as_array_mut().expect("names");
        names.retain(|name| name != call);
    }
    let groups = all["syscalls"].as_array_mut().expect("groups");
    groups.retain(|group| group["names"] != json!([]));
    fs::write(&path, all.to_string()).expect("a profile");
    launch.run()
}

/// What is said to be broken; nothing where the program did not come to a report.
fn complaints(run: &Output) -> BTreeSet<String> {
    match serde_json::from_str::<Value>(&run.stdout) {
        Ok(_) => run.codes("fail").into_iter().collect(),
        Err(_) => BTreeSet::new(),
    }
}

/// All that the profile allows, but what starts and ends a program.
fn calls(pod: &Pod, mode: &str) -> Vec<String> {
    copied(pod);
    let all = read(&profile(pod, mode));
    let groups = all["syscalls"].as_array().expect("groups").iter();
    let allowed = groups.filter(|group| group["action"] == "SCMP_ACT_ALLOW");
    let names = allowed.flat_map(|group| group["names"].as_array().expect("names"));
    names
        .map(|name| name.as_str().expect("a name").to_owned())
        .filter(|n| !ENDS.contains(&n.as_str()))
        .collect()
}

fn profile(pod: &Pod, mode: &str) -> std::path::PathBuf {
    pod.file("seccomp").join(format!("seccomp/{mode}.json"))
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("a profile");
    serde_json::from_str(&text).expect("JSON")
}
