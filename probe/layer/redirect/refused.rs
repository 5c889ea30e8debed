//! Refusals that do not say where they come from: the flows beside them do.

use super::{
    aggregate::Broken,
    destination::may_be_had,
    flow::{Promise, Proof, Sender, Transport},
    outcome::{Observed, Outcome},
};
use crate::{finding::Code, pod::Family};

/// Gives what was refused the code of what the flows of its family show.
pub(super) fn settle(flows: &[Observed], broken: &mut [Broken]) {
    for family in [Family::Ipv4, Family::Ipv6] {
        if all_leave(flows, broken, family) {
            recode(broken, family, Code::CaptureRefused, Code::OutboundEscaped, is_had);
        }
        if arrives_at_a_dead_port(flows, broken, family) {
            let (from, to) = (Code::InboundEscaped, Code::CaptureRefused);
            recode(broken, family, from, to, |o| arriving(o) && reset(o));
        }
    }
}

/// Whether connections to addresses that nobody has leave the pod, each of them. Then those to a service do
/// as well, and what refuses them is a node that has its address (IPVS binds it), not the pod.
fn all_leave(flows: &[Observed], broken: &[Broken], family: Family) -> bool {
    let to_nobody = |o: &Observed| {
        outbound(o) && o.flow.family == family && !may_be_had(o.flow.destination.ip())
    };
    let left = |o: &&Observed| matches!(o.outcome, Outcome::LeftThePod { .. });
    let mut sent = flows.iter().filter(|o| to_nobody(o)).peekable();
    let escaped = |(o, code): &Broken| to_nobody(o) && *code == Code::OutboundEscaped;
    sent.peek().is_some() && sent.all(|o| left(&o)) && broken.iter().any(escaped)
}

/// Whether connections from outside to ports where podprobe listens are refused, each of them: a rule takes
/// them elsewhere, and so it does those to ports where nobody listens.
fn arrives_at_a_dead_port(flows: &[Observed], broken: &[Broken], family: Family) -> bool {
    // At the capture port itself its own listener answers for both.
    let elsewhere = |o: &Observed| !matches!(o.flow.promise, Promise::Captured(port) if port == o.flow.destination.port());
    let of_family = |o: &&Observed| arriving(o) && o.flow.family == family && elsewhere(o);
    let refused = |o: &&Observed| {
        broken.iter().any(|(b, code)| std::ptr::eq(*b, *o) && *code == Code::CaptureRefused)
    };
    let mut attended = flows.iter().filter(of_family).filter(|o| o.attended).peekable();
    attended.peek().is_some() && attended.all(|o| refused(&o))
}

fn outbound(observed: &Observed) -> bool {
    let flow = &observed.flow;
    let captured = matches!(flow.promise, Promise::Captured(_));
    let to_all = matches!(flow.proof, Proof::Outbound | Proof::Service);
    captured && to_all && flow.sender == Sender::App && flow.transport == Transport::Tcp
}

/// A reset of a connection to an address that somebody outside may have.
fn is_had(observed: &Observed) -> bool {
    outbound(observed) && reset(observed) && may_be_had(observed.flow.destination.ip())
}

fn arriving(observed: &Observed) -> bool {
    let captured = matches!(observed.flow.promise, Promise::Captured(_));
    captured && observed.flow.proof == Proof::Arriving
}

fn reset(observed: &Observed) -> bool {
    matches!(observed.outcome, Outcome::Refused { by: None })
}

fn recode(
    broken: &mut [Broken],
    family: Family,
    from: Code,
    to: Code,
    which: impl Fn(&Observed) -> bool,
) {
    for (observed, code) in broken.iter_mut() {
        if observed.flow.family == family && *code == from && which(observed) {
            *code = to;
        }
    }
}
