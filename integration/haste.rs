//! A gate whose time is short: slow is not silent, and silence does not outlast the deadline.

use std::time::Duration;

use crate::dns::responder::{Responder, Stand, bytes, cluster};
use crate::world::{Launch, Pod, Who, World};

/// The cluster's nameserver, whose service stands on the node itself.
const DNS: &str = "10.96.0.10";

fn pod() -> Pod {
    let pod = World::DUAL.start();
    pod.node.sh("ip address add 10.96.0.10/32 dev lo");
    pod
}

/// Slower than a hurried look waits.
fn slow(pod: &Pod) -> Responder {
    let stand = Stand { late: Duration::from_millis(400), ..Stand::at(DNS) };
    Responder::on(&pod.node, stand, |query, _| bytes(&cluster(query)))
}

fn gate<'p>(pod: &'p Pod, nameservers: &[&str], more: &[&str]) -> Launch<'p> {
    let path = pod.file("resolv.conf");
    let servers: Vec<String> = nameservers.iter().map(|ip| format!("nameserver {ip}")).collect();
    let search = "search a.svc.cluster.local svc.cluster.local cluster.local";
    std::fs::write(&path, format!("{search}\n{}\n", servers.join("\n"))).expect("write the file");
    let path = path.display().to_string();
    let flags = ["gate", "--mesh", "none", "--output", "json", "--resolv-conf", &path];
    pod.launch(Who::App, &[&flags[..], more].concat())
}

#[test]
fn a_slow_nameserver_is_not_the_cause_because_the_last_look_is_hurried() {
    let pod = pod();
    let _dns = slow(&pod);
    let flags = ["--only", "dns,reach", "--deadline", "4s", "-t", "tcp://10.77.0.1:81"];
    let run = gate(&pod, &[DNS], &flags).run().expect(60);
    assert_eq!(run.cause(), "reach-refused", "{run}");
    assert!(run.report()["attempts"].as_u64() > Some(1), "{run}");
}

#[test]
fn a_slow_nameserver_does_not_break_what_holds_beyond_the_deadline() {
    let pod = pod();
    let _dns = slow(&pod);
    let flags = ["--only", "dns", "--deadline", "3s", "--stable-for", "5s"];
    let run = gate(&pod, &[DNS], &flags).run().expect(0);
    assert!(run.report()["attempts"].as_u64() > Some(2), "{run}");
}

#[test]
fn silence_in_every_layer_does_not_outlast_the_deadline_by_far() {
    let pod = pod();
    pod.node
        .sh("nft 'add table inet t; add chain inet t in { type filter hook input priority 0; }; \
         add rule inet t in iifname host meta l4proto { tcp, udp } drop'");
    let flags = ["--also", "all", "--deadline", "3s", "-t", "tcp://db.shop:5432"];
    let flags = [&flags[..], &["-t", "tcp://10.77.0.1:81?timeout=9s&attempts=3"]].concat();
    let gate = gate(&pod, &[DNS, "10.96.0.11", "10.96.0.12"], &flags);
    let run = gate.env("KUBERNETES_SERVICE_HOST", "api.example.com").run().expect(40);
    assert_eq!(run.cause(), "dns-silent", "{run}");
    assert!(run.elapsed < Duration::from_secs(11), "{run}");
}
