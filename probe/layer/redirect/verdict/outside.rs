//! Verdicts on what arrives from outside: made by injection, its connections never completed with a
//! server that is not podprobe's; or dialled by a peer, whose packets can be lost on the way.

use std::net::SocketAddr;

use super::{
    super::{
        flow::{Flow, Promise, Proof},
        outcome::{Observed, Outcome},
    },
    Context,
    Verdict::{self, Blind, Broken, Differs, Holds},
    code::{escaped, taken, wrong_port},
};
use crate::{
    finding::Code,
    pod::{Family, Listener},
};

impl Context<'_> {
    /// Compares what became of a packet from outside with what was promised.
    pub(super) fn arriving(&self, observed: &Observed) -> Verdict {
        let flow = &observed.flow;
        if self.needs_transparency(observed) {
            return Blind(Code::NotObservable);
        }
        match &observed.outcome {
            Outcome::NotSent { .. } => Blind(Code::NotObservable),
            // Who names a peer wants its word.
            Outcome::Failed { .. } | Outcome::LeftThePod { .. } | Outcome::Unasked { .. } => {
                Blind(Code::ProbeFailed)
            }
            // Sent for the sake of the query after it, to a port where nobody listens.
            _ if flow.proof == Proof::Dns => Blind(Code::NotObservable),
            // Rules that let in the pod's own interface alone would do the same.
            _ if self.deaf.contains(&flow.family) => Blind(Code::NotObservable),
            // As with SYN cookies: nobody's half-open connection is ever to be seen.
            Outcome::AcceptedElsewhere if self.untraceable.contains(&flow.family) => {
                Blind(Code::NotObservable)
            }
            // Who took it may have closed it meanwhile, and between here and the peer the address may be
            // translated: only what our own listeners lack is proof.
            Outcome::AcceptedElsewhere
                if self.dialled && (self.live.is_some() || !observed.attended) =>
            {
                Blind(Code::NotObservable)
            }
            Outcome::AcceptedElsewhere => Broken(Code::TrafficDiverted),
            Outcome::Silent { .. } if self.nobody_serves(flow) => Broken(Code::ProxyAbsent),
            Outcome::Silent { .. } => Broken(Code::CaptureDropped),
            Outcome::Refused { by: Some(by) } if by.is_time_exceeded() => {
                Broken(Code::TrafficDiverted)
            }
            Outcome::Refused { by: Some(_) } => Broken(Code::CaptureRefused),
            Outcome::Refused { by: None } => self.reset(observed),
            Outcome::Arrived { at, listener, original, at_destination, .. } => {
                let itself = *at_destination || (*at == flow.destination && *listener == at.port());
                self.arrived_through(flow, *at, *listener, *original, itself)
            }
            Outcome::Taken { at, uid } => self.half_open(flow, *at, *uid),
        }
    }

    /// What TPROXY hands over shows itself to a transparent listener alone. Without one it vanishes, and
    /// so may a packet on a peer's way; or, by native nftables, it goes on.
    fn needs_transparency(&self, observed: &Observed) -> bool {
        let lost = match &observed.outcome {
            Outcome::Silent { .. } | Outcome::Failed { .. } => true,
            Outcome::Arrived { .. } | Outcome::Refused { by: None } => self.vanishes != Some(true),
            _ => false,
        };
        let handed_over = matches!(observed.flow.promise, Promise::Transparent(_));
        handed_over && lost && !self.transparent && self.live.is_none()
    }

    /// A reset: by a port where nobody listens, the destination itself or where a rule leads.
    fn reset(&self, observed: &Observed) -> Verdict {
        let flow = &observed.flow;
        match flow.promise {
            Promise::Untouched if observed.attended => Broken(Code::TrafficDiverted),
            Promise::Untouched => Holds,
            _ if self.nobody_serves(flow) => Broken(Code::ProxyAbsent),
            _ if observed.attended => Broken(Code::CaptureRefused),
            _ => Broken(escaped(flow)),
        }
    }

    /// Beside a proxy that should run, nobody listens where the flow must land.
    fn nobody_serves(&self, flow: &Flow) -> bool {
        let (Some(live), Promise::Captured(port) | Promise::Transparent(port)) =
            (self.live, flow.promise)
        else {
            return false;
        };
        // `[::]` may stand for both families, an IPv4 address for one.
        let serves = |held: &Listener| held.address.is_ipv6() || flow.family == Family::Ipv4;
        !live.iter().any(|held| held.address.port() == port && serves(held))
    }

    fn arrived_through(
        &self,
        flow: &Flow,
        at: SocketAddr,
        listener: u16,
        original: Option<SocketAddr>,
        itself: bool,
    ) -> Verdict {
        match flow.promise {
            Promise::Untouched if itself => Holds,
            Promise::Untouched => Broken(taken(flow, false)),
            // Whether a capture port was where it was sent, or where TPROXY handed it, looks the same.
            Promise::Transparent(_) if itself && self.is_capture_port(listener) => {
                Blind(Code::NotObservable)
            }
            Promise::Transparent(port) if at == flow.destination && listener == port => Holds,
            // A nat rule changed the address as well, though the kernel still tells the first.
            Promise::Transparent(port) if listener == port => Broken(Code::TrafficDiverted),
            // By the pod's own link, REDIRECT to the port that it was sent to changes nothing.
            Promise::Captured(port) if itself && self.dialled && port == at.port() => {
                Blind(Code::NotObservable)
            }
            _ if itself => Broken(escaped(flow)),
            Promise::Transparent(_) if at == flow.destination => Broken(wrong_port(flow)),
            Promise::Transparent(_) => Broken(Code::InterceptionDiffers),
            Promise::Captured(port) if at.port() == port => self.arrived(flow, original, None),
            Promise::Captured(port)
                if original == Some(flow.destination) && self.is_builtin(port, at.port()) =>
            {
                Differs(Code::BuiltinPort)
            }
            Promise::Captured(_) | Promise::Elsewhere => Broken(wrong_port(flow)),
        }
    }

    fn is_capture_port(&self, port: u16) -> bool {
        [self.capture.inbound_port, self.capture.outbound_port].contains(&port)
    }

    /// Who answered, and left it at that.
    fn half_open(&self, flow: &Flow, at: SocketAddr, uid: Option<u32>) -> Verdict {
        let itself = at == flow.destination;
        match flow.promise {
            Promise::Untouched if itself => Holds,
            Promise::Transparent(_) if itself && self.live.is_some() => Holds,
            // As above.
            Promise::Captured(port) if itself && self.dialled && port == at.port() => {
                Blind(Code::NotObservable)
            }
            Promise::Captured(_) | Promise::Transparent(_) if itself => Broken(escaped(flow)),
            _ if !self.by_proxy(at, uid, flow, self.live.unwrap_or_default()) => {
                Broken(Code::TrafficDiverted)
            }
            Promise::Untouched => Broken(taken(flow, false)),
            Promise::Transparent(_) => Broken(Code::InterceptionDiffers),
            Promise::Captured(port) if at.port() == port => Holds,
            Promise::Captured(port) if self.is_builtin(port, at.port()) => {
                Differs(Code::BuiltinPort)
            }
            Promise::Captured(_) | Promise::Elsewhere => Broken(wrong_port(flow)),
        }
    }
}
