//! `Capture`: the promise itself. This traffic is captured, to that port; that traffic is not.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A set of ports as meshes write it: `*` or a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ports {
    /// `*`
    All,
    /// Only these.
    Only(Vec<u16>),
}

/// A set of destinations as meshes write it: `*` or a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cidrs {
    /// `*`
    All,
    /// Only these.
    Only(Vec<IpNet>),
}

impl Cidrs {
    /// Whether the address belongs to the set.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match self {
            Cidrs::All => true,
            Cidrs::Only(list) => list.iter().any(|net| net.contains(&address)),
        }
    }
}

/// What a mesh promises about a pod's traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// Where application egress must land.
    pub outbound_port: u16,
    /// Where ingress must land.
    pub inbound_port: u16,
    /// Where DNS queries land when `dns` holds.
    pub dns_port: u16,
    /// DNS over UDP and TCP is captured, whatever server is asked.
    pub dns: bool,
    /// Further ports to listen on, so that "wrong port" can be told from "nowhere".
    pub known_ports: Vec<u16>,
    /// The mesh's own tunnel port, never captured on loopback.
    pub tunnel_port: u16,
    /// The user that the rules exempt.
    pub proxy_uid: u32,
    /// The group that the rules exempt.
    pub proxy_gid: u32,
    /// Inbound ports that are captured.
    pub include_inbound_ports: Ports,
    /// Inbound ports that are not captured.
    pub exclude_inbound_ports: Vec<u16>,
    /// Destinations whose traffic is captured.
    pub include_outbound_cidrs: Cidrs,
    /// Destinations whose traffic is not captured.
    pub exclude_outbound_cidrs: Vec<IpNet>,
    /// Destination ports captured whatever the address.
    pub include_outbound_ports: Vec<u16>,
    /// Destination ports that are not captured.
    pub exclude_outbound_ports: Vec<u16>,
    /// Outbound ports that may be excluded without being declared: never probed.
    pub tolerated_outbound_ports: Vec<u16>,
}

impl Capture {
    /// The ports to listen on: declared ones first, then those known from elsewhere, each once.
    #[must_use]
    pub fn listen_ports(&self) -> Vec<u16> {
        let mut ports = vec![self.outbound_port, self.inbound_port, self.dns_port];
        ports.extend(&self.known_ports);
        let mut seen = std::collections::BTreeSet::new();
        ports.retain(|port| seen.insert(*port));
        ports
    }

    /// Whether a probe to this port would meet a rule made for that very port.
    #[must_use]
    pub fn is_special(&self, port: u16) -> bool {
        port == 53
            || port == self.tunnel_port
            || self.listen_ports().contains(&port)
            || self.exclude_inbound_ports.contains(&port)
            || self.include_outbound_ports.contains(&port)
            || self.exclude_outbound_ports.contains(&port)
            || self.tolerated_outbound_ports.contains(&port)
    }
}
