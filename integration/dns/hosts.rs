//! /etc/hosts goes before DNS: a name that it pins is shown with both answers.

use super::{CLUSTER, fine, found, served};
use crate::world::{Output, Pod, Who};

const KUBELET: &str = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n10.77.0.2\tpod-1\n";

/// podprobe with this hosts file, and the name `db.example` beside one that the responder has.
fn with(pod: &Pod, hosts: &str, names: &str) -> Output {
    let file = |name: &str, text: &str| {
        let path = pod.file(name);
        std::fs::write(&path, text).expect("write a file");
        path.display().to_string()
    };
    let (hosts, resolv) = (file("hosts", hosts), file("resolv.conf", CLUSTER));
    let flags = ["check", "dns", "--mesh", "none", "--output", "json"];
    let files = ["--hosts", &hosts, "--resolv-conf", &resolv, "--dns-name", names];
    pod.run(Who::App, &[&flags[..], &files].concat())
}

#[test]
fn another_address_than_dns_has_is_a_warning_with_both() {
    let (pod, _server) = served();
    let hosts = format!("{KUBELET}\n# Entries added by HostAliases.\n10.9.9.9\tExample.com\n");
    let run = found(with(&pod, &hosts, "example.com"), "hosts-override");
    let said = run.reason("hosts-override");
    assert!(said.contains("10.9.9.9 (line 6); DNS says 192.0.2.80, 2001:db8::80"), "{said}");
}

#[test]
fn the_api_servers_name_needs_no_naming() {
    let (pod, _server) = served();
    let hosts = format!("{KUBELET}10.9.9.9 kubernetes.default.svc\n");
    let run = found(with(&pod, &hosts, "example.com"), "hosts-override");
    let said = run.reason("hosts-override");
    assert!(said.contains("10.9.9.9 (line 4); DNS says 10.96.0.1"), "{said}");
    let hosts = format!("{KUBELET}10.96.0.1 kubernetes.default.svc.cluster.local\n");
    fine(with(&pod, &hosts, "example.com"));
}

#[test]
fn what_only_the_file_knows_is_no_missing_name() {
    let (pod, _server) = served();
    let hosts = format!("{KUBELET}10.9.9.9 db.example\n");
    let run = fine(with(&pod, &hosts, "db.example"));
    let said = run.reason("hosts-pinned");
    assert!(said.contains("10.9.9.9 (line 4); DNS has no address for it"), "{said}");
    // With a final dot, nobody looks into the file.
    found(with(&pod, &hosts, "db.example."), "dns-name-missing");
    found(with(&pod, KUBELET, "db.example"), "dns-name-missing");
}

#[test]
fn the_same_address_and_other_names_are_no_override() {
    let (pod, _server) = served();
    for line in [
        "192.0.2.80 example.com",
        "192.0.2.80 example.com\n2001:db8::80 example.com",
        "10.9.9.9 example.org # example.com",
        "#10.9.9.9 example.com",
        "10.9.9.9 www.example.com example.com.",
        "10.9.9 example.com",
    ] {
        fine(with(&pod, &format!("{KUBELET}{line}\n"), "example.com"));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_unknown_and_a_missing_one_is_nothing() {
    let (pod, _server) = served();
    let resolv = pod.file("resolv.conf");
    std::fs::write(&resolv, CLUSTER).expect("write resolv.conf");
    let look = |hosts: &str| {
        let resolv = resolv.display().to_string();
        let flags = ["check", "dns", "--mesh", "none", "--output", "json", "--hosts", hosts];
        pod.run(Who::App, &[&flags[..], &["--resolv-conf", &resolv]].concat()).expect(0)
    };
    let run = look("/etc/shadow");
    assert_eq!(run.codes("unknown"), ["probe-failed"], "{run}");
    assert!(run.reason("probe-failed").contains("read /etc/shadow: EACCES"), "{run}");
    fine(look("/nowhere/hosts"));
}
