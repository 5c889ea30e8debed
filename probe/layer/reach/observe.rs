//! Trying every target, side by side: names first, then a connection for each target and family.

use std::{
    cell::Cell,
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use futures_util::stream::{self, StreamExt};
use netlink_sys::protocols::NETLINK_ROUTE;
use tokio::time::sleep;

use super::{
    once::{To, Tools, once},
    outcome::{Outcome, Probe, Seen, Unheard},
    target::{Families, Host, Kind, Target},
};
use crate::{
    layer::{
        attempt::Failure,
        dns::{Question, Record, Resolved, Resolver},
        egress::Egress,
        ladder::{self, Ladder},
        redirect::{Play, Transport},
    },
    net::{dial::millis, limit, netlink::Netlink},
    plan::Plan,
    pod::{self, Family, Pod, lookup, neighbour},
    report::progress,
};

/// Names looked up at the same time: nameservers limit the rate.
const NAMES_AT_ONCE: usize = 32;
/// Targets tried at the same time, if there are descriptors for so many.
const AT_ONCE: usize = 8192;
/// Descriptors for everything else: streams, netlink, a ladder's sockets.
const SPARE: u64 = 64;
/// Ladders in one look: each takes 18 packets, and many targets are lost at the same place.
const LADDERS: u32 = 16;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// One probe to be.
struct Job {
    target: usize,
    family: Option<Family>,
    /// Where to, or why nowhere.
    to: Result<SocketAddr, Outcome>,
    question: Option<(Vec<Question>, pod::Transport)>,
}

/// Tries the plan's targets.
pub async fn observe(plan: &Plan, pod: &Pod) -> Seen {
    let looker = Looker {
        plan,
        pod,
        egress: Egress::new(plan, pod),
        families: plan.addresses(pod).families,
        tools: tools(plan),
        ladders: Cell::new(LADDERS),
    };
    let jobs = looker.jobs().await;
    let count = jobs.len();
    let room = limit::descriptors(count as u64 + SPARE).saturating_sub(SPARE);
    let at_once = usize::try_from(room).unwrap_or(AT_ONCE).clamp(1, AT_ONCE);
    let probes = stream::iter(jobs.into_iter().enumerate())
        .map(async |(at, job)| (at, looker.probe(job).await))
        .buffer_unordered(at_once);
    let mut probes = std::pin::pin!(probes);
    let mut all = Vec::with_capacity(count);
    while let Some(probe) = probes.next().await {
        all.push(probe);
        progress::count("targets", all.len(), count);
    }
    all.sort_unstable_by_key(|(at, _)| *at);
    Seen { probes: all.into_iter().map(|(_, probe)| probe).collect() }
}

#[cfg(feature = "tls")]
fn tools(plan: &Plan) -> Tools {
    let tls = |target: &Target| {
        matches!(
            target.kind,
            Kind::Tls(..) | Kind::Http { tls: Some(_), .. } | Kind::Grpc { tls: Some(_), .. }
        )
    };
    let any = plan.reach.targets.iter().any(tls);
    let new = || super::tls::Handshaker::new(plan.reach.ca_file.as_deref());
    Tools { handshaker: any.then(new) }
}

#[cfg(not(feature = "tls"))]
fn tools(_: &Plan) -> Tools {
    Tools {}
}

/// Everything that a probe depends on besides the target.
struct Looker<'a> {
    plan: &'a Plan,
    pod: &'a Pod,
    egress: Egress<'a>,
    families: Vec<Family>,
    tools: Tools,
    /// How many more ladders may be climbed.
    ladders: Cell<u32>,
}

impl Looker<'_> {
    async fn jobs(&self) -> Vec<Job> {
        let dns = Resolver::new(self.plan, self.pod);
        let targets = &self.plan.reach.targets;
        let mut wanted: BTreeMap<(&str, Vec<Family>), Resolved> = BTreeMap::new();
        for target in targets {
            if let (Some(Host::Name(name)), None) = (target.host(), target.via) {
                let unknown = Resolved::Failed("not looked up".to_owned());
                wanted.insert((name, self.asked_for(target)), unknown);
            }
        }
        let names = stream::iter(wanted.into_keys())
            .map(async |(name, families)| {
                let resolved = dns.look_up(name, &families).await;
                ((name, families), resolved)
            })
            .buffer_unordered(NAMES_AT_ONCE);
        let known: BTreeMap<_, _> = names.collect().await;
        let mut jobs = Vec::with_capacity(targets.len());
        for (at, target) in targets.iter().enumerate() {
            let resolved = match (target.via, target.host()) {
                (Some(ip), _) => Some(Resolved::Addresses(vec![ip])),
                (None, Some(Host::Address(ip))) => Some(Resolved::Addresses(vec![*ip])),
                (None, Some(Host::Name(name))) => {
                    known.get(&(name.as_str(), self.asked_for(target))).cloned()
                }
                (None, None) => None,
            };
            match resolved {
                Some(resolved) => self.add(&mut jobs, at, target, &resolved),
                None => add_system_servers(&mut jobs, at, target, &dns),
            }
        }
        jobs
    }

    /// The families whose addresses a name is asked for.
    fn asked_for(&self, target: &Target) -> Vec<Family> {
        match target.families {
            Families::Only(family) => vec![family],
            Families::Shared | Families::Any if !self.families.is_empty() => self.families.clone(),
            _ => vec![Family::Ipv4, Family::Ipv6],
        }
    }

    /// One job a family, and for DNS one a question.
    fn add(&self, jobs: &mut Vec<Job>, at: usize, target: &Target, resolved: &Resolved) {
        let addresses = match resolved {
            Resolved::Addresses(addresses) => addresses,
            other => {
                let to = Err(Outcome::Unresolved(other.clone()));
                jobs.push(Job { target: at, family: None, to, question: None });
                return;
            }
        };
        let named = target.via.is_none() && matches!(target.host(), Some(Host::Name(_)));
        let families = if named { self.asked_for(target) } else { vec![Family::of(addresses[0])] };
        for family in families {
            let found = addresses.iter().find(|ip| family.holds(**ip));
            let to = match found {
                Some(ip) => Ok(SocketAddr::new(*ip, target.port())),
                None if matches!(target.families, Families::Both | Families::Only(_)) => {
                    Err(Outcome::NoFamily(family))
                }
                None => continue,
            };
            let job = |question| Job { target: at, family: Some(family), to: to.clone(), question };
            match questions(target, &|name| vec![format!("{}.", name.trim_end_matches('.'))]) {
                Some(questions) => jobs.extend(questions.into_iter().map(|q| job(Some(q)))),
                None => jobs.push(job(None)),
            }
        }
    }

    async fn probe(&self, job: Job) -> Probe {
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
        };
        let address = match job.to {
            Ok(address) => address,
            Err(outcome) => return Probe { outcome, ..probe },
        };
        let transport = transport(&target.kind, question);
        let play = self.play(target, address, transport, &mut probe);
        let patience = target.timeout_ms.unwrap_or(self.plan.reach.timeout_ms);
        let to = To { address, play, patience: Duration::from_millis(patience) };
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

    /// Tries until it is as it must be or attempts are used up; what must be blocked, until it is
    /// not or the hold is over.
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
                once(&self.tools, &target.kind, question, to).await
            };
            probe.tries += 1;
            probe.elapsed_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            probe.watched_ms = millis(begin.elapsed());
            let open = super::verdict::answered(&self.plan.reach, probe);
            let masked = matches!(probe.outcome, Outcome::Not(Failure::Masked { .. }));
            let hold = target.blocked.map(Duration::from_millis);
            let over = match hold {
                None => open || probe.tries >= attempts,
                Some(hold) => super::verdict::is_open(&probe.outcome) || begin.elapsed() >= hold,
            };
            if over || masked {
                return;
            }
            let left = hold.map_or(PAUSE, |hold| hold.saturating_sub(begin.elapsed()));
            sleep(left.min(PAUSE)).await;
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

/// The servers of resolv.conf, any of which may be asked.
fn add_system_servers(jobs: &mut Vec<Job>, at: usize, target: &Target, resolver: &Resolver) {
    for to in resolver.servers() {
        let family = Family::of(to.ip());
        if matches!(target.families, Families::Only(only) if only != family) {
            continue;
        }
        let questions = questions(target, &|name| resolver.names(name)).unwrap_or_default();
        jobs.extend(questions.into_iter().map(|question| Job {
            target: at,
            family: Some(family),
            to: Ok(to),
            question: Some(question),
        }));
    }
}

/// What a DNS target asks: each kind of record over each transport.
fn questions(
    target: &Target,
    names: &dyn Fn(&str) -> Vec<String>,
) -> Option<Vec<(Vec<Question>, pod::Transport)>> {
    let Kind::Dns { name, records, transports, .. } = &target.kind else { return None };
    let of = |record: Record| {
        let questions = names(name).into_iter().map(|name| Question { name, record });
        questions.collect::<Vec<_>>()
    };
    let records = if records.is_empty() { &[Record::A][..] } else { records };
    let each = records.iter().flat_map(|record| {
        let over = |transport: &pod::Transport| (of(*record), *transport);
        transports.iter().map(over).collect::<Vec<_>>()
    });
    Some(each.collect())
}

fn transport(kind: &Kind, question: Option<(Record, pod::Transport)>) -> Transport {
    match (kind, question) {
        (Kind::Udp { .. }, _) | (_, Some((_, pod::Transport::Udp))) => Transport::Udp,
        _ => Transport::Tcp,
    }
}

/// What would be sent, a line a target; names are not looked up for it.
#[must_use]
pub fn planned(plan: &Plan) -> String {
    let line = |target: &Target| {
        let place = match (target.via, target.host()) {
            (_, None) => "the servers of resolv.conf".to_owned(),
            (Some(ip), Some(_)) => SocketAddr::new(ip, target.port()).to_string(),
            (None, Some(host)) if target.port() == 0 => host.to_string(),
            (None, Some(host)) => format!("{host}:{}", target.port()),
        };
        let must = match target.blocked {
            None => "must answer".to_owned(),
            Some(0) => "must be blocked".to_owned(),
            Some(hold) => format!("must be blocked for {hold} ms"),
        };
        format!("reach       {:<5} {place:<34} {must} ({})\n", target.kind.scheme(), target.name)
    };
    plan.reach.targets.iter().map(line).collect()
}
