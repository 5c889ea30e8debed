//! The API server: real connections, real TLS, real refusals.

/// Whether anything is looked at, and what is printed and recorded.
mod asked_for;
/// A mesh between pod and API server.
mod captured;
/// The way to the API server.
mod path;
/// Its certificate, and whether it is ready.
#[cfg(feature = "tls")]
mod ready;

use serde_json::Value;

use crate::world::{Launch, Node, Output, Pod, Who, World};

/// The API server's service, as every cluster has it.
const API: &str = "10.96.0.1";
const API_V6: &str = "fd96::1";

/// A pod, and the API server's machine outside of its node.
struct Cluster {
    pod: Pod,
    outside: Node,
}

impl Cluster {
    fn start() -> Cluster {
        let pod = World::DUAL.start();
        let outside = pod.node.outside();
        Cluster { pod, outside }
    }

    /// kube-proxy's work: the service's addresses stand for port 6443 of the machine outside.
    fn programmed() -> Cluster {
        let cluster = Cluster::start();
        cluster.pod.node.sh(
            "nft 'add table inet kube; \
             add chain inet kube services { type nat hook prerouting priority -100; }; \
             add rule inet kube services ip daddr 10.96.0.1 tcp dport 443 dnat ip to 10.88.0.1:6443; \
             add rule inet kube services ip6 daddr fd96::1 tcp dport 443 dnat ip6 to [fd88::1]:6443'",
        );
        cluster
    }
}

/// podprobe's service layer, told of the API server as the kubelet tells it.
fn launch<'p>(pod: &'p Pod, more: &[&str]) -> Launch<'p> {
    let mut arguments = vec!["check", "service", "--mesh", "none", "--output", "json"];
    arguments.extend(more);
    let launch = pod.launch(Who::App, &arguments);
    launch.env("KUBERNETES_SERVICE_HOST", API).env("KUBERNETES_SERVICE_PORT", "443")
}

fn run(pod: &Pod, more: &[&str]) -> Output {
    launch(pod, more).run()
}

/// The run ended as the code demands, and the code is the only thing that is not `ok`.
#[track_caller]
fn found(run: Output, code: &str) -> Output {
    let (severity, exit) = if run.codes("fail").is_empty() { ("warn", 0) } else { ("fail", 50) };
    let run = run.expect(exit);
    assert_eq!(run.codes(severity), [code], "{run}");
    run
}

/// Nothing to complain about.
#[track_caller]
fn fine(run: Output) -> Output {
    run.holds(&["service-holds"])
}

/// What the run saw of the first server, from its recording.
fn seen(recording: &std::path::Path) -> Value {
    let text = std::fs::read_to_string(recording).expect("a recording");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    all["seen"]["service"]["servers"][0].clone()
}
