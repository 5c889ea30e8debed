//! What cannot be seen is neither yes nor no.

use std::fs;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::conf::{KINDNET, calico, single};
use super::host::Host;
use super::{fine, pod, run};
use crate::world::{Output, Pod, Who};

#[track_caller]
fn unseen(run: Output, why: &str) {
    let run = run.expect(5);
    assert_eq!(run.codes("fail"), Vec::<String>::new(), "{run}");
    let said = run.reason("node-unseen");
    assert!(said.contains(why), "{said}");
    assert_eq!(run.cause(), "proof-required", "{run}");
}

/// Everything as it should be.
fn intact(pod: &Pod) -> Host {
    let host = Host::new(pod);
    host.conf("10-calico.conflist", &calico(""));
    host
}

#[test]
fn a_root_that_is_not_mounted() {
    let pod = pod();
    let host = intact(&pod);
    fs::remove_dir_all(&host.root).expect("remove");
    unseen(run(&pod, &host, &[]), "ENOENT");
    fs::create_dir(&host.root).expect("mkdir");
    unseen(run(&pod, &host, &[]), "read the directory /etc/cni/net.d: ENOENT at /etc");
    // What is asked for by its name alone is looked for where `kubectl debug node` mounts it.
    let by_name = pod.run(Who::App, &["check", "node", "--mesh", "none", "--output", "json"]);
    unseen(by_name, "open the host's root /host: ENOENT");
}

#[test]
fn directories_that_may_not_be_read() {
    let pod = pod();
    for (path, why) in [
        ("etc/cni/net.d", "read the directory /etc/cni/net.d: EACCES"),
        ("etc/cni/net.d/10-calico.conflist", "EACCES at /etc/cni/net.d/10-calico.conflist"),
        ("opt/cni/bin", "EACCES at /opt/cni/bin/calico"),
        ("opt/cni/bin/calico", "read /opt/cni/bin/calico: EACCES"),
    ] {
        let host = intact(&pod);
        let executable = if path.ends_with("bin/calico") { 0o111 } else { 0o000 };
        host.mode(path, executable);
        unseen(run(&pod, &host, &[]), why);
        host.mode(path, 0o755);
    }
}

#[test]
fn single_directories_are_enough_and_what_lies_elsewhere_is_not_called_missing() {
    let pod = pod();
    let host = intact(&pod);
    for path in ["usr", "bin", "run", "var/lib", "var/run", "var"] {
        host.remove(path);
    }
    // Sockets and the interpreter lie elsewhere; kubeconfig and programs do not.
    fine(run(&pod, &host, &[]));
    host.remove("opt");
    unseen(run(&pod, &host, &[]), "ENOENT at /opt");
    let host = intact(&pod);
    host.remove("usr");
    host.remove("opt/cni/bin/calico");
    host.link("/usr/libexec/cni/calico", "opt/cni/bin/calico");
    unseen(run(&pod, &host, &[]), "open /opt/cni/bin/calico: ENOENT at /usr");
}

#[test]
fn no_pipe_is_opened_and_no_file_read_beyond_its_bounds() {
    let pod = pod();
    let host = intact(&pod);
    mkfifo(&host.root.join("etc/cni/net.d/05-pipe.conf"), Mode::from_bits_truncate(0o666))
        .expect("mkfifo");
    let report = run(&pod, &host, &[]).expect(80);
    let said = report.reason("cni-config-invalid");
    assert!(said.contains("it is a named pipe"), "{said}");
    host.remove("etc/cni/net.d/05-pipe.conf");
    let long = |bytes: usize| format!("{}{}", single("bridge"), " ".repeat(bytes));
    host.conf("05-long.conf", &long(3 << 20));
    let report = run(&pod, &host, &[]).expect(80);
    assert_eq!(report.cause(), "cni-config-invalid", "{report}");
    host.conf("05-long.conf", &long(1 << 20));
    unseen(run(&pod, &host, &[]), "05-long.conf: it has");
}

#[test]
fn plugins_in_a_directory_are_what_newer_runtimes_alone_look_at() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("10-x.conflist", r#"{"cniVersion": "1.1.0", "name": "net"}"#);
    host.file("etc/cni/net.d/net/10-bridge.conf", r#"{"type": "bridge"}"#);
    unseen(run(&pod, &host, &[]), "its plugins are in /etc/cni/net.d/net");
}

#[test]
fn the_layer_stands_beside_the_others() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("10-x.conflist", KINDNET);
    let root = host.root.display().to_string();
    let flags = ["check", "link", "--mesh", "none", "--output", "json", "--host-root", &root];
    let report = pod.run(Who::App, &flags).expect(0);
    assert_eq!(report.codes("ok"), ["link-holds", "node-holds"], "{report}");
    // A pod without a network is best explained by its node.
    crate::world::sh("ip link delete eth0");
    host.conf("05-broken.conf", "{");
    let report = pod.run(Who::App, &flags).expect(10);
    assert!(report.codes("fail").contains(&"cni-config-invalid".to_owned()), "{report}");
    let skipped = ["--skip", "node"];
    let report = pod.run(Who::App, &[flags.as_slice(), &skipped].concat()).expect(10);
    assert!(!report.stdout.contains("cni-config"), "{report}");
}

#[test]
fn with_redirection_a_node_that_cannot_be_seen_still_counts() {
    let pod = pod();
    let flags = ["check", "--mesh", "none", "--output", "json", "--host-root", "/nowhere"];
    unseen(pod.run(Who::App, &flags), "open the host's root /nowhere: ENOENT");
}
