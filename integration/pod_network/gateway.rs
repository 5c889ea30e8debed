//! Next hops that do not answer.

use std::time::Duration;

use super::{complaints, look, only, resolving};
use crate::world::{Pod, Who, World, sh};

#[test]
fn a_gateway_that_nobody_is_does_not_answer() {
    for (break_it, family) in [
        ("ip route replace default via 10.77.0.77", "ipv4"),
        ("ip -6 route replace default via fd77::77", "ipv6"),
    ] {
        let pod = World::DUAL.start();
        sh(break_it);
        let run = resolving(&pod, look(&pod), &["10.77.0.1"]).run().expect(20);
        only(&run, "route-gateway-no-neighbour");
        assert!(run.stdout.contains(&format!("\"family\": \"{family}\"")), "{run}");
        assert!(run.elapsed < Duration::from_secs(2), "the kernel alone takes three: {run}");
    }
}

#[test]
fn a_gateway_outside_of_every_network_is_named_as_such() {
    let pod = World::V4.start();
    sh("ip route replace default via 10.99.0.1 dev eth0 onlink");
    let run = resolving(&pod, look(&pod), &["10.77.0.1"]).run().expect(20);
    only(&run, "route-gateway-offlink");
}

#[test]
fn a_host_side_on_no_bridge_is_no_gateway() {
    let pod = World::V4.start();
    pod.node.sh("ip address del 10.77.0.1/24 dev host");
    only(&resolving(&pod, look(&pod), &[]).run().expect(20), "route-gateway-no-neighbour");
}

#[test]
fn a_short_deadline_does_not_make_silence_pass() {
    let pod = World::V4.start();
    sh("ip route replace default via 10.77.0.77");
    let gate = ["gate", "--mesh", "none", "--deadline", "300ms", "--output", "json"];
    let run = resolving(&pod, pod.launch(Who::App, &gate), &[]).run().expect(20);
    only(&run, "route-gateway-no-neighbour");
    assert!(run.elapsed < Duration::from_secs(1), "{run}");
}

#[test]
fn a_gate_waits_for_the_gateway() {
    let pod = World::V4.start();
    pod.node.sh("ip address del 10.77.0.1/24 dev host");
    let gate = pod.launch(Who::App, &["gate", "--only", "link,route", "--output", "json"]).start();
    std::thread::sleep(Duration::from_millis(1500));
    pod.node.sh("ip address add 10.77.0.1/24 dev host");
    let run = gate.wait().expect(0);
    assert!(run.report()["attempts"].as_u64() > Some(1), "{run}");
}

/// A network that covers the services as well.
fn covering_services() -> Pod {
    let pod = World::V4.start();
    sh("ip address del 10.77.0.2/24 dev eth0; ip address add 10.77.0.2/8 dev eth0
        ip route add default via 10.77.0.1");
    pod
}

#[test]
fn services_on_the_link_are_looked_for_in_vain() {
    let pod = covering_services();
    let run = resolving(&pod, look(&pod), &["10.96.0.10"]).run().expect(20);
    only(&run, "route-service-no-neighbour");
    let api = look(&pod).env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    let run = resolving(&pod, api, &["10.77.0.1"]).run().expect(20);
    only(&run, "route-service-no-neighbour");
}

#[test]
fn services_on_the_link_that_answer_are_worth_a_word() {
    let pod = covering_services();
    pod.node.sh("ip address add 10.96.0.1/32 dev lo; ip address add 10.96.0.10/32 dev lo");
    let api = look(&pod).env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    let run = resolving(&pod, api, &["10.96.0.10"]).run().expect(0);
    only(&run, "address-covers-service");
}

#[test]
fn an_entry_by_hand_and_a_link_without_hardware_addresses_need_no_answer() {
    let pod = World::V4.start();
    sh("ip route replace default via 10.77.0.77
        ip neighbour replace 10.77.0.77 lladdr 02:00:00:00:00:01 dev eth0 nud permanent");
    let run = resolving(&pod, look(&pod), &["10.77.0.1"]).run().expect(0);
    assert_eq!(complaints(&run), [""; 0], "{run}");
    sh("ip link set eth0 arp off; ip neighbour flush dev eth0 nud permanent");
    let run = resolving(&pod, look(&pod), &["10.77.0.1"]).run().expect(0);
    assert_eq!(complaints(&run), [""; 0], "{run}");
}
