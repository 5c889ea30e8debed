//! What repair controllers act on: exit code and termination message.

use std::fs;
use std::net::TcpListener;

use super::{golden, injected, intact, words};
use crate::world::{Output, Pod, Who, World, sh};
use Who::Proxy;

#[test]
fn what_is_broken_below_the_rules_is_no_case_for_repair() {
    for script in ["ip route del default", "ip link del eth0"] {
        let pod = intact();
        sh(script);
        let run = pod.run(Proxy, &injected(&[])).expect(1);
        assert!(run.stdout.contains("exit code 1 instead of 126"), "{run}");
        assert!(!run.stdout.contains("cni.repair.deletePods"), "{run}");
    }
}

#[test]
fn what_the_next_pod_would_meet_again_is_no_case_for_repair() {
    let refused = |run: Output, code: &str| {
        assert_eq!(run.code, 1, "{run}");
        assert!(run.stdout.contains(&format!("\terror\t{code}: ")), "{run}");
        assert!(run.stdout.contains("exit code 1 instead of 126"), "{run}");
    };
    let pod = intact();
    refused(pod.run(Who::Ids(1338, 1338), &injected(&["-u", "1338"])), "identity-mismatch");
    sh("iptables-nft -t filter -A OUTPUT -p tcp --dport 15006 -j DROP");
    refused(pod.run(Proxy, &injected(&[])), "capture-dropped");
}

#[test]
fn a_taken_port_is_no_case_for_repair() {
    let pod = intact();
    let taken = TcpListener::bind("0.0.0.0:15006").expect("the port is free");
    let run = pod.run(Proxy, &injected(&[]));
    drop(taken);
    assert_eq!(run.code, 1, "{run}");
    assert!(run.stdout.contains("\terror\tError on listening: "), "{run}");
    assert!(!run.stdout.contains("\tListening on 127.0.0.1:15006"), "{run}");
}

#[test]
fn the_termination_message_is_the_reason_nothing_or_fixed() {
    let pod = World::V4.start();
    let (run, message) = logged(&pod, &injected(&[]), &[]);
    assert!(message.starts_with("redirect-missing: "), "{message}");
    let facts = message.lines().last().expect("a last line");
    let facts: serde_json::Value = serde_json::from_str(facts).expect("JSON");
    assert_eq!((run.code, facts["exitCode"].as_i64()), (126, Some(126)), "{message}");
    let (_, none) = logged(&pod, &injected(&["--termination-message", "none"]), &[]);
    assert_eq!(none, "");
    let fixed = ("PODPROBE_TERMINATION_MESSAGE_TEXT", "istio-cni repair me");
    let (_, message) = logged(&pod, &injected(&[]), &[fixed]);
    assert_eq!(message, "istio-cni repair me");
    // A controller that matches the text must not repair what cannot be repaired.
    sh("ip route del default");
    let (run, message) = logged(&pod, &injected(&[]), &[fixed]);
    assert!(run.code == 1 && message.starts_with("route-no-default: "), "{run}{message}");
    let (_, message) = logged(&pod, &["istio-iptables"], &[]);
    assert!(message.contains("pilot.cni.enabled=true"), "{message}");
}

/// A run with a termination log of its own, and what the log holds then.
fn logged(pod: &Pod, line: &[&str], variables: &[(&str, &str)]) -> (Output, String) {
    let log = pod.file("message");
    fs::write(&log, "").expect("an empty log");
    sh(&format!("chmod 666 {}", log.display()));
    let path = log.display().to_string();
    let launch = pod.launch(Proxy, line).env("PODPROBE_TERMINATION_MESSAGE", &path);
    let run = variables.iter().fold(launch, |launch, (name, value)| launch.env(name, value)).run();
    (run, fs::read_to_string(&log).expect("the log"))
}

#[test]
fn modes_let_the_pod_start() {
    let pod = World::V4.start();
    let mode = |mode| pod.launch(Proxy, &injected(&[])).env("PODPROBE_MODE", mode).run().expect(0);
    let run = mode("warn");
    assert!(run.stdout.contains("\twarn\tredirect-missing: "), "{run}");
    assert!(run.stdout.ends_with("\twarn\tmode warn: the pod starts all the same\n"), "{run}");
    let run = mode("off");
    assert_eq!(golden(&run), "TIME\twarn\tmode off: nothing was looked at\n");
    // Rules that nobody programs are no matter of modes.
    let line = words("istio-iptables -p 15001");
    pod.launch(Proxy, &line).env("PODPROBE_MODE", "off").run().expect(1);
}
