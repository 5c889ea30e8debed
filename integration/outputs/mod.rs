//! What other programs read: reports in every form, their schema, differences, declared severities.

mod diff;
mod forms;
mod samples;
mod schema;
mod secrets;
mod severity;

use crate::world::{Pod, World, sh};

/// A pod without rules, whose only nameserver is the node, where nothing listens.
fn without_dns() -> (Pod, String) {
    let pod = World::V4.start();
    let conf = resolv_conf(&pod, "nameserver 10.77.0.1\n");
    (pod, conf)
}

/// A resolv.conf with this and a cluster's search list, by its path.
fn resolv_conf(pod: &Pod, servers: &str) -> String {
    let file = pod.file("resolv.conf");
    let search = "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";
    std::fs::write(&file, format!("{servers}{search}")).expect("resolv.conf");
    file.display().to_string()
}

/// Where the node's route leads to nowhere: what the route layer calls a blackhole.
fn blackhole() {
    sh("ip route add blackhole 192.0.2.0/24; ip route replace blackhole default");
}
