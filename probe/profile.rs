//! What each mesh promises, as data.

use std::{fmt::Write, net::IpAddr};

use ipnet::IpNet;

use crate::capture::{Capture, Cidrs, Dns, Exempt, Interception, MarkedRoute, Ports, Reach};

/// A mesh's promise before flags, environment and arguments change it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact about a mesh")]
pub struct Profile {
    /// The name for `--mesh`.
    pub name: &'static str,
    /// One line for `podprobe profiles`.
    pub summary: &'static str,
    /// Where application egress must land.
    pub outbound_port: u16,
    /// Where ingress must land.
    pub inbound_port: u16,
    /// Where captured DNS queries land; 0 where the mesh has no DNS capture.
    pub dns_port: u16,
    /// Which DNS queries are captured when DNS capture is on.
    pub dns: Dns,
    /// Whether DNS capture is on unless something else is declared.
    pub dns_by_default: bool,
    /// How inbound traffic is taken.
    pub interception: Interception,
    /// Ports that rules of this mesh's other versions and modes use: listened on as well, so that
    /// "wrong port" can be told from "nowhere".
    pub known_ports: &'static [u16],
    /// The port of the mesh's own tunnel, never captured on loopback.
    pub tunnel_port: Option<u16>,
    /// Who the proxy is.
    pub proxy: (u32, u32),
    /// How the rules know the proxy.
    pub exempt: Known,
    /// What the application sends to this pod itself and is captured all the same.
    pub app_to_pod: Reach,
    /// What the proxy sends to this pod itself and is captured as inbound.
    pub proxy_to_pod: Reach,
    /// 127.0.0.6 and `::6` are the proxy's source towards its application.
    pub passthrough: bool,
    /// Policy routing that the mesh sets up.
    pub marked_route: Option<MarkedRoute>,
    /// Inbound ports are captured as they are listed for each pod, and no others.
    pub inbound_by_list: bool,
    /// Where the node's own probes come from, which the mesh lets pass.
    pub probe_sources: &'static [IpAddr],
    /// The proxy may reach its application from the client's address.
    pub keeps_source: bool,
    /// Inbound ports that the mesh excludes in some pods: never probed.
    pub tolerated_inbound_ports: &'static [u16],
    /// Inbound ports that the mesh always excludes.
    pub exclude_inbound_ports: &'static [u16],
    /// Outbound ports that the mesh always excludes.
    pub exclude_outbound_ports: &'static [u16],
    /// Outbound addresses that the mesh always excludes.
    pub exclude_outbound_addresses: &'static [IpAddr],
    /// Outbound ports that the mesh's CNI plugin may exclude without saying so: never probed.
    pub tolerated_outbound_ports: &'static [u16],
}

/// How a profile's rules know the proxy.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// By user, and by group where there is one.
    Owner(&'static [u32], &'static [u32]),
    /// By mark and mask.
    Mark(u32, u32),
    /// There is no proxy.
    Nobody,
}

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

impl Profile {
    /// The promise, with nothing declared beyond the profile.
    #[must_use]
    pub fn capture(&self) -> Capture {
        Capture {
            outbound_port: self.outbound_port,
            inbound_port: self.inbound_port,
            dns_port: self.dns_port,
            dns: if self.dns_by_default { self.dns } else { Dns::NONE },
            interception: self.interception,
            native_nftables: None,
            known_ports: self.known_ports.to_vec(),
            builtin_ports: None,
            tunnel_port: self.tunnel_port,
            proxy: self.proxy,
            exempt: match self.exempt {
                Known::Owner(uids, gids) => {
                    Exempt::Owner { uids: uids.to_vec(), gids: gids.to_vec() }
                }
                Known::Mark(mark, bits) => Exempt::Mark { mark, mask: bits },
                Known::Nobody => Exempt::Nobody,
            },
            only_groups: None,
            app_to_pod: self.app_to_pod,
            proxy_to_pod: self.proxy_to_pod,
            passthrough: self.passthrough,
            marked_route: self.marked_route,
            include_inbound_ports: Ports::All,
            keeps_source: self.keeps_source,
            tolerated_inbound_ports: self.tolerated_inbound_ports.to_vec(),
            inbound_by_list: self.inbound_by_list,
            probe_sources: self.probe_sources.to_vec(),
            exclude_inbound_ports: self.exclude_inbound_ports.to_vec(),
            include_outbound_cidrs: match self.exempt {
                Known::Nobody => Cidrs::Only(Vec::new()),
                _ => Cidrs::All,
            },
            exclude_outbound_cidrs: self
                .exclude_outbound_addresses
                .iter()
                .map(|ip| IpNet::from(*ip))
                .collect(),
            include_outbound_ports: Vec::new(),
            exclude_outbound_ports: self.exclude_outbound_ports.to_vec(),
            tolerated_outbound_ports: self.tolerated_outbound_ports.to_vec(),
        }
    }
}

/// The text of `podprobe profiles`.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for p in ALL {
        let _ = writeln!(text, "{:<13} {}", p.name, p.summary);
        let known = match p.exempt {
            Known::Nobody => continue,
            Known::Owner(uids, []) => format!("uid {}", ids(uids)),
            Known::Owner(uids, gids) => format!("uid {}, gid {}", ids(uids), ids(gids)),
            Known::Mark(mark, bits) => format!("mark {mark:#x}/{bits:#x}"),
        };
        let routing = p.marked_route.map(|route| {
            format!("; policy routing: mark {:#x}, table {}", route.mark, route.table)
        });
        let (inbound, outbound) = (p.exclude_inbound_ports, p.exclude_outbound_ports);
        for line in [
            ports(p),
            format!("lets go {known}{}", routing.unwrap_or_default()),
            format!("always excluded: inbound {}; outbound {}", join(inbound), join(outbound)),
        ] {
            let _ = writeln!(text, "              {line}");
        }
    }
    text
}

fn ports(p: &Profile) -> String {
    let mut text = format!("outbound {}, inbound {}", p.outbound_port, p.inbound_port);
    if p.dns.is_captured() {
        let when = if p.dns_by_default { "" } else { " if declared" };
        let _ = write!(text, ", dns {}{when}", p.dns_port);
    }
    if let Some(port) = p.tunnel_port {
        let _ = write!(text, ", tunnel {port}");
    }
    text
}

fn ids(ids: &[u32]) -> String {
    ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn join(ports: &[u16]) -> String {
    if ports.is_empty() {
        return "nothing".to_owned();
    }
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}
