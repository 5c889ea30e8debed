//! Other nodes' pods: who names them, whether they answer, and whether they come back.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Record, RecordType};

use super::running::{Watch, get, json, metric, until};
use crate::dns::responder::{kind, name, v4, with_code};
use crate::dns::{Responder, Stand, bytes};
use crate::peer::inbound::serving;
use crate::world::{Pod, Who, World, filter};

/// As a headless Service answers: the peer on the node, somebody who is not there, and this pod.
fn headless(query: &Message) -> Message {
    if name(query) != "canary.podprobe.svc.cluster.local." {
        return with_code(query, ResponseCode::NXDomain);
    }
    let mut answer = with_code(query, ResponseCode::NoError);
    let owner = query.queries[0].name().clone();
    if kind(query) == RecordType::A {
        let all = ["10.77.0.1", "10.77.0.99", "10.77.0.2"].map(v4);
        answer.add_answers(all.map(|data| Record::from_rdata(owner.clone(), 5, data)));
    }
    answer
}

fn start(pod: &Pod) -> Watch {
    let path = pod.file("resolv.conf");
    let text = "search podprobe.svc.cluster.local svc.cluster.local cluster.local\n\
                nameserver 10.77.0.1\noptions ndots:5\n";
    std::fs::write(&path, text).expect("write resolv.conf");
    let resolv_conf = path.display().to_string();
    let flags = ["link", "--mesh", "none", "--resolv-conf", &resolv_conf, "--peers-every", "200ms"];
    let peers = ["--peers-of", "canary.podprobe.svc:7000"];
    Watch::start(pod, Who::App, &[&flags[..], &peers].concat())
}

fn result(peer: &str) -> Option<f64> {
    metric(&format!("podprobe_peer_result{{peer=\"{peer}\"}}"))
}

/// Why a peer is not reached, as the history tells it.
fn problem(peer: &str) -> String {
    let history = json("/history.json");
    let peers = history["peers"].as_array().expect("peers");
    let found = peers.iter().find(|one| one["peer"] == peer).expect("the peer");
    found["problem"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn peers_are_asked_and_come_back() {
    let pod = World::DUAL.start();
    let _names =
        Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&headless(query)));
    let peer = serving(&pod, &pod.node, "10.77.0.1:7000", &[]);
    let _watch = start(&pod);
    until("the peer answers", || result("10.77.0.1") == Some(0.0));
    assert!(metric("podprobe_peer_round_trip_seconds{peer=\"10.77.0.1\"}") > Some(0.0));
    until("nobody answers for the other", || result("10.77.0.99") == Some(3.0));
    assert_eq!(result("10.77.0.2"), None, "it does not ask itself");
    // Another node's trouble is not this pod's.
    assert_eq!(get("/readyz").expect("an answer").status, 200);
    drop(peer);
    until("its end is seen", || result("10.77.0.1") == Some(3.0));
    assert!(problem("10.77.0.1").contains("is refused by"), "{}", problem("10.77.0.1"));
    assert_eq!(metric("podprobe_peer_round_trip_seconds{peer=\"10.77.0.1\"}"), None);
}

#[test]
fn a_pod_that_is_not_reached_from_outside_is_told_by_its_peer() {
    let pod = World::DUAL.start();
    let _names =
        Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&headless(query)));
    let _peer = serving(&pod, &pod.node, "10.77.0.1:7000", &[]);
    let _watch = start(&pod);
    until("the peer answers", || result("10.77.0.1") == Some(0.0));
    filter("input", "tcp dport 9464 ip saddr 10.77.0.1 drop");
    until("the peer does not come back", || result("10.77.0.1") == Some(3.0));
    let why = problem("10.77.0.1");
    assert!(why.starts_with("answers, but its connection to port 9464 here fails: "), "{why}");
}
