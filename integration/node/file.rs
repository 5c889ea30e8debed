//! Which file counts, and what is wrong with it.

use super::conf::{CILIUM, FLANNEL, LOOPBACK, calico, single};
use super::host::Host;
use super::{fine, found, pod, run};

#[test]
fn no_configuration_at_all() {
    let pod = pod();
    let host = Host::new(&pod);
    let said = found(run(&pod, &host, &[]), "cni-config-none").reason("cni-config-none");
    assert!(said.contains("no network config found"), "{said}");
    host.conf("10-calico.conflist.bak", &calico(""));
    host.directory("etc/cni/net.d/subdirectory.conf");
    found(run(&pod, &host, &[]), "cni-config-none");
    host.remove("etc/cni");
    found(run(&pod, &host, &[]), "cni-config-none");
    let k3s = "var/lib/rancher/k3s/agent/etc/cni/net.d/10-flannel.conflist";
    host.file(k3s, FLANNEL);
    let said = found(run(&pod, &host, &[]), "cni-config-none").reason("cni-config-none");
    assert!(said.contains(&format!("but there is /{k3s}")), "{said}");
}

#[test]
fn a_broken_first_file_is_told_with_its_place() {
    let pod = pod();
    for (name, text, code, place) in [
        (
            "10-calico.conflist",
            calico("").replace("\"mtu\": 0,", "\"mtu\": __CNI_MTU__,"),
            "cni-config-invalid",
            "line 10, column 14: expected value; there: \"mtu\": __CNI_MTU__,",
        ),
        ("10-calico.conflist", String::new(), "cni-config-invalid", "the file is empty"),
        ("10-calico.conflist", format!("\u{feff}{}", calico("")), "cni-config-bom", "line 1"),
        ("10-calico.conf", calico(""), "cni-config-kind", "line 4, column 14: it has \"plugins\""),
        ("10-x.conflist", single("bridge"), "cni-config-kind", "a .conflist without \"plugins\""),
        (
            "10-calico.conflist",
            calico("").replace("\"k8s-pod-network\"", "7"),
            "cni-config-invalid",
            "line 2, column 11: name is a number",
        ),
        (
            "10-calico.conflist",
            calico("").replace("k8s-pod-network", "k8s pods"),
            "cni-config-invalid",
            "line 2, column 11: \"k8s pods\" is no name",
        ),
        ("99-loopback.conf", LOOPBACK.to_owned(), "cni-config-loopback-only", "no eth0"),
        (
            "10-calico.conflist",
            calico("").replace("0.3.1", "0.3.2"),
            "cni-config-version",
            "line 3",
        ),
        (
            "10-x.conf",
            single("bridge").replace("cniVersion", "version"),
            "cni-config-version",
            "no cniVersion",
        ),
        (
            "10-calico.conflist",
            calico("").replace('\n', "\r\n"),
            "cni-config-crlf",
            "line 1, column 2",
        ),
    ] {
        let host = Host::new(&pod);
        host.conf(name, &text);
        let report = found(run(&pod, &host, &[]), code);
        let said = report.reason(code);
        assert!(said.contains(&format!("/etc/cni/net.d/{name}")), "{said}");
        assert!(said.contains(place), "{said}");
    }
}

#[test]
fn near_misses_are_fine() {
    let pod = pod();
    for (name, text) in [
        ("10-x.conf", single("bridge")),
        ("10-x.json", single("bridge").replace("type", "Type")),
        ("10-calico.conflist", calico("").replace("node1", "\\u006eode \\r\\n")),
        ("10-calico.conflist", calico("").replace("0.3.1", "1.1.0")),
        (
            "10-calico.conflist",
            calico("").replace("\"mtu\": 0", "\"mtu\": null, \"nodename\": \"x\""),
        ),
    ] {
        let host = Host::new(&pod);
        host.conf(name, &text);
        fine(run(&pod, &host, &[]));
    }
}

#[test]
fn one_broken_file_blocks_containerd_and_not_cri_o() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("05-broken.conf", "{\"type\": \"bridge\"");
    host.conf("10-calico.conflist", &calico(""));
    let said = found(run(&pod, &host, &[]), "cni-config-invalid").reason("cni-config-invalid");
    let both = "(containerd takes nothing, because of /etc/cni/net.d/05-broken.conf, \
                CRI-O takes /etc/cni/net.d/10-calico.conflist)";
    assert!(said.contains(both), "{said}");
    host.file("run/crio/crio.sock", "");
    let said = found(run(&pod, &host, &[]), "cni-config-skipped").reason("cni-config-skipped");
    assert!(said.starts_with("CRI-O takes /etc/cni/net.d/10-calico.conflist"), "{said}");
    host.file("run/containerd/containerd.sock", "");
    found(run(&pod, &host, &[]), "cni-config-invalid");
    host.conf("05-broken.conf", &single("bridge"));
    host.conf("10-calico.conflist", "{");
    host.remove("run/crio");
    let said = found(run(&pod, &host, &[]), "cni-config-skipped").reason("cni-config-skipped");
    assert!(said.contains("containerd takes /etc/cni/net.d/05-broken.conf"), "{said}");
}

#[test]
fn cri_o_passes_over_a_network_whose_plugin_does_not_run() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("05-cilium.conflist", CILIUM);
    host.conf("10-calico.conflist", &calico(""));
    host.remove("opt/cni/bin/cilium-cni");
    let report = run(&pod, &host, &[]).expect(80);
    assert_eq!(report.cause(), "cni-plugin-missing");
    let said = report.reason("cni-plugin-missing");
    assert!(said.contains("CRI-O takes /etc/cni/net.d/10-calico.conflist"), "{said}");
    host.file("run/crio/crio.sock", "");
    let said = found(run(&pod, &host, &[]), "cni-config-shadowed").reason("cni-config-shadowed");
    assert!(said.ends_with("never /etc/cni/net.d/05-cilium.conflist (cilium-cni)"), "{said}");
}

#[test]
fn another_network_behind_the_active_one_is_a_warning() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("05-cilium.conflist", CILIUM);
    host.conf("10-calico.conflist", &calico(""));
    let said = found(run(&pod, &host, &[]), "cni-config-shadowed").reason("cni-config-shadowed");
    assert!(said.contains("takes /etc/cni/net.d/05-cilium.conflist"), "{said}");
    assert!(said.contains("10-calico.conflist (calico, portmap, bandwidth)"), "{said}");
    host.remove("etc/cni/net.d/05-cilium.conflist");
    host.conf("02-copy.conflist", &calico(",\n    {\"type\": \"tuning\"}"));
    fine(run(&pod, &host, &[]));
}

#[test]
fn a_link_to_nothing_is_broken_and_one_within_the_host_is_not() {
    let pod = pod();
    let host = Host::new(&pod);
    host.link("/var/lib/cni/10-calico.conflist", "etc/cni/net.d/10-calico.conflist");
    let said = found(run(&pod, &host, &[]), "cni-config-invalid").reason("cni-config-invalid");
    assert!(said.contains("symbolic link, and /var/lib/cni is not there"), "{said}");
    host.file("var/lib/cni/10-calico.conflist", &calico(""));
    fine(run(&pod, &host, &[]));
}
