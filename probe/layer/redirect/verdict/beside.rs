//! Verdicts beside a proxy that already runs: the other end of the connection decides.

use std::net::SocketAddr;

use super::{
    super::{
        flow::{Flow, Promise, Proof, Transport},
        live::is_proxy,
        outcome::Outcome,
    },
    Context,
    Verdict::{self, Blind, Broken, Differs, Holds},
    code::{taken, wrong_port},
    is_outside,
};
use crate::{
    finding::Code,
    pod::{Family, Listener},
};

impl Context<'_> {
    /// What only a running proxy brings about; none where it makes no difference.
    pub(super) fn beside_proxy(
        &self,
        flow: &Flow,
        outcome: &Outcome,
        live: &[Listener],
    ) -> Option<Verdict> {
        let udp = flow.transport == Transport::Udp;
        // `[::]` may stand for both families, an IPv4 address for one.
        let serves = |held: &Listener| held.address.is_ipv6() || flow.family == Family::Ipv4;
        let held = |port: u16| live.iter().any(|h| h.address.port() == port && serves(h));
        Some(match (outcome, flow.promise) {
            // The application's own server, or another container's: where it was sent.
            (Outcome::Taken { at, .. }, Promise::Untouched)
                if *at == flow.destination && flow.is_local(self.pod) =>
            {
                Holds
            }
            (Outcome::Taken { at, uid }, _) if !self.by_proxy(*at, *uid, flow, live) => {
                Broken(Code::TrafficDiverted)
            }
            (Outcome::Taken { .. }, Promise::Elsewhere) => Blind(Code::NotObservable),
            (Outcome::Taken { at, .. }, Promise::Untouched) if self.is_idle_rules(flow, *at) => {
                Blind(Code::NotObservable)
            }
            (Outcome::Taken { at, .. }, Promise::Untouched) => Broken(self.taken(flow, *at)),
            // Who took it is known, and not with which original destination.
            (Outcome::Taken { at, .. }, Promise::Captured(port))
                if at.port() == port && flow.proof == Proof::Service =>
            {
                Blind(Code::NotObservable)
            }
            (Outcome::Taken { at, .. }, Promise::Captured(port)) if at.port() == port => Holds,
            (Outcome::Taken { at, .. }, Promise::Captured(port))
                if self.is_builtin(port, at.port()) =>
            {
                Differs(Code::BuiltinPort)
            }
            (Outcome::Taken { at, .. }, Promise::Transparent(_)) if *at == flow.destination => {
                Holds
            }
            (Outcome::Taken { .. }, _) => Broken(wrong_port(flow)),
            (Outcome::Silent { .. }, Promise::Transparent(port)) if !held(port) => {
                Broken(Code::ProxyAbsent)
            }
            (Outcome::Refused { by }, Promise::Captured(port))
                if !held(port) && !is_outside(by.as_ref(), flow, self.pod) =>
            {
                Broken(Code::ProxyAbsent)
            }
            // An answer, with a hop limit of 1: from inside the pod.
            (Outcome::AcceptedElsewhere, Promise::Captured(_)) if udp => Holds,
            (Outcome::AcceptedElsewhere, Promise::Untouched) if udp => Broken(taken(flow, false)),
            // A proxy may keep silent where a first hop that answers does not.
            (Outcome::Silent { .. }, _) if udp => Blind(Code::NotObservable),
            _ => return None,
        })
    }

    /// Whether the proxy took it: its socket, or, before it accepts, its listener.
    pub(super) fn by_proxy(
        &self,
        at: SocketAddr,
        uid: Option<u32>,
        flow: &Flow,
        live: &[Listener],
    ) -> bool {
        let listens =
            |held: &Listener| held.address.port() == at.port() && is_proxy(self.capture, held.uid);
        match uid {
            Some(uid) => is_proxy(self.capture, uid),
            None => at == flow.destination || live.iter().any(listens),
        }
    }
}
