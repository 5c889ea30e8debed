//! Literal outcomes in, findings out.

use std::net::{IpAddr, SocketAddr};

use super::{
    flow::{Flow, Promise, Proof, Sender, Transport},
    judge::{Judged, judge},
    outcome::{Dummy, Observed, Offender, Outcome, Seen},
    vantage::{Play, Vantage},
};
use crate::{
    finding::{Code, Severity},
    pod::Family,
    profile::ISTIO,
};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn hop() -> IpAddr {
    IpAddr::from([10, 77, 0, 1])
}

fn flow(proof: Proof, sender: Sender, to: &str, promise: Promise) -> Flow {
    let destination = address(to);
    let family = Family::of(destination.ip());
    let transport = Transport::Tcp;
    Flow { proof, sender, family, transport, source: None, destination, promise, again: None }
}

fn outbound(to: &str, outcome: Outcome) -> Observed {
    let flow = flow(Proof::Outbound, Sender::App, to, Promise::Captured(15001));
    Observed { flow, outcome, attended: false }
}

fn inbound(to: &str, outcome: Outcome) -> Observed {
    let flow = flow(Proof::Inbound, Sender::Proxy, to, Promise::Captured(15006));
    Observed { flow, outcome, attended: true }
}

fn loops(to: &str, outcome: Outcome) -> Observed {
    let flow = flow(Proof::Loop, Sender::Proxy, to, Promise::Untouched);
    Observed { flow, outcome, attended: false }
}

fn arrived(port: u16, original: &str) -> Outcome {
    Outcome::Arrived {
        at: SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port),
        listener: port,
        original: Some(address(original)),
        at_destination: false,
        answered: None,
    }
}

fn seen(flows: Vec<Observed>) -> Seen {
    let own = || Play::Own;
    let vantage = Vantage { uid: 0, gid: 0, proxy: own(), app: own(), outside: own() };
    Seen {
        vantage,
        passthrough_v6: None,
        live: None,
        dummies: Vec::new(),
        flows,
        peers: Vec::new(),
    }
}

fn judged(flows: Vec<Observed>) -> Judged {
    judge(&ISTIO.capture(), &[IpAddr::from([10, 77, 0, 2])], &seen(flows))
}

/// The codes of the failures, in the order of the report.
fn failures(flows: Vec<Observed>) -> Vec<Code> {
    let findings = judged(flows).findings.into_iter();
    findings.filter(|f| f.severity == Severity::Fail).map(|f| f.code).collect()
}

const OUT: &str = "192.0.2.1:20001";
const OUT6: &str = "[2001:db8::1]:20002";
const IN: &str = "127.0.0.6:20003";

#[test]
fn a_connection_that_kept_its_destination_is_captured() {
    let judged = judged(vec![outbound(OUT, arrived(15001, OUT))]);
    assert_eq!(judged.proved.get(&Proof::Outbound), Some(&1));
    assert_eq!(judged.findings[0].code, Code::RedirectHolds);
}

#[test]
fn a_connection_that_lost_its_destination_is_not() {
    let flows = vec![outbound(OUT, arrived(15001, "192.0.2.9:9"))];
    assert_eq!(failures(flows), [Code::OriginalDestinationWrong]);
}

#[test]
fn everything_escaped_is_no_redirection_at_all() {
    let escaped = || Outcome::LeftThePod { hop: hop() };
    let flows = vec![outbound(OUT, escaped()), outbound("192.0.2.1:80", escaped())];
    let judged = judged(flows);
    assert_eq!(judged.findings.len(), 1);
    assert_eq!(judged.findings[0].code, Code::RedirectMissing);
    assert!(judged.findings[0].reason.contains("10.77.0.1"), "{}", judged.findings[0].reason);
}

#[test]
fn one_family_escaped_is_that_familys_failure() {
    let flows =
        vec![outbound(OUT, arrived(15001, OUT)), outbound(OUT6, Outcome::Silent { waited_ms: 25 })];
    let judged = judged(flows);
    assert_eq!(judged.findings[0].code, Code::RedirectFamilyMissing);
    assert_eq!(judged.findings[0].family, Some(Family::Ipv6));
}

#[test]
fn a_family_that_drops_everything_is_not_called_redirected() {
    let flows = vec![
        outbound(OUT, Outcome::LeftThePod { hop: hop() }),
        outbound(OUT6, Outcome::Refused { by: None }),
    ];
    assert_eq!(failures(flows), [Code::RedirectMissing, Code::CaptureRefused]);
}

#[test]
fn each_half_on_the_others_port_is_one_fact() {
    let flows = vec![outbound(OUT, arrived(15006, OUT)), inbound(IN, arrived(15001, IN))];
    assert_eq!(failures(flows), [Code::PortsSwapped]);
}

#[test]
fn a_proxy_that_is_captured_like_an_application_is_not_the_rules_proxy() {
    let at_destination = Outcome::Arrived {
        at: address(IN),
        listener: address(IN).port(),
        original: Some(address(IN)),
        at_destination: true,
        answered: None,
    };
    let flows = vec![inbound(IN, at_destination), loops(OUT, arrived(15001, OUT))];
    assert_eq!(failures(flows), [Code::IdentityMismatch]);
}

#[test]
fn a_refusal_where_we_listen_is_a_rule_to_a_dead_port() {
    let flows = vec![inbound(IN, Outcome::Refused { by: None })];
    assert_eq!(failures(flows), [Code::CaptureRefused]);
}

#[test]
fn a_refusal_by_the_node_is_an_escape() {
    let by = Offender { address: hop(), icmp_type: 3, icmp_code: 13 };
    let flows = vec![
        outbound("192.0.2.2:20004", arrived(15001, "192.0.2.2:20004")),
        outbound(OUT, Outcome::Refused { by: Some(by) }),
    ];
    assert_eq!(failures(flows), [Code::OutboundEscaped]);
}

#[test]
fn the_proxys_egress_may_leave_or_vanish_but_not_come_back() {
    let holds = |outcome| failures(vec![loops(OUT, outcome)]).is_empty();
    assert!(holds(Outcome::LeftThePod { hop: hop() }));
    assert!(holds(Outcome::Silent { waited_ms: 25 }));
    assert!(!holds(arrived(15001, OUT)));
}

#[test]
fn what_was_not_sent_is_neither_proved_nor_broken() {
    let not_sent = || Outcome::NotSent { reason: "running as 65532".to_owned() };
    let judged = judged(vec![inbound(IN, not_sent()), loops(OUT, not_sent())]);
    assert!(judged.proved.is_empty());
    assert!(judged.findings.iter().all(|finding| finding.severity != Severity::Ok));
}

#[test]
fn a_probe_that_failed_for_its_own_reasons_leaves_its_proof_unclear() {
    let failed =
        Outcome::Failed { operation: "connect".into(), errno: "ENETUNREACH".into(), by: None };
    let judged = judged(vec![outbound(OUT, failed)]);
    assert!(judged.unclear.contains(&Proof::Outbound));
    assert_eq!(judged.findings[0].code, Code::ProbeFailed);
}

#[test]
fn a_taken_port_names_its_owner_and_is_no_redirect_failure() {
    let mut seen = seen(Vec::new());
    seen.dummies.push(Dummy {
        port: 15001,
        family: Family::Ipv4,
        transport: Transport::Tcp,
        transparent: false,
        error: Some("EADDRINUSE".to_owned()),
        owner_uid: Some(1337),
    });
    let judged = judge(&ISTIO.capture(), &[], &seen);
    assert_eq!(judged.findings[0].severity, Severity::Unknown);
    assert!(judged.findings[0].reason.contains("uid 1337"), "{}", judged.findings[0].reason);
}

#[test]
fn one_family_does_not_prove_the_other() {
    let not_sent = Outcome::NotSent { reason: "port 15001 is not ours to listen on".to_owned() };
    let judged = judged(vec![outbound(OUT, arrived(15001, OUT)), outbound(OUT6, not_sent)]);
    assert!(judged.proved.contains_key(&Proof::Outbound));
    assert!(judged.unproved.contains(&Proof::Outbound));
}

#[test]
fn a_server_that_ignores_our_datagram_is_no_dropped_packet() {
    let mut observed = loops("127.0.0.1:53", Outcome::Silent { waited_ms: 25 });
    observed.flow.transport = Transport::Udp;
    assert!(failures(vec![observed.clone()]).is_empty());
    observed.flow.transport = Transport::Tcp;
    assert_eq!(failures(vec![observed]), [Code::CaptureDropped]);
}

/// Where the rules lead is not seen from outside, and swapped rules lead to the inbound port.
#[test]
fn silence_at_either_port_of_the_proxy_is_silence_in_the_pod() {
    let silent = |address| loops(address, Outcome::Silent { waited_ms: 25 });
    let out = || outbound(OUT, Outcome::Silent { waited_ms: 25 });
    for port in ["127.0.0.1:15001", "127.0.0.1:15006"] {
        assert_eq!(failures(vec![out(), silent(port)]), [Code::CaptureDropped], "{port}");
    }
    let other = failures(vec![out(), silent("127.0.0.1:8080")]);
    assert_eq!(other, [Code::OutboundEscaped, Code::CaptureDropped]);
}

/// The first packets wait for the neighbour; those that repeat them follow when it is known.
#[test]
fn a_first_hop_that_was_not_yet_resolved_is_no_drop_in_the_pod() {
    let left = || Outcome::LeftThePod { hop: hop() };
    let mut query = outbound("192.0.2.1:53", left());
    (query.flow.proof, query.flow.transport) = (Proof::Dns, Transport::Udp);
    let silent = || outbound(OUT, Outcome::Silent { waited_ms: 25 });
    let mut again = query.clone();
    again.flow.again = Some(0);
    assert_eq!(failures(vec![silent(), query]), [Code::DnsEscaped, Code::CaptureDropped]);
    assert_eq!(failures(vec![silent(), again]), [Code::RedirectMissing]);
}
