//! Connections from outside that a peer opens because it is asked to.
//!
//! What comes from there has crossed the node and its policies: what did not arrive may have been lost
//! on the way, so silence proves nothing here, and a refusal counts only if this pod was the one that
//! refused.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::sync::Notify;

use super::{
    super::{
        flow::{Flow, Sender, Transport},
        outcome::{Offender, Outcome, PeerSeen},
        send::{ARRIVAL_PATIENCE, arrival},
        serve::Arrivals,
        vantage::Play,
    },
    holder::Holders,
};
use crate::{
    layer::{attempt::Failure, dns, egress::Egress},
    net::counters,
    peer::{
        ask::Asking,
        protocol::{Answer, Dial, Dialled, Request, SAYING, VERSION, saying},
        secret,
    },
    plan::{PeerAsked, PeerHost, Plan},
    pod::{Family, Pod},
};

/// How long a peer's name may take to be looked up.
const LOOK_UP_PATIENCE: Duration = Duration::from_secs(2);
/// How long a datagram may take that a peer says it has sent: its word can be the faster one.
const DATAGRAM_PATIENCE: Duration = Duration::from_millis(300);

/// Flows that one request names: with their answers, they fit a datagram that nobody must cut up.
const AT_ONCE: usize = 8;

/// What is known of a flow's dialling.
#[derive(Clone, Debug)]
enum Told {
    /// The peer says what became of it; and whether the reset that it met was this pod's.
    Dialled { dialled: Dialled, own_reset: bool },
    /// The peer was not asked, or did not answer.
    Unasked(String),
}

/// The peers, and what they said of each flow.
pub(super) struct DialBack {
    /// A peer for each family, or why there is none.
    peers: BTreeMap<Family, Result<SocketAddr, String>>,
    token: Result<Option<String>, String>,
    /// As whom each peer is asked, over UDP and TCP.
    plays: BTreeMap<SocketAddr, [Play; 2]>,
    holders: Holders,
    /// The pod's own addresses.
    inside: Vec<IpAddr>,
    slots: Vec<(RefCell<Option<Told>>, Notify)>,
    seen: RefCell<Vec<PeerSeen>>,
}

impl DialBack {
    /// Finds the peers' addresses.
    pub(super) async fn new(plan: &Plan, asked: &PeerAsked, flows: &[Flow], pod: &Pod) -> DialBack {
        let arriving = || flows.iter().filter(|flow| flow.sender == Sender::Outside);
        let families: BTreeSet<Family> = arriving().map(|flow| flow.family).collect();
        let inside: BTreeSet<IpAddr> = arriving().map(|flow| flow.destination.ip()).collect();
        let families: Vec<Family> = families.into_iter().collect();
        let peers = addresses(plan, asked, &families, pod).await;
        let egress = Egress::new(plan, pod);
        let plays = peers.values().flatten().map(|&peer| {
            (peer, [Transport::Udp, Transport::Tcp].map(|over| egress.play(peer, over).clone()))
        });
        DialBack {
            plays: plays.collect(),
            peers,
            token: asked.token_file.as_deref().map(secret).transpose(),
            holders: Holders::new(plan.capture.listen_ports()),
            inside: inside.into_iter().collect(),
            slots: flows.iter().map(|_| (RefCell::new(None), Notify::new())).collect(),
            seen: RefCell::default(),
        }
    }

    /// Whether somebody can be asked in this family.
    pub(super) fn has_a_peer_for(&self, family: Family) -> bool {
        matches!(self.peers.get(&family), Some(Ok(_)))
    }

    /// Why this flow cannot be asked for, if so.
    pub(super) fn obstacle(&self, flow: &Flow, attended: bool) -> Option<String> {
        self.holders
            .look_the_same(flow, attended)
            .then(|| "a server at the destination itself would look the same".to_owned())
    }

    /// Asks for all the flows, so many at a time as a request may name.
    pub(super) async fn ask(&self, flows: &[Flow], arrivals: &Arrivals) {
        join_all(self.inside.iter().map(|own| self.ask_from(*own, flows, arrivals))).await;
    }

    /// The flows to one own address, which only a request from there can ask for. Each slot is filled as
    /// soon as its answer is there: the peer keeps the connections for a moment only.
    async fn ask_from(&self, own: IpAddr, flows: &[Flow], arrivals: &Arrivals) {
        let mine = |flow: &Flow| {
            flow.sender == Sender::Outside && flow.source.is_none() && flow.destination.ip() == own
        };
        let indices: Vec<usize> = (0..flows.len()).filter(|i| mine(&flows[*i])).collect();
        let (peer, token) = match (self.peers.get(&Family::of(own)), &self.token) {
            (Some(Ok(peer)), Ok(token)) => (*peer, token.clone()),
            (Some(Err(why)), _) | (_, Err(why)) => return self.unasked(&indices, why),
            (None, _) => return,
        };
        let Some(plays) = self.plays.get(&peer) else { return };
        let (asking, mut seen) = Asking::open(peer, own, plays, token).await;
        for some in indices.chunks(AT_ONCE) {
            let dial = some.iter().map(|i| dial(&flows[*i], &arrivals.token(*i)));
            let request = Request { version: VERSION, dial: dial.collect(), ..Request::default() };
            // Who did not answer once is not waited for again.
            if let (Some(asking), None) = (&asking, &seen.problem) {
                match asking.ask(&request).await {
                    Ok(answer) => {
                        seen.you = answer.you.parse().ok();
                        self.fill(asking, &request, some, &answer, &seen).await;
                    }
                    Err(why) => seen.problem = Some(why),
                }
            }
            if let Some(why) = &seen.problem {
                self.unasked(some, &format!("the peer {peer} {why}"));
            }
        }
        self.seen.borrow_mut().push(seen);
    }

    /// What the peer says of each flow; nothing that counts, if it dialled somebody else.
    async fn fill(
        &self,
        asking: &Asking,
        request: &Request,
        some: &[usize],
        answer: &Answer,
        seen: &PeerSeen,
    ) {
        if let Some(translated) = seen.translated() {
            let why = format!("the peer {} sees {} as {translated}", seen.peer, seen.own);
            return self.unasked(some, &why);
        }
        let reset = |dialled: &Dialled| dialled.failure == Some(Failure::Refused { by: None });
        // First those that do not wait, for their connections go away.
        for (index, dialled) in some.iter().zip(&answer.dialled).filter(|(_, d)| !reset(d)) {
            self.leave(*index, Told::Dialled { dialled: dialled.clone(), own_reset: false });
        }
        let mut answers = true;
        let asked = some.iter().zip(&request.dial).zip(&answer.dialled);
        for ((index, dial), dialled) in asked.filter(|(_, dialled)| reset(dialled)) {
            let ours = if answers { resets(asking, dial).await } else { None };
            // Once is long enough to wait for a peer that does not answer any more.
            answers = ours.is_some();
            let own_reset = ours == Some(true);
            self.leave(*index, Told::Dialled { dialled: dialled.clone(), own_reset });
        }
        let untold = some.get(answer.dialled.len()..).unwrap_or_default();
        self.unasked(untold, &format!("the peer {} did not tell", seen.peer));
    }

    fn unasked(&self, indices: &[usize], why: &str) {
        for index in indices {
            self.leave(*index, Told::Unasked(why.to_owned()));
        }
    }

    fn leave(&self, index: usize, told: Told) {
        let (slot, notify) = &self.slots[index];
        *slot.borrow_mut() = Some(told);
        notify.notify_one();
    }

    /// What became of one flow, once the peer has told.
    pub(super) async fn outcome(
        &self,
        index: usize,
        flow: &Flow,
        attended: bool,
        arrivals: &Arrivals,
    ) -> Outcome {
        let told = loop {
            if let Some(told) = self.slots[index].0.borrow().clone() {
                break told;
            }
            self.slots[index].1.notified().await;
        };
        let (dialled, own_reset) = match told {
            Told::Unasked(reason) => return Outcome::Unasked { reason },
            Told::Dialled { dialled: Dialled { not_tried: Some(why), .. }, .. } => {
                return Outcome::Unasked { reason: format!("the peer says: {why}") };
            }
            Told::Dialled { dialled, own_reset } => (dialled, own_reset),
        };
        match (&dialled.failure, flow.transport, dialled.from) {
            (Some(failure), ..) => self.refused(failure, own_reset),
            (None, Transport::Udp, _) => {
                let lost = || lost("ETIMEDOUT", None);
                arrival(index, arrivals, DATAGRAM_PATIENCE).await.unwrap_or_else(lost)
            }
            (None, Transport::Tcp, from) => {
                let live = arrivals.live();
                let anothers = from.and_then(|from| {
                    self.holders.anothers(flow, from, &self.inside, attended, live)
                });
                if let Some(outcome) = anothers {
                    return outcome;
                }
                let elsewhere = || Outcome::AcceptedElsewhere;
                arrival(index, arrivals, ARRIVAL_PATIENCE).await.unwrap_or_else(elsewhere)
            }
        }
    }

    /// A refusal is the pod's own, or says nothing about it.
    fn refused(&self, failure: &Failure, own_reset: bool) -> Outcome {
        match failure {
            Failure::Refused { by: None } if own_reset => Outcome::Refused { by: None },
            Failure::Refused { by: Some(by) } | Failure::Failed { by: Some(by), .. }
                if self.inside.contains(&by.address) =>
            {
                Outcome::Refused { by: Some(*by) }
            }
            Failure::Refused { by } => lost("ECONNREFUSED", *by),
            Failure::Failed { errno, by, .. } => lost(errno, *by),
            Failure::Silent { .. } | Failure::Masked { .. } => lost("ETIMEDOUT", None),
        }
    }

    /// What the peers were seen to do.
    pub(super) fn into_seen(self) -> Vec<PeerSeen> {
        self.seen.into_inner()
    }
}

fn dial(flow: &Flow, token: &[u8; SAYING]) -> Dial {
    Dial { port: flow.destination.port(), transport: flow.transport, say: saying(token) }
}

/// Whether it is this pod that resets connections to a port: it counts as many more as the peer then
/// meets. A policy on the way can reset them, too. None where the peer does not answer.
async fn resets(asking: &Asking, dial: &Dial) -> Option<bool> {
    let again = vec![dial.clone(); AT_ONCE];
    let request = Request { version: VERSION, dial: again, ..Request::default() };
    let before = own_resets();
    let answer = asking.ask(&request).await.ok()?;
    let reset = |dialled: &&Dialled| dialled.failure == Some(Failure::Refused { by: None });
    let met = answer.dialled.iter().filter(reset).count();
    let sent = own_resets().zip(before).map(|(now, before)| now.saturating_sub(before));
    Some(met == AT_ONCE && usize::try_from(sent?).is_ok_and(|sent| sent >= met))
}

/// Lost on the way, or in the pod: from here, that looks the same.
fn lost(errno: &str, by: Option<Offender>) -> Outcome {
    Outcome::Failed { operation: "connect from the peer".to_owned(), errno: errno.to_owned(), by }
}

/// How many resets this pod has sent so far (kernel `net/ipv4/tcp_ipv4.c`, `tcp_v4_send_reset`).
fn own_resets() -> Option<u64> {
    counters::read(counters::SNMP, "Tcp:", "OutRsts")
}

/// The first address of each family.
async fn addresses(
    plan: &Plan,
    asked: &PeerAsked,
    families: &[Family],
    pod: &Pod,
) -> BTreeMap<Family, Result<SocketAddr, String>> {
    let mut found: Vec<SocketAddr> = Vec::new();
    let mut why = None;
    for host in &asked.hosts {
        match host {
            PeerHost::Address(address) => found.push(*address),
            PeerHost::Name(name, port) => {
                let resolver = dns::Resolver::new(plan, pod, LOOK_UP_PATIENCE);
                match resolver.look_up(name, families).await {
                    dns::Resolved::Addresses(all) => {
                        found.extend(all.into_iter().map(|ip| SocketAddr::new(ip, *port)));
                    }
                    dns::Resolved::Missing(said)
                    | dns::Resolved::Failed(said)
                    | dns::Resolved::Masked(said) => {
                        why = Some(format!("the peer's name {name} has no address: {said}"));
                    }
                }
            }
        }
    }
    let of = |family: &Family| {
        let first = found.iter().find(|peer| Family::of(peer.ip()) == *family).copied();
        let none = || why.clone().unwrap_or_else(|| format!("no peer has an {family} address"));
        (*family, first.ok_or_else(none))
    };
    families.iter().map(of).collect()
}
