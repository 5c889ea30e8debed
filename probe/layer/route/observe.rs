//! Asking the kernel: a fib lookup for each destination, and its next hop's neighbour entry.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use netlink_sys::protocols::NETLINK_ROUTE;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{
    layer::redirect::Transport,
    net::{errno_name, netlink::Netlink, nudge::nudge},
    plan::{Extra, Plan},
    pod::{Answer, Environment, Family, Look, Path, Pod, Resolution, lookup, neighbour, wear},
};

/// An address that is nowhere (RFC 5737, RFC 3849): only a default route leads there.
const OUTSIDE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The same of IPv6.
const OUTSIDE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// The kernel asks for a neighbour at once and after one second (`retrans_time_ms`): whoever has
/// not answered by then has missed two questions. connect(2) says so only after three seconds.
const PATIENCE: Duration = Duration::from_millis(1200);
/// However little time is left, silence means something only after a while.
const LEAST_PATIENCE: Duration = Duration::from_millis(200);
/// The first pause between two looks at neighbours; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_millis(50);
/// Discard (RFC 863): a port that no mesh captures and no service has.
const DISCARD: u16 = 9;
/// Where nameservers listen.
const DNS: u16 = 53;

/// What a destination is to the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Stands for everything that only a default route reaches.
    Outside,
    /// A server of resolv.conf.
    Nameserver,
    /// The API server's service.
    ApiServer,
    /// An address that was named on the command line: another layer asks for it and judges it.
    Target,
}

/// One fib lookup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// What the destination is.
    pub role: Role,
    /// What was looked up.
    pub destination: IpAddr,
    /// The service's port, where it has one.
    pub port: Option<u16>,
    /// Where a packet would go.
    pub answer: Answer,
}

/// The next hop of some lookups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Neighbour {
    /// The next hop: a gateway, or a destination that is on the link.
    pub ip: IpAddr,
    /// The link.
    pub link: String,
    /// Its index.
    pub link_index: u32,
    /// Whether the kernel knows its hardware address.
    pub resolution: Look<Resolution>,
    /// How long it was waited for, in milliseconds.
    pub waited_ms: u64,
    /// Why no packet could be sent to make the kernel ask: the errno's name.
    pub unasked: Option<String>,
}

/// Everything the route layer saw beyond the pod snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The lookups that the kernel answered: the families under test, nameservers, API server,
    /// targets.
    pub lookups: Look<Vec<Lookup>>,
    /// The next hops, each once.
    pub neighbours: Vec<Neighbour>,
    /// Links with strict reverse path filtering, where that was asked for.
    #[serde(default)]
    pub strict: Option<Look<Vec<String>>>,
}

/// Looks up routes; waits at most `patience` for neighbours, and only for those that do not answer
/// at once.
pub async fn observe(
    plan: &Plan,
    pod: &Pod,
    environment: &Environment,
    patience: Duration,
) -> Seen {
    let asked = plan.extra.contains(&Extra::RpFilter);
    let strict = asked.then(|| wear::strict(pod.links.list()));
    let mut netlink = match Netlink::open(NETLINK_ROUTE) {
        Ok(netlink) => netlink,
        Err(error) => {
            let lookups = Look::blind("open a netlink route socket", &error);
            return Seen { lookups, neighbours: Vec::new(), strict };
        }
    };
    let lookups = look_up(&mut netlink, plan, pod, environment);
    let patience = patience.clamp(LEAST_PATIENCE, PATIENCE);
    let neighbours = neighbours(&mut netlink, lookups.list(), patience).await;
    Seen { lookups, neighbours, strict }
}

/// The packets that [`observe`] may send: where to, and for which next hop on which link.
#[must_use]
pub fn packets(
    plan: &Plan,
    pod: &Pod,
    environment: &Environment,
) -> Vec<(Transport, SocketAddr, IpAddr, String)> {
    let Ok(mut netlink) = Netlink::open(NETLINK_ROUTE) else { return Vec::new() };
    let lookups = look_up(&mut netlink, plan, pod, environment);
    let packet = |w: Wanted| (w.transport, w.to, w.neighbour.ip, w.neighbour.link);
    wanted(lookups.list()).into_iter().map(packet).collect()
}

fn look_up(
    netlink: &mut Netlink,
    plan: &Plan,
    pod: &Pod,
    environment: &Environment,
) -> Look<Vec<Lookup>> {
    let mut lookups = Vec::new();
    let mut blind = None;
    for (role, destination, port) in destinations(plan, pod, environment) {
        match lookup::lookup(netlink, destination, pod.links.list()) {
            Ok(answer) => lookups.push(Lookup { role, destination, port, answer }),
            Err(error) => blind = Some(Look::blind("look up a route", &error)),
        }
    }
    blind.filter(|_| lookups.is_empty()).unwrap_or(Look::Seen(lookups))
}

fn destinations(
    plan: &Plan,
    pod: &Pod,
    environment: &Environment,
) -> Vec<(Role, IpAddr, Option<u16>)> {
    let outside = |family: &Family| match family {
        Family::Ipv4 => (Role::Outside, OUTSIDE_V4.into(), None),
        Family::Ipv6 => (Role::Outside, OUTSIDE_V6.into(), None),
    };
    let nameserver = |ip: &IpAddr| (Role::Nameserver, *ip, Some(DNS));
    let service = |at: SocketAddr| (Role::ApiServer, at.ip(), Some(at.port()));
    let families = plan.addresses(pod).families;
    let mut all: Vec<_> = families.iter().map(outside).collect();
    all.extend(environment.nameservers.iter().map(nameserver));
    all.extend(plan.service.map(service));
    for target in plan.destinations() {
        if !all.iter().any(|(_, known, _)| *known == target) {
            all.push((Role::Target, target, None));
        }
    }
    all
}

/// A next hop, and the packet that makes the kernel ask for it.
struct Wanted {
    to: SocketAddr,
    transport: Transport,
    neighbour: Neighbour,
}

async fn neighbours(
    netlink: &mut Netlink,
    lookups: &[Lookup],
    patience: Duration,
) -> Vec<Neighbour> {
    let start = Instant::now();
    let mut all = wanted(lookups);
    for Wanted { to, transport, neighbour } in &mut all {
        look_again(netlink, neighbour, start);
        if unknown(neighbour) {
            neighbour.unasked = nudge(*to, *transport).err().map(|error| errno_name(&error));
            look_again(netlink, neighbour, start);
        }
    }
    let mut pause = FIRST_PAUSE;
    while all.iter().any(|wanted| asked(&wanted.neighbour)) && start.elapsed() < patience {
        sleep(pause.min(patience.saturating_sub(start.elapsed()))).await;
        pause = (pause * 2).min(LAST_PAUSE);
        for wanted in all.iter_mut().filter(|wanted| asked(&wanted.neighbour)) {
            look_again(netlink, &mut wanted.neighbour, start);
        }
    }
    all.into_iter().map(|wanted| wanted.neighbour).collect()
}

/// Whether a packet is worth sending: nobody has answered, or nobody was asked.
fn unknown(neighbour: &Neighbour) -> bool {
    let state = neighbour.resolution.seen();
    state.is_some_and(|state| state.unanswered() || *state == Resolution::Absent)
}

/// Whether an answer may still come. A neighbour that is absent after a packet was not needed for
/// it: a mesh or a service's translation took the packet elsewhere.
fn asked(neighbour: &Neighbour) -> bool {
    neighbour.unasked.is_none() && neighbour.resolution.seen().is_some_and(|s| s.unanswered())
}

fn look_again(netlink: &mut Netlink, neighbour: &mut Neighbour, start: Instant) {
    let state = neighbour::resolution(netlink, neighbour.ip, neighbour.link_index);
    // The kernel forgets what it asked for when the carrier goes: that is no answer.
    let forgotten = asked(neighbour) && matches!(state, Ok(Resolution::Absent));
    if !forgotten {
        neighbour.resolution = Look::of("look up a neighbour", state);
    }
    neighbour.waited_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
}

/// The next hops of the lookups. An address that stands for everything is nobody's own: it is asked
/// for only through a gateway. Nothing is sent to a target here: its own layer does, if at all.
fn wanted(lookups: &[Lookup]) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for lookup in lookups {
        let Answer::Leads(path) = &lookup.answer else { continue };
        let on_link = path.gateway.is_none();
        let ip = path.gateway.unwrap_or(lookup.destination);
        let known = |w: &Wanted| (w.neighbour.ip, w.neighbour.link_index) == (ip, path.link_index);
        if path.kind != "unicast"
            || lookup.role == Role::Target
            || (on_link && lookup.role == Role::Outside)
            || all.iter().any(known)
        {
            continue;
        }
        let (transport, port) = match lookup.role {
            // Through a gateway any packet asks for the gateway; one that nobody captures is best.
            _ if !on_link => (Transport::Udp, DISCARD),
            Role::ApiServer => (Transport::Tcp, lookup.port.unwrap_or(DISCARD)),
            Role::Nameserver | Role::Outside | Role::Target => {
                (Transport::Udp, lookup.port.unwrap_or(DISCARD))
            }
        };
        let to = SocketAddr::new(lookup.destination, port);
        all.push(Wanted { to, transport, neighbour: unasked(ip, path) });
    }
    all
}

fn unasked(ip: IpAddr, path: &Path) -> Neighbour {
    Neighbour {
        ip,
        link: path.link.clone(),
        link_index: path.link_index,
        resolution: Look::Seen(Resolution::Absent),
        waited_ms: 0,
        unasked: None,
    }
}
