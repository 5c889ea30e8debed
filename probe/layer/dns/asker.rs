//! One question to one nameserver, by whom the mesh lets go there, in the time that is left.

use std::{net::SocketAddr, time::Duration};

use tokio::time::Instant;

use super::{
    ask::ask,
    conf::File,
    environment::Variables,
    outcome::{Asked, Outcome, Purpose},
    reply::{Question, Record},
};
use crate::{
    layer::{egress::Egress, redirect::Play},
    plan::Plan,
    pod::{Family, Pod, Transport},
};

/// What is kept of the time for finding out where packets are lost: a ladder's own limit.
const LADDER: Duration = Duration::from_millis(600);

/// Everything that a question depends on besides the server.
pub(super) struct Asker<'a> {
    pub(super) plan: &'a Plan,
    pub(super) pod: &'a Pod,
    pub(super) file: &'a File,
    pub(super) variables: &'a Variables,
    pub(super) egress: Egress<'a>,
    pub(super) families: Vec<Family>,
    /// When no question is worth asking any more.
    pub(super) until: Instant,
}

impl Asker<'_> {
    pub(super) fn records(&self) -> Vec<Record> {
        let of = |family: &Family| match family {
            Family::Ipv4 => Record::A,
            Family::Ipv6 => Record::Aaaa,
        };
        match self.families.as_slice() {
            [] => vec![Record::A],
            families => families.iter().map(of).collect(),
        }
    }

    /// As libraries do it: what is truncated is asked for again over TCP.
    pub(super) async fn with_tcp(
        &self,
        to: SocketAddr,
        transport: Transport,
        purpose: Purpose,
        question: Question,
    ) -> Vec<Asked> {
        let first = self.ask(to, transport, purpose.clone(), question.clone(), false).await;
        let truncated = first.reply().is_some_and(|reply| reply.truncated);
        if transport == Transport::Udp && truncated {
            let second = self.ask(to, Transport::Tcp, purpose, question, false).await;
            return vec![first, second];
        }
        vec![first]
    }

    pub(super) async fn ask(
        &self,
        to: SocketAddr,
        transport: Transport,
        purpose: Purpose,
        question: Question,
        edns: bool,
    ) -> Asked {
        let play = self.egress.play(to, transport);
        let (outcome, lost, elapsed_ms) = if let Play::Cannot { reason } = play {
            (Outcome::Masked { reason: reason.clone() }, 0, 0)
        } else {
            let patience = self.patience(&purpose);
            let ended = ask(to, transport, play, &question, edns, patience).await;
            (ended.outcome, ended.lost, ended.elapsed_ms)
        };
        Asked { purpose, transport, question, outcome, lost, elapsed_ms }
    }

    /// What is left; of a server that may be silent, time is kept to find out where.
    fn patience(&self, purpose: &Purpose) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        if *purpose == Purpose::Path { left.saturating_sub(LADDER) } else { left }
    }
}
