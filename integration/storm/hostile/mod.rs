//! Hostile surroundings: too few descriptors, readers who do not read, signals at any moment, huge files and
//! tables, peers that drip, clocks that jump, kernels that refuse. Each run ends in time and says why.

/// A clock that somebody sets meanwhile.
mod clock;
/// Descriptors and memory.
mod limits;
/// A kernel that refuses to talk about itself.
mod refused;
/// Told to end, whenever.
mod signals;
/// More than anybody needs.
mod size;
/// Whoever answers, one byte a second.
mod slow;
/// Readers who do not read.
mod streams;

use crate::world::{Launch, Pod, Who, World};

use super::manners::Manners;
use super::servers::{API, DNS, Servers, TARGET};

/// As the kubelet writes it.
const RESOLV_CONF: &str = "search a.svc.cluster.local svc.cluster.local cluster.local\n\
                           nameserver 10.96.0.10\noptions ndots:5\n";

/// A pod whose node serves DNS, the API server and two targets, in these manners.
struct Cluster {
    pod: Pod,
    _servers: Servers,
}

impl Cluster {
    fn start(manners: Manners) -> Cluster {
        let pod = World::DUAL.start();
        for ip in [API, DNS, TARGET] {
            pod.node.sh(&format!("ip address add {ip}/32 dev lo"));
        }
        let servers = Servers::on(&pod.node, manners);
        Cluster { pod, _servers: servers }
    }

    /// A look at every layer of a pod in no mesh, with this resolv.conf.
    fn launch(&self, command: &[&str], resolv_conf: &str) -> Launch<'_> {
        let path = self.pod.file("resolv.conf");
        std::fs::write(&path, resolv_conf).expect("write resolv.conf");
        let path = path.display().to_string();
        let web = format!("http://{TARGET}:8080/");
        let more = ["--mesh", "none", "--output", "json", "--also", "dns,service", "-t", &web];
        let line = [command, &more, &["--resolv-conf", &path]].concat();
        let launch = self.pod.launch(Who::App, &line);
        launch.env("KUBERNETES_SERVICE_HOST", API).env("KUBERNETES_SERVICE_PORT", "443")
    }
}
