//! Many questions in a row: loss by chance, and the race of two packets from one port.

use hickory_proto::rr::RecordType;

use super::responder::{Responder, Stand, bytes, cluster, kind};
use super::{CLUSTER, fine, found, pod, run, served};
use crate::world::Pod;

const BURST: [&str; 2] = ["--dns-burst", "10"];

fn filter(pod: &Pod, rules: &str) {
    pod.node.sh(&format!(
        "nft 'add table inet t; add chain inet t c {{ type filter hook prerouting priority 0; }}; {rules}'"
    ));
}

#[test]
fn the_second_packet_of_a_flow_is_lost() {
    let (pod, _server) = served();
    // As conntrack does it when two packets of one new flow race. Of no other two packets: a port
    // may be used again a moment later.
    filter(
        &pod,
        "add set inet t flows { type ipv4_addr . inet_service; flags dynamic,timeout; }; \
         add rule inet t c udp dport 53 ip saddr . udp sport @flows drop; \
         add rule inet t c udp dport 53 add @flows { ip saddr . udp sport timeout 100ms }",
    );
    fine(run(&pod, CLUSTER, &[]));
    let report = run(&pod, CLUSTER, &BURST).expect(0);
    assert!(report.codes("warn").contains(&"dns-delay-race".to_owned()), "{report}");
    let said = report.reason("dns-delay-race");
    assert!(said.contains("10 times: 10 times one answer does not come in 500 ms"), "{said}");
    assert!(report.stdout.contains("single-request-reopen or use-vc"), "{report}");
}

#[test]
fn without_loss_there_is_no_race() {
    let (pod, _server) = served();
    fine(run(&pod, CLUSTER, &BURST));
    fine(run(&pod, CLUSTER, &["--dns-burst", "100"]));
}

#[test]
fn a_type_that_is_dropped_races_with_nothing() {
    let pod = pod();
    let _server = Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| {
        if kind(query) == RecordType::AAAA { None } else { bytes(&cluster(query)) }
    });
    found(run(&pod, CLUSTER, &BURST), "dns-aaaa-dropped");
}

#[test]
fn every_fifth_packet_is_lost_whoever_sends_it() {
    let (pod, _server) = served();
    filter(&pod, "add rule inet t c udp dport 53 numgen inc mod 5 0 drop");
    let report = found(run(&pod, CLUSTER, &BURST), "dns-lossy");
    let said = report.reason("dns-lossy");
    assert!(said.contains("10 short questions over UDP: 2 without an answer in 500 ms"), "{said}");
}

#[test]
fn as_many_questions_are_sent_as_were_asked_for() {
    let (pod, _server) = served();
    filter(&pod, "add counter inet t q; add rule inet t c udp dport 53 counter name q");
    let queries = |more: &[&str]| {
        pod.node.sh("nft reset counter inet t q");
        fine(run(&pod, CLUSTER, more));
        let text = pod.node.sh("nft list counter inet t q");
        let number = text.split("packets ").nth(1).and_then(|rest| rest.split(' ').next());
        number.and_then(|number| number.parse::<u32>().ok()).expect("a counter")
    };
    let without = queries(&[]);
    assert_eq!(queries(&["--dns-burst", "7"]), without + 7 + 2 * 7);
}
