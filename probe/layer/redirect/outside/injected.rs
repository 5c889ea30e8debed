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

use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;
use tokio::{io::unix::AsyncFd, sync::Notify, time::timeout};

use super::{
    super::{
        flow::{Flow, Sender, Transport},
        outcome::{Offender, Outcome},
        send::{ARRIVAL_PATIENCE, arrival},
        serve::Arrivals,
    },
    holder::Holders,
    place::{ATTEMPTS, device, ends, source, sources, way_out},
};
use crate::{
    net::{
        dial::{failure, millis},
        errno_name,
        netlink::Netlink,
        segment::{self, Answer, Control, flag},
        tun::Tun,
    },
    pod::{Family, Pod},
};

/// Source ports begin here, and somewhere else in the next look: each flow has its own, by which
/// answers are told apart.
const FIRST_SOURCE: u16 = 30_000;
/// How far the seed moves them.
const SOURCE_SPREAD: u64 = 16_000;
/// The first pause before a packet is sent again: an IPv6 address takes up to some milliseconds to
/// become usable.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// How much longer than elsewhere silence is believed here: the answer is made in this kernel, but
/// perhaps by a thread that other work has kept waiting.
const PATIENCE: u32 = 4;
/// A sequence number to begin with: it serves nobody to guess it.
const SEQUENCE: u32 = 0x7070_0000;

/// The device, and where answers are left for the flows.
pub(super) struct Injected {
    device: AsyncFd<Tun>,
    number: u8,
    holders: Holders,
    /// Why a family cannot be used.
    unusable: BTreeMap<Family, String>,
    /// Own addresses from which an answer would go another way than back, and by which.
    astray: BTreeMap<IpAddr, String>,
    /// Sources that got no route to the device.
    unrouted: BTreeSet<IpAddr>,
    /// From where each flow is sent, if it is, and the last answer to it.
    sources: BTreeMap<SocketAddr, usize>,
    first_source: u16,
    slots: Vec<(RefCell<Option<Answer>>, Notify)>,
}

impl Injected {
    /// Puts the device into the pod for these flows; one clause why that is not possible.
    pub(super) fn open(
        flows: &[Flow],
        capture_ports: Vec<u16>,
        pod: &Pod,
        seed: u64,
    ) -> Result<Injected, String> {
        let (tun, number) = device(pod, seed)?;
        let told =
            |operation: &str, error: &io::Error| format!("{operation}: {}", errno_name(error));
        let mut netlink =
            Netlink::open(NETLINK_ROUTE).map_err(|error| told("open a netlink socket", &error))?;
        tun.set_up(&mut netlink).map_err(|error| told("set the TUN device up", &error))?;
        let moved = u16::try_from(seed / 256 % SOURCE_SPREAD).unwrap_or_default();
        let first_source = FIRST_SOURCE + moved;
        let mut injected = Injected {
            device: tun.watched().map_err(|error| told("register the TUN device", &error))?,
            number,
            holders: Holders::new(capture_ports),
            unusable: BTreeMap::new(),
            astray: BTreeMap::new(),
            unrouted: BTreeSet::new(),
            sources: sources(number, first_source, flows),
            first_source,
            slots: flows.iter().map(|_| (RefCell::new(None), Notify::new())).collect(),
        };
        injected.furnish(&mut netlink, flows);
        Ok(injected)
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
        if self.holders.look_the_same(flow, attended) {
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
            if !(arrivals.live() && outcome == Outcome::AcceptedElsewhere) {
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
        if answered.flags & flag::SYN == 0 || answered.acknowledged != SEQUENCE + 1 {
            // Of a connection that somebody left: RFC 5961, section 4.2.
            let stray = io::Error::from(Errno::EPROTO);
            return failure("complete the handshake", &stray, None);
        }
        let acknowledged = answered.sequence.wrapping_add(1);
        let reset = |sent: u32| segment(flag::RST, SEQUENCE + 1 + sent, 0, &[]);
        let inside = [ends(self.number, flow.family).0];
        let anothers = self.holders.anothers(flow, from, &inside, attended, arrivals.live());
        if let Some(outcome) = anothers {
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
