//! What each mesh promises, as data.

mod list;
mod meshes;

use std::net::IpAddr;

use ipnet::IpNet;

pub use list::list;
pub use meshes::{
    ALL, APPMESH, CONSUL, ISTIO, ISTIO_AMBIENT, ISTIO_TPROXY, KUMA, LINKERD, NONE, OSM,
};

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
