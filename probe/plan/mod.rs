//! Plan: what was asked, resolved. Nothing is looked at yet.

mod layers;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    capture::Capture,
    detect::{Candidate, Detected},
    finding::{Layer, declared::Declared},
    layer::{
        dns,
        redirect::{Addresses, Proof},
    },
    pod::{Family, Pod},
};

pub use layers::{ApiPlan, ApiServer, DnsPlan, Extra, MtuPlan, NodePlan, ReachPlan};

/// Whether a broken promise blocks the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Exit with the cause's code.
    Enforce,
    /// Report, but exit 0.
    Warn,
    /// Look at nothing and exit 0.
    Off,
}

/// Whether to listen on the capture ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Listeners {
    /// Unless the proxy already does.
    Auto,
    /// Always.
    Bind,
    /// Never: a running proxy keeps its ports, and the kernel is asked who took each connection.
    Live,
}

/// Somebody outside who dials back: `podprobe peer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerAsked {
    /// Where it listens: for each family, the first address of that family is asked.
    pub hosts: Vec<PeerHost>,
    /// The file with the secret that it wants.
    pub token_file: Option<PathBuf>,
}

/// An address or a name, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerHost {
    /// An address.
    Address(SocketAddr),
    /// A name, to be looked up as the C library does.
    Name(String, u16),
}

/// What was asked for; everything that judging needs besides what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The command as typed: `gate`, `check`, `istio-iptables`, …
    pub command: String,
    /// Look again until everything holds or the deadline passes; else look once.
    pub waits: bool,
    /// The profile's name.
    pub mesh: String,
    /// The promise.
    pub capture: Capture,
    /// The meshes to choose from, where none was declared; empty once it is decided.
    pub candidates: Vec<Candidate>,
    /// What was decided, and why.
    pub detected: Option<Detected>,
    /// The downward API's file of the pod's annotations, for that decision.
    pub annotations: PathBuf,
    /// The declared families; absent: those of the pod's global addresses.
    pub families: Option<Vec<Family>>,
    /// The API server's service, which the kubelet names to every pod.
    pub service: Option<SocketAddr>,
    /// The cluster's service ranges, where they were declared.
    pub service_cidrs: Vec<IpNet>,
    /// Who the application is, where podprobe may choose.
    pub app: Option<(u32, u32)>,
    /// The layers to look at, in causal order.
    pub layers: Vec<Layer>,
    /// Those of them that were called by their names, and not meant by all.
    #[serde(default)]
    pub by_name: Vec<Layer>,
    /// What the dns layer looks at, if it does.
    #[serde(default)]
    pub dns: DnsPlan,
    /// What the service layer looks at, if it does.
    #[serde(default)]
    pub api: ApiPlan,
    /// What the mtu layer looks at, if it does.
    #[serde(default)]
    pub mtu: MtuPlan,
    /// What the reach layer looks at, if it does.
    #[serde(default)]
    pub reach: ReachPlan,
    /// What the node layer looks at, if it does.
    pub node: NodePlan,
    /// Looks besides the usual ones.
    #[serde(default)]
    pub extra: Vec<Extra>,
    /// Proofs without which the run is no success.
    pub require: Vec<Proof>,
    /// Severities that were declared to be others than usual.
    #[serde(default)]
    pub severity: Declared,
    /// Whether to listen on the capture ports.
    pub listeners: Listeners,
    /// The port at which somebody outside will connect, whose connection is waited for.
    #[serde(default)]
    pub await_inbound: Option<u16>,
    /// Whether packets may be made to arrive as if from outside, where the privilege is there.
    #[serde(default)]
    pub inject: bool,
    /// Who is asked to connect from outside.
    #[serde(default)]
    pub peer: Option<PeerAsked>,
    /// Whether the report lists every flow.
    #[serde(default)]
    pub flows: bool,
    /// Whether a broken promise blocks the pod.
    pub mode: Mode,
    /// The exit code for a redirect failure.
    pub redirect_exit_code: u8,
    /// How long `gate` keeps trying, in milliseconds.
    pub deadline_ms: u64,
    /// How long a packet may stay unanswered, in milliseconds.
    pub timeout_ms: u64,
    /// How long everything must hold, in milliseconds; 0 for one look.
    pub stable_for_ms: u64,
}

impl Plan {
    /// A plan that looks once at everything, with the defaults of `podprobe check`.
    #[must_use]
    pub fn new(command: &str, mesh: &str, capture: Capture) -> Plan {
        Plan {
            command: command.to_owned(),
            waits: false,
            mesh: mesh.to_owned(),
            capture,
            candidates: Vec::new(),
            detected: None,
            annotations: PathBuf::from("/etc/podinfo/annotations"),
            families: None,
            service: service(),
            service_cidrs: Vec::new(),
            app: None,
            layers: Layer::BY_DEFAULT.to_vec(),
            by_name: Vec::new(),
            dns: DnsPlan::default(),
            api: ApiPlan::default(),
            mtu: MtuPlan::default(),
            reach: ReachPlan::default(),
            node: NodePlan::default(),
            extra: Vec::new(),
            require: Vec::new(),
            severity: Declared::new(),
            listeners: Listeners::Auto,
            inject: true,
            peer: None,
            await_inbound: None,
            flows: false,
            mode: Mode::Enforce,
            redirect_exit_code: Layer::Redirect.exit_code(),
            deadline_ms: 30_000,
            timeout_ms: 25,
            stable_for_ms: 0,
        }
    }

    /// How long a packet may stay unanswered.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The addresses that flows are made from: the declared families, or the pod's own.
    #[must_use]
    pub fn addresses(&self, pod: &Pod) -> Addresses {
        let of = |family: &Family| pod.global_addresses(*family);
        let both = [Family::Ipv4, Family::Ipv6];
        let families: Vec<Family> = match &self.families {
            Some(declared) => declared.clone(),
            // "Could not look" is not "has none": then IPv4 is tested, and IPv6 where the
            // kernel lets us open its sockets.
            None if pod.addresses.seen().is_none() => both.to_vec(),
            None => both.into_iter().filter(|family| !of(family).is_empty()).collect(),
        };
        let pod = families.iter().flat_map(of).collect();
        Addresses {
            families,
            pod,
            service: self.service,
            service_cidrs: self.service_cidrs.clone(),
            ..Addresses::default()
        }
    }

    /// The families in which the pod can connect to somebody outside: besides those under test,
    /// IPv4 from a link-local address with a default route, which the node translates (the AWS
    /// VPC CNI gives every pod of an IPv6 cluster one).
    #[must_use]
    pub fn families_out(&self, pod: &Pod) -> Vec<Family> {
        let mut families = self.addresses(pod).families;
        if self.families.is_none() && !families.contains(&Family::Ipv4) && pod.has_local_egress() {
            families.push(Family::Ipv4);
        }
        families
    }

    /// The ports whose listeners matter.
    #[must_use]
    pub fn watched_ports(&self) -> Vec<u16> {
        let all = self.candidates.iter().map(|candidate| &candidate.capture);
        let ports = all.chain([&self.capture]).flat_map(Capture::listen_ports);
        ports.collect::<BTreeSet<u16>>().into_iter().collect()
    }

    /// Takes the decided mesh's promise for the plan's.
    pub fn decide(&mut self, detected: Detected) {
        let chosen = self.candidates.iter().find(|candidate| candidate.mesh == detected.mesh);
        if let Some(chosen) = chosen {
            self.capture = chosen.capture.clone();
            self.mesh.clone_from(&chosen.mesh);
            self.candidates.clear();
            self.detected = Some(detected);
        }
    }

    /// Addresses named on the command line that packets will be sent to, whose routes are worth a
    /// look before.
    pub fn destinations(&self) -> impl Iterator<Item = IpAddr> {
        let nameservers = self.dns.nameservers.iter().filter(|_| self.asks(Layer::Dns));
        nameservers.copied()
    }

    /// Whether a layer was asked for.
    #[must_use]
    pub fn asks(&self, layer: Layer) -> bool {
        self.layers.contains(&layer)
    }
}

/// `KUBERNETES_SERVICE_HOST`, where it is a name, as AKS makes it.
#[must_use]
pub fn service_name() -> Option<String> {
    let host = std::env::var("KUBERNETES_SERVICE_HOST").ok()?;
    let host = host.trim();
    let name = host.parse::<IpAddr>().is_err() && dns::is_name(host);
    (name && !host.is_empty()).then(|| host.to_owned())
}

/// `KUBERNETES_SERVICE_HOST` and `_PORT`, where the host is an address: some platforms put a name
/// there.
fn service() -> Option<SocketAddr> {
    let value = |name: &str| std::env::var(name).ok();
    let host = value("KUBERNETES_SERVICE_HOST")?.parse().ok()?;
    let port = value("KUBERNETES_SERVICE_PORT").and_then(|port| port.parse().ok());
    Some(SocketAddr::new(host, port.unwrap_or(443)))
}
