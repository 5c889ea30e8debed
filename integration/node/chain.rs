//! What is run, and how often: chains, Multus, meshes.

use super::conf::{CILIUM, ISTIO, LINKERD, calico, multus, shim, single};
use super::host::Host;
use super::{fine, found, pod, run};
use crate::world::Pod;

fn with_istio(pod: &Pod) -> Host {
    let host = Host::new(pod);
    host.plugin("istio-cni");
    host.file("etc/cni/net.d/ZZZ-istio-cni-kubeconfig", "apiVersion: v1\n");
    host.file("run/multus/multus.sock", "");
    host
}

#[test]
fn a_plugin_that_is_twice_in_a_list_is_told_with_both_places() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("10-calico.conflist", &calico(",\n    {\"type\": \"portmap\"}"));
    let said = found(run(&pod, &host, &[]), "cni-chain-duplicate").reason("cni-chain-duplicate");
    assert!(said.contains("portmap is run twice"), "{said}");
    assert!(said.contains("line 15, column 5") && said.contains("line 17, column 5"), "{said}");
    let tuning = ",\n    {\"type\": \"tuning\"}";
    host.conf("10-calico.conflist", &calico(&tuning.repeat(2)));
    fine(run(&pod, &host, &[]));
}

#[test]
fn two_attachments_are_no_duplicate_and_a_mesh_in_multus_and_its_delegate_is_one() {
    let pod = pod();
    let host = with_istio(&pod);
    let networks = format!("{}, {}, {}", calico(""), single("macvlan"), single("macvlan"));
    host.conf("00-multus.conf", &multus(&networks));
    fine(run(&pod, &host, &[]));
    let thick = shim("/etc/cni/net.d/10-calico.conflist");
    let list =
        r#"{"cniVersion": "0.3.1", "name": "multus-cni-network", "plugins": [MULTUS ISTIO]}"#;
    host.remove("etc/cni/net.d/00-multus.conf");
    host.conf("00-multus.conflist", &list.replace("MULTUS", &thick).replace("ISTIO", ISTIO));
    host.conf("10-calico.conflist", &calico(""));
    fine(run(&pod, &host, &["--mesh", "istio"]));
    host.conf("10-calico.conflist", &calico(ISTIO));
    let report = found(run(&pod, &host, &["--mesh", "istio"]), "cni-chain-duplicate");
    let said = report.reason("cni-chain-duplicate");
    assert!(said.contains("istio-cni is run twice"), "{said}");
    assert!(said.contains("00-multus.conflist") && said.contains("10-calico.conflist"), "{said}");
}

#[test]
fn multus_that_leads_back_to_itself_is_a_circle() {
    let pod = pod();
    for network in ["/host/etc/cni/net.d/00-multus.conf", "/etc/cni/net.d/", "/etc/cni/again.conf"]
    {
        let host = with_istio(&pod);
        host.conf("00-multus.conf", &shim(network));
        host.link("net.d/00-multus.conf", "etc/cni/again.conf");
        let said = found(run(&pod, &host, &[]), "cni-chain-cycle").reason("cni-chain-cycle");
        assert!(said.starts_with("follow /etc/cni/net.d/00-multus.conf → "), "{said}");
    }
    let host = with_istio(&pod);
    host.conf("00-multus.conf", &shim("/etc/cni/other/10-multus.conf"));
    host.file("etc/cni/other/10-multus.conf", &shim("/host/etc/cni/net.d/00-multus.conf"));
    found(run(&pod, &host, &[]), "cni-chain-cycle");
    host.file("etc/cni/other/10-multus.conf", &shim("/host/etc/cni/net.d/10-calico.conflist"));
    host.conf("10-calico.conflist", &calico(""));
    fine(run(&pod, &host, &[]));
}

#[test]
fn multus_whose_network_is_not_there() {
    let pod = pod();
    let host = with_istio(&pod);
    host.conf("00-multus.conf", &shim("/host/etc/cni/net.d/10-calico.conflist"));
    let report = found(run(&pod, &host, &[]), "cni-delegate-missing");
    let said = report.reason("cni-delegate-missing");
    assert!(said.contains("/etc/cni/net.d/10-calico.conflist is not there"), "{said}");
    // A name may be one of the API's.
    host.conf("00-multus.conf", &shim("calico"));
    let report = fine(run(&pod, &host, &[]));
    assert!(report.stdout.contains("takes \\\"calico\\\" from the API"), "{report}");
}

#[test]
fn a_mesh_plugin_that_is_in_no_active_chain() {
    let pod = pod();
    let host = with_istio(&pod);
    host.conf("05-cilium.conflist", CILIUM);
    host.conf("10-calico.conflist", &calico(ISTIO));
    let report = run(&pod, &host, &["--mesh", "istio"]).expect(80);
    assert_eq!(report.codes("fail"), ["cni-mesh-not-chained"], "{report}");
    assert_eq!(report.codes("warn"), ["cni-config-shadowed"], "{report}");
    let said = report.reason("cni-mesh-not-chained");
    assert!(said.contains("istio-cni in /etc/cni/net.d/05-cilium.conflist"), "{said}");
    assert!(said.contains("it is in /etc/cni/net.d/10-calico.conflist"), "{said}");
    let report = run(&pod, &host, &["--mesh", "auto"]).expect(80);
    assert_eq!(report.cause(), "cni-mesh-not-chained", "{report}");
    found(run(&pod, &host, &["--mesh", "none"]), "cni-config-shadowed");

    host.remove("etc/cni/net.d/10-calico.conflist");
    let report = found(run(&pod, &host, &["--mesh", "istio-ambient"]), "cni-mesh-not-chained");
    let said = report.reason("cni-mesh-not-chained");
    assert!(said.contains("its program lies at /opt/cni/bin/istio-cni, unused"), "{said}");
    // What a mesh that is gone left behind is no sign of it.
    fine(run(&pod, &host, &["--mesh", "auto"]));
}

#[test]
fn a_mesh_without_a_plugin_may_use_init_containers() {
    let pod = pod();
    let host = Host::new(&pod);
    host.conf("10-calico.conflist", &calico(LINKERD));
    host.plugin("linkerd-cni");
    host.file("etc/cni/net.d/ZZZ-linkerd-cni-kubeconfig", "apiVersion: v1\n");
    for mesh in ["istio", "kuma", "consul"] {
        found(run(&pod, &host, &["--mesh", mesh]), "cni-mesh-absent");
    }
    for mesh in ["linkerd", "osm", "none"] {
        fine(run(&pod, &host, &["--mesh", mesh]));
    }
}

#[test]
fn a_network_of_the_api_may_have_the_mesh_in_it() {
    let pod = pod();
    let host = with_istio(&pod);
    host.conf("00-multus.conf", &shim("calico"));
    let report = run(&pod, &host, &["--mesh", "istio"]).expect(5);
    assert_eq!(report.codes("fail"), Vec::<String>::new(), "{report}");
    assert!(report.codes("unknown").contains(&"node-unseen".to_owned()), "{report}");
}
