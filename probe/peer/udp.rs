//! Requests by datagram, for pods whose TCP the mesh captures.

use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{net::UdpSocket, time::sleep};

use super::{
    Peer,
    dial::{is_own, may_ask},
    protocol::{Answer, MOST_OCTETS, Request, VERSION},
};

/// How long a cookie lives, at least; at most twice as long.
const EPOCH: Duration = Duration::from_secs(10);
/// Pause after recvfrom(2) failed.
const PAUSE: Duration = Duration::from_millis(5);

/// What proves that a source receives what is sent to it: a keyed hash (`SipHash` with random
/// keys) of its address and the time.
struct Cookies {
    keys: RandomState,
    start: Instant,
}

impl Cookies {
    fn of(&self, from: SocketAddr, epoch: u64) -> String {
        format!("{:016x}", self.keys.hash_one((from, epoch)))
    }

    fn epoch(&self) -> u64 {
        self.start.elapsed().as_secs() / EPOCH.as_secs()
    }

    fn holds(&self, cookie: &str, from: SocketAddr) -> bool {
        let now = self.epoch();
        [now, now.saturating_sub(1)].iter().any(|epoch| self.of(from, *epoch) == cookie)
    }
}

/// Serves one socket for ever.
pub(super) async fn serve(peer: Arc<Peer>, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let cookies = Cookies { keys: RandomState::new(), start: Instant::now() };
    let mut buffer = vec![0; MOST_OCTETS + 1];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            sleep(PAUSE).await;
            continue;
        };
        // The socket's own address is unspecified where it listens everywhere: that is nobody's.
        let own = socket.local_addr().map_or(from.ip(), |own| own.ip());
        if !may_ask(from.ip(), own) {
            continue;
        }
        // Nothing is said to an unproven source but a cookie, however wrong its request.
        let Ok(request) = Request::parse(&buffer[..length]) else { continue };
        match request.cookie.as_deref() {
            Some(cookie) if cookies.holds(cookie, from) => {
                if is_own(from.ip()) {
                    continue;
                }
                // Now it is known who pays.
                if !peer.limits.admits(from.ip(), Instant::now()) {
                    let answer = Answer::refusal("too many requests from this source");
                    send(&socket, &answer, from, MOST_OCTETS).await;
                    continue;
                }
                let (peer, socket) = (peer.clone(), socket.clone());
                tokio::spawn(async move {
                    let answer = peer.answer(&request, from).await;
                    send(&socket, &answer, from, MOST_OCTETS).await;
                });
            }
            _ if peer.limits.admits_anybody(Instant::now()) => {
                let cookie = Some(cookies.of(from, cookies.epoch()));
                let answer = Answer { version: VERSION, cookie, ..Answer::default() };
                // Shorter than the question: two peers would otherwise answer each other for ever.
                send(&socket, &answer, from, length.saturating_sub(1)).await;
            }
            _ => {}
        }
    }
}

/// Sends an answer that is no larger than allowed; a lost one is asked for again.
async fn send(socket: &UdpSocket, answer: &Answer, to: SocketAddr, most: usize) {
    let octets = serde_json::to_vec(answer).unwrap_or_default();
    if octets.len() <= most {
        let _ = socket.send_to(&octets, to).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_source_alone() {
        let cookies = Cookies { keys: RandomState::new(), start: Instant::now() };
        let (one, other) =
            (SocketAddr::from(([10, 0, 0, 1], 7)), SocketAddr::from(([10, 0, 0, 2], 7)));
        let cookie = cookies.of(one, cookies.epoch());
        assert!(cookies.holds(&cookie, one));
        assert!(!cookies.holds(&cookie, other));
        assert!(!cookies.holds("", one));
    }
}
