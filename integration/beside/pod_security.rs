//! The restricted Pod Security Standard, as far as a manifest can break it.

use serde_json::Value;

/// The kinds of volumes that the restricted standard admits.
const VOLUMES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// What the restricted standard refuses of a pod, by container
/// (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>).
pub(super) fn unrestricted(pod: &Value) -> Vec<String> {
    let mut refused = Vec::new();
    let list = |name: &str| pod[name].as_array().cloned().unwrap_or_default();
    for volume in list("volumes") {
        let kind = volume.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        match kind.filter(|key| *key != "name").find(|key| !VOLUMES.contains(key)) {
            Some("hostPath") => refused.push("a volume of the host".to_owned()),
            Some(kind) => refused.push(format!("a volume of kind {kind}")),
            None => {}
        }
    }
    let whole = &pod["securityContext"];
    for key in ["sysctls", "seLinuxOptions", "windowsOptions"] {
        if !whole[key].is_null() {
            refused.push(format!("sets {key}"));
        }
    }
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod[key] == true {
            refused.push(key.to_owned());
        }
    }
    for container in list("initContainers").iter().chain(&list("containers")) {
        let name = container["name"].as_str().expect("a name");
        let own = &container["securityContext"];
        // A container's word counts before its pod's.
        let of = |key: &str| {
            if own[key].is_null() { &pod["securityContext"][key] } else { &own[key] }
        };
        let mut refuse = |what: String| refused.push(format!("{name}: {what}"));
        if of("runAsUser") == 0 {
            refuse("runAsUser 0".to_owned());
        } else if of("runAsNonRoot") != true {
            refuse("may be root".to_owned());
        }
        if of("seccompProfile")["type"] != "RuntimeDefault" {
            refuse("no seccomp profile".to_owned());
        }
        if own["allowPrivilegeEscalation"] != false || own["privileged"] == true {
            refuse("may gain privileges".to_owned());
        }
        let ports = container["ports"].as_array().cloned().unwrap_or_default();
        if ports.iter().any(|port| !port["hostPort"].is_null()) {
            refuse("takes a port of the host".to_owned());
        }
        for key in ["procMount", "seLinuxOptions", "windowsOptions"] {
            if !own[key].is_null() {
                refuse(format!("sets {key}"));
            }
        }
        if own["capabilities"]["drop"] != serde_json::json!(["ALL"]) {
            refuse("keeps capabilities".to_owned());
        }
        let added = own["capabilities"]["add"].as_array().cloned().unwrap_or_default();
        let mut added: Vec<&str> = added.iter().filter_map(Value::as_str).collect();
        added.sort_unstable();
        if !added.is_empty() && added != ["NET_BIND_SERVICE"] {
            refuse(format!("adds {}", added.join(", ")));
        }
    }
    refused
}

/// The checker itself: each thing that the standard forbids is noticed, alone.
#[test]
fn what_the_standard_forbids_is_noticed() {
    let context = serde_json::json!({"runAsNonRoot": true, "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}});
    let good = serde_json::json!({"containers": [{"name": "c", "securityContext": context}]});
    assert_eq!(unrestricted(&good), Vec::<String>::new());
    for (pointer, value) in [
        ("/volumes", serde_json::json!([{"name": "v", "hostPath": {"path": "/"}}])),
        ("/volumes", serde_json::json!([{"name": "v", "nfs": {}}])),
        ("/hostNetwork", true.into()),
        ("/hostPID", true.into()),
        ("/securityContext", serde_json::json!({"sysctls": []})),
        ("/containers/0/ports", serde_json::json!([{"containerPort": 1, "hostPort": 1}])),
        ("/containers/0/securityContext/runAsNonRoot", false.into()),
        ("/containers/0/securityContext/runAsUser", 0.into()),
        ("/containers/0/securityContext/privileged", true.into()),
        ("/containers/0/securityContext/procMount", "Unmasked".into()),
        ("/containers/0/securityContext/allowPrivilegeEscalation", true.into()),
        ("/containers/0/securityContext/seccompProfile/type", "Unconfined".into()),
        ("/containers/0/securityContext/capabilities/drop", serde_json::json!([])),
        ("/containers/0/securityContext/capabilities/add", serde_json::json!(["NET_ADMIN"])),
    ] {
        let mut pod = good.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        pod.pointer_mut(parent).expect("a parent")[key] = value;
        assert_eq!(unrestricted(&pod).len(), 1, "{pointer}: {:?}", unrestricted(&pod));
    }
}
