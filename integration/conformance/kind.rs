//! kind, installers and kubectl in the order that is meant, by stand-ins that write down how they were called.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};

use super::stand_ins::{StandIns, at, kind};

#[test]
fn a_cluster_is_made_loaded_given_its_mesh_tested_and_taken_down() {
    let installed = [
        ("none", vec![]),
        (
            "istio",
            vec![
                "istioctl install -y ",
                "kubectl -n istio-system rollout status daemonset/istio-cni-node",
            ],
        ),
        (
            "ambient",
            vec![
                "istioctl install -y --set profile=ambient",
                "kubectl -n istio-system rollout status daemonset/ztunnel",
            ],
        ),
        (
            "linkerd",
            vec![
                "linkerd install-cni",
                "linkerd install --crds",
                "linkerd install --linkerd-cni-enabled",
                "linkerd check",
            ],
        ),
    ];
    for family in ["ipv4", "ipv6", "dual"] {
        for (proxy, (mesh, steps)) in ["iptables", "nftables"]
            .into_iter()
            .flat_map(|proxy| installed.iter().map(move |one| (proxy, one)))
        {
            let stand_ins = StandIns::all();
            let ended =
                stand_ins.run("run", &[], &[("FAMILY", family), ("PROXY", proxy), ("MESH", mesh)]);
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
            let calls = stand_ins.calls();
            let name = format!("podprobe-{family}-{proxy}-{mesh}");
            let mut order = vec![
                at(
                    &calls,
                    &format!(
                        "kind create cluster --name {name} --config integration/kind/{family}-{proxy}.yaml --wait "
                    ),
                ),
                at(
                    &calls,
                    "docker build -t podprobe-rules:test -f integration/kind/Dockerfile.rules ",
                ),
                at(
                    &calls,
                    "docker build -t podprobe-proxy:test -f integration/kind/Dockerfile.proxy ",
                ),
                at(
                    &calls,
                    &format!(
                        "kind load docker-image --name {name} podprobe:0.1.0 podprobe-rules:test podprobe-proxy:test"
                    ),
                ),
            ];
            order.extend(steps.iter().map(|step| at(&calls, step)));
            let cases = at(&calls, "python3 ");
            order.extend([cases, at(&calls, &format!("kind delete cluster --name {name}"))]);
            assert!(order.is_sorted(), "{calls:#?}");
            assert_eq!(*order.last().expect("calls"), calls.len() - 1, "{calls:#?}");
            told_what_there_is(&calls[cases], family, mesh);
            let kubeconfigs = stand_ins.lines("kubeconfigs");
            assert!(kubeconfigs.iter().all(|one| one == &kubeconfigs[0]), "{kubeconfigs:?}");
            assert_ne!(kubeconfigs[0], "/a/user/s/own", "the user's own cluster is left alone");
            assert!(!Path::new(&kubeconfigs[0]).exists(), "a kubeconfig is left behind");
        }
    }
}

/// The driver's command line: images, and what this cluster has.
fn told_what_there_is(call: &str, family: &str, mesh: &str) {
    let words: Vec<&str> = call.split(' ').collect();
    let after = |flag: &str| {
        let at = words.iter().position(|word| *word == flag);
        words[at.unwrap_or_else(|| panic!("{flag}: {call}")) + 1]
    };
    let mut have = vec!["network-policy", "coredns", "alone"];
    have.extend((family == "dual").then_some("dual-stack"));
    have.extend((family != "ipv6").then_some("ipv4"));
    have.extend((mesh == "istio").then_some("istio-cni"));
    have.extend(["ambient", "linkerd"].into_iter().find(|one| *one == mesh));
    assert_eq!(after("--have"), have.join(","), "{call}");
    assert_eq!(after("--image"), "podprobe:0.1.0");
    assert_eq!(after("--repair"), "integration/cases/faults/load-by-debug");
    for set in [
        "rules-image=podprobe-rules:test",
        "proxy-image=podprobe-proxy:test",
        "target=1.1.1.1:443",
        "node-root=/",
    ] {
        assert!(words.contains(&set), "{set}: {call}");
    }
    let dead = words.contains(&"dead-nameserver=10.96.12.34");
    assert_eq!(dead, family != "ipv6", "{call}");
}

#[test]
fn whatever_fails_the_cluster_goes_and_nothing_is_called_passed() {
    for fails in [
        "kind create",
        "docker build -t podprobe-rules",
        "kind load",
        "istioctl install",
        "rollout status",
        "python3",
    ] {
        let stand_ins = StandIns::all();
        let ended = stand_ins.run("run", &[], &[("FAIL", fails)]);
        assert!(!ended.status.success(), "{fails}");
        let calls = stand_ins.calls();
        let last = calls.last().expect("calls");
        assert!(
            last.starts_with("kind delete cluster --name podprobe-dual-iptables-istio"),
            "{calls:#?}"
        );
        let tested = calls.iter().any(|call| call.starts_with("python3 "));
        assert_eq!(tested, fails == "python3", "{fails}: {calls:#?}");
    }
}

#[test]
fn a_cluster_is_kept_when_asked_and_not_made_without_its_tools() {
    let stand_ins = StandIns::all();
    let ended = stand_ins.run("run", &[], &[("KEEP", "1"), ("MESH", "none")]);
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(said.contains("kind delete cluster --name podprobe-dual-iptables-none"), "{said}");
    assert!(!stand_ins.calls().iter().any(|call| call.starts_with("kind delete")));

    let stand_ins = StandIns::of(&["docker", "kind", "kubectl", "python3"]);
    for (variables, says) in [
        (("MESH", "istio"), "needs istioctl"),
        (("MESH", "consul"), "none, istio, ambient or linkerd"),
        (("FAMILY", "ipv5"), "FAMILY=ipv5"),
    ] {
        let ended = stand_ins.run("run", &[], &[("MESH", "none"), variables]);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(says), "{said}");
        assert_eq!(stand_ins.calls(), Vec::<String>::new());
    }
}

/// What the cases of repair do to a cluster, and that they leave it as it was.
#[test]
fn istio_s_plugin_is_taken_away_and_given_back_as_it_was() {
    let stand_ins = StandIns::of(&["kubectl"]);
    let daemon_set = stand_ins.0.path().join("daemonset");
    let meta = json!({"name": "istio-cni-node", "namespace": "istio-system", "labels": {"a": "b"}});
    let mut live = json!({"kind": "DaemonSet", "metadata": meta, "spec": {"x": 1}, "status": {"numberReady": 2}});
    live["metadata"]["uid"] = "1".into();
    live["metadata"]["resourceVersion"] = "2".into();
    fs::write(&daemon_set, live.to_string()).expect("write");
    let saved = stand_ins.0.path().join("saved.json").display().to_string();

    let run = |words: &[&str]| {
        let ended = stand_ins.run("istio-cni", words, &[]);
        assert!(ended.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ended.stderr));
    };
    run(&["remove", &saved]);
    assert!(!daemon_set.exists());
    let kept: Value =
        serde_json::from_str(&fs::read_to_string(&saved).expect("read")).expect("JSON");
    assert_eq!(kept, json!({"kind": "DaemonSet", "metadata": meta, "spec": {"x": 1}}));

    run(&["restore", &saved, "REPAIR_DELETE_PODS=true", "REPAIR_REPAIR_PODS=false"]);
    run(&["restore", &saved]);
    let calls = stand_ins.calls();
    let order = [
        at(&calls, "kubectl -n istio-system delete daemonset istio-cni-node"),
        at(&calls, "kubectl -n istio-system wait --for=delete pod -l k8s-app=istio-cni-node"),
        at(&calls, &format!("kubectl create -f {saved}")),
        at(
            &calls,
            "kubectl -n istio-system set env daemonset/istio-cni-node REPAIR_DELETE_PODS=true REPAIR_REPAIR_PODS=false",
        ),
        // Applied, the values in between would stay.
        at(&calls, &format!("kubectl replace -f {saved}")),
    ];
    assert!(order.is_sorted(), "{calls:#?}");
    assert!(calls.last().expect("calls").contains("rollout status"), "{calls:#?}");
    assert!(!stand_ins.run("istio-cni", &["drop"], &[]).status.success());
}

/// What kind knows of a cluster (kind `pkg/apis/config/v1alpha4/types.go`); anything else it refuses.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Cluster {
    kind: String,
    api_version: String,
    networking: Networking,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Networking {
    ip_family: String,
    kube_proxy_mode: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Node {
    role: String,
}

#[test]
fn each_configuration_is_what_its_name_says_and_kind_takes() {
    for family in ["ipv4", "ipv6", "dual"] {
        for proxy in ["iptables", "nftables"] {
            let text = fs::read_to_string(kind(&format!("{family}-{proxy}.yaml"))).expect("read");
            let cluster: Cluster = yaml_serde::from_str(&text).expect("kind's own fields");
            let of = (cluster.kind.as_str(), cluster.api_version.as_str());
            assert_eq!(of, ("Cluster", "kind.x-k8s.io/v1alpha4"));
            let networking = (cluster.networking.ip_family, cluster.networking.kube_proxy_mode);
            assert_eq!(networking, (family.to_owned(), proxy.to_owned()));
            let roles: Vec<String> = cluster.nodes.into_iter().map(|node| node.role).collect();
            assert_eq!(roles, ["control-plane", "worker"]);
        }
    }
}
