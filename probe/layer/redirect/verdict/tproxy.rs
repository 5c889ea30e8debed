//! Verdicts of TPROXY mode: packets are handed over unchanged, and only to transparent listeners.

use std::net::SocketAddr;

use super::{
    super::{
        flow::{Flow, Proof, Sender},
        outcome::{Observed, Outcome},
    },
    Context,
    Verdict::{self, Blind, Broken, Holds},
    code::{escaped, wrong_port},
};
use crate::{capture::Interception, finding::Code};

impl Context<'_> {
    /// What reaches its destination passed no rule at all, unless native nftables let go of what it
    /// could not hand over.
    pub(super) fn elsewhere(&self, observed: &Observed) -> Verdict {
        let at_destination =
            matches!(observed.outcome, Outcome::Arrived { at_destination: true, .. });
        if at_destination && self.capture.native_nftables != Some(true) {
            Broken(escaped(&observed.flow))
        } else {
            Blind(Code::NotObservable)
        }
    }

    /// TPROXY hands a packet only to a transparent listener.
    pub(super) fn transparent(&self, observed: &Observed, port: u16) -> Verdict {
        let flow = &observed.flow;
        match &observed.outcome {
            Outcome::Arrived { at_destination: true, .. } | Outcome::Refused { by: None }
                if !self.transparent && self.vanishes != Some(true) =>
            {
                Blind(Code::NotObservable)
            }
            Outcome::AcceptedElsewhere
                if !observed.attended && !self.transparent && self.vanishes != Some(true) =>
            {
                Blind(Code::NotObservable)
            }
            Outcome::Arrived { at_destination: true, .. } => Broken(escaped(flow)),
            Outcome::Arrived { at, listener, .. } if *at == flow.destination => {
                if *listener == port { Holds } else { Broken(wrong_port(flow)) }
            }
            Outcome::Arrived { .. } => Broken(Code::InterceptionDiffers),
            Outcome::Silent { .. } if self.transparent => Broken(Code::CaptureDropped),
            Outcome::Silent { .. } => Holds,
            // Nobody's port, or another container's: the destination itself.
            Outcome::Refused { .. } | Outcome::AcceptedElsewhere if !observed.attended => {
                Broken(escaped(flow))
            }
            Outcome::Refused { .. } => Broken(Code::CaptureRefused),
            Outcome::AcceptedElsewhere => Broken(Code::TrafficDiverted),
            outcome if outcome.is_dropped() => Broken(Code::CaptureDropped),
            _ => Blind(Code::ProbeFailed),
        }
    }

    /// The nat rules of TPROXY mode know a user that nobody runs as.
    pub(super) fn is_idle_rules(&self, flow: &Flow, at: SocketAddr) -> bool {
        self.capture.interception == Interception::Tproxy
            && flow.proof == Proof::Passthrough
            && flow.sender == Sender::Proxy
            && !self.proxy_by_group
            && at.port() == self.capture.inbound_port
    }
}
