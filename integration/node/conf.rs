//! Configurations as their installers write them.

/// Calico's, with room for one more plugin.
pub fn calico(more: &str) -> String {
    format!(
        r#"{{
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {{
      "type": "calico",
      "log_level": "info",
      "datastore_type": "kubernetes",
      "nodename": "node1",
      "mtu": 0,
      "ipam": {{"type": "calico-ipam"}},
      "policy": {{"type": "k8s"}},
      "kubernetes": {{"kubeconfig": "/etc/cni/net.d/calico-kubeconfig"}}
    }},
    {{"type": "portmap", "snat": true, "capabilities": {{"portMappings": true}}}},
    {{"type": "bandwidth", "capabilities": {{"bandwidth": true}}}}{more}
  ]
}}
"#
    )
}

pub const CILIUM: &str = r#"{
  "cniVersion": "0.3.1",
  "name": "cilium",
  "plugins": [
    {"type": "cilium-cni", "enable-debug": false, "log-file": "/var/run/cilium/cilium-cni.log"}
  ]
}
"#;

pub const FLANNEL: &str = r#"{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
"#;

pub const KINDNET: &str = r#"{
  "cniVersion": "0.3.1",
  "name": "kindnet",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": "10.244.0.0/24"}]]
      },
      "mtu": 1500
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
"#;

pub const LOOPBACK: &str = r#"{"cniVersion": "0.3.1", "name": "lo", "type": "loopback"}"#;

pub const ISTIO: &str = r#",
    {
      "type": "istio-cni",
      "name": "istio-cni",
      "plugin_log_level": "info",
      "kubeconfig": "/etc/cni/net.d/ZZZ-istio-cni-kubeconfig",
      "ambient_enabled": false,
      "exclude_namespaces": ["istio-system", "kube-system"]
    }"#;

pub const LINKERD: &str = r#",
    {
      "type": "linkerd-cni",
      "name": "linkerd-cni",
      "log_level": "info",
      "policy": {"type": "k8s", "k8s_auth_token": "eyJhbGciOi"},
      "kubernetes": {"kubeconfig": "/etc/cni/net.d/ZZZ-linkerd-cni-kubeconfig"},
      "linkerd": {"incoming-proxy-port": 4143, "outgoing-proxy-port": 4140, "proxy-uid": 2102}
    }"#;

/// Multus with a copy of the cluster's network in it.
pub fn multus(delegates: &str) -> String {
    format!(
        r#"{{
  "cniVersion": "0.3.1",
  "name": "multus-cni-network",
  "type": "multus",
  "capabilities": {{"portMappings": true}},
  "delegates": [{delegates}]
}}
"#
    )
}

/// Multus' thick plugin, with the path of the cluster's network.
pub fn shim(network: &str) -> String {
    format!(
        r#"{{
  "cniVersion": "0.3.1",
  "name": "multus-cni-network",
  "type": "multus-shim",
  "logToStderr": true,
  "clusterNetwork": "{network}"
}}
"#
    )
}

/// One plugin that needs nothing else.
pub fn single(kind: &str) -> String {
    format!(r#"{{"cniVersion": "1.0.0", "name": "net", "type": "{kind}"}}"#)
}
