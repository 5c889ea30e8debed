//! Targets that must be blocked, and what does not count as blocked.

use std::thread;
use std::time::Duration;

use super::{fails, fine, pod, run, says, unknown};
use crate::world::filter;
use crate::world::server::{Server, hangs};
use crate::world::{Backend, Pod, Rules, Who, World, sh};

#[test]
fn an_open_target_that_must_be_blocked_has_an_exit_code_of_its_own() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:80", hangs);
    let run = fails(run(&pod, &["imds=!10.77.0.1:80"]), "reach-open-but-blocked");
    says(&run, "reach-open-but-blocked", "imds (tcp 10.77.0.1:80): is open, but must be blocked");
}

#[test]
fn silent_rejected_and_refused_are_all_blocked_and_say_which() {
    for (rule, words) in [
        ("drop", "silent"),
        ("reject with tcp reset", "refused by a reset"),
        ("reject with icmpx type admin-prohibited", "rejected by 10.77.0.1 (ICMP 3/13)"),
    ] {
        let pod = pod();
        let _server = Server::on(&pod.node, "10.77.0.1:80", hangs);
        pod.node.filter("input", &format!("tcp dport 80 {rule}"));
        let run = fine(run(&pod, &["!10.77.0.1:80?timeout=300ms"]));
        says(&run, "reach-holds", words);
    }
}

#[test]
fn a_route_that_refuses_blocks_and_a_missing_one_proves_nothing() {
    let pod = pod();
    for kind in ["blackhole", "unreachable", "prohibit"] {
        sh(&format!("ip route add {kind} 192.0.2.0/24"));
        let run = fine(run(&pod, &["!192.0.2.1:80"]));
        says(&run, "reach-holds", "the pod's own routes");
        sh(&format!("ip route del {kind} 192.0.2.0/24"));
    }
    sh("ip route del default");
    let run = unknown(run(&pod, &["!192.0.2.1:80"]), "reach-unproven");
    says(&run, "reach-unproven", "ENETUNREACH");
}

#[test]
fn a_neighbour_that_is_not_there_is_not_blocked() {
    let pod = pod();
    unknown(run(&pod, &["!10.77.0.77:80?timeout=500ms"]), "reach-unproven");
}

#[test]
fn a_name_without_address_is_not_blocked() {
    let pod = pod();
    let run = unknown(run(&pod, &["!tcp://nosuch.invalid.:80"]), "reach-unproven");
    says(&run, "reach-unproven", "its name has no address");
}

#[test]
fn a_datagram_that_cannot_be_sent_is_not_blocked() {
    let pod = pod();
    filter("output", "udp dport 9 drop");
    let run = unknown(run(&pod, &["!udp://10.77.0.1:9?send=text:x"]), "reach-unproven");
    says(&run, "reach-unproven", "EPERM");
}

#[test]
fn what_a_mesh_takes_is_not_blocked() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let check = ["check", "reach", "--mesh", "istio", "--output", "json", "-t"];
    for target in ["!192.0.2.1:80", "!https://192.0.2.1/"] {
        unknown(pod.run(Who::App, &[&check[..], &[target]].concat()), "reach-masked");
    }
}

#[test]
fn a_target_that_opens_within_the_hold_is_not_blocked() {
    let pod = pod();
    pod.node.filter("input", "tcp dport 80 reject with tcp reset");
    let _server = Server::on(&pod.node, "10.77.0.1:80", hangs);
    fine(run(&pod, &["!10.77.0.1:80"]));
    let held = thread::scope(|scope| {
        let running = scope.spawn({
            let launch = super::launch(&pod, &["!10.77.0.1:80?hold=10s"]).start();
            move || launch.wait()
        });
        // Whenever it opens, it opens within the hold.
        thread::sleep(Duration::from_millis(600));
        pod.node.sh("nft flush chain inet t input");
        running.join().expect("the run")
    });
    let held = fails(held, "reach-open-but-blocked");
    assert!(held.elapsed < Duration::from_secs(9), "{held}");
}

#[test]
fn a_gate_waits_until_it_is_blocked() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:80", hangs);
    let arguments = ["gate", "--only", "reach", "--mesh", "none", "-t", "!10.77.0.1:80"];
    let gate = pod.launch(Who::App, &arguments).start();
    assert!(gate.still_runs_after(Duration::from_millis(300)));
    pod.node.filter("input", "tcp dport 80 reject with tcp reset");
    gate.wait().expect(0);
    let short = [&arguments[..], &["--deadline", "300ms"]].concat();
    pod.node.sh("nft flush chain inet t input");
    pod.run(Who::App, &short).expect(61);
}

#[test]
fn a_gate_waits_until_what_must_be_blocked_can_be_tried() {
    let pod = pod();
    sh("ip route del default");
    let arguments = ["gate", "--only", "reach", "--mesh", "none", "-t", "!192.0.2.1:80"];
    let gate = pod.launch(Who::App, &arguments).start();
    assert!(gate.still_runs_after(Duration::from_millis(300)));
    pod.node.filter("forward", "ip daddr 192.0.2.1 meta l4proto tcp reject with tcp reset");
    sh("ip route add default via 10.77.0.1");
    gate.wait().expect(0);
}
