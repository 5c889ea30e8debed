//! Readers who do not read: pipes that nobody empties, files that take nothing.

use nix::sys::signal::Signal;
use std::time::Duration;

use crate::world::{Backend, Output, Pod, Rules, Who, World, until};

/// A pipe without any room, as this descriptor of the run: whatever reads it has stopped.
fn stuck(pod: &Pod, descriptor: u8) -> String {
    let pipe = pod.file("stuck").display().to_string();
    let full = "head -c 65536 /dev/zero >&9";
    format!("mkfifo -m 666 {pipe}; exec 9<>{pipe}; {full}; exec {descriptor}>&9")
}

fn gate(pod: &Pod, stage: String, more: &[&str]) -> Output {
    let line = [&["gate", "--deadline", "300ms"], more].concat();
    pod.launch(Who::App, &line).stage(stage).run()
}

/// A file for the termination message, and its path.
fn message(pod: &Pod) -> String {
    let path = pod.file("message");
    crate::world::sh(&format!("touch {0}; chmod 666 {0}", path.display()));
    path.display().to_string()
}

#[test]
fn a_gate_ends_although_nobody_reads_its_report_and_leaves_its_message() {
    let pod = World::V4.start();
    let path = message(&pod);
    let run = gate(&pod, stuck(&pod, 1), &["--termination-message", &path]).expect(30);
    assert!(run.stderr.contains("write the report to stdout: nobody reads it"), "{run}");
    let left = std::fs::read_to_string(path).expect("a message");
    assert!(left.starts_with("redirect-missing: "), "{left}");
}

#[test]
fn logs_that_nobody_reads_stop_no_look() {
    let pod = World::V4.start();
    let run = gate(&pod, stuck(&pod, 2), &["--log-level", "debug", "--output", "json"]).expect(30);
    assert!(run.report()["attempts"].as_u64() > Some(1) || run.elapsed.as_secs() < 5, "{run}");
}

#[test]
fn the_drop_ins_end_although_nobody_reads_their_logs() {
    let pod = World::V4.start();
    let istio = "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -b * --run-validation \
                 --skip-rule-apply --probe-timeout=300ms";
    let kuma = "install transparent-proxy-validator --validation-server-port=15006 \
                --ip-family-mode=ipv4";
    let linkerd = "linkerd-network-validator --timeout 300ms --listen-addr 0.0.0.0:4140 \
                   --connect-addr 1.1.1.1:20001";
    let path = pod.file("stuck");
    for (line, code) in [(istio, 126), (kuma, 1), (linkerd, 95)] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let run = pod.launch(Who::App, &words).stage(stuck(&pod, 1)).run();
        assert_eq!(run.code, code, "{run}");
        std::fs::remove_file(&path).expect("the pipe");
    }
}

#[test]
fn a_look_waits_for_its_reader_and_can_be_told_to_end() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let path = message(&pod);
    let record = pod.file("recording").display().to_string();
    let line = ["check", "--record", &record, "--termination-message", &path];
    let look = pod.launch(Who::App, &line).stage(stuck(&pod, 1)).start();
    // What was seen is written before the report: from here on it waits for its reader.
    until("the recording", || pod.file("recording").exists());
    assert!(look.still_runs_after(Duration::from_millis(300)), "it does not wait");
    look.signal(Signal::SIGTERM);
    look.wait().expect(143);
}

#[test]
fn messages_and_reports_into_what_takes_nothing_change_no_exit_code() {
    let pod = World::V4.start();
    let pipe = pod.file("pipe");
    crate::world::sh(&format!("mkfifo -m 666 {}", pipe.display()));
    let pipe = pipe.display().to_string();
    for (place, errno) in [
        (pipe.as_str(), "No such device or address"),
        ("/dev/full", "No space left on device"),
        ("/tmp", "Is a directory"),
        ("/proc/version", "Permission denied"),
    ] {
        let run = pod.run(Who::App, &["check", "--termination-message", place]).expect(30);
        let told = format!("write the termination message to {place}: {errno}");
        assert!(run.stderr.contains(&told), "{run}");
        let file = format!("json={place}");
        let run = pod.run(Who::App, &["check", "--output-file", &file]).expect(30);
        assert!(run.stderr.contains(&format!("write {place}: {errno}")), "{run}");
        assert!(run.stdout.contains("cause: redirect-missing: "), "{run}");
    }
}

#[test]
fn closed_and_full_streams_change_no_exit_code() {
    for stage in
        ["exec >&-", "exec 2>&-", "exec <&- >&- 2>&-", "exec >/dev/full", "exec 2>/dev/full"]
    {
        let pod = World::V4.start();
        pod.launch(Who::App, &["check"]).stage(stage.into()).run().expect(30);
        pod.launch(Who::App, &["check", "--mesh", "none"]).stage(stage.into()).run().expect(0);
    }
}
