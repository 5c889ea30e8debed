//! Nodes as they should be: no false alarm.

use super::conf::{CILIUM, FLANNEL, ISTIO, KINDNET, LINKERD, LOOPBACK, calico, multus, shim};
use super::host::Host;
use super::{fine, pod, run};

#[test]
fn every_usual_network_holds() {
    let pod = pod();
    for (name, text) in [
        ("10-calico.conflist", calico("")),
        ("05-cilium.conflist", CILIUM.to_owned()),
        ("10-flannel.conflist", FLANNEL.to_owned()),
        ("10-kindnet.conflist", KINDNET.to_owned()),
    ] {
        let host = Host::new(&pod);
        host.conf(name, &text);
        host.conf("99-loopback.conf", LOOPBACK);
        host.conf("10-old.conflist.cilium_bak", "not read");
        let report = fine(run(&pod, &host, &[]));
        let said = report.reason("node-holds");
        assert!(said.contains(&format!("take /etc/cni/net.d/{name}")), "{said}");
        assert!(report.stdout.contains("10-old.conflist.cilium_bak"), "{report}");
    }
}

#[test]
fn a_mesh_plugin_in_the_active_chain_is_in_order() {
    let pod = pod();
    for (mesh, plugin, more) in [("istio", "istio-cni", ISTIO), ("linkerd", "linkerd-cni", LINKERD)]
    {
        let host = Host::new(&pod);
        host.conf("10-calico.conflist", &calico(more));
        host.plugin(plugin);
        host.file(&format!("etc/cni/net.d/ZZZ-{plugin}-kubeconfig"), "apiVersion: v1\n");
        let said = fine(run(&pod, &host, &["--mesh", mesh])).reason("node-holds");
        assert!(said.ends_with(&format!("bandwidth, {plugin}")), "{said}");
        fine(run(&pod, &host, &["--mesh", "auto"]));
    }
}

#[test]
fn multus_with_its_delegates_holds_and_what_it_copied_lies_beside_it() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("00-multus.conf", &multus(&calico("")));
    host.conf("10-calico.conflist", &calico(""));
    let said = fine(run(&pod, &host, &[])).reason("node-holds");
    assert!(said.ends_with("multus, calico, calico-ipam, portmap, bandwidth"), "{said}");
    host.conf("00-multus.conf", &shim("/host/etc/cni/net.d/10-calico.conflist"));
    host.file("run/multus/multus.sock", "");
    let said = fine(run(&pod, &host, &[])).reason("node-holds");
    assert!(said.ends_with("multus-shim, calico, calico-ipam, portmap, bandwidth"), "{said}");
}

#[test]
fn istio_cni_that_multus_runs_by_annotation_counts() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("00-multus.conf", &multus(&calico("")));
    host.plugin("istio-cni");
    let istio = r#"{"cniVersion": "0.3.1", "name": "istio-cni", "type": "istio-cni"}"#;
    host.file("etc/cni/multus/net.d/istio-cni.conf", istio);
    fine(run(&pod, &host, &["--mesh", "istio"]));
}

#[test]
fn directories_are_where_the_runtime_is_told_to_look() {
    let pod = pod();
    let host = Host::new(&pod);
    host.remove("etc/cni");
    host.remove("opt/cni");
    let k3s = "var/lib/rancher/k3s/agent/etc";
    host.file(
        &format!("{k3s}/containerd/config.toml"),
        "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\n  \
         bin_dirs = [\"/var/lib/rancher/k3s/data/cni\"]\n  \
         conf_dir = \"/var/lib/rancher/k3s/agent/etc/cni/net.d\"\n",
    );
    host.file(&format!("{k3s}/cni/net.d/10-flannel.conflist"), FLANNEL);
    for plugin in ["flannel", "portmap", "bridge", "host-local"] {
        host.link("/bin/sh", &format!("var/lib/rancher/k3s/data/cni/{plugin}"));
    }
    fine(run(&pod, &host, &[]));
    let elsewhere =
        ["--cni-conf-dir", "/none,/etc/k3s", "--cni-bin-dir", "/x,/var/lib/rancher/k3s/data/cni"];
    host.link("/var/lib/rancher/k3s/agent/etc/cni/net.d", "etc/k3s");
    fine(run(&pod, &host, &elsewhere));
}

#[test]
fn multus_finds_delegates_in_a_directory_of_its_own() {
    let pod = pod();
    let host = Host::new(&pod);
    let told = "\"binDir\": \"/host/var/lib/cni/bin\", \"clusterNetwork\"";
    let multus = shim("/host/run/multus/cni/net.d/10-ovn.conf").replace("\"clusterNetwork\"", told);
    host.conf("00-multus.conf", &multus);
    host.file("run/multus/multus.sock", "");
    host.file("run/multus/cni/net.d/10-ovn.conf", &super::conf::single("ovn"));
    super::found(run(&pod, &host, &[]), "cni-plugin-missing");
    host.link("/bin/sh", "var/lib/cni/bin/ovn");
    fine(run(&pod, &host, &[]));
}

#[test]
fn this_machines_own_programs_are_for_this_machine() {
    let pod = pod();
    let host = Host::new(&pod);
    host.remove("bin/sh");
    host.conf("10-x.conf", &super::conf::single("podprobe"));
    host.program("opt/cni/bin/podprobe", &std::fs::read(pod.program()).expect("read podprobe"));
    // The test's build may be dynamic.
    for directory in ["lib", "lib64"] {
        let own = std::path::Path::new("/").join(directory);
        let Ok(own) = own.canonicalize() else { continue };
        for entry in std::fs::read_dir(own).expect("libraries").flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            if name.starts_with("ld-") {
                host.program(&format!("{directory}/{name}"), b"");
            }
        }
    }
    fine(run(&pod, &host, &[]));
}
