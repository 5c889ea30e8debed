//! What the kubectl plugin asks of kubectl: a kubectl that writes down how it was called.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// Answers as kubectl does where a container ran and ended with code 30.
const KUBECTL: &str = r#"#!/bin/bash
printf '%s\n' "$*" >>"$TOLD/calls"
for word in "$@"; do
  case $word in
    --custom=*) cat "${word#--custom=}" >"$TOLD/custom" ;;
    node/*) echo "Creating debugging pod node-debugger-n1-x with container debugger on node n1." ;;
    logs) echo "the report" ;;
    *running.startedAt*) echo 2026-01-01T00:00:00Z ;;
    *exitCode*) echo 30 ;;
  esac
done
"#;

struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    calls: Vec<String>,
    custom: Value,
}

fn run(arguments: &[&str]) -> Run {
    let told = tempfile::tempdir().expect("a directory");
    let kubectl = told.path().join("kubectl");
    fs::write(&kubectl, KUBECTL).expect("write kubectl");
    fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).expect("executable");
    let plugin =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/kubectl-plugin/kubectl-podprobe");
    let path = format!("{}:/usr/bin:/bin", told.path().display());
    let ended = Command::new("bash")
        .arg(plugin)
        .args(arguments)
        .env_clear()
        .envs([("PATH", path.as_str()), ("TMPDIR", &told.path().display().to_string())])
        .env("TOLD", told.path())
        .stdin(Stdio::null())
        .output()
        .expect("run the plugin");
    let read = |name: &str| fs::read_to_string(told.path().join(name)).unwrap_or_default();
    let left = fs::read_dir(told.path()).expect("a directory").flatten();
    let left = left.filter(|file| file.file_name().to_string_lossy().contains("podprobe"));
    assert_eq!(left.count(), 0, "a file is left behind");
    Run {
        code: ended.status.code(),
        stdout: String::from_utf8(ended.stdout).expect("UTF-8"),
        stderr: String::from_utf8(ended.stderr).expect("UTF-8"),
        calls: read("calls").lines().map(String::from).collect(),
        custom: serde_json::from_str(&read("custom")).unwrap_or_default(),
    }
}

#[test]
fn a_pod_is_looked_at_by_an_application_that_may_nothing() {
    let run = run(&["web-1", "-n", "shop", "--context=prod", "--", "dns", "-v"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(30), "the report\n"), "{}", run.stderr);
    let debug = &run.calls[0];
    assert!(debug.starts_with("-n shop --context prod debug web-1 "), "{debug}");
    assert!(debug.contains("--image=podprobe:0.1.0") && debug.contains("--profile=restricted"));
    assert!(debug.ends_with(" -- /podprobe check dns -v"), "{debug}");
    assert!(debug.contains("--env=PODPROBE_LOG_LEVEL=off"), "{debug}");
    let context = &run.custom["securityContext"];
    assert_eq!((&context["runAsUser"], &context["runAsGroup"]), (&65532.into(), &65532.into()));
    assert_eq!(context["capabilities"], serde_json::json!({"drop": ["ALL"]}));
    assert_eq!(context["allowPrivilegeEscalation"], false);
    // The same container is created, followed and asked for its end.
    let name = debug.split("--container=").nth(1).expect("a name").split(' ').next();
    let name = name.expect("a name");
    assert!(run.calls[1..].iter().all(|call| call.contains(name)), "{:?}", run.calls);
    assert!(run.calls.iter().all(|call| call.starts_with("-n shop --context prod ")));
}

#[test]
fn who_looks_decides_user_and_capabilities() {
    let of = |who: &str| run(&["web-1", "--as", who]);
    let proxy = of("proxy");
    assert_eq!(proxy.custom["securityContext"]["runAsUser"], 1337);
    let root = of("root");
    let add = serde_json::json!(["NET_ADMIN", "NET_RAW", "SETUID", "SETGID"]);
    assert_eq!(root.custom["securityContext"]["capabilities"]["add"], add);
    assert_eq!(root.custom["securityContext"]["runAsNonRoot"], false);
    assert!(root.calls[0].contains("--profile=netadmin"), "{:?}", root.calls);
    let both = of("both");
    let add = serde_json::json!(["SETUID", "SETGID"]);
    assert_eq!(both.custom["securityContext"]["capabilities"]["add"], add);
    assert!(both.calls[0].contains("--profile=baseline"), "{:?}", both.calls);
    let other = of("5678:9");
    assert_eq!(other.custom["securityContext"]["runAsUser"], 5678);
    assert_eq!(other.custom["securityContext"]["runAsGroup"], 9);
}

/// For kubectl debug without the plugin.
#[test]
fn the_debug_profiles_are_what_the_plugin_asks_for() {
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/debug-profiles");
    let mut compared = 0;
    for file in fs::read_dir(profiles).expect("profiles") {
        let path = file.expect("a file").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("read");
        let profile: Value = serde_json::from_str(&text).expect("JSON");
        let run =
            if name == "node" { run(&["--node", "n1"]) } else { run(&["web-1", "--as", &name]) };
        assert_eq!(profile, run.custom, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 5);
}

#[test]
fn a_privileged_container_is_not_asked_to_give_privileges_up() {
    let run = run(&["web-1", "--as", "root", "--profile", "sysadmin"]);
    let context = run.custom["securityContext"].as_object().expect("a context");
    let names: Vec<&str> = context.keys().map(String::as_str).collect();
    assert_eq!(names, ["runAsGroup", "runAsNonRoot", "runAsUser"]);
}

#[test]
fn a_node_is_looked_at_through_its_root_and_the_pod_goes() {
    let run = run(&["--node", "n1"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(30), "the report\n"), "{}", run.stderr);
    let debug = &run.calls[0];
    assert!(debug.starts_with("debug node/n1 ") && debug.contains("--profile=general"), "{debug}");
    assert!(debug.ends_with(" -- /podprobe check all --host-root /host"), "{debug}");
    let last = run.calls.last().map(String::as_str);
    assert_eq!(last, Some("delete pod node-debugger-n1-x --wait=false"));
}

#[test]
fn another_command_of_podprobe_stands_by_itself() {
    let rules = run(&["web-1", "--", "rules", "--save"]);
    assert!(rules.calls[0].ends_with(" -- /podprobe rules --save"), "{:?}", rules.calls);
    let plain = run(&["web-1"]);
    assert!(plain.calls[0].ends_with(" -- /podprobe check"), "{:?}", plain.calls);
}

#[test]
fn a_command_line_that_cannot_be_meant_asks_nothing_of_the_cluster() {
    for (line, told) in [
        (&["web-1", "web-2"][..], "one pod at a time"),
        (&["web-1", "--node", "n1"], "a pod or --node"),
        (&["web-1", "--as", "me"], "--as me"),
        (&["web-1", "--profile", "best"], "--profile best"),
        (&["web-1", "--verbose"], "after --"),
        (&["web-1", "-n"], "-n needs a value"),
        (&["web-1", "--timeout", "soon"], "not a number"),
        (&["--node", "n1", "--as", "root"], "are for pods"),
        (&[], "Usage:"),
    ] {
        let run = run(line);
        assert_eq!((run.code, run.calls.len()), (Some(2), 0), "{line:?}: {}", run.stderr);
        assert!(run.stderr.contains(told), "{line:?}: {}", run.stderr);
    }
}
