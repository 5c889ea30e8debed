//! What plugins need besides their programs: kubeconfig files, and what their agents leave on the node.

use serde_json::Value;

use super::{
    chain::{Role, Use},
    conf::{field, word},
};
use crate::finding::Code;

/// Something at a path without which a plugin fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The path.
    pub path: String,
    /// What it is.
    pub what: &'static str,
    /// The code for its absence.
    pub code: Code,
}

/// Files and sockets that an agent makes when it starts, and without which its plugin refuses each
/// pod: calico (projectcalico/calico `cni-plugin/pkg/plugin/plugin.go`), flannel
/// (flannel-io/cni-plugin `flannel.go`), the others' servers.
const AGENTS: [(&str, &str, &str); 6] = [
    ("calico", "/var/lib/calico/nodename", "the file that calico-node writes when it runs"),
    ("flannel", "/run/flannel/subnet.env", "the file that flanneld writes when it runs"),
    ("cilium-cni", "/var/run/cilium/cilium.sock", "cilium-agent's socket"),
    ("antrea", "/var/run/antrea/cni.sock", "antrea-agent's socket"),
    ("multus-shim", "/run/multus/multus.sock", "the socket of Multus' daemon"),
    (
        "ovn-k8s-cni-overlay",
        "/var/run/ovn-kubernetes/cni/ovn-cni-server.sock",
        "ovnkube-node's socket",
    ),
];

/// What a plugin needs.
#[must_use]
pub fn of(used: &Use) -> Vec<Need> {
    let mut needs = Vec::new();
    if used.role == Role::Ipam {
        return needs;
    }
    let value = &used.value;
    let nested = ["kubernetes", "k8s"].into_iter().filter_map(|key| field(value, key));
    for value in std::iter::once(value).chain(nested.map(|(_, value)| value)) {
        if let Some(path) = word(value, "kubeconfig").filter(|path| path.starts_with('/')) {
            let (path, code) = (path.to_owned(), Code::CniKubeconfigMissing);
            needs.push(Need { path, what: "its kubeconfig", code });
        }
    }
    needs.extend(agent(used).map(|(path, what)| Need { path, what, code: Code::CniAgentAbsent }));
    needs
}

fn agent(used: &Use) -> Option<(String, &'static str)> {
    let value = &used.value;
    let flag =
        |name: &str| field(value, name).is_some_and(|(_, value)| *value == Value::Bool(true));
    let own = |name: &str| word(value, name).filter(|path| path.starts_with('/'));
    match used.kind.as_str() {
        "kube-ovn" => own("server_socket").map(|path| (path.to_owned(), "kube-ovn-cni's socket")),
        // Only ambient mode asks the agent (istio `cni/pkg/plugin/plugin.go`).
        "istio-cni" if flag("ambient_enabled") => {
            let directory = own("cni_agent_run_dir").unwrap_or("/var/run/istio-cni");
            Some((format!("{directory}/pluginevent.sock"), "the socket of istio-cni's agent"))
        }
        "calico" if flag("nodename_file_optional") => None,
        kind => {
            let (_, path, what) = AGENTS.iter().find(|(name, ..)| *name == kind)?;
            let path = match kind {
                "calico" => own("nodename_file").map(str::to_owned),
                "flannel" => own("subnetFile").map(str::to_owned),
                "multus-shim" => own("daemonSocketDir").or(own("socketDir")).map(|path| {
                    // The daemon has the host's root below /host.
                    format!("{}/multus.sock", path.strip_prefix("/host").unwrap_or(path))
                }),
                _ => None,
            }
            .unwrap_or_else(|| (*path).to_owned());
            Some((path, what))
        }
    }
}
