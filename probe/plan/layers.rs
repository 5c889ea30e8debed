//! What each layer above redirection looks at.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::layer::reach::Target;

/// Looks that are taken only when they are asked for by name.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Extra {
    /// Whether interfaces lose packets while podprobe looks.
    LinkDrops,
    /// Whether somebody else on the link has one of the pod's IPv4 addresses.
    AddressConflict,
    /// Whether strict reverse path filtering drops what comes in beside the default route.
    RpFilter,
    /// Whether connection tracking drops packets while nameservers are asked.
    ConntrackDrops,
    /// Whether the web proxies that the environment names can be connected to.
    EnvProxy,
}

/// What the dns layer looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DnsPlan {
    /// The resolver configuration.
    pub resolv_conf: PathBuf,
    /// The cluster's domain, where it was declared; else the search list tells it.
    pub cluster_domain: Option<String>,
    /// Names that must have an address.
    pub names: Vec<String>,
    /// Nameservers to ask besides those of the file.
    pub nameservers: Vec<IpAddr>,
    /// The file of names that need no nameserver.
    pub hosts: PathBuf,
    /// Questions in a row to each server, and pairs of them, to count losses; 0 for none.
    pub burst: u32,
    /// `KUBERNETES_SERVICE_HOST`, where it is a name: then that must resolve like the others.
    pub service_host: Option<String>,
}

impl DnsPlan {
    /// Every name that must have an address, each once.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        let host = self.service_host.iter().filter(|host| !self.names.contains(host));
        self.names.iter().chain(host)
    }
}

impl Default for DnsPlan {
    fn default() -> DnsPlan {
        DnsPlan {
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            cluster_domain: None,
            names: Vec::new(),
            nameservers: Vec::new(),
            hosts: PathBuf::from("/etc/hosts"),
            burst: 0,
            service_host: None,
        }
    }
}

/// Where an API server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiServer {
    /// An address, or a name.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What the service layer looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiPlan {
    /// Where the API server is, where that was declared; else the environment tells it.
    pub servers: Vec<ApiServer>,
    /// Ask it whether it is ready.
    pub readyz: bool,
    /// The authorities that its certificate is verified against.
    pub ca: PathBuf,
    /// The service account's token.
    pub token: PathBuf,
}

impl Default for ApiPlan {
    fn default() -> ApiPlan {
        let mounted = PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount");
        ApiPlan {
            servers: Vec::new(),
            readyz: false,
            ca: mounted.join("ca.crt"),
            token: mounted.join("token"),
        }
    }
}

/// What the mtu layer looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MtuPlan {
    /// Whom to exchange full packets with, besides nameservers and the API server.
    pub targets: Vec<SocketAddr>,
}

/// What the reach layer looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachPlan {
    /// The targets, in the order in which they were named.
    pub targets: Vec<Target>,
    /// How long one attempt may take where the target does not say, in milliseconds.
    pub timeout_ms: u64,
    /// How often a target is tried where it does not say.
    pub attempts: u32,
    /// The certificates that chains must lead to.
    pub ca_file: Option<PathBuf>,
}

impl ReachPlan {
    /// Whether each target that must stay blocked can do so within the deadline.
    ///
    /// # Errors
    /// One sentence about the first that cannot.
    pub fn fits(&self, deadline: Duration) -> Result<(), String> {
        let hold = |target: &&Target| Duration::from_millis(target.blocked.unwrap_or(0));
        match self.targets.iter().find(|target| hold(target) > deadline) {
            None => Ok(()),
            Some(target) => Err(format!(
                "target {}: it cannot stay blocked for hold={} within --deadline {}: shorten the \
                 one or lengthen the other",
                target.name,
                humantime::format_duration(hold(&target)),
                humantime::format_duration(deadline)
            )),
        }
    }
}

impl Default for ReachPlan {
    fn default() -> ReachPlan {
        ReachPlan { targets: Vec::new(), timeout_ms: 2000, attempts: 1, ca_file: None }
    }
}

/// What the node layer looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePlan {
    /// Where the host's root is mounted.
    pub host_root: PathBuf,
    /// Directories of CNI configurations below it; none: what the container runtime is told, or its
    /// default.
    pub conf_dirs: Vec<String>,
    /// Directories of CNI plugins, likewise.
    pub bin_dirs: Vec<String>,
    /// Run the active configuration's plugins, to ask them for their versions.
    #[serde(default)]
    pub exec: bool,
}

impl Default for NodePlan {
    fn default() -> NodePlan {
        let host_root = PathBuf::from("/host");
        NodePlan { host_root, conf_dirs: Vec::new(), bin_dirs: Vec::new(), exec: false }
    }
}
