//! One IPv4 address, two machines: and who answers for an address without having it.

use super::only;
use crate::world::{Node, Output, Pod, Who, World, sh};

const LOOK: [&str; 9] = [
    "check",
    "link",
    "--mesh",
    "none",
    "--output",
    "json",
    "--extra",
    "address-conflict",
    "--mode",
];

fn look(pod: &Pod, who: Who) -> Output {
    pod.run(who, &[&LOOK[..], &["enforce"]].concat())
}

/// Nothing is found; whether somebody answers for the pod's address all the same.
#[track_caller]
fn answered(pod: &Pod) -> bool {
    let file = pod.file("recording.json").display().to_string();
    let run = pod.run(Who::NetRaw, &[&LOOK[..], &["enforce", "--record", &file]].concat());
    run.holds(&["link-holds"]);
    let recorded = std::fs::read_to_string(&file).expect("a recording");
    let recorded: serde_json::Value = serde_json::from_str(&recorded).expect("JSON");
    let claims = recorded["seen"]["claims"][0]["claims"]["seen"].as_array().expect("claims");
    claims.iter().any(|claim| claim["ip"] == "10.77.0.2")
}

/// Another machine on the pod's link, with a hardware address of its own, where this is run.
fn beside(pod: &Pod, script: &str) -> Node {
    let machine = Node::start();
    let thread = machine.thread();
    pod.node.sh(&format!(
        "ip link add link host name beside type macvlan mode bridge; ip link set beside netns {thread}"
    ));
    machine.sh("ip link set lo up; ip link set beside address 02:00:00:00:00:77 up");
    machine.sh(script);
    machine
}

#[test]
fn another_machine_on_the_link_has_the_address() {
    let pod = World::DUAL.start();
    let machine = beside(&pod, "ip address add 10.77.0.9/24 dev beside");
    look(&pod, Who::NetRaw).holds(&["link-holds"]);
    machine.sh("ip address add 10.77.0.2/24 dev beside");
    let run = look(&pod, Who::NetRaw).expect(10);
    only(&run, "address-conflict");
    let said = run.reason("address-conflict");
    assert!(said.contains("10.77.0.2, which is the pod's: 02:00:00:00:00:77 answers"), "{said}");
    let usual = pod.run(Who::NetRaw, &["check", "link", "--mesh", "none", "--output", "json"]);
    usual.holds(&["link-holds"]);
}

#[test]
fn a_second_address_of_the_pod_is_asked_for_too() {
    let pod = World::V4.start();
    let _machine = beside(&pod, "ip address add 10.99.9.9/32 dev beside");
    look(&pod, Who::NetRaw).holds(&["link-holds"]);
    sh("ip address add 10.99.9.9/32 dev eth0");
    let said = look(&pod, Who::NetRaw).expect(10).reason("address-conflict");
    assert!(said.contains("10.99.9.9"), "{said}");
}

#[test]
fn without_the_capability_it_is_unknown() {
    let pod = World::V4.start();
    let _machine = beside(&pod, "ip address add 10.77.0.2/24 dev beside");
    for who in [Who::App, Who::NetAdmin] {
        let run = look(&pod, who).expect(5);
        assert_eq!(run.codes("unknown"), ["not-observable", "proof-required"], "{run}");
        let said = run.reason("not-observable");
        assert!(said.ends_with("EPERM, which needs CAP_NET_RAW"), "{said}");
        // Waiting for the capability serves nothing: a gate says so at once.
        let gate = pod
            .run(who, &[&["gate", "--only", "link"], &LOOK[2..], &["enforce"]].concat())
            .expect(5);
        assert_eq!(gate.report()["attempts"], 1, "{gate}");
        assert!(run.stdout.contains("add NET_RAW to the container's capabilities"), "{run}");
    }
}

#[test]
fn a_node_that_answers_in_others_place_is_no_conflict() {
    let pod = World::V4.start();
    for (script, answers) in [
        // The kernel's own proxy ARP, which Calico sets on each pod's link, is silent to a probe:
        // to a sender without an address it answers for its own alone (net/ipv4/arp.c).
        ("echo 1 > /proc/sys/net/ipv4/conf/host/proxy_arp", false),
        ("echo 1 > /proc/sys/net/ipv4/conf/host/proxy_arp_pvlan", false),
        // As some switches and routers do: for any address, then for any of the network.
        // A rule of its own keeps the kernel from searching both tables at once.
        (
            "ip rule add priority 100 lookup main
             ip route add local 0.0.0.0/1 dev lo; ip route add local 128.0.0.0/1 dev lo",
            true,
        ),
        (
            "ip route delete local 0.0.0.0/1 dev lo; ip route delete local 128.0.0.0/1 dev lo
             ip route add local 10.77.0.0/24 dev lo",
            true,
        ),
    ] {
        pod.node.sh(script);
        assert_eq!(answered(&pod), answers, "{script}");
    }
    // Behind it, somebody with the address is seen all the same.
    let _machine = beside(&pod, "ip address add 10.77.0.2/24 dev beside");
    let said = look(&pod, Who::NetRaw).expect(10).reason("address-conflict");
    assert!(said.contains("02:00:00:00:00:77 answers"), "{said}");
}

#[test]
fn whether_a_gateway_has_the_address_or_answers_for_it_cannot_be_told() {
    let pod = World::V4.start();
    pod.node.sh("ip address add 10.77.0.2/32 dev lo");
    let run = look(&pod, Who::NetRaw).expect(5);
    assert!(run.reason("probe-failed").contains("which answers for gateway 10.77.0.1"), "{run}");
}

#[test]
fn two_links_on_one_network_answer_for_each_other() {
    let pod = World::V4.start();
    let node = pod.node.thread();
    sh(&format!("ip link add net1 type veth peer name peer1 netns {node}"));
    pod.node.sh(
        "ip link add lan type bridge; ip link set host master lan; ip link set peer1 master lan
         ip link set peer1 up; ip link set lan up",
    );
    sh("ip address add 10.78.0.3/24 dev net1; ip link set net1 up
        until ip link show dev net1 | grep -q 'state UP'; do sleep 0.01; done");
    // Each link of the pod hears the other one's answer: the bridge floods what it asks.
    pod.node.sh("until bridge link | grep peer1 | grep -q forwarding; do sleep 0.01; done");
    assert!(answered(&pod), "net1 answers for eth0's address");
}

#[test]
fn links_without_arp_are_not_asked() {
    let pod = World::V4.start();
    let _machine = beside(&pod, "ip address add 10.77.0.2/24 dev beside");
    sh("ip link set eth0 arp off");
    look(&pod, Who::NetRaw).holds(&["link-holds"]);
}

#[test]
fn the_plan_names_who_is_asked_for() {
    let pod = World::V4.start();
    let plan =
        pod.run(Who::App, &[&LOOK[..6], &["--extra", "address-conflict", "--plan"]].concat());
    let plan = plan.expect(0).stdout;
    for ip in ["10.77.0.2 ", "10.77.0.1 ", "10.77.0.64 ", "192.0.2.254 "] {
        assert!(plan.contains(&format!("arp {ip}")), "{plan}");
    }
}
