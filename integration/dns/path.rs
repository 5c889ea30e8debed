//! Refused by whom, silent, half open: each way to a nameserver that fails has its own code.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::responder::{Dnsmasq, Over, Responder, Stand, bytes, cluster};
use super::{CLUSTER, fine, found, pod, run};
use crate::world::{World, sh};

const NODE: Stand = Stand::at("10.77.0.1");

#[test]
fn dnsmasq_answers_over_both_transports_and_families() {
    let pod = pod();
    let _dnsmasq = Dnsmasq::on(&pod.node);
    let run = fine(run(&pod, &format!("{CLUSTER}nameserver fd77::1\n"), &[]));
    let said = run.reason("dns-holds");
    assert!(said.contains("10.77.0.1 over UDP and TCP, fd77::1 over UDP and TCP"), "{run}");
    assert!(said.contains("cluster.local is 10.96.0.1; DNS schema 1.1.0"), "{run}");
    assert!(run.elapsed < Duration::from_millis(400), "{run}");
}

#[test]
fn nobody_listens_on_the_server() {
    let pod = pod();
    for server in ["10.77.0.1", "fd77::1"] {
        let file = format!("search svc.cluster.local\nnameserver {server}\n");
        let run = found(run(&pod, &file, &[]), "dns-refused-by-server");
        assert!(
            run.reason("dns-refused-by-server").contains(&format!("refused by {server}")),
            "{run}"
        );
        assert!(run.elapsed < Duration::from_secs(1), "{run}");
    }
}

#[test]
fn the_node_rejects_what_is_meant_for_a_service() {
    let pod = pod();
    let file = "search svc.cluster.local\nnameserver 10.96.0.10\n";
    pod.node.filter("forward", "udp dport 53 reject with icmp port-unreachable");
    pod.node.filter("forward", "tcp dport 53 reject with icmp port-unreachable");
    let run1 = found(run(&pod, file, &[]), "dns-rejected");
    assert!(run1.reason("dns-rejected").contains("refused by 10.77.0.1 (ICMP 3/3)"), "{run1}");
    pod.node.sh("nft flush chain inet t forward");
    pod.node.filter("forward", "reject with icmpx admin-prohibited");
    let run2 = found(run(&pod, file, &[]), "dns-rejected");
    assert!(run2.reason("dns-rejected").contains("by 10.77.0.1 (ICMP 3/13)"), "{run2}");
}

/// Connection tracking translates the error with the connection: the Service seems to refuse.
#[test]
fn what_the_node_rejects_after_translation_bears_the_services_name() {
    let pod = pod();
    let file = "search svc.cluster.local\nnameserver 10.96.0.10\n";
    pod.node.sh(
        "nft 'add table inet svc; add chain inet svc pre { type nat hook prerouting priority dstnat; }; \
         add rule inet svc pre ip daddr 10.96.0.10 udp dport 53 dnat ip to 192.0.2.53; \
         add rule inet svc pre ip daddr 10.96.0.10 tcp dport 53 dnat ip to 192.0.2.53'",
    );
    pod.node.filter("forward", "ip daddr 192.0.2.53 reject with icmp port-unreachable");
    let run = found(run(&pod, file, &[]), "dns-refused-by-server");
    let said = run.reason("dns-refused-by-server");
    assert!(said.contains("UDP is refused by 10.96.0.10 (ICMP 3/3)"), "{run}");
    let finding = run.findings("dns-refused-by-server")[0].to_string();
    assert!(finding.contains("policies that reject port 53"), "{finding}");
}

#[test]
fn silence_takes_two_and_a_half_seconds_and_not_five() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    pod.node.filter("input", "meta l4proto { tcp, udp } th dport 53 drop");
    let run = found(run(&pod, CLUSTER, &[]), "dns-silent");
    assert!(run.reason("dns-silent").contains("3 queries in 2500 ms"), "{run}");
    let (least, most) = (Duration::from_millis(2400), Duration::from_secs(4));
    assert!(run.elapsed > least && run.elapsed < most, "{run}");
}

#[test]
fn a_silent_server_beyond_the_node_is_told_from_one_behind_a_silent_node() {
    let file = "search svc.cluster.local\nnameserver 10.96.0.10\n";
    let pod = pod();
    let far = found(run(&pod, file, &[]), "dns-silent");
    assert!(far.reason("dns-silent").contains("as far as the node (10.77.0.1)"), "{far}");
    let mute = World::DUAL.silent_node().start();
    let near = found(run(&mute, file, &[]), "dns-silent");
    assert!(near.reason("dns-silent").contains("lost at or before the node"), "{near}");
}

#[test]
fn one_transport_alone_is_told_by_its_name() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    fine(run(&pod, CLUSTER, &[]));
    pod.node.filter("input", "tcp dport 53 drop");
    let run1 = found(run(&pod, CLUSTER, &[]), "dns-tcp-blocked");
    assert!(run1.reason("dns-tcp-blocked").contains("; over TCP, no hop"), "{run1}");
    pod.node.sh("nft flush chain inet t input");
    pod.node.filter("input", "udp dport 53 drop");
    let run2 = found(run(&pod, CLUSTER, &["--dns-name", "example.com"]), "dns-udp-blocked");
    assert!(run2.reason("dns-name-found").contains("ask 10.77.0.1 over TCP for"), "{run2}");
    assert!(run2.reason("dns-udp-blocked").contains("; over UDP, no hop"), "{run2}");
}

#[test]
fn an_answer_from_another_address_is_seen() {
    let pod = pod();
    pod.node.sh("ip address add 10.77.0.99/24 dev host");
    let stand = Stand { answers_from: Some("10.77.0.99"), tcp: false, ..NODE };
    let _server = Responder::on(&pod.node, stand, |query, _| bytes(&cluster(query)));
    let run = found(run(&pod, CLUSTER, &[]), "dns-wrong-source");
    assert!(run.reason("dns-wrong-source").contains("answered by 10.77.0.99:53"), "{run}");
}

#[test]
fn what_is_no_dns_is_unusable() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |_, _| Some(b"SSH-2.0-OpenSSH\r\n".to_vec()));
    found(run(&pod, CLUSTER, &[]), "dns-answer-unusable");
}

#[test]
fn an_answer_to_another_question_is_no_answer() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| {
        let mut answer = cluster(query);
        answer.metadata.id = answer.metadata.id.wrapping_add(1);
        bytes(&answer)
    });
    let run = found(run(&pod, CLUSTER, &[]), "dns-answer-unusable");
    assert!(run.reason("dns-answer-unusable").contains("another id"), "{run}");
}

#[test]
fn no_route_is_no_silence() {
    let pod = pod();
    let file = "search svc.cluster.local\nnameserver 10.96.0.10\n";
    for kind in ["blackhole", "unreachable", "prohibit"] {
        sh(&format!("ip route add {kind} 10.96.0.10"));
        let run = found(run(&pod, file, &[]), "dns-no-route");
        assert!(run.elapsed < Duration::from_secs(1), "{run}");
        sh(&format!("ip route del {kind} 10.96.0.10"));
    }
}

#[test]
fn a_rule_in_the_pod_refuses_to_send() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    sh("nft 'add table inet t; add chain inet t c { type filter hook output priority 0; }; \
        add rule inet t c udp dport 53 drop; add rule inet t c tcp dport 53 drop'");
    found(run(&pod, CLUSTER, &[]), "dns-send-refused");
}

#[test]
fn the_nodes_stub_resolver_is_not_in_the_pod() {
    let pod = pod();
    let file = "search svc.cluster.local\nnameserver 127.0.0.53\n";
    found(run(&pod, file, &[]), "dns-stub-leaked");
    let _server = Responder::here(Stand::at("127.0.0.53"));
    fine(run(&pod, file, &[]));
}

#[test]
fn the_nodes_cache_has_a_name_of_its_own() {
    let pod = pod();
    let file = "search svc.cluster.local\nnameserver 169.254.20.10\n";
    pod.node.sh("ip address add 169.254.20.10/32 dev host");
    let _cluster = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let run1 = found(run(&pod, file, &["--nameserver", "10.77.0.1"]), "dns-node-local-down");
    assert!(!run1.codes("fail").contains(&"dns-refused-by-server".to_owned()), "{run1}");
    let _cache = Responder::on(&pod.node, Stand::at("169.254.20.10"), |q, _| bytes(&cluster(q)));
    fine(run(&pod, file, &["--nameserver", "10.77.0.1"]));
}

#[test]
fn a_dead_server_beside_a_good_one_is_a_warning() {
    let pod = pod();
    let _server = Responder::on(&pod.node, NODE, |query, _| bytes(&cluster(query)));
    let run =
        found(run(&pod, &format!("{CLUSTER}nameserver fd77::1\n"), &[]), "dns-nameserver-down");
    assert!(run.reason("dns-nameserver-down").contains("fd77::1"), "{run}");
}

#[test]
fn an_answer_that_comes_too_late_is_told() {
    let pod = pod();
    let late = Stand { late: Duration::from_millis(1050), ..NODE };
    let _server = Responder::on(&pod.node, late, |query, _| bytes(&cluster(query)));
    let run1 = found(run(&pod, &CLUSTER.replace("ndots:5", "ndots:5 timeout:1"), &[]), "dns-slow");
    assert!(run1.reason("dns-slow").contains("resolvers wait 1000 ms"), "{run1}");
    fine(run(&pod, CLUSTER, &[]));
}

#[test]
fn a_lost_query_is_counted() {
    let pod = pod();
    let seen = AtomicUsize::new(0);
    let _server = Responder::on(&pod.node, NODE, move |query, over| {
        let first = over == Over::Udp && seen.fetch_add(1, Ordering::Relaxed) == 0;
        if first { None } else { bytes(&cluster(query)) }
    });
    let run = found(run(&pod, CLUSTER, &[]), "dns-lossy");
    assert!(run.reason("dns-lossy").contains("1 lost before"), "{run}");
}
