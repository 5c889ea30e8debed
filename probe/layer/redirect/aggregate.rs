//! From many broken flows to the few facts behind them.

use std::{collections::BTreeSet, net::SocketAddr};

use super::{
    destination::loopback,
    flow::{Promise, Proof, Sender},
    outcome::{Observed, Outcome},
    refused,
};
use crate::{capture::Capture, finding::Code, pod::Family};

/// A broken flow and the code that stands for it.
pub(super) type Broken<'a> = (&'a Observed, Code);

/// Replaces the codes of single flows by the code of what they have in common: a family without
/// rules, swapped ports, rules for another identity, dropped packets.
pub(super) fn aggregate(flows: &[Observed], capture: &Capture, broken: &mut [Broken]) {
    if capture.promises_nothing() {
        return unexpected(broken);
    }
    refused::settle(flows, broken);
    dropped(flows, capture, broken);
    swapped(capture, broken);
    mismatched(broken);
    without_dns(broken);
    dead_families(flows, broken);
}

/// Where nothing may be captured, all that is says the same.
fn unexpected(broken: &mut [Broken]) {
    let captured = [Code::ExclusionCaptured, Code::LoopbackCaptured, Code::DnsCaptured];
    for (_, code) in broken.iter_mut().filter(|(_, code)| captured.contains(code)) {
        *code = Code::CaptureUnexpected;
    }
}

/// Outbound connections that got no answer did not leave the pod where the first hop answers others, or
/// where a port of the proxy, dialled on loopback, keeps silent: swapped rules lead to the other one.
/// Others of the same moment: before it was resolved as a neighbour, the first hop answered nobody.
fn dropped(flows: &[Observed], capture: &Capture, broken: &mut [Broken]) {
    for family in families(flows) {
        let of_family = || flows.iter().filter(|o| o.flow.family == family);
        let mut at_once = of_family().filter(|o| o.flow.again.is_none());
        let answers = at_once.any(|o| matches!(o.outcome, Outcome::LeftThePod { .. }));
        let dialled = |o: &Observed| {
            [capture.outbound_port, capture.inbound_port]
                .into_iter()
                .any(|port| o.flow.destination == SocketAddr::new(loopback(family), port))
        };
        let mute = broken.iter().any(|(o, code)| *code == Code::CaptureDropped && dialled(o));
        let mut outbound = of_family().filter(|o| o.flow.proof == Proof::Outbound).peekable();
        let silent = outbound.peek().is_some()
            && outbound.all(|o| matches!(o.outcome, Outcome::Silent { .. }));
        if (answers || mute) && silent {
            recode(broken, family, &[Code::OutboundEscaped], Code::CaptureDropped);
        }
    }
}

/// Outbound landed on the inbound port and inbound on the outbound port.
fn swapped(capture: &Capture, broken: &mut [Broken]) {
    for family in families_of(broken) {
        let landed = |code: Code, port: u16| {
            broken.iter().any(|(o, c)| *c == code && o.flow.family == family && at(o) == Some(port))
        };
        if landed(Code::OutboundWrongPort, capture.inbound_port)
            && landed(Code::InboundWrongPort, capture.outbound_port)
        {
            let codes = [Code::OutboundWrongPort, Code::InboundWrongPort];
            recode(broken, family, &codes, Code::PortsSwapped);
        }
    }
}

/// The proxy's egress is captured and its local traffic is not: to the rules it is no proxy.
fn mismatched(broken: &mut [Broken]) {
    for family in families_of(broken) {
        // What arrives from outside is nobody's by its owner.
        let own = |o: &Observed| o.flow.family == family && o.flow.sender != Sender::Outside;
        let has = |code| broken.iter().any(|(o, c)| *c == code && own(o));
        if has(Code::ProxyLoop) && has(Code::InboundEscaped) {
            let codes = [Code::ProxyLoop, Code::InboundEscaped, Code::DnsExemptionDiffers];
            recode(broken, family, &codes, Code::IdentityMismatch);
        }
    }
}

/// Families where nothing at all is captured.
fn dead_families(flows: &[Observed], broken: &mut [Broken]) {
    let tested = families(flows);
    let dead: Vec<Family> =
        tested.iter().copied().filter(|family| is_dead(flows, broken, *family)).collect();
    // A family that is neither captured nor dead says nothing of the mesh.
    let code = if flows.iter().any(was_captured) {
        Code::RedirectFamilyMissing
    } else {
        Code::RedirectMissing
    };
    for family in dead {
        recode(broken, family, &ESCAPES, code);
    }
}

/// Where no query is captured, no zone keeps queries apart.
fn without_dns(broken: &mut [Broken]) {
    for family in families_of(broken) {
        let escaped = |(o, c): &Broken| *c == Code::DnsEscaped && o.flow.family == family;
        if broken.iter().any(escaped) {
            recode(broken, family, &[Code::DnsZoneMissing], Code::DnsEscaped);
        }
    }
}

const ESCAPES: [Code; 7] = [
    Code::OutboundEscaped,
    Code::InboundEscaped,
    Code::DnsEscaped,
    Code::DnsExemptionDiffers,
    Code::InboundAddressMissing,
    Code::DnsZoneMissing,
    Code::ReturnLost,
];

/// Nothing of the family arrived at a capture port, and what should have has escaped.
fn is_dead(flows: &[Observed], broken: &[Broken], family: Family) -> bool {
    let captured = |o: &&Observed| o.flow.family == family && was_captured(o);
    let escaped = |(o, code): &&Broken| {
        o.flow.family == family
            && o.flow.promise != Promise::Untouched
            && matches!(code, Code::OutboundEscaped | Code::InboundEscaped)
    };
    let other = |(o, code): &&Broken| o.flow.family == family && !ESCAPES.contains(code);
    flows.iter().find(captured).is_none()
        && broken.iter().find(escaped).is_some()
        && broken.iter().find(other).is_none()
}

/// It arrived at a capture port that it was not sent to.
fn was_captured(observed: &Observed) -> bool {
    let to = observed.flow.destination;
    match observed.outcome {
        Outcome::Arrived { at, at_destination: false, listener, .. } => {
            at != to || listener != to.port()
        }
        Outcome::Taken { at, .. } => at != to,
        _ => false,
    }
}

fn recode(broken: &mut [Broken], family: Family, from: &[Code], to: Code) {
    for (observed, code) in broken.iter_mut() {
        if observed.flow.family == family && from.contains(code) {
            *code = to;
        }
    }
}

fn at(observed: &Observed) -> Option<u16> {
    match observed.outcome {
        Outcome::Arrived { at, .. } | Outcome::Taken { at, .. } => Some(at.port()),
        _ => None,
    }
}

/// The families in which at least one flow was sent.
fn families(flows: &[Observed]) -> BTreeSet<Family> {
    let sent = |o: &&Observed| !matches!(o.outcome, Outcome::NotSent { .. });
    flows.iter().filter(sent).map(|o| o.flow.family).collect()
}

fn families_of(broken: &[Broken]) -> BTreeSet<Family> {
    broken.iter().map(|(o, _)| o.flow.family).collect()
}
