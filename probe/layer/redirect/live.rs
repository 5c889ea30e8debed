//! Beside a proxy that already runs: nothing is bound, nothing is stolen; the kernel is asked who
//! holds the other end of each probe's connection.

use super::{flow::Transport, outcome::Outcome};
use crate::{
    capture::{Capture, Exempt},
    plan::{Listeners, Plan},
    pod::{Listener, Pod},
    profile::ISTIO_AMBIENT,
};

/// A query for the root's name servers (RFC 1035 §4.1): the least that a DNS server must answer.
pub(super) const DNS_QUERY: [u8; 17] = [0x70, 0x70, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];

/// The listeners of a running proxy, if the look must leave its ports alone: as asked for, or
/// because the proxy itself holds one of them; ztunnel's are never bound.
#[must_use]
pub fn running_proxy(plan: &Plan, pod: &Pod) -> Option<Vec<Listener>> {
    let capture = &plan.capture;
    let ports = [capture.outbound_port, capture.inbound_port];
    let mut held = pod.listeners.list().to_vec();
    held.retain(|held| capture.listen_ports().contains(&held.address.port()));
    let by_proxy = held.iter().any(|held| {
        held.transport == Transport::Tcp
            && ports.contains(&held.address.port())
            && is_proxy(capture, held.uid)
    });
    let live = match plan.listeners {
        Listeners::Bind => false,
        Listeners::Live => true,
        Listeners::Auto => by_proxy || plan.mesh == ISTIO_AMBIENT.name,
    };
    live.then_some(held)
}

/// Whether a socket of this user can be the proxy's.
#[must_use]
pub fn is_proxy(capture: &Capture, uid: u32) -> bool {
    let by_owner = matches!(&capture.exempt, Exempt::Owner { uids, .. } if uids.contains(&uid));
    by_owner || uid == capture.proxy.0
}

/// What nobody has accepted yet is its listener's.
pub(super) fn with_owner(outcome: Outcome, live: &[Listener]) -> Outcome {
    let listens =
        |held: &&Listener, port| held.transport == Transport::Tcp && held.address.port() == port;
    match outcome {
        Outcome::Taken { at, uid: None } => {
            let uid = live.iter().find(|held| listens(held, at.port())).map(|held| held.uid);
            Outcome::Taken { at, uid }
        }
        other => other,
    }
}
