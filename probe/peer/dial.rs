//! Dialling back: to the address that asked, and to no other.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    net::{TcpStream, UdpSocket},
    sync::OwnedSemaphorePermit,
    time::{sleep, timeout},
};

use super::{
    Peer,
    limit::{Of, Share},
    protocol::{Answer, Dial, Dialled, Request, VERSION, octets_of},
};
use crate::{
    layer::{
        attempt::Failure,
        redirect::{Play, Transport},
    },
    net::{client, error_queue},
};

/// How long a connection stays after the answer: who asked looks at its end meanwhile.
const HELD: Duration = Duration::from_millis(250);
/// How long a refusal of a datagram is waited for.
const REFUSAL: Duration = Duration::from_millis(20);

/// How often a place among the dials is looked for, and the pause between: a little longer than [`HELD`].
const WAITS: u32 = 15;
const WAIT: Duration = Duration::from_millis(20);

/// A connection that is kept for a moment, and its place among all.
type Held = (TcpStream, OwnedSemaphorePermit, Share);

impl Peer {
    /// Does what a request of a proven source asks for.
    pub(super) async fn answer(&self, request: &Request, from: SocketAddr) -> Answer {
        let known =
            |token: &String| request.token.as_ref().is_some_and(|said| is_same(said, token));
        if !self.plan.token.as_ref().is_none_or(known) {
            return Answer::refusal("the token is missing or wrong");
        }
        let dialled = join_all(request.dial.iter().map(|dial| self.dial(dial, from))).await;
        let (dialled, held): (Vec<Dialled>, Vec<Option<Held>>) = dialled.into_iter().unzip();
        let held: Vec<Held> = held.into_iter().flatten().collect();
        if !held.is_empty() {
            tokio::spawn(let_go(held));
        }
        Answer { version: VERSION, you: from.to_string(), dialled, ..Answer::default() }
    }

    /// A dial's place, which may take a moment: a request that was sent again is under way twice.
    async fn room(&self, source: IpAddr) -> Option<(OwnedSemaphorePermit, Share)> {
        for turn in 0..WAITS {
            if turn > 0 {
                sleep(WAIT).await;
            }
            let permit = self.limits.dials.clone().try_acquire_owned().ok();
            if let (Some(permit), Some(share)) = (permit, self.limits.share(source, Of::Dials)) {
                return Some((permit, share));
            }
        }
        None
    }

    async fn dial(&self, dial: &Dial, from: SocketAddr) -> (Dialled, Option<Held>) {
        let port = dial.port;
        let mut dialled = Dialled { port, from: None, failure: None, not_tried: None };
        if !self.plan.ports.iter().any(|range| range.contains(&port)) {
            dialled.not_tried = Some("the port is not on the peer's list".to_owned());
            return (dialled, None);
        }
        let Some((permit, share)) = self.room(from.ip()).await else {
            dialled.not_tried = Some("the peer is busy".to_owned());
            return (dialled, None);
        };
        let mut to = from;
        to.set_port(port);
        let said = octets_of(&dial.say).unwrap_or_default();
        match dial.transport {
            Transport::Udp => {
                dialled.failure = send(to, &said).await.err();
                (dialled, None)
            }
            Transport::Tcp => match client::connect(to, &Play::Own, self.plan.timeout).await {
                Ok(stream) => {
                    // It fits an empty send buffer; who does not want it is no failure of the dial.
                    let _ = stream.try_write(&said);
                    dialled.from = stream.local_addr().ok();
                    (dialled, Some((stream, permit, share)))
                }
                Err(failure) => {
                    dialled.failure = Some(failure);
                    (dialled, None)
                }
            },
        }
    }
}

/// Whether these are the same: as long in the comparing whichever octet is the first wrong one.
fn is_same(said: &str, token: &str) -> bool {
    let differ =
        said.bytes().zip(token.bytes()).fold(0, |differ, (one, other)| differ | (one ^ other));
    said.len() == token.len() && std::hint::black_box(differ) == 0
}

/// Ends connections with a reset, so that nothing is left of them here.
async fn let_go(held: Vec<Held>) {
    sleep(HELD).await;
    for (stream, ..) in held {
        // Then it ends in the usual way.
        let _ = stream.set_zero_linger();
    }
}

/// One datagram; an error is its refusal.
async fn send(to: SocketAddr, said: &[u8]) -> Result<(), Failure> {
    let told = |operation: &str, error: &io::Error| Failure::of(operation, error, None);
    let socket = client::open(to, Transport::Udp, &Play::Own, None).and_then(|socket| {
        socket.connect(&to.into())?;
        UdpSocket::from_std(socket.into())
    });
    let socket = socket.map_err(|error| told("open a socket", &error))?;
    let refused = |error: &io::Error| Failure::of("send", error, error_queue::offender(&socket));
    socket.send(said).await.map_err(|error| refused(&error))?;
    match timeout(REFUSAL, socket.recv(&mut [0])).await {
        Ok(Err(error)) => Err(refused(&error)),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// Whether somebody with this address may be dialled: not this host itself, which would make the
/// peer talk to its own neighbours on loopback, nobody who is not one host, and nobody who has no
/// address beyond the link: the cloud's metadata servers do not ask. `own` is where the question came.
pub(super) fn may_ask(from: IpAddr, own: IpAddr) -> bool {
    let from = from.to_canonical();
    let single = match from {
        IpAddr::V4(address) => {
            !address.is_broadcast() && !address.is_multicast() && !address.is_link_local()
        }
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unicast_link_local(),
    };
    single && !from.is_loopback() && !from.is_unspecified() && from != own.to_canonical()
}

/// Whether the address is one of this host's: only those can be bound.
pub(super) fn is_own(from: IpAddr) -> bool {
    std::net::UdpSocket::bind((from.to_canonical(), 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_in_every_octet_and_no_longer() {
        assert!(is_same("open sesame", "open sesame"));
        for wrong in ["", "open sesam", "open sesame!", "Open sesame", "open sesamf"] {
            assert!(!is_same(wrong, "open sesame"), "{wrong}");
        }
    }

    #[test]
    fn neither_loopback_nor_the_peer_itself_is_dialled() {
        let own: IpAddr = [10, 0, 0, 9].into();
        let refused = [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "10.0.0.9",
            "ff02::1",
            "169.254.169.254",
            "fe80::1",
        ];
        for from in refused {
            assert!(!may_ask(from.parse().expect("an address"), own), "{from}");
        }
        assert!(may_ask([10, 0, 0, 5].into(), own));
    }
}
