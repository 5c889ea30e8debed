//! `Capture`: the promise itself. This traffic is captured, to that port; that traffic is not.

use std::{collections::BTreeSet, net::IpAddr};

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

/// How the rules know the proxy's own traffic, which they let go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exempt {
    /// By the owner of the socket: one of these users or groups.
    Owner {
        /// User ids, the first of them the validator's.
        uids: Vec<u32>,
        /// Group ids; empty where the rules ask for the user alone.
        gids: Vec<u32>,
    },
    /// By the packet's mark.
    Mark {
        /// The mark.
        mark: u32,
        /// The bits that are compared.
        mask: u32,
    },
    /// No traffic is anybody's own: no mesh.
    Nobody,
}

/// A part of what a packet can be sent to, as seen from the sender's pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Nothing.
    Nothing,
    /// 127.0.0.1 and `::1` alone.
    Localhost,
    /// Everything but 127.0.0.1 and `::1`.
    NotLocalhost,
    /// Everything that leaves the pod.
    Outside,
    /// Everything.
    Everything,
}

impl Reach {
    /// Whether a destination belongs to it; `local` when it is an address of the pod itself.
    #[must_use]
    pub fn contains(self, destination: IpAddr, local: bool) -> bool {
        let localhost = match destination {
            IpAddr::V4(ip) => ip == std::net::Ipv4Addr::LOCALHOST,
            IpAddr::V6(ip) => ip == std::net::Ipv6Addr::LOCALHOST,
        };
        match self {
            Reach::Nothing => false,
            Reach::Localhost => localhost,
            Reach::NotLocalhost => !localhost,
            Reach::Outside => !local,
            Reach::Everything => true,
        }
    }
}

/// DNS queries of applications: which are captured, by where they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// Over UDP.
    pub udp: Reach,
    /// Over TCP.
    pub tcp: Reach,
    /// Queries over TCP that are not captured are not taken for other egress either: left alone.
    pub tcp_spared: bool,
    /// The proxy's own queries have a conntrack zone of their own (istio issue 33469).
    pub zones: bool,
    /// Answers of the proxy's DNS server find back by their owner, and nobody else's do.
    pub owned_answers: bool,
}

impl Dns {
    /// No query is captured.
    pub const NONE: Dns = Dns {
        udp: Reach::Nothing,
        tcp: Reach::Nothing,
        tcp_spared: false,
        zones: false,
        owned_answers: false,
    };

    /// Whether any query is captured.
    #[must_use]
    pub fn is_captured(self) -> bool {
        self.udp != Reach::Nothing || self.tcp != Reach::Nothing
    }
}

/// How inbound traffic is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Interception {
    /// By nat REDIRECT.
    Redirect,
    /// By mangle TPROXY: the proxy sees the source address, and its listener is transparent.
    Tproxy,
}

/// A policy rule that sends marked packets to a table whose only route delivers them here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedRoute {
    /// The mark that packets carry.
    pub mark: u32,
    /// The bits that are compared.
    pub mask: u32,
    /// The routing table, with `local default dev lo`.
    pub table: u32,
}

/// What a mesh promises about a pod's traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// Where application egress must land.
    pub outbound_port: u16,
    /// Where ingress must land.
    pub inbound_port: u16,
    /// Where DNS queries land when `dns` captures them.
    pub dns_port: u16,
    /// Which DNS queries of applications are captured.
    pub dns: Dns,
    /// How inbound traffic is taken.
    pub interception: Interception,
    /// The rules are native nftables (true) or iptables, of either back end (false), where that was
    /// declared: they treat what TPROXY cannot hand over differently.
    pub native_nftables: Option<bool>,
    /// Further ports to listen on, so that "wrong port" can be told from "nowhere".
    pub known_ports: Vec<u16>,
    /// Ports where a CNI plugin that does not know the declared outbound and inbound port may
    /// redirect to instead; arriving there is told, but no failure.
    pub builtin_ports: Option<(u16, u16)>,
    /// The mesh's own tunnel port, never captured on loopback.
    pub tunnel_port: Option<u16>,
    /// Who the proxy is: uid and gid of its container.
    pub proxy: (u32, u32),
    /// How the rules know the proxy.
    pub exempt: Exempt,
    /// Groups whose egress is captured; absent: everybody's.
    pub only_groups: Option<Vec<u32>>,
    /// What the application sends to this pod itself and is captured all the same, as outbound.
    pub app_to_pod: Reach,
    /// What the proxy sends to this pod itself and is captured as inbound.
    pub proxy_to_pod: Reach,
    /// 127.0.0.6 and `::6` are the proxy's source towards its application, never captured.
    pub passthrough: bool,
    /// Policy routing that the mesh sets up in each family.
    pub marked_route: Option<MarkedRoute>,
    /// Inbound ports that are captured.
    pub include_inbound_ports: Ports,
    /// The proxy may reach its application from the client's address; the mark of the policy routing
    /// brings the answers back.
    #[serde(default)]
    pub keeps_source: bool,
    /// Inbound ports that may be excluded without being declared: never probed.
    #[serde(default)]
    pub tolerated_inbound_ports: Vec<u16>,
    /// Inbound ports are captured as they are listed for each pod: without a list nothing is known
    /// of any.
    #[serde(default)]
    pub inbound_by_list: bool,
    /// Where the node's own probes come from, which are not captured: in each family, from one of these.
    #[serde(default)]
    pub probe_sources: Vec<IpAddr>,
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
        let mut ports = vec![self.outbound_port, self.inbound_port];
        if self.dns_port != 0 {
            ports.push(self.dns_port);
        }
        ports.extend(&self.known_ports);
        let mut seen = BTreeSet::new();
        ports.retain(|port| seen.insert(*port));
        ports
    }

    /// Whether nothing is to be captured at all.
    #[must_use]
    pub fn promises_nothing(&self) -> bool {
        self.exempt == Exempt::Nobody
    }

    /// Whether the lists of inbound ports have this one captured.
    #[must_use]
    pub fn includes_inbound(&self, port: u16) -> bool {
        match &self.include_inbound_ports {
            Ports::All => !self.exclude_inbound_ports.contains(&port),
            Ports::Only(list) => list.contains(&port),
        }
    }

    /// Every port that some rule may name: a probe to one of them would meet that very rule.
    #[must_use]
    pub fn special_ports(&self) -> BTreeSet<u16> {
        let mut ports = BTreeSet::from([53]);
        ports.extend(self.tunnel_port);
        ports.extend(self.listen_ports());
        ports.extend(&self.exclude_inbound_ports);
        if let Ports::Only(list) = &self.include_inbound_ports {
            ports.extend(list);
        }
        ports.extend(&self.include_outbound_ports);
        ports.extend(&self.exclude_outbound_ports);
        ports.extend(&self.tolerated_outbound_ports);
        ports.extend(&self.tolerated_inbound_ports);
        ports
    }
}
