//! The code for a broken flow, by what it was to prove.

use super::super::flow::{Flow, Proof, Sender};
use crate::finding::Code;

/// What must be captured went its own way.
pub(super) fn escaped(flow: &Flow) -> Code {
    match (flow.proof, flow.sender) {
        _ if flow.again.is_some() => Code::DnsZoneMissing,
        (Proof::Inbound | Proof::Arriving, _) => Code::InboundEscaped,
        // Without DNS capture the passthrough address has no exemption for port 53.
        (Proof::Dns, Sender::Proxy) => Code::DnsExemptionDiffers,
        (Proof::Dns, Sender::App) => Code::DnsEscaped,
        _ => Code::OutboundEscaped,
    }
}

/// What must be captured arrived at another capture port.
pub(super) fn wrong_port(flow: &Flow) -> Code {
    match (flow.proof, flow.sender) {
        (Proof::Inbound | Proof::Arriving, _) | (Proof::Dns, Sender::Proxy) => {
            Code::InboundWrongPort
        }
        (Proof::Dns, Sender::App) => Code::DnsWrongPort,
        // Only DNS capture makes a rule for port 53.
        (Proof::Outbound, _) if flow.destination.port() == 53 => Code::DnsCaptured,
        _ => Code::OutboundWrongPort,
    }
}

/// A flow that must be left alone arrived at a capture port; `as_egress` if at that for egress.
pub(super) fn taken(flow: &Flow, as_egress: bool) -> Code {
    match (flow.proof, flow.sender) {
        _ if flow.again.is_some() => Code::DnsZoneMissing,
        (Proof::Loop | Proof::Return, _) => Code::ProxyLoop,
        (Proof::Passthrough, _) => Code::PassthroughCaptured,
        (Proof::Loopback, Sender::App) if flow.destination.port() == 53 => Code::DnsCaptured,
        (Proof::Loopback, _) => Code::LoopbackCaptured,
        (Proof::Dns, Sender::App) if as_egress => Code::ExclusionCaptured,
        (Proof::Dns, Sender::App) => Code::DnsCaptured,
        (Proof::Dns, Sender::Proxy) => Code::DnsExemptionDiffers,
        (Proof::ArrivingExclusion, _) if flow.source.is_some() => Code::ExclusionMissing,
        (Proof::Tunnel, _) => Code::ExclusionMissing,
        _ => Code::ExclusionCaptured,
    }
}
