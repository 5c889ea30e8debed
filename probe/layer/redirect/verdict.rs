//! One flow's verdict: what happened against what was promised.

use std::net::{IpAddr, SocketAddr};

use super::{
    flow::{Flow, Promise, Proof, Sender, Transport},
    observe::NO_PASSTHROUGH,
    outcome::{Observed, Offender, Outcome},
};
use crate::finding::Code;

/// What one flow says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As promised, with proof.
    Holds,
    /// Not as promised.
    Broken(Code),
    /// Neither: the code says why it is unknown.
    Blind(Code),
}

use Verdict::{Blind, Broken, Holds};

/// Compares one flow's outcome with its promise; `pod` are the pod's own addresses, `proxy_answers`
/// says that the DNS dummies belong to the proxy's identity.
pub(super) fn verdict(observed: &Observed, pod: &[IpAddr], proxy_answers: bool) -> Verdict {
    match (&observed.outcome, observed.flow.promise) {
        (Outcome::NotSent { reason }, _) if reason == NO_PASSTHROUGH => {
            Broken(Code::InboundAddressMissing)
        }
        (Outcome::NotSent { .. }, _) => Blind(Code::NotObservable),
        (_, Promise::Captured(port)) => captured(observed, port, pod, proxy_answers),
        (_, Promise::Untouched) if observed.flow.is_local(pod) => untouched_inside(observed),
        (_, Promise::Untouched) => untouched_outside(observed, pod),
    }
}

fn captured(observed: &Observed, port: u16, pod: &[IpAddr], proxy_answers: bool) -> Verdict {
    let flow = &observed.flow;
    let local = flow.is_local(pod);
    match &observed.outcome {
        Outcome::Arrived { at_destination: true, .. } => Broken(escaped(flow)),
        Outcome::Arrived { at, original, answered, .. } if at.port() == port => {
            arrived(flow, *original, *answered, proxy_answers)
        }
        Outcome::Arrived { .. } => Broken(wrong_port(flow)),
        Outcome::Silent { .. } if local => Broken(Code::CaptureDropped),
        Outcome::LeftThePod { .. } | Outcome::Silent { .. } => Broken(escaped(flow)),
        Outcome::Refused { by } | Outcome::Failed { by, .. } if is_outside(by.as_ref(), pod) => {
            Broken(escaped(flow))
        }
        // Where we could not listen at a local destination, the refusal is the escape.
        Outcome::Refused { .. } if local && !observed.attended => Broken(escaped(flow)),
        Outcome::Refused { .. } => Broken(Code::CaptureRefused),
        Outcome::AcceptedElsewhere => Broken(Code::TrafficDiverted),
        Outcome::Failed { errno, .. } if errno == "EPERM" => Broken(Code::CaptureDropped),
        Outcome::Failed { .. } | Outcome::NotSent { .. } => Blind(Code::ProbeFailed),
    }
}

/// The mesh's conntrack zones let the proxy's answers find back, and nobody else's.
fn arrived(
    flow: &Flow,
    original: Option<SocketAddr>,
    answered: Option<bool>,
    proxy_answers: bool,
) -> Verdict {
    match flow.transport {
        Transport::Tcp if original == Some(flow.destination) => Holds,
        Transport::Tcp => Broken(Code::OriginalDestinationWrong),
        Transport::Udp if answered == Some(!proxy_answers) => Broken(Code::DnsZoneMissing),
        Transport::Udp => Holds,
    }
}

fn untouched_inside(observed: &Observed) -> Verdict {
    match &observed.outcome {
        Outcome::Arrived { at, at_destination: true, .. } if *at == observed.flow.destination => {
            Holds
        }
        Outcome::Arrived { .. } => Broken(taken(&observed.flow)),
        // Some other server at this port may well keep silent to a stranger's datagram.
        Outcome::Silent { .. }
            if !observed.attended && observed.flow.transport == Transport::Udp =>
        {
            Blind(Code::NotObservable)
        }
        Outcome::Silent { .. } => Broken(Code::CaptureDropped),
        // Where we could not listen, the kernel's own refusal is what an untouched packet meets.
        Outcome::Refused { .. } | Outcome::AcceptedElsewhere if !observed.attended => Holds,
        Outcome::Refused { .. } | Outcome::AcceptedElsewhere => Broken(Code::TrafficDiverted),
        Outcome::Failed { errno, .. } if errno == "EPERM" => Broken(Code::CaptureDropped),
        _ => Blind(Code::ProbeFailed),
    }
}

fn untouched_outside(observed: &Observed, pod: &[IpAddr]) -> Verdict {
    match &observed.outcome {
        Outcome::Arrived { .. } => Broken(taken(&observed.flow)),
        Outcome::LeftThePod { .. } | Outcome::Silent { .. } => Holds,
        Outcome::Refused { by } | Outcome::Failed { by, .. } if is_outside(by.as_ref(), pod) => {
            Holds
        }
        Outcome::AcceptedElsewhere => Broken(Code::TrafficDiverted),
        _ => Blind(Code::ProbeFailed),
    }
}

/// The flow got out: somebody who is not this pod answered by ICMP.
fn is_outside(by: Option<&Offender>, pod: &[IpAddr]) -> bool {
    by.is_some_and(|by| !by.address.is_loopback() && !pod.contains(&by.address))
}

fn escaped(flow: &Flow) -> Code {
    match (flow.proof, flow.sender) {
        (Proof::Inbound, _) => Code::InboundEscaped,
        // Without DNS capture the passthrough address has no exemption for port 53.
        (Proof::Dns, Sender::Proxy) => Code::DnsExemptionDiffers,
        (Proof::Dns, Sender::App) => Code::DnsEscaped,
        _ => Code::OutboundEscaped,
    }
}

fn wrong_port(flow: &Flow) -> Code {
    match (flow.proof, flow.sender) {
        (Proof::Inbound, _) | (Proof::Dns, Sender::Proxy) => Code::InboundWrongPort,
        (Proof::Dns, Sender::App) => Code::DnsWrongPort,
        // Only DNS capture makes a rule for port 53.
        (Proof::Outbound, _) if flow.destination.port() == 53 => Code::DnsCaptured,
        _ => Code::OutboundWrongPort,
    }
}

/// A flow that must be left alone arrived at a capture port.
fn taken(flow: &Flow) -> Code {
    match (flow.proof, flow.sender) {
        _ if flow.again.is_some() => Code::DnsZoneMissing,
        (Proof::Loop, _) => Code::ProxyLoop,
        (Proof::Passthrough, _) => Code::PassthroughCaptured,
        (Proof::Loopback, Sender::App) if flow.destination.port() == 53 => Code::DnsCaptured,
        (Proof::Loopback, _) => Code::LoopbackCaptured,
        (Proof::Dns, Sender::App) => Code::DnsCaptured,
        (Proof::Dns, Sender::Proxy) => Code::DnsExemptionDiffers,
        (Proof::Tunnel, _) => Code::ExclusionMissing,
        _ => Code::ExclusionCaptured,
    }
}
