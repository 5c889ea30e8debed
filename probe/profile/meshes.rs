//! The meshes' own profiles, as their sources have them.

use std::net::IpAddr;

use super::{Known, Profile};
use crate::capture::{Dns, Interception, MarkedRoute, Reach};

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d))
}

/// Where Istio's node agent lets the kubelet's probes come from (istio `cni/pkg/config/config.go`).
/// The IPv6 one was another in early releases.
const PROBE_SNAT: [IpAddr; 3] = [
    v4(169, 254, 7, 127),
    IpAddr::V6(std::net::Ipv6Addr::new(
        0xfd16, 0x9254, 0x7127, 0x1337, 0xffff, 0xffff, 0xffff, 0xffff,
    )),
    IpAddr::V6(std::net::Ipv6Addr::new(
        0xe9ac, 0x1e77, 0x90ca, 0x399f, 0x4d6d, 0xece2, 0x2f9b, 0x3164,
    )),
];

/// Istio's and Kuma's: each query over UDP, zones, answers known by their owner.
const EVERYWHERE: Dns = Dns {
    udp: Reach::Everything,
    tcp: Reach::Everything,
    tcp_spared: false,
    zones: true,
    owned_answers: true,
};

/// Istio's sidecar with REDIRECT rules, by iptables or native nftables (istio
/// `tools/istio-iptables/pkg/capture/run.go`, `cni/pkg/plugin/sidecar_redirect.go`).
pub const ISTIO: Profile = Profile {
    name: "istio",
    summary: "Istio sidecar, REDIRECT mode, iptables or nftables",
    outbound_port: 15001,
    inbound_port: 15006,
    dns_port: 15053,
    dns: EVERYWHERE,
    dns_by_default: false,
    interception: Interception::Redirect,
    known_ports: &[15001, 15006, 15053],
    tunnel_port: Some(15008),
    proxy: (1337, 1337),
    exempt: Known::Owner(&[1337], &[1337]),
    app_to_pod: Reach::Nothing,
    proxy_to_pod: Reach::NotLocalhost,
    passthrough: true,
    marked_route: None,
    inbound_by_list: false,
    keeps_source: false,
    tolerated_inbound_ports: &[],
    probe_sources: &[],
    exclude_inbound_ports: &[15020, 15021, 15090],
    exclude_outbound_ports: &[],
    exclude_outbound_addresses: &[],
    tolerated_outbound_ports: &[15020],
};

/// Istio's sidecar with TPROXY rules: the proxy runs as root with the mesh's group, for its
/// listener must be transparent (istio `pkg/kube/inject/files/injection-template.yaml`).
pub const ISTIO_TPROXY: Profile = Profile {
    name: "istio-tproxy",
    summary: "Istio sidecar, TPROXY mode, iptables or nftables",
    interception: Interception::Tproxy,
    proxy: (0, 1337),
    keeps_source: true,
    marked_route: Some(MarkedRoute { mark: 1337, mask: u32::MAX, table: 133 }),
    ..ISTIO
};

/// Istio ambient's rules inside the pod: ztunnel is known by its mark, whoever else sends
/// (istio `cni/pkg/iptables/iptables.go`, `cni/pkg/config/config.go`).
pub const ISTIO_AMBIENT: Profile = Profile {
    name: "istio-ambient",
    summary: "Istio ambient: ztunnel's listeners inside the pod",
    dns: Dns { udp: Reach::Outside, tcp: Reach::NotLocalhost, owned_answers: false, ..EVERYWHERE },
    dns_by_default: true,
    proxy: (0, 0),
    exempt: Known::Mark(0x539, 0xfff),
    proxy_to_pod: Reach::Nothing,
    passthrough: false,
    marked_route: Some(MarkedRoute { mark: 0x111, mask: 0xfff, table: 100 }),
    keeps_source: true,
    probe_sources: &PROBE_SNAT,
    exclude_inbound_ports: &[],
    tolerated_outbound_ports: &[],
    ..ISTIO
};

/// Linkerd's proxy (linkerd2-proxy-init `pkg/iptables/iptables.go`, chart defaults).
pub const LINKERD: Profile = Profile {
    name: "linkerd",
    summary: "Linkerd 2 proxy",
    outbound_port: 4140,
    inbound_port: 4143,
    dns_port: 0,
    dns: Dns::NONE,
    known_ports: &[4140, 4143],
    tunnel_port: None,
    proxy: (2102, 2102),
    exempt: Known::Owner(&[2102], &[]),
    proxy_to_pod: Reach::Nothing,
    passthrough: false,
    exclude_inbound_ports: &[4190, 4191, 4567, 4568],
    exclude_outbound_ports: &[4567, 4568],
    tolerated_outbound_ports: &[],
    ..ISTIO
};

/// Kuma's data plane (kuma `pkg/transparentproxy/iptables/builder/builder_table_nat.go`).
pub const KUMA: Profile = Profile {
    name: "kuma",
    summary: "Kuma and Kong Mesh data plane proxy",
    dns: Dns { tcp: Reach::Nothing, tcp_spared: true, ..EVERYWHERE },
    dns_by_default: true,
    known_ports: &[15001, 15006, 15010, 15053],
    tunnel_port: None,
    proxy: (5678, 5678),
    exempt: Known::Owner(&[5678], &[]),
    exclude_inbound_ports: &[],
    tolerated_outbound_ports: &[],
    ..ISTIO
};

/// Consul's sidecar (consul `sdk/iptables/iptables.go`, consul-k8s
/// `control-plane/connect-inject/webhook/redirect_traffic.go`).
pub const CONSUL: Profile = Profile {
    name: "consul",
    summary: "Consul service mesh, transparent proxy",
    inbound_port: 20000,
    dns_port: 8600,
    dns: Dns { udp: Reach::Localhost, tcp: Reach::Localhost, ..Dns::NONE },
    dns_by_default: true,
    known_ports: &[15001, 20000, 8600],
    tunnel_port: None,
    proxy: (5995, 5995),
    exempt: Known::Owner(&[5995, 5996], &[]),
    app_to_pod: Reach::NotLocalhost,
    proxy_to_pod: Reach::Nothing,
    passthrough: false,
    tolerated_inbound_ports: &[20200, 21000, 20300, 20400, 20500],
    exclude_inbound_ports: &[],
    tolerated_outbound_ports: &[],
    ..ISTIO
};

/// Open Service Mesh (osm `pkg/injector/iptables.go`, archived).
pub const OSM: Profile = Profile {
    name: "osm",
    summary: "Open Service Mesh (archived)",
    inbound_port: 15003,
    dns_port: 0,
    dns: Dns::NONE,
    known_ports: &[15001, 15003],
    tunnel_port: None,
    proxy: (1500, 1500),
    exempt: Known::Owner(&[1500], &[]),
    passthrough: false,
    exclude_inbound_ports: &[15010, 15901, 15902, 15903, 15904],
    tolerated_outbound_ports: &[],
    ..ISTIO
};

/// AWS App Mesh (aws-app-mesh-controller `pkg/inject/proxy.go`, the public proxy route manager).
pub const APPMESH: Profile = Profile {
    name: "appmesh",
    summary: "AWS App Mesh",
    inbound_port: 15000,
    dns_port: 0,
    dns: Dns::NONE,
    known_ports: &[15000, 15001],
    tunnel_port: None,
    proxy: (1337, 1337),
    exempt: Known::Owner(&[1337], &[]),
    proxy_to_pod: Reach::Nothing,
    passthrough: false,
    inbound_by_list: true,
    exclude_inbound_ports: &[],
    exclude_outbound_ports: &[22],
    exclude_outbound_addresses: &[v4(169, 254, 169, 254)],
    tolerated_outbound_ports: &[],
    ..ISTIO
};

/// No mesh: nothing may be captured. The ports of all meshes are listened on.
pub const NONE: Profile = Profile {
    name: "none",
    summary: "no mesh: that anything is captured is the failure",
    dns_port: 0,
    dns: Dns::NONE,
    known_ports: &[15001, 15006, 15053, 4140, 4143, 20000, 8600, 15003, 15000],
    tunnel_port: None,
    exempt: Known::Nobody,
    proxy_to_pod: Reach::Nothing,
    passthrough: false,
    exclude_inbound_ports: &[],
    tolerated_outbound_ports: &[],
    ..ISTIO
};

/// Every built-in profile.
pub const ALL: &[Profile] =
    &[ISTIO, ISTIO_TPROXY, ISTIO_AMBIENT, LINKERD, KUMA, CONSUL, OSM, APPMESH, NONE];
