//! Other nodes' pods, a few of them: whether this one reaches them, and they this one.
//!
//! A look at the pod's own network says nothing about the way to another node. Of the addresses that a
//! headless Service names, each pod asks k (`choose`); so each is asked by about k.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant, SystemTime},
};

use tokio::time::sleep;

use super::{
    choose::refill,
    drift::{Say, Voice},
    pace::jittered,
    rounds::chance,
    state::Shared,
};
use crate::{
    layer::{
        dns::{Resolved, Resolver},
        redirect::{Play, Transport},
    },
    peer::{
        ask::Asking,
        protocol::{Dial, Request, SAYING, VERSION},
    },
    plan::Plan,
    pod::{self, Family, Pod},
};

/// How long an answer about who there is stands: in a cluster of N, each is N addresses long.
const NAMES_STAND: Duration = Duration::from_mins(10);
/// How long it stands while somebody of those who are asked is silent: a pod that was replaced is named no more.
const NAMES_DOUBTED: Duration = Duration::from_mins(1);
/// Addresses of one family that fill an answer, over TCP as well (65 535 octets: 4 092 of IPv4, 2 338 of
/// IPv6, less what options take). Then it is a part, and the next one another part.
const FULL: [usize; 2] = [4000, 2250];
/// How long the nameservers may take.
const LOOK_UP: Duration = Duration::from_secs(3);
/// Who does not answer is asked once more after this before that counts.
const DOUBT: Duration = Duration::from_secs(1);

/// Who is asked, and how many of them.
#[derive(Clone, Debug)]
pub struct PeersPlan {
    /// Names of headless Services, with the peers' port.
    pub names: Vec<(String, u16)>,
    /// How many of each family.
    pub count: usize,
    /// The time between two rounds.
    pub every: Duration,
    /// The secret that they want.
    pub token: Option<String>,
    /// The port of this pod that they connect to, where one is open to them.
    pub back: Option<u16>,
}

/// How one peer stands.
#[derive(Clone, Debug)]
pub(super) struct PeerStanding {
    /// Since when it answers, or does not.
    pub(super) since: SystemTime,
    /// The time of one question and its answer, where it answers.
    pub(super) round_trip: Option<Duration>,
    /// Why it does not.
    pub(super) problem: Option<String>,
}

/// Asks peers, for ever.
pub(super) async fn run(plan: &PeersPlan, look: &Plan, state: &Shared) {
    let mut known = Known::default();
    let mut voice = Voice::default();
    loop {
        let pod = pod::snapshot(&[]);
        known.refresh(plan, look, &pod, state).await;
        let chosen = known.chosen(plan, &pod, state);
        // Whoever is asked no more is no series any more.
        state.lock().peers.retain(|ip, _| chosen.iter().any(|peer| peer.ip() == *ip));
        for peer in chosen {
            let mut found = exchange(peer, plan, &pod).await;
            if found.is_err() {
                sleep(DOUBT).await;
                found = exchange(peer, plan, &pod).await;
            }
            take(peer.ip(), found, state, &mut voice);
        }
        sleep(jittered(plan.every, chance())).await;
    }
}

/// Who there is, as far as nameservers told.
#[derive(Default)]
struct Known {
    peers: BTreeMap<IpAddr, u16>,
    asked: Option<Instant>,
    stands: Duration,
    told: Option<String>,
}

impl Known {
    /// Asks the nameservers again, if that was long ago, or somebody is silent who may have gone.
    async fn refresh(&mut self, plan: &PeersPlan, look: &Plan, pod: &Pod, state: &Shared) {
        let silent = state.lock().peers.values().any(|peer| peer.problem.is_some());
        let stands = if silent { NAMES_DOUBTED } else { self.stands };
        if self.asked.is_some_and(|asked| asked.elapsed() < stands) && !self.peers.is_empty() {
            return;
        }
        let resolver = Resolver::new(look, pod, LOOK_UP);
        let mut found = BTreeMap::new();
        for (name, port) in &plan.names {
            match resolver.look_up(name, &look.families_out(pod)).await {
                Resolved::Addresses(addresses) => {
                    found.extend(addresses.into_iter().map(|ip| (ip, *port)));
                }
                Resolved::Missing(why) | Resolved::Failed(why) | Resolved::Masked(why) => {
                    return self.tell(&format!("the peers' name {name} has no address: {why}"));
                }
            }
        }
        self.told = None;
        self.peers = found;
        self.asked = Some(Instant::now());
        self.stands = jittered(NAMES_STAND, chance());
    }

    /// Whoever was known before stays; it is said once.
    fn tell(&mut self, why: &str) {
        if self.told.as_deref() != Some(why) {
            tracing::warn!("{why}");
            self.told = Some(why.to_owned());
        }
    }

    fn chosen(&self, plan: &PeersPlan, pod: &Pod, state: &Shared) -> Vec<SocketAddr> {
        let own: Vec<String> = [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .flat_map(|family| pod.global_addresses(family))
            .map(|ip| ip.to_string())
            .collect();
        let all: Vec<IpAddr> = self.peers.keys().copied().collect();
        let kept = if self.is_part() { answering(state) } else { Vec::new() };
        let chosen = refill(&own.join(","), &kept, &all, plan.count);
        // Who is kept may be in no answer any more; peers have one port in any case that matters.
        let port = |ip: &IpAddr| self.peers.get(ip).or(self.peers.values().next()).copied();
        chosen.iter().filter_map(|ip| Some(SocketAddr::new(*ip, port(ip)?))).collect()
    }

    /// Whether there are more than an answer holds.
    fn is_part(&self) -> bool {
        let ipv4 = self.peers.keys().filter(|ip| ip.is_ipv4()).count();
        [ipv4, self.peers.len() - ipv4].iter().zip(FULL).any(|(count, full)| *count >= full)
    }
}

/// Those who answered when they were asked last.
fn answering(state: &Shared) -> Vec<IpAddr> {
    let state = state.lock();
    let answering = state.peers.iter().filter(|(_, peer)| peer.problem.is_none());
    answering.map(|(ip, _)| *ip).collect()
}

/// One question to a peer, and one connection from it to this pod; the time of the question.
async fn exchange(peer: SocketAddr, plan: &PeersPlan, pod: &Pod) -> Result<Duration, String> {
    let own = pod.global_addresses(Family::of(peer.ip())).into_iter().next();
    let own = own.ok_or_else(|| "this pod has no address of its family".to_owned())?;
    let (asking, seen) = Asking::open(peer, own, &[Play::Own, Play::Own], plan.token.clone()).await;
    let why = || seen.problem.clone().unwrap_or_else(|| "does not answer".to_owned());
    let asking = asking.ok_or_else(why)?;
    let start = Instant::now();
    asking.ask(&Request { version: VERSION, ..Request::default() }).await?;
    let round_trip = start.elapsed();
    if let Some(port) = plan.back {
        connected_back(&asking, port).await?;
    }
    Ok(round_trip)
}

async fn connected_back(asking: &Asking, port: u16) -> Result<(), String> {
    let dial = Dial { port, transport: Transport::Tcp, say: "00".repeat(SAYING) };
    let answer =
        asking.ask(&Request { version: VERSION, dial: vec![dial], ..Request::default() }).await?;
    let Some(dialled) = answer.dialled.first() else {
        return Err("says nothing about the connection that it was asked for".to_owned());
    };
    match (&dialled.failure, &dialled.not_tried) {
        (Some(failure), _) => Err(format!(
            "answers, but its connection to port {port} here fails: {}",
            failure.told()
        )),
        (None, Some(why)) => {
            Err(format!("answers, but does not connect to port {port} here: {why}"))
        }
        (None, None) => Ok(()),
    }
}

/// Notes how a peer stands; a change is said, not too often.
fn take(peer: IpAddr, found: Result<Duration, String>, state: &Shared, voice: &mut Voice<IpAddr>) {
    let mut state = state.lock();
    let before = state.peers.get(&peer);
    let answered = before.map(|before| before.problem.is_none());
    let same = answered == Some(found.is_ok());
    let since = before.filter(|_| same).map_or_else(SystemTime::now, |before| before.since);
    match &found {
        // The first answer is no news.
        _ if same || (answered.is_none() && found.is_ok()) => {}
        _ if voice.may(peer, Instant::now()) == Say::Nothing => {}
        Ok(_) => tracing::info!("peer {peer} answers again"),
        Err(why) => tracing::error!("drift: peer {peer} {why}"),
    }
    let (round_trip, problem) = match found {
        Ok(time) => (Some(time), None),
        Err(why) => (None, Some(why)),
    };
    state.peers.insert(peer, PeerStanding { since, round_trip, problem });
}
