//! Trying one target: as whom, how often, and how far packets come if nobody answers.

use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use netlink_sys::protocols::NETLINK_ROUTE;
use tokio::time::sleep;

use super::{
    jobs::Job,
    once::{To, Tools, once},
    outcome::{Outcome, Probe, Unheard},
    target::{Kind, Target},
};
use crate::{
    layer::{
        attempt::Failure,
        dns::{Question, Record},
        egress::Egress,
        ladder::{self, Ladder},
        redirect::{Play, Transport},
    },
    net::{dial::millis, netlink::Netlink},
    plan::Plan,
    pod::{self, Pod, lookup, neighbour},
};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);
/// However little time is left, silence means something only after a while.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
/// What is kept of the time for finding out where packets are lost: a ladder's own limit.
const LADDER: Duration = Duration::from_millis(600);
/// How much later than that a hold may end: one as long as the deadline begins after it.
const HOLD_LATER: Duration = Duration::from_millis(900);

/// Everything that a probe depends on besides the target.
pub(super) struct Looker<'a> {
    pub(super) plan: &'a Plan,
    pub(super) pod: &'a Pod,
    pub(super) egress: Egress<'a>,
    pub(super) tools: Tools,
    /// How many more ladders may be climbed.
    pub(super) ladders: Cell<u32>,
    /// When another attempt is of no use any more; a plan that looks once takes what it takes.
    pub(super) until: Option<Instant>,
}

impl Looker<'_> {
    /// Tries the job's target until it is as it must be, and looks closer where it keeps silent.
    pub(super) async fn probe(&self, job: Job) -> Probe {
        let target = &self.plan.reach.targets[job.target];
        let question = job.question.as_ref().map(|(all, over)| (all[0].record, *over));
        let mut probe = Probe {
            target: job.target,
            family: job.family,
            address: job.to.as_ref().ok().copied(),
            question,
            outcome: Outcome::Not(Failure::Silent { waited_ms: 0 }),
            tries: 0,
            elapsed_us: 0,
            watched_ms: 0,
            captured: None,
            ladder: None,
            unheard: None,
            untried: job.untried,
        };
        let address = match job.to {
            Ok(address) => address,
            Err(outcome) => return Probe { outcome, ..probe },
        };
        let transport = transport(&target.kind, question);
        let play = self.play(target, address, transport, &mut probe);
        let to = To { address, play, patience: self.patience(target) };
        self.insist(target, job.question.as_ref(), to, &mut probe).await;
        let silent = matches!(probe.outcome, Outcome::Not(Failure::Silent { .. }));
        if silent {
            probe.unheard = self.unheard(address.ip());
        }
        if silent && target.blocked.is_none() && probe.unheard.is_none() {
            probe.ladder = self.climb(&target.kind, address, transport, play).await;
        }
        probe
    }

    /// Who sends it. Where the mesh takes it from us, a bare connection would be the mesh's; what
    /// only the far side can say is worth trying.
    fn play(
        &self,
        target: &Target,
        to: SocketAddr,
        transport: Transport,
        probe: &mut Probe,
    ) -> &Play {
        // ICMP is nothing that a mesh takes.
        if matches!(target.kind, Kind::Icmp(_)) {
            return &Play::Own;
        }
        let play = self.egress.play(to, transport);
        let Play::Cannot { reason } = play else { return play };
        probe.captured = Some(reason.clone());
        let speaks = matches!(target.kind, Kind::Tls(..) | Kind::Http { .. } | Kind::Grpc { .. });
        if speaks && target.blocked.is_none() { &Play::Own } else { play }
    }

    fn patience(&self, target: &Target) -> Duration {
        let wanted = Duration::from_millis(target.timeout_ms.unwrap_or(self.plan.reach.timeout_ms));
        let left = match target.blocked {
            None => self.left().saturating_sub(LADDER),
            Some(_) => self.left_to_hold(),
        };
        wanted.min(left.max(LEAST_PATIENCE))
    }

    fn left(&self) -> Duration {
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        self.until.map_or(Duration::MAX, left)
    }

    fn left_to_hold(&self) -> Duration {
        let left = |until: Instant| (until + HOLD_LATER).saturating_duration_since(Instant::now());
        self.until.map_or(Duration::MAX, left)
    }

    /// Tries until it is as it must be or attempts are used up; what must be blocked, until it is
    /// not or the hold is over; both no longer than there is time.
    async fn insist(
        &self,
        target: &Target,
        question: Option<&(Vec<Question>, pod::Transport)>,
        to: To<'_>,
        probe: &mut Probe,
    ) {
        let attempts = target.attempts.unwrap_or(self.plan.reach.attempts);
        let begin = Instant::now();
        loop {
            let start = Instant::now();
            probe.outcome = if matches!(to.play, Play::Cannot { .. }) {
                let reason = probe.captured.clone().unwrap_or_default();
                Outcome::Not(Failure::Masked { reason })
            } else {
                let to = To { patience: self.patience(target), ..to };
                once(&self.tools, &target.kind, question, to).await
            };
            probe.tries += 1;
            probe.elapsed_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            let watched = begin.elapsed();
            probe.watched_ms = millis(watched);
            let open = super::verdict::answered(&self.plan.reach, probe);
            let masked = matches!(probe.outcome, Outcome::Not(Failure::Masked { .. }));
            let hold = target.blocked.map(Duration::from_millis);
            let over = match hold {
                None => open || probe.tries >= attempts || self.left() <= LADDER,
                Some(hold) => {
                    let open = super::verdict::is_open(&probe.outcome);
                    open || watched >= hold || self.left_to_hold().is_zero()
                }
            };
            if over || masked {
                return;
            }
            let left = hold.map_or(PAUSE, |hold| hold.saturating_sub(watched));
            sleep(left.min(self.left_to_hold()).min(PAUSE)).await;
        }
    }

    async fn climb(
        &self,
        kind: &Kind,
        to: SocketAddr,
        transport: Transport,
        play: &Play,
    ) -> Option<Ladder> {
        let left = self.ladders.get().checked_sub(1)?;
        let payload: &[u8] = match kind {
            Kind::Udp { send, .. } => send,
            Kind::Icmp(_) | Kind::Dns { .. } => return None,
            _ => &[],
        };
        self.ladders.set(left);
        Some(Box::pin(ladder::climb(to, transport, play, payload)).await)
    }

    /// The next hop, if the kernel has asked for it and got no answer: it says so to the sender
    /// only after three seconds.
    fn unheard(&self, to: IpAddr) -> Option<Unheard> {
        let mut netlink = Netlink::open(NETLINK_ROUTE).ok()?;
        let links = self.pod.links.list();
        let lookup::Answer::Leads(path) = lookup::lookup(&mut netlink, to, links).ok()? else {
            return None;
        };
        let ip = path.gateway.unwrap_or(to);
        let state = neighbour::resolution(&mut netlink, ip, path.link_index).ok()?;
        state.unanswered().then_some(Unheard { ip, link: path.link })
    }
}

fn transport(kind: &Kind, question: Option<(Record, pod::Transport)>) -> Transport {
    match (kind, question) {
        (Kind::Udp { .. }, _) | (_, Some((_, pod::Transport::Udp))) => Transport::Udp,
        _ => Transport::Tcp,
    }
}
