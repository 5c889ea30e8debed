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
    let missed = run.report()["notReached"].clone();
    assert_eq!(missed, serde_json::json!(["service", "reach", "mtu"]), "{run}");
    assert!(run.elapsed < Duration::from_millis(4500), "{run}");
}

#[test]
fn the_look_with_more_time_is_told_where_none_had_enough() {
    let pod = pod();
    pod.node.filter("input", "meta l4proto { tcp, udp } drop");
    let gate = gate(&pod, &[DNS], &["--also", "dns,service", "--deadline", "6s"]);
    let run = gate.env("KUBERNETES_SERVICE_HOST", "10.96.0.1").run().expect(40);
    assert_eq!(run.report()["attempts"], 2, "{run}");
    assert!(run.codes("fail").contains(&"service-silent".to_owned()), "{run}");
    assert!(run.elapsed < Duration::from_millis(7500), "{run}");
}

#[test]
fn a_silent_target_does_not_outlast_the_deadline_by_far() {
    let pod = pod();
    pod.node.filter("input", "tcp dport 81 drop");
    let flags = ["--only", "reach", "--deadline", "3s"];
    let target = ["-t", "tcp://10.77.0.1:81?timeout=9s&attempts=3"];
    let run = gate(&pod, &[DNS], &[&flags[..], &target].concat()).run().expect(60);
    assert!(run.elapsed < Duration::from_millis(4500), "{run}");
}

#[test]
fn a_layer_is_still_looked_at_with_no_time_left_where_nothing_is_broken_yet() {
    let pod = pod();
    let _dns = Responder::on(&pod.node, Stand::at(DNS), |query, _| bytes(&cluster(query)));
    let flags = ["--only", "dns,reach", "--deadline", "0s", "-t", "tcp://10.77.0.1:81"];
    let run = gate(&pod, &[DNS], &flags).run().expect(60);
    assert_eq!(run.cause(), "reach-refused", "{run}");
}

#[test]
fn a_hold_longer_than_the_deadline_is_a_mistake() {
    let pod = pod();
    let flags = ["--only", "reach", "--deadline", "4s", "-t", "!10.77.0.1:80?hold=5s"];
    let run = gate(&pod, &[DNS], &flags).run().expect(2);
    let words = "tcp://10.77.0.1:80: it cannot stay blocked for hold=5s within --deadline 4s";
    assert!(run.stderr.contains(words), "{run}");
    assert_eq!(pod.node.packets(), (0, 0));
    let flags = ["--only", "reach", "--deadline", "2s", "-t", "!10.77.0.1:80?hold=2s"];
    gate(&pod, &[DNS], &flags).run().expect(0);
}

#[test]
fn a_hold_that_begins_late_does_not_outlast_the_deadline() {
    let pod = pod();
    let flags = ["--only", "reach", "--deadline", "4s"];
    let targets = ["-t", "!10.77.0.1:80?hold=3s", "-t", "10.77.0.1:81"];
    let run = gate(&pod, &[DNS], &[&flags[..], &targets].concat()).run().expect(60);
    assert_eq!(run.codes("unknown"), Vec::<String>::new(), "as the first look saw it: {run}");
    assert_eq!(run.report()["attempts"], 2, "{run}");
    assert!(run.elapsed < Duration::from_millis(5500), "{run}");
}

#[test]
fn a_hold_that_the_deadline_leaves_no_time_for_is_no_success() {
    let pod = pod();
    let target = ["-t", "!10.77.0.1:80?hold=3s"];
    let running = {
        let flags = ["--only", "dns,reach", "--deadline", "3s"];
        gate(&pod, &[DNS], &[&flags[..], &target].concat()).start()
    };
    // The nameserver comes when most of the time is over.
    assert!(running.still_runs_after(Duration::from_millis(1700)));
    let _dns = Responder::on(&pod.node, Stand::at(DNS), |query, _| bytes(&cluster(query)));
    let run = running.wait();
    assert_ne!(run.code, 0, "{run}");
    assert!(run.elapsed < Duration::from_millis(4800), "{run}");
}

#[test]
fn a_hold_goes_on_in_what_is_watched_beyond_the_deadline() {
    let pod = pod();
    let flags = ["--only", "reach", "--deadline", "2s", "--stable-for", "3s"];
    let target = ["-t", "!10.77.0.1:80?hold=2s"];
    gate(&pod, &[DNS], &[&flags[..], &target].concat()).run().expect(0);
}
