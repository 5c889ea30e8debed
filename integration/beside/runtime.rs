//! runc, which kubelets' containerd calls, starts podprobe under each profile: what runc itself calls
//! between the filter and the program is allowed as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::world::{Backend, Pod, Rules, World, sh, until};

/// A bundle (OCI runtime specification) with the machine's libraries, for a build that is linked with some.
fn bundle(pod: &Pod, mode: &str, line: &[&str]) -> PathBuf {
    let place = pod.file(&format!("bundle-{mode}"));
    for directory in ["rootfs/proc", "rootfs/host", "rootfs/tmp"] {
        fs::create_dir_all(place.join(directory)).expect("a directory");
    }
    let seen = |from: &Path, to: &str| {
        let options = json!(["rbind", "ro", "nosuid", "nodev"]);
        json!({"destination": to, "source": from, "type": "bind", "options": options})
    };
    let mut mounts = vec![
        json!({"destination": "/proc", "type": "proc", "source": "proc"}),
        seen(pod.program(), "/podprobe"),
    ];
    let libraries = ["/usr", "/lib", "/lib64"].map(Path::new);
    mounts.extend(
        libraries.iter().filter(|path| path.is_dir()).map(|path| {
            seen(&path.canonicalize().expect("a directory"), &path.display().to_string())
        }),
    );
    let words = [&["/podprobe"], line].concat();
    let apart = ["pid", "mount", "ipc", "uts"].map(|name| json!({"type": name}));
    let config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 65532, "gid": 65532},
            "args": words,
            "env": ["PODPROBE_EVERY=all=100ms"],
            "cwd": "/",
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs"},
        "mounts": mounts,
        "linux": {
            // The pod's network is that of the test.
            "namespaces": apart,
            "seccomp": profile(mode),
        },
    });
    fs::write(place.join("config.json"), config.to_string()).expect("write");
    place
}

fn profile(mode: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("manifests/seccomp/{mode}.json"));
    serde_json::from_str(&fs::read_to_string(path).expect("a profile")).expect("JSON")
}

/// A container of this bundle, with a name that no other test has.
fn start(pod: &Pod, mode: &str, line: &[&str]) -> (Child, String) {
    let name = format!("podprobe-{mode}-{}", std::process::id());
    let mut command = Command::new("runc");
    command.arg("--root").arg(pod.file("runc")).arg("run").arg("--bundle");
    command.arg(bundle(pod, mode, line)).arg(&name).stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    (child.expect("runc: apt-get install runc"), name)
}

fn ended(child: Child) -> (i32, String) {
    let ended = child.wait_with_output().expect("wait");
    let text = [ended.stdout, ended.stderr].concat();
    (ended.status.code().expect("a code"), String::from_utf8_lossy(&text).into_owned())
}

#[test]
#[ignore = "needs runc: make test-beside"]
fn a_look_under_each_profile_is_started_and_sees() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    for (mode, line, said) in [
        ("gate", &["gate"][..], "ok "),
        ("check", &["check", "redirect"], "ok "),
        ("node", &["check", "node", "--mesh", "none", "--host-root", "/host"], ""),
    ] {
        let free = pod.run(crate::world::Who::App, line);
        let (code, text) = ended(start(&pod, mode, line).0);
        if mode == "node" {
            // There is nothing in that root, and podprobe is who says so.
            assert!(text.contains("node-"), "{text}");
        } else {
            assert_eq!((code, free.code), (0, 0), "{mode}: {text}");
        }
        assert!(text.contains(said), "{mode}: {text}");
    }
}

#[test]
#[ignore = "needs runc: make test-beside"]
fn what_serves_is_started_and_ends_by_a_signal() {
    let pod = World::DUAL.start();
    for (mode, line, port) in [
        ("watch", &["watch", "link", "--mesh", "none"][..], 9464),
        ("node", &["watch", "node", "--mesh", "none", "--host-root", "/host"], 9464),
        ("peer", &["peer", "--listen", "10.77.0.2:7000"], 7000),
    ] {
        let (child, name) = start(&pod, mode, line);
        let state = pod.file("runc").display().to_string();
        until("its listener", || !sh(&format!("ss -Htln 'sport = :{port}'")).is_empty());
        if line[0] == "watch" {
            // As a kubelet's probe does it.
            let alive = format!("runc --root {state} exec {name} /podprobe ready --ask live");
            until("it is alive", || sh(&format!("{alive} || echo no")).trim() != "no");
        }
        for _ in 0..2 {
            sh(&format!("runc --root {state} kill {name} TERM || true"));
        }
        let (code, text) = ended(child);
        assert_eq!(code, 143, "{mode}: {text}");
    }
}
