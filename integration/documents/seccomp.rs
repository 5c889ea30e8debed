//! The profiles of system calls: the form that runtimes read, what none of them allows, and what the page says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::read;

const MODES: [&str; 5] = ["gate", "check", "watch", "peer", "node"];
/// Processes, other processes, the machine: nothing of it is a prober's business.
const NEVER: &str = "fork vfork clone3 execveat ptrace kill process_vm_readv mount umount2 bpf unshare setns \
                     chroot pivot_root keyctl io_uring_setup memfd_create userfaultfd init_module \
                     setuid setgid capset seccomp";
/// What every node of each architecture has under these names.
const ON_ARM64: [(&str, &str); 6] = [
    ("open", "openat"),
    ("poll", "ppoll"),
    ("stat", "newfstatat"),
    ("readlink", "readlinkat"),
    ("rename", "renameat2"),
    ("mknod", "mknodat"),
];

fn profile(mode: &str) -> Value {
    let text = read(&format!("manifests/seccomp/{mode}.json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{mode}: {error}"))
}

/// The calls of each group, with its action and its conditions.
fn groups(profile: &Value) -> Vec<(Vec<&str>, &str, Option<&Value>)> {
    let groups = profile["syscalls"].as_array().expect("groups").iter();
    groups
        .map(|group| {
            let calls = group["names"].as_array().expect("names").iter();
            let calls = calls.map(|name| name.as_str().expect("a name")).collect();
            (calls, group["action"].as_str().expect("an action"), group.get("args"))
        })
        .collect()
}

#[test]
fn each_mode_has_a_profile_that_refuses_what_it_does_not_name() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/seccomp");
    let files = fs::read_dir(place).expect("profiles");
    let files: BTreeSet<String> = files
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, MODES.map(|mode| format!("{mode}.json")).into());
    for mode in MODES {
        let profile = profile(mode);
        assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO", "{mode}");
        assert_eq!(profile["defaultErrnoRet"], 1, "{mode}: EPERM");
        let both = json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]);
        assert_eq!(profile["architectures"], both, "{mode}");
        let groups = groups(&profile);
        let [(free, "SCMP_ACT_ALLOW", None), threads, (clone3, "SCMP_ACT_ERRNO", None)] =
            &groups[..]
        else {
            panic!("{mode}: {groups:?}")
        };
        assert!(free.is_sorted_by(|a, b| a < b), "{mode}: {free:?}");
        let never = NEVER.split_whitespace().chain(["clone"]);
        assert_eq!(never.filter(|name| free.contains(name)).count(), 0, "{mode}: {free:?}");
        let condition =
            json!([{"index": 0, "value": 65536, "valueTwo": 65536, "op": "SCMP_CMP_MASKED_EQ"}]);
        assert_eq!(threads, &(vec!["clone"], "SCMP_ACT_ALLOW", Some(&condition)), "{mode}");
        assert_eq!(
            (&clone3[..], &profile["syscalls"][2]["errnoRet"]),
            (&["clone3"][..], &json!(38))
        );
        for (old, new) in ON_ARM64 {
            assert!(!free.contains(&old) || free.contains(&new), "{mode}: {old}, and no {new}");
        }
    }
}

#[test]
fn the_page_counts_what_each_profile_allows() {
    let page = read("docs/seccomp.md");
    for mode in MODES {
        let profile = profile(mode);
        let allowed =
            groups(&profile).into_iter().filter(|(_, action, _)| *action == "SCMP_ACT_ALLOW");
        let allowed: BTreeSet<&str> = allowed.flat_map(|(names, ..)| names).collect();
        let row = format!("| [{mode}.json](../manifests/seccomp/{mode}.json) | ");
        let row = page.lines().find(|line| line.starts_with(&row)).expect("a row");
        let counted = row.trim_end_matches(" |").rsplit("| ").next().expect("a count");
        assert_eq!(counted, allowed.len().to_string(), "{row}: `make seccomp` writes it");
    }
}
