//! Literal outcomes in, words and pictures out.

use std::net::{IpAddr, SocketAddr};

use super::{
    flow::{Flow, Promise, Proof, Sender, Transport},
    judge::judge,
    outcome::{Observed, Offender, Outcome, Seen},
    shown::{FlowShown, draw, shown},
    vantage::{Play, Vantage},
};
use crate::{
    finding::{Code, Severity, declared::Declared},
    pod::{self, Family},
    profile::ISTIO,
};

const HOP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

fn flow(proof: Proof, sender: Sender, to: &str, promise: Promise) -> Flow {
    let destination: SocketAddr = to.parse().expect("an address");
    let family = Family::of(destination.ip());
    let transport = Transport::Tcp;
    Flow { proof, sender, family, transport, source: None, destination, promise, again: None }
}

fn out(to: &str) -> Flow {
    flow(Proof::Outbound, Sender::App, to, Promise::Captured(15001))
}

fn arrived(at: &str, listener: u16, original: &str) -> Outcome {
    let address = |text: &str| text.parse().expect("an address");
    let (at, original) = (address(at), Some(address(original)));
    Outcome::Arrived {
        at,
        listener,
        original,
        at_destination: at == original.unwrap_or(at),
        answered: None,
    }
}

fn seen(flows: Vec<(Flow, Outcome)>) -> Seen {
    let play = |uid| Play::As { uid, gid: uid };
    let outside = Play::Cannot { reason: "not tried".to_owned() };
    let vantage = Vantage { uid: 0, gid: 0, proxy: play(1337), app: play(65532), outside };
    let observed = |(flow, outcome)| Observed { flow, outcome, attended: false };
    let flows = flows.into_iter().map(observed).collect();
    Seen {
        vantage,
        passthrough_v6: None,
        live: None,
        dummies: Vec::new(),
        flows,
        peers: Vec::new(),
    }
}

fn of(flows: Vec<(Flow, Outcome)>) -> Vec<FlowShown> {
    shown(&ISTIO.capture(), &pod::tests::sample(), &[], &Declared::new(), &seen(flows))
}

fn one(flow: Flow, outcome: Outcome) -> FlowShown {
    of(vec![(flow, outcome)]).remove(0)
}

#[test]
fn what_was_captured_ends_at_the_port() {
    let to = "192.0.2.1:80";
    let shown = one(out(to), arrived("127.0.0.1:15001", 15001, to));
    assert_eq!(shown.drawn(), "app 65532 → 192.0.2.1:80 ⇢ 15001");
    assert_eq!(shown.path, ["app 65532", "192.0.2.1:80", "15001"]);
    assert_eq!((shown.uid, shown.result, shown.code), (Some(65532), Severity::Ok, None));
    assert_eq!((shown.promised.as_str(), shown.expected), ("captured on 15001", Some(15001)));
    assert_eq!(shown.went, "arrived at 127.0.0.1:15001");
}

#[test]
fn what_escaped_is_followed_to_the_link_and_the_first_hop() {
    let shown = one(out("192.0.2.1:80"), Outcome::LeftThePod { hop: HOP });
    let drawn = "app 65532 → 192.0.2.1:80 ⇢ expected 15001, went out by eth0 to 10.0.0.1";
    assert_eq!(shown.drawn(), drawn);
    assert_eq!(shown.path, ["app 65532", "192.0.2.1:80", "eth0", "10.0.0.1"]);
    assert_eq!((shown.result, shown.code), (Severity::Fail, Some(Code::RedirectMissing)));
}

#[test]
fn what_must_leave_is_shown_leaving() {
    let own = flow(Proof::Loop, Sender::Proxy, "192.0.2.1:80", Promise::Untouched);
    let left = one(own.clone(), Outcome::LeftThePod { hop: HOP });
    assert_eq!(left.drawn(), "proxy 1337 → 192.0.2.1:80 ⇢ eth0 → 10.0.0.1");
    let silent = one(own.clone(), Outcome::Silent { waited_ms: 25 });
    assert_eq!(silent.drawn(), "proxy 1337 → 192.0.2.1:80 ⇢ got no answer in 25 ms");
    let by = Some(Offender { address: HOP, icmp_type: 3, icmp_code: 13 });
    let refused = one(own.clone(), Outcome::Refused { by });
    assert_eq!(refused.path, ["proxy 1337", "192.0.2.1:80", "eth0", "10.0.0.1"]);
    let taken = one(own, arrived("127.0.0.1:15001", 15001, "192.0.2.1:80"));
    let drawn = "proxy 1337 → 192.0.2.1:80 ⇢ expected untouched, arrived at 127.0.0.1:15001";
    assert_eq!((taken.drawn().as_str(), taken.result), (drawn, Severity::Fail));
}

#[test]
fn tproxy_ends_at_the_listener_and_not_at_the_destination() {
    let to = "10.0.0.2:80";
    let promise = Promise::Transparent(15006);
    let outside = flow(Proof::Arriving, Sender::Outside, to, promise);
    let handed = Outcome::Arrived {
        at: outside.destination,
        listener: 15006,
        original: None,
        at_destination: false,
        answered: None,
    };
    let shown = one(outside, handed);
    assert_eq!(shown.path, ["outside", "10.0.0.2:80", "15006"]);
    assert_eq!((shown.uid, shown.promised.as_str()), (None, "handed to 15006"));
}

#[test]
fn who_took_a_datagram_is_drawn_as_udp() {
    let query = flow(Proof::Dns, Sender::App, "10.96.0.10:53", Promise::Captured(15053));
    let query = Flow { transport: Transport::Udp, ..query };
    let shown = one(query, arrived("127.0.0.1:15053", 15053, "10.96.0.10:53"));
    assert_eq!(shown.drawn(), "app 65532 → UDP 10.96.0.10:53 ⇢ 15053");
}

#[test]
fn what_was_not_sent_is_neither_yes_nor_no() {
    let reason = "running as 65532:65532, needs uid 1337".to_owned();
    let shown = one(out("192.0.2.1:80"), Outcome::NotSent { reason });
    assert_eq!((shown.result, shown.code), (Severity::Unknown, Some(Code::NotObservable)));
    assert_eq!(shown.path.len(), 2);
    assert!(
        shown
            .drawn()
            .ends_with("⇢ expected 15001, was not sent: running as 65532:65532, needs uid 1337")
    );
}

#[test]
fn codes_stay_with_their_flows_and_declarations_count() {
    let (a, b, c) = ("192.0.2.1:80", "192.0.2.1:443", "192.0.2.2:8080");
    let flows = || {
        vec![
            (out(a), arrived("127.0.0.1:15001", 15001, a)),
            (out(b), Outcome::LeftThePod { hop: HOP }),
            (out(c), arrived("127.0.0.1:15006", 15006, c)),
        ]
    };
    let codes: Vec<_> = of(flows()).iter().map(|flow| (flow.code, flow.result)).collect();
    let wanted = [
        (None, Severity::Ok),
        (Some(Code::OutboundEscaped), Severity::Fail),
        (Some(Code::OutboundWrongPort), Severity::Fail),
    ];
    assert_eq!(codes, wanted);
    let declared = Declared::from([(Code::OutboundEscaped, Severity::Warn)]);
    let flows = shown(&ISTIO.capture(), &pod::tests::sample(), &[], &declared, &seen(flows()));
    assert_eq!(flows[1].result, Severity::Warn);
}

#[test]
fn the_evidence_has_the_way_beside_the_words() {
    let seen = seen(vec![(out("192.0.2.1:80"), Outcome::LeftThePod { hop: HOP })]);
    let flows = shown(&ISTIO.capture(), &pod::tests::sample(), &[], &Declared::new(), &seen);
    let mut findings = judge(&ISTIO.capture(), &[], &seen).findings;
    draw(&mut findings, &seen, &flows);
    let path = findings[0].evidence["flows"][0]["path"].as_str();
    assert_eq!(path, Some(flows[0].drawn().as_str()));
}
