//! Who may ask outside: whom the mesh lets go there untouched.

use std::net::SocketAddr;

use super::redirect::{Play, Transport, Vantage, takes_from_application, vantage};
use crate::{plan::Plan, pod::Pod};

/// Whom podprobe can be on the way out, and what the mesh promises to take.
pub struct Egress<'a> {
    plan: &'a Plan,
    pod: &'a Pod,
    vantage: Vantage,
}

impl<'a> Egress<'a> {
    /// What this container may be.
    #[must_use]
    pub fn new(plan: &'a Plan, pod: &'a Pod) -> Egress<'a> {
        Egress { plan, pod, vantage: vantage(&plan.capture, plan.app, &pod.identity) }
    }

    /// The identity under which a packet to this address comes to whom it was sent to: podprobe's
    /// own, or where the mesh takes that one's packets, the proxy's. [`Play::Cannot`] has the
    /// reason why that one cannot be had.
    #[must_use]
    pub fn play(&self, to: SocketAddr, transport: Transport) -> &Play {
        let local = to.ip().is_loopback() || self.pod.has_address(to.ip());
        let taken = takes_from_application(&self.plan.capture, transport, to, local);
        if taken { &self.vantage.proxy } else { &Play::Own }
    }
}
