//! From the promise to the flows that test it: a pure function.

mod arriving;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use ipnet::IpNet;

use super::{
    destination::{PASSTHROUGH_V4, declared_cidrs, documentation, inside, loopback, passthrough},
    flow::{
        Flow, Promise, Proof,
        Sender::{self, App, Outside, Proxy},
        Transport::{self, Tcp, Udp},
    },
    promise::{Packet, is_anothers, is_local, promise},
};
use crate::{
    capture::{Capture, Cidrs, Interception, Ports, Reach},
    pod::Family,
};

/// Ports that a foreign rule is likely to name, probed besides one that no rule names.
pub(super) const COMMON_PORTS: [u16; 3] = [80, 443, 8080];
/// First of the probe ports that no rule is likely to name; below the ephemeral range.
const FIRST_PORT: u16 = 20_001;
/// Probes for one declared list; of a longer one only some entries are tested in a look.
const MOST_DECLARED: usize = 128;
/// The same for lists that are probed inside the pod, where each entry takes a listener.
const MOST_ATTENDED: usize = 48;
/// Own addresses of a family that are probed in a look, the primary one always.
const MOST_ADDRESSES: usize = 8;
/// How far the seed moves the first probe port.
const PORT_SPREAD: u64 = 8_000;

/// The addresses that flows are made from.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// The families to test.
    pub families: Vec<Family>,
    /// The pod's own global addresses.
    pub pod: Vec<IpAddr>,
    /// The API server's service: the one address of the service range that every pod knows.
    pub service: Option<SocketAddr>,
    /// The cluster's service ranges, where they were declared: rules that the mesh did not write
    /// like to name them.
    pub service_cidrs: Vec<IpNet>,
    /// Who plays the proxy is known to the rules by the group alone, as the proxy is under TPROXY.
    pub proxy_by_group: bool,
    /// Moves probe ports and host numbers from look to look: a conntrack entry that an earlier look
    /// left, before the rules came, would let a connection with the same ports pass them by.
    pub seed: u64,
}

/// Every flow that the promise implies, whoever can run it. Each sender's destinations are its
/// own, except where a flow repeats an earlier one on purpose.
#[must_use]
pub fn flows(capture: &Capture, addresses: &Addresses) -> Vec<Flow> {
    let port = FIRST_PORT + u16::try_from(addresses.seed % PORT_SPREAD).unwrap_or(0);
    let special = capture.special_ports();
    let mut plan =
        Planner { capture, addresses, special, flows: Vec::new(), used: BTreeSet::new(), port };
    for &family in &addresses.families {
        plan.application_egress(family);
        plan.application_to_pod(family);
        if !capture.promises_nothing() {
            plan.proxy_to_pod(family);
            plan.proxy_egress(family);
            plan.conntrack_zones(family);
        }
        plan.arriving(family);
    }
    plan.flows
}

struct Planner<'a> {
    capture: &'a Capture,
    addresses: &'a Addresses,
    special: BTreeSet<u16>,
    flows: Vec<Flow>,
    used: BTreeSet<Way>,
    port: u16,
}

/// Who sends how to what; a source of its own where packets come from outside.
type Way = (Sender, Transport, SocketAddr, Option<IpAddr>);

impl Planner<'_> {
    /// Application egress: includes, excludes, the ports rules like to name, the API server, DNS.
    fn application_egress(&mut self, family: Family) {
        let free = self.free_port();
        self.egress(App, Tcp, family, free);
        let usual = COMMON_PORTS.into_iter().chain(self.capture.tunnel_port);
        let tolerated = &self.capture.tolerated_outbound_ports;
        for port in usual.filter(|port| !tolerated.contains(port)).collect::<Vec<_>>() {
            self.egress(App, Tcp, family, port);
        }
        let declared = [&self.capture.include_outbound_ports, &self.capture.exclude_outbound_ports];
        for port in declared.map(|list| self.some_of(list, MOST_DECLARED)).concat() {
            self.egress(App, Tcp, family, port);
        }
        let declared = [declared_cidrs(self.capture), self.addresses.service_cidrs.clone()];
        let inside = declared.map(|list| self.some_of(&list, MOST_DECLARED)).concat();
        let inside = inside.into_iter().filter_map(self::inside);
        let service = self.addresses.service.map(|service| service.ip());
        for ip in inside.chain(service).filter(|ip| family.holds(*ip)).collect::<Vec<_>>() {
            let port = self.free_port();
            self.probe(App, Tcp, None, (ip, port));
        }
        self.api_server(family);
        self.egress(App, Udp, family, 53);
        self.egress(App, Tcp, family, 53);
        self.egress(App, Udp, family, 443);
    }

    /// The API server's own port shows who translates services before the mesh sees them; only
    /// where the mesh must keep the packet in the pod.
    fn api_server(&mut self, family: Family) {
        let everything = self.capture.include_outbound_cidrs == Cidrs::All;
        let service = self.addresses.service.filter(|s| everything && family.holds(s.ip()));
        let Some(service) = service else { return };
        let count = self.flows.len();
        self.probe(App, Tcp, None, (service.ip(), service.port()));
        match self.flows.get_mut(count) {
            Some(flow) if flow.proof == Proof::Outbound => flow.proof = Proof::Service,
            Some(_) => self.flows.truncate(count),
            None => {}
        }
    }

    /// What the application sends to its own pod: to itself, and to ports rules like to name.
    fn application_to_pod(&mut self, family: Family) {
        let lo = loopback(family);
        let alias = (family == Family::Ipv4).then_some(PASSTHROUGH_V4);
        for ip in [lo].into_iter().chain(alias).chain(self.own(family)) {
            let port = self.free_port();
            self.probe(App, Tcp, None, (ip, port));
        }
        let capture_ports = [self.capture.inbound_port, self.capture.outbound_port];
        let none = self.capture.promises_nothing();
        let capture_ports = capture_ports.into_iter().filter(|_| !none);
        for port in COMMON_PORTS.into_iter().chain(capture_ports) {
            self.probe(App, Tcp, None, (lo, port));
        }
        for transport in [Udp, Tcp] {
            self.probe(App, transport, None, (lo, 53));
        }
    }

    /// What the proxy sends to its own pod, from everywhere and to every port with a rule.
    fn proxy_to_pod(&mut self, family: Family) {
        let (lo, alias) = (loopback(family), passthrough(family));
        let alias_taken = self.capture.passthrough || family == Family::Ipv4;
        let own = self.own(family);
        for ip in alias_taken.then_some(alias).into_iter().chain(own.iter().copied()) {
            let source = (ip == alias).then_some(lo);
            let free = self.free_port();
            let mut ports: Vec<u16> = [free].into_iter().chain(self.capture.tunnel_port).collect();
            // What lists say of ports does not depend on which of its own addresses the pod uses.
            if ip == alias || Some(&ip) == own.first() {
                ports.extend(self.exclusions_on_loopback());
                ports.extend(self.inbound_ports());
            }
            for port in ports.into_iter().chain([53]) {
                self.probe(Proxy, Tcp, source, (ip, port));
            }
        }
        let free = self.free_port();
        let capture_ports = [self.capture.inbound_port, self.capture.outbound_port];
        for port in COMMON_PORTS.into_iter().chain(capture_ports).chain([free]) {
            self.probe(Proxy, Tcp, None, (lo, port));
        }
        if self.capture.keeps_source
            && self.capture.marked_route.is_some()
            && let Some(&primary) = own.first()
            && let Some(client) = documentation(family, self.addresses.seed).next()
        {
            let port = self.free_port();
            self.probe(Proxy, Tcp, Some(client), (primary, port));
        }
        if self.capture.passthrough {
            for ip in [lo].into_iter().chain(own) {
                let port = self.free_port();
                self.probe(Proxy, Tcp, Some(alias), (ip, port));
            }
        }
    }

    /// Excluded ports that the passthrough address must show. One that the CNI plugin excludes of
    /// its own accord changes nothing outside the included range.
    fn exclusions_on_loopback(&self) -> Vec<u16> {
        let c = self.capture;
        let everything = c.include_outbound_cidrs == Cidrs::All;
        let mut ports = self.some_of(&c.exclude_outbound_ports, MOST_ATTENDED);
        ports.retain(|port| everything || !c.tolerated_outbound_ports.contains(port));
        ports
    }

    /// Ports that inbound rules name or foreign ones like to, where these act on what the proxy
    /// sends to its pod.
    fn inbound_ports(&self) -> Vec<u16> {
        let c = self.capture;
        if c.interception == Interception::Redirect {
            return Vec::new();
        }
        let mut ports = self.inbound_lists();
        ports.extend(COMMON_PORTS);
        ports
    }

    /// Ports that were declared as captured inbound, or as not.
    fn inbound_lists(&self) -> Vec<u16> {
        let mut ports = self.some_of(&self.capture.exclude_inbound_ports, MOST_ATTENDED);
        if let Ports::Only(list) = &self.capture.include_inbound_ports {
            ports.extend(self.some_of(list, MOST_ATTENDED));
        }
        ports
    }

    /// The proxy's own egress must not come back to it.
    fn proxy_egress(&mut self, family: Family) {
        let free = self.free_port();
        for port in [free, 80, 53].into_iter().chain(self.capture.tunnel_port) {
            self.egress(Proxy, Tcp, family, port);
        }
        self.egress(Proxy, Udp, family, 53);
    }

    /// With DNS capture, the same five-tuple used by application and proxy, in both orders.
    fn conntrack_zones(&mut self, family: Family) {
        let dns = self.capture.dns;
        if !dns.zones
            || dns.udp == Reach::Nothing
            || self.capture.exclude_outbound_ports.contains(&53)
        {
            return;
        }
        for (first, second) in [(App, Proxy), (Proxy, App)] {
            let first_index = self.flows.len();
            self.egress(first, Udp, family, 53);
            let Some(mut flow) = self.flows.get(first_index).cloned() else { return };
            let promised = self.promised(second, Udp, None, flow.destination);
            flow.promise = promised.unwrap_or(Promise::Untouched);
            flow.sender = second;
            flow.proof = Proof::Dns;
            flow.again = Some(first_index);
            self.flows.push(flow);
        }
        self.answer_of_dns(family);
    }

    /// All of a list, or of a very long one some, others from look to look.
    fn some_of<T: Copy>(&self, list: &[T], most: usize) -> Vec<T> {
        let step = list.len().div_ceil(most).max(1);
        let first = usize::try_from(self.addresses.seed).unwrap_or(0) % step;
        list.iter().skip(first).step_by(step).copied().collect()
    }

    /// The pod's own addresses; of very many the primary one and some others.
    fn own(&self, family: Family) -> Vec<IpAddr> {
        let of_family = self.addresses.pod.iter().copied().filter(|ip| family.holds(*ip));
        let all: Vec<IpAddr> = of_family.collect();
        let Some((primary, others)) = all.split_first() else { return all };
        [*primary].into_iter().chain(self.some_of(others, MOST_ADDRESSES - 1)).collect()
    }

    fn egress(&mut self, sender: Sender, transport: Transport, family: Family, port: u16) {
        let taken = |ip: &IpAddr| {
            let to = SocketAddr::new(*ip, port);
            [App, Proxy].iter().any(|sender| self.used.contains(&(*sender, transport, to, None)))
        };
        let mut addresses = documentation(family, self.addresses.seed / PORT_SPREAD);
        let Some(ip) = addresses.find(|ip| !taken(ip)) else { return };
        self.probe(sender, transport, None, (ip, port));
    }

    fn promised(
        &self,
        sender: Sender,
        transport: Transport,
        source: Option<IpAddr>,
        to: SocketAddr,
    ) -> Option<Promise> {
        // Consul captures what is sent to the resolver, and gives a dual-stack pod ::1 for it.
        let dns = self.capture.dns;
        let dual = self.addresses.families.len() > 1;
        if dns.udp == Reach::Localhost && to.port() == 53 && dual && to.is_ipv4() {
            return None;
        }
        let packet = Packet {
            sender,
            by_uid: !self.addresses.proxy_by_group,
            transport,
            source,
            to,
            local: is_local(to.ip(), &self.addresses.pod),
        };
        promise(self.capture, &packet)
    }

    /// Adds a flow, unless the sender sends there already or nothing was promised about it.
    fn probe(
        &mut self,
        sender: Sender,
        transport: Transport,
        source: Option<IpAddr>,
        (ip, port): (IpAddr, u16),
    ) {
        let destination = SocketAddr::new(ip, port);
        let promised = self.promised(sender, transport, source, destination);
        let Some(promise) = promised else { return };
        let from = source.filter(|_| sender == Outside);
        if !self.used.insert((sender, transport, destination, from)) {
            return;
        }
        let family = Family::of(ip);
        let proof = self.proof(sender, source, destination, promise);
        let flow =
            Flow { proof, sender, family, transport, source, destination, promise, again: None };
        self.flows.push(flow);
    }

    /// What a flow with this promise proves.
    fn proof(
        &self,
        sender: Sender,
        source: Option<IpAddr>,
        to: SocketAddr,
        promise: Promise,
    ) -> Proof {
        let (ip, port) = (to.ip(), to.port());
        let local = is_local(ip, &self.addresses.pod);
        let captured = promise != Promise::Untouched;
        match sender {
            Outside if captured => Proof::Arriving,
            Outside => Proof::ArrivingExclusion,
            Proxy if source.is_some_and(is_anothers) => Proof::Return,
            _ if source == Some(passthrough(Family::of(ip))) => Proof::Passthrough,
            App if promise == Promise::Captured(self.capture.dns_port) => Proof::Dns,
            App if captured => Proof::Outbound,
            App if local => Proof::Loopback,
            App if port == 53 => Proof::Dns,
            App => Proof::Exclusion,
            Proxy if !local => Proof::Loop,
            Proxy if port == 53 && self.capture.proxy_to_pod != Reach::Nothing => Proof::Dns,
            Proxy if captured => Proof::Inbound,
            Proxy if Some(port) == self.capture.tunnel_port => Proof::Tunnel,
            Proxy if ip != loopback(Family::of(ip)) && self.special.contains(&port) => {
                Proof::Exclusion
            }
            Proxy => Proof::Loopback,
        }
    }

    /// A port that no declared rule names, each time another one while there are any.
    fn free_port(&mut self) -> u16 {
        for _ in FIRST_PORT..u16::MAX {
            let port = self.port;
            self.port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.special.contains(&port) && !COMMON_PORTS.contains(&port) {
                return port;
            }
        }
        FIRST_PORT
    }
}
