//! Asking a peer, from inside the pod.

use std::{io, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{net::UdpSocket, time::timeout};

use super::protocol::{Answer, MOST_OCTETS, Request};
use crate::{
    layer::{
        attempt::Failure,
        redirect::{Offender, Play, Transport},
    },
    net::{client, dial::millis, error_queue},
};

/// How often a datagram is sent again that was not answered.
const TRIES: u32 = 3;

/// Why a peer did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unanswered {
    /// It could not be reached.
    Failure(Failure),
    /// What came back is no answer.
    Unusable(String),
    /// It refuses, and says why.
    Refused(String),
}

impl Unanswered {
    /// What became of it: the end of a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Unanswered::Failure(failure) => failure.told(),
            Unanswered::Unusable(what) => format!("is answered by what is {what}"),
            Unanswered::Refused(reason) => format!("is refused by the peer: {reason}"),
        }
    }
}

/// Asks by datagrams: first for a cookie, then in earnest. A mesh that captures TCP leaves these
/// alone. Each answer is waited for no longer than `patience`.
///
/// # Errors
/// Why there is no answer.
pub async fn by_udp(
    peer: SocketAddr,
    play: &Play,
    request: &Request,
    patience: Duration,
) -> Result<Answer, Unanswered> {
    let open = client::open(peer, Transport::Udp, play, None);
    let socket = open.and_then(|socket| {
        socket.connect(&peer.into())?;
        UdpSocket::from_std(socket.into())
    });
    let socket = socket.map_err(|error| lost("open a socket", &error, None))?;
    // Without one the answer would be larger than the question.
    let padding = " ".repeat(64);
    let first = Request { dial: Vec::new(), padding, ..request.clone() };
    let cookie = exchange(&socket, &first, patience).await?.cookie;
    let cookie = cookie.ok_or_else(|| Unanswered::Unusable("no cookie".to_owned()))?;
    let second = Request { cookie: Some(cookie), ..request.clone() };
    match exchange(&socket, &second, patience).await? {
        Answer { refused: Some(reason), .. } => Err(Unanswered::Refused(reason)),
        answer => Ok(answer),
    }
}

async fn exchange(
    socket: &UdpSocket,
    request: &Request,
    patience: Duration,
) -> Result<Answer, Unanswered> {
    let octets = serde_json::to_vec(request).unwrap_or_default();
    let mut buffer = vec![0; MOST_OCTETS];
    for _ in 0..TRIES {
        socket.send(&octets).await.map_err(|error| refused("send", &error, socket))?;
        match timeout(patience, socket.recv(&mut buffer)).await {
            Ok(Ok(length)) => {
                return Answer::parse(&buffer[..length]).map_err(Unanswered::Unusable);
            }
            Ok(Err(error)) => return Err(refused("receive", &error, socket)),
            Err(_) => {}
        }
    }
    Err(Unanswered::Failure(Failure::Silent { waited_ms: millis(patience * TRIES) }))
}

fn refused(operation: &str, error: &io::Error, socket: &UdpSocket) -> Unanswered {
    lost(operation, error, error_queue::offender(socket))
}

fn lost(operation: &str, error: &io::Error, by: Option<Offender>) -> Unanswered {
    Unanswered::Failure(Failure::of(operation, error, by))
}
