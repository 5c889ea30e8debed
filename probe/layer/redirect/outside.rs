//! Packets from outside, made inside: each flow's handshake through a TUN device, one segment at a
//! time.
//!
//! A server that is not podprobe's never gets a connection: the kernel is asked whose half-open socket
//! answered, and only podprobe's own listeners see the handshake completed.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use netlink_packet_route::{AddressFamily, route::RouteHeader};
use netlink_sys::protocols::{NETLINK_ROUTE, NETLINK_SOCK_DIAG};
use nix::errno::Errno;
use nix::libc::{RTA_DST, RTA_OIF, RTA_SRC, RTM_GETROUTE};
use tokio::{io::unix::AsyncFd, sync::Notify, time::timeout};

use super::{
    destination::loopback,
    flow::{Flow, Promise, Proof, Sender, Transport},
    live::Taker,
    outcome::{Offender, Outcome},
    send::{ARRIVAL_PATIENCE, arrival},
    serve::Arrivals,
};
use crate::{
    net::{
        dial::{failure, millis},
        errno_name,
        netlink::{Netlink, Request, attributes},
        segment::{self, Answer, Control, flag},
        sock_diag::{is_listened_at, other_end},
        tun::Tun,
    },
    pod::{Family, Pod, Route},
};

/// Source ports begin here, and somewhere else in the next look: each flow has its own, by which
/// answers are told apart.
const FIRST_SOURCE: u16 = 30_000;
/// How far the seed moves them.
const SOURCE_SPREAD: u64 = 16_000;
/// How often a flow is sent from another port, where nobody seems to have answered: conntrack remaps a
/// source port that an earlier connection to the same capture port had.
const ATTEMPTS: u16 = 3;
/// The first pause before a packet is sent again: an IPv6 address takes up to some milliseconds to
/// become usable.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// How much longer than elsewhere silence is believed here: the answer is made in this kernel, but
/// perhaps by a thread that other work has kept waiting.
const PATIENCE: u32 = 4;
/// Device numbers that are tried before it is given up.
const TRIES: u8 = 16;
/// Bytes of `struct rtmsg`.
const ROUTE_BYTES: usize = 12;
/// A sequence number to begin with: it serves nobody to guess it.
const SEQUENCE: u32 = 0x7070_0000;

/// What it takes to look from outside, for those who lack it.
pub(super) const NEEDS: &str = "needs uid 0, NET_ADMIN and /dev/net/tun (kubectl debug --profile=netadmin), or the \
     kubelet's probe (gate --await-inbound)";

/// The device, and where answers are left for the flows.
pub(super) struct Outside {
    device: AsyncFd<Tun>,
    number: u8,
    capture_ports: Vec<u16>,
    /// Why a family cannot be used.
    unusable: BTreeMap<Family, String>,
    /// Own addresses from which an answer would go another way than back, and by which.
    astray: BTreeMap<IpAddr, String>,
    /// Sources that got no route to the device.
    unrouted: BTreeSet<IpAddr>,
    witness: Option<RefCell<Netlink>>,
    /// From where each flow is sent, if it is, and the last answer to it.
    sources: BTreeMap<SocketAddr, usize>,
    first_source: u16,
    slots: Vec<(RefCell<Option<Answer>>, Notify)>,
}

impl Outside {
    /// Puts the device into the pod for these flows; one clause why that is not possible.
    pub(super) fn open(
        flows: &[Flow],
        capture_ports: Vec<u16>,
        pod: &Pod,
        seed: u64,
    ) -> Result<Outside, String> {
        let (tun, number) = device(pod, seed)?;
        let told =
            |operation: &str, error: &io::Error| format!("{operation}: {}", errno_name(error));
        let mut netlink =
            Netlink::open(NETLINK_ROUTE).map_err(|error| told("open a netlink socket", &error))?;
        tun.set_up(&mut netlink).map_err(|error| told("set the TUN device up", &error))?;
        let moved = u16::try_from(seed / 256 % SOURCE_SPREAD).unwrap_or_default();
        let first_source = FIRST_SOURCE + moved;
        let mut outside = Outside {
            device: tun.watched().map_err(|error| told("register the TUN device", &error))?,
            number,
            capture_ports,
            unusable: BTreeMap::new(),
            astray: BTreeMap::new(),
            unrouted: BTreeSet::new(),
            witness: Netlink::open(NETLINK_SOCK_DIAG).ok().map(RefCell::new),
            sources: sources(number, first_source, flows),
            first_source,
            slots: flows.iter().map(|_| (RefCell::new(None), Notify::new())).collect(),
        };
        outside.furnish(&mut netlink, flows);
        Ok(outside)
    }

    /// Addresses, routes, and the way back from each destination.
    fn furnish(&mut self, netlink: &mut Netlink, flows: &[Flow]) {
        let flows = || flows.iter().filter(|flow| flow.sender == Sender::Outside);
        let tun = self.device.get_ref();
        for family in flows().map(|flow| flow.family).collect::<BTreeSet<_>>() {
            let inside = ends(self.number, family).0;
            if let Err(error) = tun.add_address(netlink, inside) {
                let why = format!("add {inside} to the TUN device: {}", errno_name(&error));
                self.unusable.insert(family, why);
            }
        }
        for source in flows().filter_map(|flow| flow.source).collect::<BTreeSet<_>>() {
            if tun.add_route(netlink, source).is_err() {
                self.unrouted.insert(source);
            }
        }
        for own in flows().map(|flow| flow.destination.ip()).collect::<BTreeSet<_>>() {
            let to = ends(self.number, Family::of(own)).1;
            match way_out(netlink, own, to) {
                Ok(Some(link)) if link == tun.index() => {}
                Ok(link) => {
                    let link = link.map_or("no link".to_owned(), |link| format!("link {link}"));
                    self.astray.insert(own, link);
                }
                // Then the packets themselves will tell.
                Err(_) => {}
            }
        }
    }

    /// Why this flow cannot be sent, if so.
    pub(super) fn obstacle(&self, flow: &Flow, attended: bool) -> Option<String> {
        let own = flow.destination.ip();
        if let Some(why) = self.unusable.get(&flow.family) {
            return Some(why.clone());
        }
        if let Some(link) = self.astray.get(&own) {
            return Some(format!(
                "routing rules would send the answer from {own} by {link} instead of back"
            ));
        }
        if self.looks_the_same(flow, attended) {
            return Some("a server at the destination itself would look the same".to_owned());
        }
        let unrouted = flow.source.filter(|source| self.unrouted.contains(source));
        unrouted.map(|source| format!("no route to {source} could be added"))
    }

    /// Reads what the pod answers, for ever.
    pub(super) async fn receive(&self) {
        loop {
            let Ok(mut ready) = self.device.readable().await else {
                return std::future::pending().await;
            };
            self.read_all();
            ready.clear_ready();
        }
    }

    /// Hands out what is there.
    fn read_all(&self) {
        loop {
            match self.device.get_ref().read() {
                Ok(packet) => self.leave(&packet),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn leave(&self, packet: &[u8]) {
        let Some((to, answer)) = segment::read(packet) else { return };
        if let Some((slot, notify)) = self.sources.get(&to).and_then(|i| self.slots.get(*i)) {
            *slot.borrow_mut() = Some(answer);
            notify.notify_one();
        }
    }

    /// The next answer to a flow.
    async fn answer(&self, index: usize) -> Answer {
        loop {
            if let Some(answer) = self.slots[index].0.borrow_mut().take() {
                return answer;
            }
            self.slots[index].1.notified().await;
        }
    }

    /// Sends one flow, and tells what became of it.
    pub(super) async fn send(
        &self,
        index: usize,
        flow: &Flow,
        attended: bool,
        arrivals: &Arrivals,
    ) -> Outcome {
        let mut outcome = Outcome::NotSent { reason: "there are more flows than ports".to_owned() };
        for attempt in 0..ATTEMPTS {
            let place = (self.number, self.first_source);
            let Some(from) = source(place, (attempt, self.slots.len()), index, flow) else { break };
            outcome = match flow.transport {
                Transport::Udp => self.datagram(index, flow, from, arrivals).await,
                Transport::Tcp => self.handshake(index, flow, from, attended, arrivals).await,
            };
            if !(arrivals.live && outcome == Outcome::AcceptedElsewhere) {
                break;
            }
        }
        outcome
    }

    /// A datagram with the token, again and again until something comes of it.
    async fn datagram(
        &self,
        index: usize,
        flow: &Flow,
        from: SocketAddr,
        arrivals: &Arrivals,
    ) -> Outcome {
        let datagram = segment::udp(from, flow.destination, &arrivals.token(index));
        let something = async {
            tokio::select! {
                biased;
                arrived = arrivals.wait(index) => arrived.outcome(),
                answer = self.answer(index) => refused(answer),
            }
        };
        let patience = arrivals.patience * PATIENCE;
        self.insist(datagram.as_deref(), patience, something).await.unwrap_or_else(|e| e)
    }

    /// Writes the packet until the answer comes.
    async fn insist<T>(
        &self,
        packet: Option<&[u8]>,
        patience: Duration,
        answer: impl Future<Output = T>,
    ) -> Result<T, Outcome> {
        let mut answer = std::pin::pin!(answer);
        let (started, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            self.write(packet)?;
            if let Ok(answer) = timeout(pause, &mut answer).await {
                return Ok(answer);
            }
            if started.elapsed() >= patience {
                // What has come while this process got no CPU was not read yet.
                self.read_all();
                let last = timeout(Duration::ZERO, &mut answer).await;
                return last.map_err(|_| Outcome::Silent { waited_ms: millis(patience) });
            }
            pause *= 2;
        }
    }

    fn write(&self, packet: Option<&[u8]>) -> Result<(), Outcome> {
        let packet = packet.ok_or_else(|| Outcome::NotSent {
            reason: "source and destination are of two families".to_owned(),
        })?;
        let written = self.device.get_ref().write(packet);
        written.map_err(|error| failure("inject a packet", &error, None))
    }

    async fn handshake(
        &self,
        index: usize,
        flow: &Flow,
        from: SocketAddr,
        attended: bool,
        arrivals: &Arrivals,
    ) -> Outcome {
        let to = flow.destination;
        let segment = |flags, sequence: u32, acknowledged, payload: &[u8]| {
            segment::tcp(from, to, Control { flags, sequence, acknowledged }, payload)
        };
        let syn = segment(flag::SYN, SEQUENCE, 0, &[]);
        let patience = arrivals.patience * PATIENCE;
        let answered = match self.insist(syn.as_deref(), patience, self.answer(index)).await {
            Ok(Answer::Segment(_, control)) if control.flags & flag::RST == 0 => control,
            Ok(answer) => return refused(answer),
            Err(outcome) => return outcome,
        };
        let acknowledged = answered.sequence.wrapping_add(1);
        let reset = |sent: u32| segment(flag::RST, SEQUENCE + 1 + sent, 0, &[]);
        if let Some(outcome) = self.left_alone(flow, from, attended, arrivals.live) {
            // Nobody has learnt of it, and nobody will. A device that cannot take it is gone anyhow.
            let _ = self.write(reset(0).as_deref());
            return outcome;
        }
        let token = arrivals.token(index);
        let data = segment(flag::ACK | flag::PSH, SEQUENCE + 1, acknowledged, &token);
        if let Err(outcome) = self.write(data.as_deref()) {
            return outcome;
        }
        let arrived = arrival(index, arrivals, ARRIVAL_PATIENCE).await;
        let sent = u32::try_from(token.len()).unwrap_or_default();
        let _ = self.write(reset(sent).as_deref());
        arrived.unwrap_or(Outcome::AcceptedElsewhere)
    }

    /// What is known of a half-open connection that must not be completed, for it is not one of our own
    /// listeners that would get it; else none.
    fn left_alone(
        &self,
        flow: &Flow,
        from: SocketAddr,
        attended: bool,
        live: bool,
    ) -> Option<Outcome> {
        let to = flow.destination;
        let ours = attended || (!live && self.capture_ports.contains(&to.port()));
        let handed_over = matches!(flow.promise, Promise::Transparent(_));
        let as_outcome = |taker: Taker| Outcome::Taken { at: taker.at, uid: taker.uid };
        if !live && (ours || handed_over) {
            return None;
        }
        if live && self.witness.is_none() {
            let blind = io::Error::from(Errno::EPROTONOSUPPORT);
            return Some(failure("ask sock_diag who answered", &blind, None));
        }
        match self.half_open(from, to) {
            Some(_) if ours => return None,
            Some(taker) => return Some(as_outcome(taker)),
            None if !live => return None,
            None => {}
        }
        let inside = ends(self.number, flow.family).0;
        let places = [inside, to.ip(), loopback(flow.family)];
        let found = places.into_iter().find_map(|ip| {
            let mut ports = self.capture_ports.iter();
            ports.find_map(|port| self.half_open(from, SocketAddr::new(ip, *port)))
        });
        Some(found.map_or(Outcome::AcceptedElsewhere, as_outcome))
    }

    /// The pod's end of the connection, if it is here.
    fn half_open(&self, from: SocketAddr, at: SocketAddr) -> Option<Taker> {
        let mut netlink = self.witness.as_ref()?.borrow_mut();
        let (socket, _open) = other_end(&mut netlink, from, at).ok()??;
        // Without an inode it has no owner yet.
        Some(Taker { at, uid: (socket.inode != 0).then_some(socket.uid) })
    }

    /// Whether somebody else's server stands where TPROXY, which leaves the address as it is, must take
    /// a packet away.
    fn looks_the_same(&self, flow: &Flow, attended: bool) -> bool {
        let to = flow.destination;
        let ours = attended || self.capture_ports.contains(&to.port());
        let listens = |netlink: &RefCell<Netlink>| is_listened_at(&mut netlink.borrow_mut(), to);
        matches!(flow.promise, Promise::Transparent(_))
            && !ours
            && self.witness.as_ref().is_none_or(|netlink| listens(netlink).unwrap_or(true))
    }

    /// Takes the device away.
    pub(super) fn close(self) {
        self.device.into_inner().close();
    }
}

/// What an answer that is no consent says.
fn refused(answer: Answer) -> Outcome {
    let by = match answer {
        Answer::Segment(..) => None,
        Answer::Unreachable { by, icmp_type, icmp_code } => {
            Some(Offender { address: by, icmp_type, icmp_code })
        }
    };
    Outcome::Refused { by }
}

/// Makes a device whose number, and so whose addresses, nobody uses.
fn device(pod: &Pod, seed: u64) -> Result<(Tun, u8), String> {
    let mut last = "no addresses are free".to_owned();
    for step in 0..TRIES {
        let number = u8::try_from(seed % 256).unwrap_or_default().wrapping_add(step);
        if [Family::Ipv4, Family::Ipv6].iter().any(|family| is_used(pod, ends(number, *family).1)) {
            continue;
        }
        match Tun::make(number) {
            Ok(tun) => return Ok((tun, number)),
            Err((operation, error)) => {
                last = format!("{operation}: {}", errno_name(&error));
                // Another podprobe has this one.
                if !matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::InvalidInput) {
                    break;
                }
            }
        }
    }
    Err(last)
}

/// Whether the pod has something of its own to do with the address.
fn is_used(pod: &Pod, ip: IpAddr) -> bool {
    let routed = |route: &Route| !route.is_default() && route.destination.contains(&ip);
    pod.has_address(ip) || pod.routes.list().iter().any(routed)
}

/// The address inside the pod and the one outside, documentation addresses: TEST-NET-2 and -3 (RFC
/// 5737), `2001:db8::/32` (RFC 3849).
fn ends(number: u8, family: Family) -> (IpAddr, IpAddr) {
    let pair = |last: bool| -> IpAddr {
        let host = u16::from(number) * 2 + u16::from(last);
        match family {
            Family::Ipv4 => {
                let [half, low] = host.to_be_bytes();
                let net = if half == 0 { [198, 51, 100] } else { [203, 0, 113] };
                IpAddr::from([net[0], net[1], net[2], low])
            }
            Family::Ipv6 => IpAddr::from([0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, host]),
        }
    };
    (pair(false), pair(true))
}

/// From where a flow is sent in one of its attempts; a DNS server's answer comes from its port.
fn source(
    (number, first): (u8, u16),
    (attempt, flows): (u16, usize),
    index: usize,
    flow: &Flow,
) -> Option<SocketAddr> {
    let ip = flow.source.unwrap_or_else(|| ends(number, flow.family).1);
    let further = usize::from(attempt).checked_mul(flows)?.checked_add(index)?;
    let port = first.checked_add(u16::try_from(further).ok()?)?;
    Some(SocketAddr::new(ip, if flow.proof == Proof::Dns { 53 } else { port }))
}

fn sources(number: u8, first: u16, flows: &[Flow]) -> BTreeMap<SocketAddr, usize> {
    let arriving = flows.iter().enumerate().filter(|(_, flow)| flow.sender == Sender::Outside);
    let all = arriving.flat_map(|(index, flow)| {
        (0..ATTEMPTS).filter_map(move |attempt| {
            Some((source((number, first), (attempt, flows.len()), index, flow)?, index))
        })
    });
    all.collect()
}

/// The index of the link by which an answer from here to there would leave.
fn way_out(netlink: &mut Netlink, from: IpAddr, to: IpAddr) -> io::Result<Option<u32>> {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (address_family, bits) =
        if to.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
    let header = RouteHeader {
        address_family,
        destination_prefix_length: bits,
        source_prefix_length: bits,
        ..RouteHeader::default()
    };
    let (from, to) = (octets(from), octets(to));
    let request = Request { header, attributes: &[(RTA_DST, &to), (RTA_SRC, &from)] };
    let body = netlink.ask(RTM_GETROUTE, &request)?;
    let link = attributes(&body, ROUTE_BYTES).find(|attribute| attribute.kind() == RTA_OIF);
    Ok(link.and_then(|link| Some(u32::from_ne_bytes(link.value().try_into().ok()?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::tests::sample;

    #[test]
    fn each_device_has_addresses_of_its_own() {
        let all: BTreeSet<IpAddr> = (0..=255)
            .flat_map(|number| [Family::Ipv4, Family::Ipv6].map(|family| ends(number, family)))
            .flat_map(|(inside, outside)| [inside, outside])
            .collect();
        assert_eq!(all.len(), 256 * 4);
    }

    #[test]
    fn what_the_pod_routes_is_left_alone() {
        let mut pod = sample();
        let outside = ends(3, Family::Ipv4).1;
        assert!(!is_used(&pod, outside));
        let crate::pod::Look::Seen(routes) = &mut pod.routes else { unreachable!() };
        let destination = "198.51.100.0/24".parse().expect("a network");
        routes.push(Route { destination, ..routes[0].clone() });
        assert!(is_used(&pod, outside));
    }
}
