//! Connections: who refuses them, and where silent ones are lost.

use super::{fails, finding, fine, pod, run, says, unknown};
use crate::world::filter;
use crate::world::server::{Server, hangs};
use crate::world::{Backend, Pod, Rules, Who, World, sh};

#[test]
fn an_open_port_holds_in_each_family() {
    let pod = pod();
    let _v4 = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    let _v6 = Server::on(&pod.node, "[fd77::1]:5432", hangs);
    let run = fine(run(&pod, &["db=10.77.0.1:5432", "[fd77::1]:5432"]));
    says(&run, "reach-holds", "db (tcp 10.77.0.1:5432)");
    assert_eq!(finding(&run, "reach-holds")["evidence"]["answering"], 2, "{run}");
}

#[test]
fn a_closed_port_is_refused_by_the_target() {
    let pod = pod();
    for target in ["10.77.0.1:5432", "[fd77::1]:5432"] {
        let run = fails(run(&pod, &[target]), "reach-refused");
        says(&run, "reach-refused", "refused by a reset");
    }
}

#[test]
fn a_reset_of_a_rule_looks_like_a_closed_port() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    pod.node.filter("input", "tcp dport 5432 reject with tcp reset");
    fails(run(&pod, &["10.77.0.1:5432"]), "reach-refused");
}

#[test]
fn who_rejects_is_named_with_type_and_code() {
    for (kind, words) in [
        (
            "icmp type admin-prohibited",
            "10.77.0.1 (ICMP 3/13), the pod's gateway, which is the node: administratively prohibited",
        ),
        (
            "icmp type port-unreachable",
            "10.77.0.1 (ICMP 3/3), the pod's gateway, which is the node: port unreachable",
        ),
        ("icmp type host-unreachable", "(ICMP 3/1)"),
        ("icmp type net-unreachable", "no route to the network"),
    ] {
        let pod = pod();
        pod.node.filter("forward", &format!("ip daddr 192.0.2.1 reject with {kind}"));
        let run = fails(run(&pod, &["192.0.2.1:443"]), "reach-rejected");
        says(&run, "reach-rejected", words);
        let found = finding(&run, "reach-rejected");
        assert_eq!(found["evidence"]["refuser"], "gateway", "{run}");
    }
    let pod = pod();
    pod.node.filter("forward", "ip6 daddr 2001:db8::1 reject with icmpv6 type admin-prohibited");
    let run = fails(run(&pod, &["[2001:db8::1]:443"]), "reach-rejected");
    says(&run, "reach-rejected", "fd77::1 (ICMP 1/1)");
}

#[test]
fn a_target_that_rejects_itself_is_told_from_a_closed_port() {
    let pod = pod();
    pod.node.filter("input", "tcp dport 5432 reject with icmpx type admin-prohibited");
    let run1 = fails(run(&pod, &["10.77.0.1:5432"]), "reach-rejected");
    says(&run1, "reach-rejected", "the target itself");
    pod.node.sh("nft flush chain inet t input");
    pod.node.filter("input", "tcp dport 5432 reject with icmpx type port-unreachable");
    let run2 = fails(run(&pod, &["10.77.0.1:5432"]), "reach-refused");
    says(&run2, "reach-refused", "by a rule there: a closed port resets");
}

#[test]
fn a_rule_in_the_pod_that_rejects_is_no_missing_neighbour() {
    for kind in ["icmp type admin-prohibited", "icmp type port-unreachable"] {
        let pod = pod();
        filter("output", &format!("ip daddr 192.0.2.1 reject with {kind}"));
        let run1 = fails(run(&pod, &["192.0.2.1:443"]), "reach-rejected");
        says(&run1, "reach-rejected", "this pod's own kernel");
        fine(run(&pod, &["!192.0.2.1:443"]));
    }
}

#[test]
fn a_router_beyond_the_node_is_told_from_the_node() {
    let pod = pod();
    let router = pod.node.outside();
    router.sh("ip route add prohibit 192.0.2.0/24");
    let run = fails(run(&pod, &["192.0.2.1:443"]), "reach-rejected");
    says(&run, "reach-rejected", "10.88.0.1 (ICMP 3/13), a router beyond the node");
    assert_eq!(finding(&run, "reach-rejected")["evidence"]["refuser"], "router", "{run}");
}

#[test]
fn silence_is_located_by_the_farthest_hop() {
    let pod = pod();
    pod.node.filter("forward", "ip daddr 192.0.2.1 drop");
    let at_node = fails(run(&pod, &["192.0.2.1:443"]), "reach-timeout-node");
    says(&at_node, "reach-timeout-node", "as far as the node (10.77.0.1)");
    assert_eq!(finding(&at_node, "reach-timeout-node")["evidence"]["farthestHop"], "10.77.0.1");
    let router = pod.node.outside();
    let beyond = fails(run(&pod, &["192.0.2.2:443"]), "reach-timeout-beyond");
    says(&beyond, "reach-timeout-beyond", "hop 2 (10.88.0.1)");
    assert_eq!(finding(&beyond, "reach-timeout-beyond")["evidence"]["hops"], 2);
    router.sh("ip link set void down");
    let mute = World::DUAL.silent_node().start();
    let near = fails(run(&mute, &["192.0.2.1:443"]), "reach-timeout-near");
    says(&near, "reach-timeout-near", "at or before the node");
}

#[test]
fn a_drop_in_the_pod_is_lost_before_the_node() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    fine(run(&pod, &["10.77.0.1:5432"]));
    filter("output", "tcp dport 5432 drop");
    fails(run(&pod, &["10.77.0.1:5432"]), "reach-timeout-near");
}

#[test]
fn one_port_open_and_another_silent_is_a_filtered_port() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:443", hangs);
    pod.node.filter("input", "tcp dport 53 drop");
    let both = fails(run(&pod, &["10.77.0.1:443", "10.77.0.1:53"]), "reach-port-filtered");
    says(&both, "reach-port-filtered", "the host answers on another port");
    // A reset is an answer of the host, too.
    fails_with(&pod, &["10.77.0.1:444", "10.77.0.1:53"], &["reach-port-filtered", "reach-refused"]);
    let other = run(&pod, &["[fd77::1]:443", "10.77.0.1:53"]);
    assert!(!other.codes("fail").contains(&"reach-port-filtered".to_owned()), "{other}");
}

#[track_caller]
fn fails_with(pod: &Pod, targets: &[&str], codes: &[&str]) {
    let run = run(pod, targets).expect(60);
    assert_eq!(run.codes("fail"), codes, "{run}");
}

#[test]
fn the_pods_own_routes_are_no_far_refusal() {
    let pod = pod();
    for (kind, errno) in
        [("blackhole", "EINVAL"), ("unreachable", "EHOSTUNREACH"), ("prohibit", "EACCES")]
    {
        sh(&format!("ip route add {kind} 192.0.2.0/24"));
        let run = fails(run(&pod, &["192.0.2.1:443"]), "reach-no-route");
        says(&run, "reach-no-route", errno);
        sh(&format!("ip route del {kind} 192.0.2.0/24"));
    }
    sh("ip route del default");
    let run = fails(run(&pod, &["192.0.2.1:443"]), "reach-no-route");
    says(&run, "reach-no-route", "ENETUNREACH");
}

#[test]
fn a_neighbour_that_is_not_there_is_known_before_the_kernel_says_so() {
    let pod = pod();
    let run1 = fails(run(&pod, &["10.77.0.77:443"]), "reach-no-neighbour");
    says(&run1, "reach-no-neighbour", "it (10.77.0.77) does not answer on eth0");
    assert!(run1.elapsed.as_millis() < 3000, "{run1}");
    // The kernel's own word comes from the pod's own address.
    let run2 = fails(run(&pod, &["10.77.0.78:443?timeout=5s"]), "reach-no-neighbour");
    says(&run2, "reach-no-neighbour", "this pod's own kernel");
    pod.node.sh("ip address add 10.77.0.79/24 dev host");
    let _server = Server::on(&pod.node, "10.77.0.79:443", hangs);
    fine(run(&pod, &["10.77.0.79:443"]));
}

/// The node drops the first packet to the port, and no later one.
fn lose_the_first(pod: &Pod) {
    pod.node.sh("nft flush chain inet t input 2>/dev/null || true");
    pod.node.filter("input", "tcp dport 5432 limit rate 1/hour burst 1 packets drop");
}

#[test]
fn a_lost_first_packet_is_sent_again_within_the_timeout() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    lose_the_first(&pod);
    fine(run(&pod, &["10.77.0.1:5432"]));
    lose_the_first(&pod);
    let run = fails(run(&pod, &["10.77.0.1:5432?timeout=300ms"]), "reach-silent");
    says(&run, "reach-silent", "packets of the same kind come through");
}

#[test]
fn a_late_answer_is_slow_and_an_answer() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    lose_the_first(&pod);
    let slow = run(&pod, &["10.77.0.1:5432?slow=500ms"]).expect(0);
    assert_eq!(slow.codes("warn"), ["reach-slow"], "{slow}");
    fine(run(&pod, &["10.77.0.1:5432?slow=500ms"]));
}

#[test]
fn attempts_are_counted_and_the_first_success_counts() {
    let pod = pod();
    let run1 = fails(run(&pod, &["10.77.0.1:5432?attempts=3"]), "reach-refused");
    assert_eq!(finding(&run1, "reach-refused")["evidence"]["tries"], 3, "{run1}");
    says(&run1, "reach-refused", "(3 attempts)");
    let _server = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    fine(run(&pod, &["10.77.0.1:5432?attempts=3"]));
}

#[test]
fn under_capture_a_connection_is_masked_unless_the_proxy_makes_it() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let _server = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    let arguments =
        ["check", "reach", "--mesh", "istio", "--output", "json", "-t", "10.77.0.1:5432"];
    let app = pod.run(Who::App, &arguments);
    unknown(app, "reach-masked");
    for who in [Who::Proxy, Who::Root] {
        fine(pod.run(who, &arguments));
    }
    // What the mesh is declared to leave alone is nobody's mask.
    let excluded = [&arguments[..], &["--exclude-outbound-ports", "5432"]].concat();
    pod.load(Backend::IptablesNft, &Rules::istio().without("REDIRECT"));
    fine(pod.run(Who::App, &excluded));
}

#[test]
fn the_pods_own_listeners_are_nobody_elses() {
    let pod = pod();
    let listener = std::net::TcpListener::bind("127.0.0.1:8080").expect("listen");
    fine(run(&pod, &["127.0.0.1:8080"]));
    drop(listener);
    fails(run(&pod, &["127.0.0.1:8080"]), "reach-refused");
}
