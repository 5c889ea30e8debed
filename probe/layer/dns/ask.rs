//! Asking one nameserver one question, over sockets that learn who refused.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::{
    net::UdpSocket,
    time::{sleep, timeout_at},
};

use super::{
    message::{Decoded, decode, encode},
    outcome::Outcome,
    reply::Question,
};
use crate::{
    layer::{
        attempt::Failure,
        redirect::{Offender, Play},
    },
    net::{client, datagram, dial::millis, error_queue},
    pod::Transport,
};

/// When a question is asked again over UDP, each time from another port and with another id.
const TRIES: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1500)];
/// When no answer is expected any more. A lost SYN is sent again after one second.
pub const PATIENCE: Duration = Duration::from_millis(2500);
/// An answer takes some time: with less of it left, a question is better not asked.
const LEAST_PATIENCE: Duration = Duration::from_millis(20);
/// The largest message: its length stands in two octets over TCP (RFC 7766).
const LARGEST: usize = u16::MAX as usize;

/// An answer, or the lack of one.
pub struct Ended {
    /// What became of it.
    pub outcome: Outcome,
    /// How many earlier tries were lost.
    pub lost: u32,
    /// From the first try until the outcome.
    pub elapsed_ms: u64,
}

/// Asks over one transport until there is an answer, a refusal, or no patience left; with none to
/// begin with, nothing is sent.
pub async fn ask(
    to: SocketAddr,
    transport: Transport,
    play: &Play,
    question: &Question,
    edns: bool,
    patience: Duration,
) -> Ended {
    let start = Instant::now();
    let patience = patience.min(PATIENCE);
    let (outcome, lost) = match transport {
        _ if patience < LEAST_PATIENCE => (Outcome::Unasked, 0),
        Transport::Udp => udp(to, play, question, edns, patience).await,
        Transport::Tcp => (tcp(to, play, question, edns, patience).await, 0),
    };
    Ended { outcome, lost, elapsed_ms: millis(start.elapsed()) }
}

/// One datagram, from a port of its own.
pub(super) async fn once(
    to: SocketAddr,
    play: &Play,
    question: &Question,
    patience: Duration,
) -> Outcome {
    one_udp(to, play, question, &How { edns: false, connected: true, patience }).await
}

/// The first try that comes to anything counts. The last one is unconnected: it alone can see an
/// answer from somebody who was not asked.
async fn udp(
    to: SocketAddr,
    play: &Play,
    question: &Question,
    edns: bool,
    patience: Duration,
) -> (Outcome, u32) {
    let last = TRIES.len() - 1;
    let in_time = TRIES.iter().enumerate().filter(|(_, delay)| **delay < patience);
    let mut tries: FuturesUnordered<_> = in_time
        .map(async |(n, delay)| {
            sleep(*delay).await;
            let patience = patience.saturating_sub(*delay);
            let how = How { edns, connected: n != last, patience };
            (one_udp(to, play, question, &how).await, n)
        })
        .collect();
    let made = u32::try_from(tries.len()).unwrap_or(u32::MAX);
    let mut unusable = None;
    while let Some((outcome, n)) = tries.next().await {
        match outcome {
            Outcome::Silent { .. } => {}
            Outcome::Unusable { .. } => unusable = Some(outcome),
            outcome => return (outcome, u32::try_from(n).unwrap_or(u32::MAX)),
        }
    }
    (unusable.unwrap_or(Outcome::Silent { tries: made, waited_ms: millis(patience) }), 0)
}

/// How one datagram is sent and waited for.
struct How {
    edns: bool,
    connected: bool,
    patience: Duration,
}

async fn one_udp(to: SocketAddr, play: &Play, question: &Question, how: &How) -> Outcome {
    let deadline = tokio::time::Instant::now() + how.patience;
    let (id, query) = match encode(question, how.edns) {
        Ok(encoded) => encoded,
        Err(reason) => {
            return Outcome::Failed { operation: "encode".into(), errno: reason, by: None };
        }
    };
    let socket = match datagram::open(to, play) {
        Ok(socket) => socket,
        Err(error) => return failure("open a socket", &error, None),
    };
    if how.connected
        && let Err(error) = socket.connect(&to.into())
    {
        return failure("connect", &error, None);
    }
    let socket = match datagram::send(socket, &query, (!how.connected).then_some(to)) {
        Ok(socket) => socket,
        Err(failure) => return failure.into(),
    };
    let mut unusable = None;
    match timeout_at(deadline, answer(&socket, to, id, question, &mut unusable)).await {
        Ok(outcome) => outcome,
        Err(_) => match unusable {
            Some(what) => Outcome::Unusable { what },
            None => Outcome::Silent { tries: 1, waited_ms: millis(how.patience) },
        },
    }
}

/// Waits for a datagram that is the answer, or for an error.
async fn answer(
    socket: &UdpSocket,
    to: SocketAddr,
    id: u16,
    question: &Question,
    unusable: &mut Option<String>,
) -> Outcome {
    let mut buffer = vec![0; LARGEST];
    loop {
        let (length, from) = match datagram::receive(socket, &mut buffer).await {
            Ok(received) => received,
            Err(failure) => return failure.into(),
        };
        match decode(&buffer[..length], id, question) {
            Decoded::Reply(_) if !same(from, to) => return Outcome::WrongSource { from },
            Decoded::Reply(reply) => return Outcome::Reply(reply),
            Decoded::Other(what) => *unusable = Some(format!("{what} from {from}")),
        }
    }
}

/// The scope of a link-local address is no part of who it is.
fn same(from: SocketAddr, to: SocketAddr) -> bool {
    (from.ip(), from.port()) == (to.ip(), to.port())
}

async fn tcp(
    to: SocketAddr,
    play: &Play,
    question: &Question,
    edns: bool,
    patience: Duration,
) -> Outcome {
    let deadline = tokio::time::Instant::now() + patience;
    match timeout_at(deadline, over_stream(to, play, question, edns)).await {
        Ok(Ok(outcome) | Err(outcome)) => outcome,
        Err(_) => Outcome::Silent { tries: 1, waited_ms: millis(patience) },
    }
}

async fn over_stream(
    to: SocketAddr,
    play: &Play,
    question: &Question,
    edns: bool,
) -> Result<Outcome, Outcome> {
    let (id, query) = encode(question, edns).map_err(|errno| Outcome::Failed {
        operation: "encode".into(),
        errno,
        by: None,
    })?;
    let stream = client::connect(to, play, PATIENCE).await?;
    let length = u16::try_from(query.len()).unwrap_or(u16::MAX).to_be_bytes();
    let failed = |operation| {
        let stream = &stream;
        move |error: io::Error| failure(operation, &error, error_queue::offender(stream))
    };
    // Both fit the empty send buffer, so they are written at once.
    stream.try_write(&[&length[..], &query].concat()).map_err(failed("send"))?;
    let mut received = Vec::new();
    loop {
        if let Some((length, message)) = received.split_first_chunk::<2>()
            && message.len() >= usize::from(u16::from_be_bytes(*length))
        {
            let message = &message[..usize::from(u16::from_be_bytes(*length))];
            return Ok(match decode(message, id, question) {
                Decoded::Reply(reply) => Outcome::Reply(reply),
                Decoded::Other(what) => Outcome::Unusable { what: what.to_owned() },
            });
        }
        stream.readable().await.map_err(failed("wait"))?;
        let mut piece = [0; 4096];
        match stream.try_read(&mut piece) {
            Ok(0) => {
                let what = "the end of the connection without an answer".to_owned();
                return Err(Outcome::Unusable { what });
            }
            Ok(length) => received.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(failed("receive")(error)),
        }
    }
}

fn failure(operation: &str, error: &io::Error, by: Option<Offender>) -> Outcome {
    Failure::of(operation, error, by).into()
}
