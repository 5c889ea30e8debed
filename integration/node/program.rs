//! Programs, and what they need.

use super::conf::{CILIUM, FLANNEL, ISTIO, KINDNET, calico};
use super::host::{AMD64, ARM64, Host, elf};
use super::{fine, found, pod, run};

/// What a test does to a node.
type Change = fn(&Host);

#[test]
fn each_way_in_which_a_program_does_not_run() {
    let pod = pod();
    let portmap = "opt/cni/bin/portmap";
    let cases: [(&str, &str, Change); 9] = [
        ("cni-plugin-missing", "it is not in /opt/cni/bin", |h| h.remove("opt/cni/bin/portmap")),
        ("cni-plugin-missing", "/usr/libexec is not there", |h| {
            h.remove("opt/cni/bin/portmap");
            h.link("/usr/libexec/cni/portmap", "opt/cni/bin/portmap");
        }),
        ("cni-plugin-not-executable", "has mode 0644", |h| h.mode("opt/cni/bin/portmap", 0o644)),
        ("cni-plugin-truncated", "is empty", |h| h.program("opt/cni/bin/portmap", b"")),
        ("cni-plugin-truncated", "its segments need", |h| {
            let mut cut = elf(AMD64, Some("/bin/sh"));
            cut[64] = 1; // PT_LOAD
            cut[97] = 1; // p_filesz: 256 and more
            h.program("opt/cni/bin/portmap", &cut);
        }),
        ("cni-plugin-not-a-program", "neither ELF nor a script", |h| {
            h.program("opt/cni/bin/portmap", b"<html>404 Not Found</html>\n");
        }),
        ("cni-plugin-wrong-architecture", "is for arm64, the node is amd64", |h| {
            h.program("opt/cni/bin/portmap", &elf(ARM64, None));
        }),
        ("cni-plugin-interpreter-missing", "run by /lib/ld-musl-x86_64.so.1", |h| {
            h.program("opt/cni/bin/portmap", &elf(AMD64, Some("/lib/ld-musl-x86_64.so.1")));
        }),
        ("cni-plugin-interpreter-missing", "run by /bin/bash", |h| {
            h.program("opt/cni/bin/portmap", b"#!/bin/bash\n");
        }),
    ];
    for (code, said, break_it) in cases {
        let host = Host::new(&pod);
        host.conf("10-calico.conflist", &calico(""));
        break_it(&host);
        let told = found(run(&pod, &host, &[]), code).reason(code);
        let place =
            "find portmap (plugin 2 of /etc/cni/net.d/10-calico.conflist, line 15, column 5)";
        assert!(told.contains(said) && told.starts_with(place), "{portmap}: {told}");
    }
}

#[test]
fn programs_that_run_are_not_complained_of() {
    let pod = pod();
    let cases: [Change; 6] = [
        |h| h.program("opt/cni/bin/portmap", b"#!/bin/sh\n"),
        |h| h.program("opt/cni/bin/portmap", &elf(3, None)),
        |h| h.program("opt/cni/bin/portmap", &elf(AMD64, Some("/bin/sh"))),
        |h| h.mode("opt/cni/bin/portmap", 0o555),
        |h| {
            h.program("usr/libexec/cni/portmap", &elf(AMD64, None));
            h.remove("opt/cni/bin/portmap");
            h.link("/usr/libexec/cni/portmap", "opt/cni/bin/portmap");
        },
        |h| h.program("opt/cni/bin/unused", b""),
    ];
    for change in cases {
        let host = Host::new(&pod);
        host.conf("10-calico.conflist", &calico(""));
        change(&host);
        fine(run(&pod, &host, &[]));
    }
    // A node of another architecture, whatever podprobe was built for.
    let host = Host::new(&pod);
    host.conf("05-cilium.conflist", CILIUM);
    host.program("bin/sh", &elf(ARM64, None));
    host.program("opt/cni/bin/cilium-cni", &elf(ARM64, None));
    fine(run(&pod, &host, &[]));
}

#[test]
fn ipam_plugins_and_delegates_are_looked_for_too() {
    let pod = pod();
    for (text, plugin, what) in [
        (calico(""), "calico-ipam", "IPAM plugin"),
        (FLANNEL.to_owned(), "bridge", "plugin 1"),
        (FLANNEL.to_owned(), "host-local", "IPAM plugin"),
        (KINDNET.to_owned(), "host-local", "IPAM plugin"),
    ] {
        let host = Host::new(&pod);
        host.conf("10-x.conflist", &text);
        host.remove(&format!("opt/cni/bin/{plugin}"));
        let said = found(run(&pod, &host, &[]), "cni-plugin-missing").reason("cni-plugin-missing");
        assert!(said.starts_with(&format!("find {plugin} ({what} of ")), "{said}");
    }
}

#[test]
fn what_agents_leave_on_the_node_is_looked_for() {
    let pod = pod();
    for (text, path, code) in [
        (calico(""), "etc/cni/net.d/calico-kubeconfig", "cni-kubeconfig-missing"),
        (calico(""), "var/lib/calico/nodename", "cni-agent-absent"),
        (FLANNEL.to_owned(), "run/flannel/subnet.env", "cni-agent-absent"),
        (CILIUM.to_owned(), "run/cilium/cilium.sock", "cni-agent-absent"),
    ] {
        let host = Host::new(&pod);
        host.conf("10-x.conflist", &text);
        fine(run(&pod, &host, &[]));
        host.remove(path);
        let said = found(run(&pod, &host, &[]), code).reason(code);
        assert!(said.ends_with(&format!("/{path} is not there")), "{said}");
    }
    let host = Host::new(&pod);
    host.plugin("istio-cni");
    host.file("etc/cni/net.d/ZZZ-istio-cni-kubeconfig", "apiVersion: v1\n");
    host.conf("10-x.conflist", &calico(&ISTIO.replace("_enabled\": false", "_enabled\": true")));
    found(run(&pod, &host, &["--mesh", "istio-ambient"]), "cni-agent-absent");
    host.file("run/istio-cni/pluginevent.sock", "");
    fine(run(&pod, &host, &["--mesh", "istio-ambient"]));
}

/// Reserves addresses of 10.244.x.0/24, from the second on.
fn reserve(host: &Host, directory: &str, subnet: u8, count: u8) {
    for last in 2..2 + count {
        let holder = format!("sandbox{last}\r\neth0");
        host.file(&format!("{directory}/10.244.{subnet}.{last}"), &holder);
    }
    host.file(&format!("{directory}/last_reserved_ip.0"), "10.244.0.2");
    host.file(&format!("{directory}/lock"), "");
}

#[test]
fn addresses_run_out() {
    let pod = pod();
    for (text, directory, subnet) in
        [(KINDNET, "run/cni-ipam-state/kindnet", 0), (FLANNEL, "var/lib/cni/networks/cbr0", 1)]
    {
        for (count, code) in [(253, "cni-ipam-exhausted"), (228, "cni-ipam-nearly-exhausted")] {
            let host = Host::new(&pod);
            host.conf("10-x.conflist", text);
            reserve(&host, directory, subnet, count);
            let said = found(run(&pod, &host, &[]), code).reason(code);
            assert!(said.contains(&format!("/{directory}: {count} of 253 addresses")), "{said}");
        }
        let host = Host::new(&pod);
        host.conf("10-x.conflist", text);
        reserve(&host, directory, subnet, 227);
        fine(run(&pod, &host, &[]));
        // Those of another range are not counted.
        reserve(&host, directory, subnet + 1, 100);
        fine(run(&pod, &host, &[]));
    }
}

#[test]
fn addresses_of_sandboxes_that_are_gone() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("10-x.conflist", KINDNET);
    reserve(&host, "run/cni-ipam-state/kindnet", 0, 30);
    fine(run(&pod, &host, &[]));
    let tasks = "run/containerd/io.containerd.runtime.v2.task/k8s.io";
    for last in 2..16 {
        host.directory(&format!("{tasks}/sandbox{last}"));
    }
    let said = found(run(&pod, &host, &[]), "cni-ipam-leak").reason("cni-ipam-leak");
    assert!(said.ends_with("16 of 30 are gone"), "{said}");
    host.directory(&format!("{tasks}/sandbox16"));
    fine(run(&pod, &host, &[]));
}

#[test]
fn secrets_are_in_no_recording() {
    let pod = pod();
    let host = Host::new(&pod);
    let token = r#", {"type": "bridge", "policy": {"k8s_auth_token": "eyJhbGciOi"}}"#;
    host.conf("10-x.conflist", &calico(token));
    let record = pod.file("record.json");
    let path = record.display().to_string();
    fine(run(&pod, &host, &["--record", &path]));
    let recorded = std::fs::read_to_string(&record).expect("a recording");
    assert!(recorded.contains("k8s_auth_token") && !recorded.contains("eyJhbGciOi"));
    let report = pod.run(crate::world::Who::App, &["check", "--replay", &path]).expect(0);
    assert!(report.stdout.contains("take /etc/cni/net.d/10-x.conflist"), "{report}");
}
