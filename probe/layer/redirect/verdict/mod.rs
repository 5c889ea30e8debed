//! One flow's verdict: what happened against what was promised.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

mod beside;
mod code;
mod outside;
mod tproxy;

use super::{
    flow::{Flow, Promise, Proof, Sender, Transport},
    observe::NO_PASSTHROUGH,
    outcome::{Observed, Offender, Outcome},
};
use crate::{
    capture::Capture,
    finding::Code,
    pod::{Family, Listener},
};
use code::{escaped, taken, wrong_port};

/// What one flow says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As promised, with proof.
    Holds,
    /// As promised, with proof, but with something to tell.
    Differs(Code),
    /// Not as promised.
    Broken(Code),
    /// Neither: the code says why it is unknown.
    Blind(Code),
}

use Verdict::{Blind, Broken, Differs, Holds};

/// What judging a flow takes besides what happened to it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the look")]
pub(super) struct Context<'a> {
    /// The promise.
    pub(super) capture: &'a Capture,
    /// The pod's own addresses.
    pub(super) pod: &'a [IpAddr],
    /// The DNS dummies belong to the proxy's identity.
    pub(super) proxy_answers: bool,
    /// The rules know whoever plays the proxy by the group alone.
    pub(super) proxy_by_group: bool,
    /// The running proxy's listeners, if it was left alone.
    pub(super) live: Option<&'a [Listener]>,
    /// Whoever listens on the inbound port is transparent: we, or a running proxy.
    pub(super) transparent: bool,
    /// What TPROXY cannot hand over vanishes: iptables drops it, native nftables lets it go on
    /// (kernel `net/netfilter/xt_TPROXY.c`, `nft_tproxy.c`). None if nobody said and nothing did.
    pub(super) vanishes: Option<bool>,
    /// Families in which, beside a running proxy, nobody was ever seen to hold a connection from outside.
    pub(super) untraceable: BTreeSet<Family>,
    /// A peer made what comes from outside: it came by the pod's own link.
    pub(super) dialled: bool,
    /// Families in which nothing from outside got any answer at all.
    pub(super) deaf: BTreeSet<Family>,
}

impl Context<'_> {
    /// Compares one flow's outcome with its promise.
    pub(super) fn verdict(&self, observed: &Observed) -> Verdict {
        if observed.flow.sender == Sender::Outside {
            return self.arriving(observed);
        }
        if let Some(live) = self.live
            && let Some(verdict) = self.beside_proxy(&observed.flow, &observed.outcome, live)
        {
            return verdict;
        }
        match (&observed.outcome, observed.flow.promise) {
            (Outcome::NotSent { reason }, _) if reason == NO_PASSTHROUGH => {
                Broken(Code::InboundAddressMissing)
            }
            (Outcome::NotSent { .. }, _) => Blind(Code::NotObservable),
            (_, Promise::Captured(port)) => self.captured(observed, port),
            (_, Promise::Transparent(port)) => self.transparent(observed, port),
            (_, Promise::Elsewhere) => self.elsewhere(observed),
            (_, Promise::Untouched) if observed.flow.is_local(self.pod) => {
                self.untouched_inside(observed)
            }
            (_, Promise::Untouched) => self.untouched_outside(observed),
        }
    }

    fn captured(&self, observed: &Observed, port: u16) -> Verdict {
        let flow = &observed.flow;
        let local = flow.is_local(self.pod);
        match &observed.outcome {
            Outcome::Arrived { at_destination: true, .. } => Broken(escaped(flow)),
            Outcome::Arrived { at, original, answered, .. } if at.port() == port => {
                self.arrived(flow, *original, *answered)
            }
            Outcome::Arrived { at, original, .. }
                if *original == Some(flow.destination) && self.is_builtin(port, at.port()) =>
            {
                Differs(Code::BuiltinPort)
            }
            Outcome::Arrived { .. } => Broken(wrong_port(flow)),
            Outcome::Silent { .. } if local => Broken(Code::CaptureDropped),
            Outcome::LeftThePod { .. } | Outcome::Silent { .. } => Broken(escaped(flow)),
            Outcome::Refused { by } | Outcome::Failed { by, .. }
                if is_outside(by.as_ref(), flow, self.pod) =>
            {
                Broken(escaped(flow))
            }
            // Where we could not listen at a local destination, the refusal is the escape.
            Outcome::Refused { .. } if local && !observed.attended => Broken(escaped(flow)),
            Outcome::Refused { .. } => Broken(Code::CaptureRefused),
            // The API server itself, one hop away.
            Outcome::AcceptedElsewhere if flow.proof == Proof::Service => Broken(escaped(flow)),
            Outcome::AcceptedElsewhere | Outcome::Taken { .. } => Broken(Code::TrafficDiverted),
            outcome if outcome.is_dropped() => Broken(Code::CaptureDropped),
            Outcome::Failed { .. } | Outcome::NotSent { .. } | Outcome::Unasked { .. } => {
                Blind(Code::ProbeFailed)
            }
        }
    }

    /// A port that the mesh's CNI plugin uses whatever is declared.
    fn is_builtin(&self, promised: u16, port: u16) -> bool {
        self.capture.builtin_ports.is_some_and(|(outbound, inbound)| {
            (promised == self.capture.outbound_port && port == outbound)
                || (promised == self.capture.inbound_port && port == inbound)
        })
    }

    /// Who arrived at the right port: with its original destination, and with a way back.
    fn arrived(
        &self,
        flow: &Flow,
        original: Option<SocketAddr>,
        answered: Option<bool>,
    ) -> Verdict {
        match (flow.transport, original) {
            (Transport::Tcp, Some(original)) if original == flow.destination => Holds,
            (Transport::Tcp, None) => Broken(Code::OriginalDestinationUnavailable),
            (Transport::Tcp, Some(_)) if flow.proof == Proof::Service => {
                Differs(Code::ServiceTranslated)
            }
            (Transport::Tcp, Some(_)) => Broken(Code::OriginalDestinationWrong),
            // The mesh's conntrack zones let the proxy's answers find back, and nobody else's.
            (Transport::Udp, _) if self.capture.dns.owned_answers => {
                let wrong = answered == Some(!self.proxy_answers);
                if wrong { Broken(Code::DnsZoneMissing) } else { Holds }
            }
            (Transport::Udp, _) if answered == Some(false) => Broken(Code::CaptureDropped),
            (Transport::Udp, _) => Holds,
        }
    }

    fn untouched_inside(&self, observed: &Observed) -> Verdict {
        match &observed.outcome {
            Outcome::Arrived { at, at_destination, listener, .. }
                if *at == observed.flow.destination
                    && (*at_destination || *listener == at.port()) =>
            {
                Holds
            }
            Outcome::Arrived { at, original, .. }
                if self.is_idle_rules(&observed.flow, *at)
                    && *original == Some(observed.flow.destination) =>
            {
                Blind(Code::NotObservable)
            }
            Outcome::Arrived { at, .. } => Broken(self.taken(&observed.flow, *at)),
            // Some other server at this port may well keep silent to a stranger's datagram.
            Outcome::Silent { .. }
                if !observed.attended && observed.flow.transport == Transport::Udp =>
            {
                Blind(Code::NotObservable)
            }
            Outcome::Silent { .. } if observed.flow.proof == Proof::Return => {
                Broken(Code::ReturnLost)
            }
            Outcome::Silent { .. } => Broken(Code::CaptureDropped),
            // Where we could not listen, the kernel's own refusal is what an untouched packet meets.
            Outcome::Refused { .. } | Outcome::AcceptedElsewhere if !observed.attended => Holds,
            Outcome::Refused { .. } | Outcome::AcceptedElsewhere => Broken(Code::TrafficDiverted),
            outcome if outcome.is_dropped() => Broken(Code::CaptureDropped),
            _ => Blind(Code::ProbeFailed),
        }
    }

    fn untouched_outside(&self, observed: &Observed) -> Verdict {
        match &observed.outcome {
            Outcome::Arrived { at, .. } => Broken(self.taken(&observed.flow, *at)),
            Outcome::LeftThePod { .. } | Outcome::Silent { .. } => Holds,
            Outcome::Refused { by } | Outcome::Failed { by, .. }
                if is_outside(by.as_ref(), &observed.flow, self.pod) =>
            {
                Holds
            }
            Outcome::AcceptedElsewhere => Broken(Code::TrafficDiverted),
            _ => Blind(Code::ProbeFailed),
        }
    }

    fn taken(&self, flow: &Flow, at: SocketAddr) -> Code {
        taken(flow, at.port() == self.capture.outbound_port)
    }
}

/// The flow got out: somebody who is not this pod answered by ICMP. With a hop limit of 1 the
/// destination itself cannot: its name is on what conntrack translated back.
fn is_outside(by: Option<&Offender>, flow: &Flow, pod: &[IpAddr]) -> bool {
    by.is_some_and(|by| {
        let translated = by.address == flow.destination.ip() && !by.is_time_exceeded();
        !by.address.is_loopback() && !pod.contains(&by.address) && !translated
    })
}
