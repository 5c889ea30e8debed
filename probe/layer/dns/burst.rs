//! Many short questions to a server that answers: how many are lost, one by one and in pairs.
//!
//! glibc and musl send A and AAAA back to back from one socket. Two packets of one new flow race
//! through the node's connection tracking, and one of them may be dropped there (kubernetes #56903):
//! a resolver that takes a port for each question never sees it.

use std::{net::SocketAddr, time::Duration};

use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout_at},
};

use super::{
    ask::once,
    message::{Decoded, decode, encode},
    outcome::Outcome,
    reply::{Question, Record},
};
use crate::{layer::redirect::Play, net::datagram};

/// Questions under way at the same time.
const AT_ONCE: usize = 8;
/// The longest message over UDP.
const LARGEST: usize = u16::MAX as usize;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Burst {
    /// Questions asked alone, each from a port of its own.
    pub single: u32,
    /// Those that got no answer.
    pub single_lost: u32,
    /// A and AAAA, back to back from one port.
    pub pairs: u32,
    /// Pairs of which one answer came, and the other one when its question was asked again alone.
    pub half_lost: u32,
    /// Pairs of which one answer came, and the other one not when asked for again, either.
    pub half_missing: u32,
    /// Pairs without an answer.
    pub pairs_lost: u32,
    /// How long each answer was waited for, in milliseconds.
    pub waited_ms: u64,
}

/// What became of one pair.
enum Pair {
    Whole,
    HalfLost,
    HalfMissing,
    Lost,
}

/// Asks `count` questions alone and as many pairs, as far as they fit before `until`.
pub(super) async fn burst(
    to: SocketAddr,
    play: &Play,
    name: &str,
    count: u32,
    patience: Duration,
    until: Instant,
) -> Burst {
    let question = |record| Question { name: name.to_owned(), record };
    let (a, aaaa) = (question(Record::A), question(Record::Aaaa));
    let fits = || Instant::now() + patience < until;
    let singles = stream::iter(0..count).map(async |_| {
        if !fits() {
            return None;
        }
        Some(once(to, play, &a, patience).await)
    });
    let singles: Vec<_> = singles.buffered(AT_ONCE).filter_map(async |o| o).collect().await;
    let pairs = stream::iter(0..count).map(async |_| {
        if !fits() {
            return None;
        }
        pair(to, play, &[&a, &aaaa], patience).await
    });
    let pairs: Vec<Pair> = pairs.buffered(AT_ONCE).filter_map(async |pair| pair).collect().await;
    let answered = |outcome: &&Outcome| matches!(outcome, Outcome::Reply(_));
    let of = |kind: fn(&&Pair) -> bool| number(pairs.iter().filter(kind).count());
    Burst {
        single: number(singles.len()),
        single_lost: number(singles.len() - singles.iter().filter(answered).count()),
        pairs: number(pairs.len()),
        half_lost: of(|pair| matches!(pair, Pair::HalfLost)),
        half_missing: of(|pair| matches!(pair, Pair::HalfMissing)),
        pairs_lost: of(|pair| matches!(pair, Pair::Lost)),
        waited_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// None where nothing could be sent.
async fn pair(
    to: SocketAddr,
    play: &Play,
    questions: &[&Question; 2],
    patience: Duration,
) -> Option<Pair> {
    let answered = both(to, play, questions, patience).await?;
    let missing = match answered {
        [true, true] => return Some(Pair::Whole),
        [false, false] => return Some(Pair::Lost),
        [false, true] => questions[0],
        [true, false] => questions[1],
    };
    let again = once(to, play, missing, patience).await;
    Some(if matches!(again, Outcome::Reply(_)) { Pair::HalfLost } else { Pair::HalfMissing })
}

/// Which of the two were answered.
async fn both(
    to: SocketAddr,
    play: &Play,
    questions: &[&Question; 2],
    patience: Duration,
) -> Option<[bool; 2]> {
    let deadline = Instant::now() + patience;
    let queries = [encode(questions[0], false).ok()?, encode(questions[1], false).ok()?];
    let socket = datagram::open(to, play).ok()?;
    socket.connect(&to.into()).ok()?;
    for (_, query) in &queries {
        socket.send(query).ok()?;
    }
    let socket = UdpSocket::from_std(socket.into()).ok()?;
    let mut answered = [false; 2];
    let mut buffer = vec![0; LARGEST];
    while answered != [true, true] {
        let Ok(Ok(length)) = timeout_at(deadline, socket.recv(&mut buffer)).await else { break };
        for (at, (id, _)) in queries.iter().enumerate() {
            let reply = decode(&buffer[..length], *id, questions[at]);
            answered[at] |= matches!(reply, Decoded::Reply(_));
        }
    }
    Some(answered)
}
