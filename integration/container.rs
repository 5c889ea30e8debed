//! podprobe as a container: an empty read-only root, no /proc, a termination log like the kubelet's.

use std::fs;
use std::path::PathBuf;

use crate::world::{Backend, Launch, Output, Pod, Rules, Who, World, sh};

#[test]
fn an_empty_read_only_root_is_enough() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    for who in Who::ALL {
        let run = contained(&pod, who, &["gate"]).run().expect(0);
        assert!(run.stdout.starts_with("ok "), "{run}");
    }
}

#[test]
fn an_empty_root_sees_what_is_broken_as_well() {
    let pod = World::DUAL.start();
    for who in Who::ALL {
        let run = contained(&pod, who, &["check", "--output", "json"]).run().expect(30);
        assert_eq!(run.cause(), "redirect-missing", "{run}");
    }
}

#[test]
fn a_termination_log_that_is_absent_is_not_made() {
    let pod = World::V4.start();
    let run = pod
        .launch(Who::App, &["check"])
        .stage("mount -t tmpfs -o mode=777 tmpfs /dev".into())
        .run();
    let run = run.expect(30);
    assert!(!run.stderr.to_lowercase().contains("termination"), "{run}");
}

#[test]
fn a_failure_is_written_in_place_to_the_termination_log() {
    let pod = World::DUAL.start();
    for who in Who::ALL {
        let (run, message) = logged(&pod, who, &["check"]);
        run.expect(30);
        assert!(message.starts_with("redirect-missing: "), "{who:?}: {message}");
        assert!(message.len() <= 1024, "{who:?}: {} bytes", message.len());
        let json = message.lines().last().expect("a last line");
        let json: serde_json::Value =
            serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {message}"));
        assert_eq!(json["exitCode"], 30, "{message}");
    }
}

#[test]
fn many_findings_do_not_lengthen_the_termination_message() {
    let rules = Rules::istio().replace("owner 1337", "owner 2102").replace("15006", "15053");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    let many: Vec<_> = (20000..20060).map(|port: u16| port.to_string()).collect();
    let flags = ["check", "--dns-capture", "true", "--exclude-outbound-ports", &many.join(",")];
    for who in Who::ALL {
        let (run, message) = logged(&pod, who, &flags);
        run.expect(30);
        assert!(message.len() <= 1024, "{who:?}: {} bytes", message.len());
        let (code, reason) = message.split_once(": ").expect("CODE: reason");
        assert!(!code.contains(' ') && !reason.is_empty(), "{message}");
    }
}

#[test]
fn no_termination_message_means_none() {
    let pod = World::V4.start();
    let (run, message) = logged(&pod, Who::App, &["check", "--termination-message", "none"]);
    run.expect(30);
    assert_eq!(message, "");
}

#[test]
fn an_unwritable_termination_log_changes_no_exit_code() {
    let pod = World::V4.start();
    let run = pod.run(Who::App, &["check", "--termination-message", "/proc/version"]);
    run.expect(30);
}

/// A run with a file mounted over `/dev/termination-log`, as the kubelet does it, and what it holds then.
fn logged(pod: &Pod, who: Who, arguments: &[&str]) -> (Output, String) {
    let log = pod.file("termination-log");
    fs::write(&log, "").expect("an empty log");
    let log_path = log.display();
    let stage = format!(
        "chmod 666 {log_path}; mount -t tmpfs -o mode=755 tmpfs /dev; : > /dev/termination-log
         mount --bind {log_path} /dev/termination-log"
    );
    let run = pod.launch(who, arguments).stage(stage).run();
    (run, fs::read_to_string(&log).expect("the log"))
}

/// A run that sees nothing but the program (and the libraries that a test build is linked with).
fn contained<'p>(pod: &'p Pod, who: Who, arguments: &[&str]) -> Launch<'p> {
    let root = pod.file("root");
    let copies: String = libraries(pod).iter().map(|file| copy(&root, file)).collect();
    let (root_path, program) = (root.display(), pod.program().display());
    let stage = format!(
        "mkdir -p {root_path}; mount -t tmpfs -o mode=755 tmpfs {root_path}
         cp {program} {root_path}/podprobe; {copies}
         mount -o remount,ro {root_path}"
    );
    pod.launch(who, arguments).stage(stage).root(&root)
}

fn copy(root: &std::path::Path, file: &str) -> String {
    let to: PathBuf = root.join(file.trim_start_matches('/'));
    let directory = to.parent().expect("a directory").display();
    format!("mkdir -p {directory}; cp -L {file} {};", to.display())
}

/// Absolute paths of the shared libraries; none for the static binary that is released.
fn libraries(pod: &Pod) -> Vec<String> {
    let listed = sh(&format!("ldd {} || true", pod.program().display()));
    listed.split_whitespace().filter(|word| word.starts_with('/')).map(String::from).collect()
}
