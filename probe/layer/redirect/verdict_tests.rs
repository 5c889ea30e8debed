//! One flow at a time: what the less usual outcomes mean.

use std::net::SocketAddr;

use super::{
    flow::{Flow, Promise, Proof, Sender, Transport},
    judge,
    outcome::{Dummy, Observed, Offender, Outcome, Seen},
    vantage::{Play, Vantage},
};
use crate::{
    capture::Capture,
    finding::{Code, Severity},
    pod::{Family, Listener},
    profile::{ISTIO, ISTIO_AMBIENT, ISTIO_TPROXY, NONE},
};

const OUT: &str = "192.0.2.1:20001";
const ALIAS: &str = "127.0.0.6:20002";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn flow(proof: Proof, sender: Sender, to: &str, promise: Promise) -> Flow {
    Flow {
        proof,
        sender,
        family: Family::Ipv4,
        transport: Transport::Tcp,
        source: None,
        destination: address(to),
        promise,
        again: None,
    }
}

fn outbound(proof: Proof) -> Flow {
    flow(proof, Sender::App, OUT, Promise::Captured(15001))
}

fn arrived(at: &str, listener: u16, original: Option<&str>, at_destination: bool) -> Outcome {
    let original = original.map(address);
    Outcome::Arrived { at: address(at), listener, original, at_destination, answered: None }
}

fn seen(flow: Flow, outcome: Outcome) -> Seen {
    let own = || Play::Own;
    let vantage = Vantage { uid: 0, gid: 0, proxy: own(), app: own(), outside: own() };
    let flows = vec![Observed { flow, outcome, attended: true }];
    Seen {
        vantage,
        passthrough_v6: None,
        live: None,
        dummies: Vec::new(),
        flows,
        peers: Vec::new(),
    }
}

/// The codes, without those that hold.
fn codes(capture: &Capture, seen: &Seen) -> Vec<Code> {
    let judged = judge(capture, &[], seen);
    let told = judged.findings.into_iter().filter(|finding| finding.severity != Severity::Ok);
    told.map(|finding| finding.code).collect()
}

fn beside(uid: u32, flow: Flow, outcome: Outcome) -> Seen {
    let address = address("0.0.0.0:15001");
    let held = Listener { address, transport: Transport::Tcp, uid, inode: 7 };
    Seen { live: Some(vec![held]), ..seen(flow, outcome) }
}

#[test]
fn a_service_that_was_translated_before_capture_is_told_and_blocks_nothing() {
    let outcome = || arrived("127.0.0.1:15001", 15001, Some("10.244.3.7:6443"), false);
    let capture = ISTIO.capture();
    let translated = seen(outbound(Proof::Service), outcome());
    assert_eq!(codes(&capture, &translated), [Code::ServiceTranslated]);
    assert_eq!(judge(&capture, &[], &translated).proved.get(&Proof::Service), Some(&1));
    let other = seen(outbound(Proof::Outbound), outcome());
    assert_eq!(codes(&capture, &other), [Code::OriginalDestinationWrong]);
}

#[test]
fn a_kernel_that_does_not_tell_the_original_destination_is_named() {
    let outcome = arrived("127.0.0.1:15001", 15001, None, false);
    let seen = seen(outbound(Proof::Outbound), outcome);
    assert_eq!(codes(&ISTIO.capture(), &seen), [Code::OriginalDestinationUnavailable]);
}

#[test]
fn the_plugins_builtin_port_is_told_only_where_it_may_be_used() {
    let flow = || flow(Proof::Outbound, Sender::App, OUT, Promise::Captured(15011));
    let outcome = || arrived("127.0.0.1:15001", 15001, Some(OUT), false);
    let mut capture = ISTIO.capture();
    capture.outbound_port = 15011;
    assert_eq!(codes(&capture, &seen(flow(), outcome())), [Code::OutboundWrongPort]);
    capture.builtin_ports = Some((15001, 15006));
    assert_eq!(codes(&capture, &seen(flow(), outcome())), [Code::BuiltinPort]);
}

#[test]
fn without_a_mesh_whatever_is_captured_is_unexpected() {
    let flow = flow(Proof::Exclusion, Sender::App, OUT, Promise::Untouched);
    let seen = seen(flow, arrived("127.0.0.1:4140", 4140, Some(OUT), false));
    assert_eq!(codes(&NONE.capture(), &seen), [Code::CaptureUnexpected]);
}

#[test]
fn a_dial_to_a_capture_port_itself_is_no_capture() {
    // With rules missing altogether, it must not hide that nothing is redirected.
    let direct = flow(Proof::Loopback, Sender::App, "127.0.0.1:15001", Promise::Untouched);
    let mut seen = seen(direct, arrived("127.0.0.1:15001", 15001, None, false));
    assert_eq!(codes(&ISTIO.capture(), &seen), []);
    let outcome = Outcome::LeftThePod { hop: "10.0.0.1".parse().expect("an address") };
    seen.flows.push(Observed { flow: outbound(Proof::Outbound), outcome, attended: false });
    assert_eq!(codes(&ISTIO.capture(), &seen), [Code::RedirectMissing]);
}

fn handed(outcome: Outcome) -> Seen {
    let flow = flow(Proof::Inbound, Sender::Proxy, ALIAS, Promise::Transparent(15006));
    let mut seen = seen(flow, outcome);
    (seen.vantage.uid, seen.vantage.gid) = (0, 1337);
    seen
}

fn transparent() -> Dummy {
    Dummy {
        port: 15006,
        family: Family::Ipv4,
        transport: Transport::Tcp,
        transparent: true,
        error: None,
        owner_uid: None,
    }
}

#[test]
fn what_tproxy_hands_over_is_judged_by_the_listener_that_got_it() {
    let capture = ISTIO_TPROXY.capture();
    let judged = |outcome| {
        let mut seen = handed(outcome);
        seen.dummies.push(transparent());
        codes(&capture, &seen)
    };
    assert_eq!(judged(arrived(ALIAS, 15006, None, false)), []);
    assert_eq!(judged(arrived(ALIAS, 15001, None, false)), [Code::InboundWrongPort]);
    assert_eq!(judged(arrived(ALIAS, 20002, None, true)), [Code::RedirectMissing]);
    let redirected = arrived("127.0.0.1:15006", 15006, Some(ALIAS), false);
    assert_eq!(judged(redirected), [Code::InterceptionDiffers]);
    assert_eq!(judged(Outcome::Silent { waited_ms: 25 }), [Code::CaptureDropped]);
}

#[test]
fn without_a_transparent_listener_vanishing_is_the_evidence_and_only_of_iptables() {
    let itself = || arrived(ALIAS, 20002, None, true);
    let mut capture = ISTIO_TPROXY.capture();
    assert_eq!(codes(&capture, &handed(Outcome::Silent { waited_ms: 25 })), []);
    assert_eq!(codes(&capture, &handed(itself())), [Code::NotObservable]);
    capture.native_nftables = Some(true);
    assert_eq!(codes(&capture, &handed(itself())), [Code::NotObservable]);
    capture.native_nftables = Some(false);
    assert_eq!(codes(&capture, &handed(itself())), [Code::RedirectMissing]);
}

#[test]
fn beside_a_proxy_the_other_end_of_the_connection_decides() {
    let capture = ISTIO.capture();
    let taken = |port: u16, uid| Outcome::Taken { at: address(&format!("127.0.0.1:{port}")), uid };
    let judged =
        |held: u32, outcome| codes(&capture, &beside(held, outbound(Proof::Outbound), outcome));
    assert_eq!(judged(1337, taken(15001, Some(1337))), []);
    assert_eq!(judged(1337, taken(15006, Some(1337))), [Code::OutboundWrongPort]);
    assert_eq!(judged(1337, taken(15001, Some(4711))), [Code::TrafficDiverted]);
    // In the backlog it has no owner yet: the listener's counts.
    assert_eq!(judged(1337, taken(15001, None)), []);
    assert_eq!(judged(4711, taken(15001, None)), [Code::TrafficDiverted]);
}

#[test]
fn a_refusal_beside_a_proxy_is_its_absence_only_where_nobody_listens() {
    let refused = || Outcome::Refused { by: None };
    let mut seen = beside(0, outbound(Proof::Outbound), refused());
    assert_eq!(codes(&ISTIO_AMBIENT.capture(), &seen), [Code::CaptureRefused]);
    seen.live = Some(Vec::new());
    assert_eq!(codes(&ISTIO_AMBIENT.capture(), &seen), [Code::ProxyAbsent]);
}

#[test]
fn an_unreachable_port_said_in_the_destinations_name_was_said_inside_the_pod() {
    let mut query = flow(Proof::Dns, Sender::App, "192.0.2.1:53", Promise::Captured(15053));
    query.transport = Transport::Udp;
    let by = |address: &str| {
        let address = address.parse().expect("an address");
        Outcome::Refused { by: Some(Offender { address, icmp_type: 3, icmp_code: 3 }) }
    };
    let judged = |outcome| codes(&ISTIO.capture(), &seen(query.clone(), outcome));
    assert_eq!(judged(by("192.0.2.1")), [Code::CaptureRefused]);
    assert_eq!(judged(by("10.0.0.1")), [Code::DnsEscaped]);
}

/// A rule drops what is sent; other calls are refused by who filters calls.
#[test]
fn a_refused_call_is_a_dropped_packet_only_where_something_was_sent() {
    let refused = |operation: &str| {
        let outcome =
            Outcome::Failed { operation: operation.into(), errno: "EPERM".into(), by: None };
        codes(&ISTIO_TPROXY.capture(), &{
            let mut seen = handed(outcome);
            seen.dummies.push(transparent());
            seen
        })
    };
    assert_eq!(refused("send"), [Code::CaptureDropped]);
    for operation in ["connect", "accept", "read", "read the socket's error"] {
        assert_eq!(refused(operation), [Code::ProbeFailed], "{operation}");
    }
}
