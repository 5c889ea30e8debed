//! Dialling back: to the address that asked, and to no other.

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;

use super::{
    Peer,
    protocol::{Answer, Dial, Dialled, Request, VERSION, octets_of},
};
use crate::{layer::redirect::Play, net::client::connect};

impl Peer {
    /// Does what a request of a proven source asks for.
    pub(super) async fn answer(&self, request: &Request, from: SocketAddr) -> Answer {
        if self.plan.token.is_some() && request.token != self.plan.token {
            return Answer::refusal("the token is missing or wrong");
        }
        let dialled = join_all(request.dial.iter().map(|dial| self.dial(dial, from))).await;
        Answer { version: VERSION, you: from.to_string(), dialled, ..Answer::default() }
    }

    async fn dial(&self, dial: &Dial, from: SocketAddr) -> Dialled {
        let port = dial.port;
        let not_tried =
            |reason: &str| Dialled { port, failure: None, not_tried: Some(reason.to_owned()) };
        if !self.plan.ports.iter().any(|range| range.contains(&port)) {
            return not_tried("the port is not on the peer's list");
        }
        let Ok(_permit) = self.limits.dials.try_acquire() else {
            return not_tried("the peer is busy");
        };
        let mut to = from;
        to.set_port(port);
        let failure = match connect(to, &Play::Own, self.plan.timeout).await {
            Ok(stream) => {
                let said = octets_of(&dial.say).unwrap_or_default();
                // It fits an empty send buffer; who does not want it is no failure of the dial.
                let _ = stream.try_write(&said);
                None
            }
            Err(failure) => Some(failure),
        };
        Dialled { port, failure, not_tried: None }
    }
}

/// Whether somebody with this address may be dialled: not this host itself, which would make the
/// peer talk to its own neighbours on loopback, and nobody who is not one host.
pub(super) fn may_ask(from: IpAddr, own: IpAddr) -> bool {
    let from = from.to_canonical();
    let single = match from {
        IpAddr::V4(address) => !address.is_broadcast() && !address.is_multicast(),
        IpAddr::V6(address) => !address.is_multicast(),
    };
    single && !from.is_loopback() && !from.is_unspecified() && from != own.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_loopback_nor_the_peer_itself_is_dialled() {
        let own: IpAddr = [10, 0, 0, 9].into();
        let refused = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.9", "ff02::1"];
        for from in refused {
            assert!(!may_ask(from.parse().expect("an address"), own), "{from}");
        }
        assert!(may_ask([10, 0, 0, 5].into(), own));
    }
}
