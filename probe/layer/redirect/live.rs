//! Beside a proxy that already runs: nothing is bound, nothing is stolen; the kernel is asked who
//! holds the other end of each probe's connection.

use std::{cell::RefCell, io, net::SocketAddr};

use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::{destination::loopback, flow::Transport, outcome::Outcome};
use crate::{
    capture::{Capture, Exempt},
    net::{netlink::Netlink, sock_diag::other_end},
    plan::{Listeners, Plan},
    pod::{Family, Listener, Pod},
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

/// Who took a probe's connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taker {
    /// The local address of the socket that did.
    pub(super) at: SocketAddr,
    /// Its owner; none while nobody has accepted the connection.
    pub(super) uid: Option<u32>,
}

/// Asks `sock_diag` about the other end of connections.
pub(super) struct Witness {
    netlink: RefCell<Netlink>,
    ports: Vec<u16>,
}

impl Witness {
    /// A witness for redirection to these ports.
    pub(super) fn open(ports: Vec<u16>) -> io::Result<Witness> {
        let netlink = RefCell::new(Netlink::open(NETLINK_SOCK_DIAG)?);
        Ok(Witness { netlink, ports })
    }

    /// Who holds the other end of `ours`: the destination itself, or a capture port, to which nat
    /// OUTPUT redirects on loopback.
    pub(super) fn taker(
        &self,
        ours: SocketAddr,
        destination: SocketAddr,
    ) -> io::Result<Option<Taker>> {
        let lo = loopback(Family::of(ours.ip()));
        let captured = self.ports.iter().map(|port| SocketAddr::new(lo, *port));
        let mut closing = None;
        for at in [destination].into_iter().chain(captured) {
            if let Some((socket, open)) = other_end(&mut self.netlink.borrow_mut(), ours, at)? {
                // Without an inode it has no owner yet: it waits in the backlog.
                let uid = (socket.inode != 0).then_some(socket.uid);
                let taker = Taker { at, uid };
                if open {
                    return Ok(Some(taker));
                }
                // A proxy that closes at once leaves such a socket, and so does an earlier look.
                closing.get_or_insert(taker);
            }
        }
        Ok(closing)
    }
}
