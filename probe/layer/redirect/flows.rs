//! From the promise to the flows that test it: a pure function.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ipnet::IpNet;

use super::flow::{Flow, Promise, Proof, Sender, Transport};
use crate::{
    capture::{Capture, Cidrs},
    pod::Family,
};

/// Istio's passthrough address: rules exempt it as a source and capture it as a destination of the
/// proxy (istio `tools/istio-iptables/pkg/constants/constants.go`).
pub const PASSTHROUGH_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6));
/// The IPv6 form of [`PASSTHROUGH_V4`]; the mesh adds it to lo.
pub const PASSTHROUGH_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6));

/// Ports that a foreign rule is likely to name, probed besides one that no rule names.
const COMMON_PORTS: [u16; 3] = [80, 443, 8080];
/// First of the probe ports that no rule is likely to name; below the ephemeral range.
const FIRST_PORT: u16 = 20_001;
/// How far the seed moves the first probe port.
const PORT_SPREAD: u64 = 8_000;

/// The addresses that flows are made from.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// The families to test.
    pub families: Vec<Family>,
    /// The pod's own global addresses.
    pub pod: Vec<IpAddr>,
    /// The API server's service address: the one address of the service range that every pod knows.
    pub service: Option<IpAddr>,
    /// Moves probe ports and host numbers from look to look: a conntrack entry that an earlier look
    /// left, before the rules came, would let a connection with the same ports pass them by.
    pub seed: u64,
}

/// Every flow that the promise implies, whoever can run it. Each sender's destinations are its
/// own, except where a flow repeats an earlier one on purpose.
#[must_use]
pub fn flows(capture: &Capture, addresses: &Addresses) -> Vec<Flow> {
    let port = FIRST_PORT + u16::try_from(addresses.seed % PORT_SPREAD).unwrap_or(0);
    let mut plan =
        Planner { capture, flows: Vec::new(), used: BTreeSet::new(), port, seed: addresses.seed };
    for &family in &addresses.families {
        let own = addresses.pod.iter().copied().filter(|ip| Family::of(*ip) == family);
        let own: Vec<IpAddr> = own.collect();
        plan.application_egress(family);
        if let Some(service) = addresses.service.filter(|ip| family.holds(*ip)) {
            let port = plan.free_port();
            plan.egress_to(Sender::App, Transport::Tcp, SocketAddr::new(service, port));
        }
        plan.application_loopback(family, &own);
        plan.proxy_inbound(family, &own);
        plan.proxy_egress(family);
        plan.conntrack_zones(family);
    }
    plan.flows
}

struct Planner<'a> {
    capture: &'a Capture,
    flows: Vec<Flow>,
    used: BTreeSet<(Sender, Transport, SocketAddr)>,
    port: u16,
    seed: u64,
}

impl Planner<'_> {
    /// Application egress: includes, excludes, the ports rules like to name, DNS.
    fn application_egress(&mut self, family: Family) {
        let free = self.free_port();
        self.egress(Sender::App, Transport::Tcp, family, free);
        for port in COMMON_PORTS.into_iter().chain([self.capture.tunnel_port]) {
            if !self.capture.tolerated_outbound_ports.contains(&port) {
                self.egress(Sender::App, Transport::Tcp, family, port);
            }
        }
        let declared = [&self.capture.include_outbound_ports, &self.capture.exclude_outbound_ports];
        for port in declared.into_iter().flatten() {
            self.egress(Sender::App, Transport::Tcp, family, *port);
        }
        for net in declared_cidrs(self.capture) {
            if let Some(ip) = inside(net).filter(|ip| Family::of(*ip) == family) {
                let port = self.free_port();
                self.egress_to(Sender::App, Transport::Tcp, SocketAddr::new(ip, port));
            }
        }
        self.egress(Sender::App, Transport::Udp, family, 53);
        self.egress(Sender::App, Transport::Tcp, family, 53);
        self.egress(Sender::App, Transport::Udp, family, 443);
    }

    /// The application's traffic to itself is left alone, DNS capture aside.
    fn application_loopback(&mut self, family: Family, own: &[IpAddr]) {
        let lo = loopback(family);
        for ip in [lo].into_iter().chain(own.iter().copied()) {
            let port = self.free_port();
            self.add(Proof::Loopback, Sender::App, Transport::Tcp, None, (ip, port), UNTOUCHED);
        }
        for port in COMMON_PORTS {
            self.add(Proof::Loopback, Sender::App, Transport::Tcp, None, (lo, port), UNTOUCHED);
        }
        for transport in [Transport::Udp, Transport::Tcp] {
            let (proof, promise) = match self.dns_promise(53) {
                Some(promise) => (Proof::Dns, promise),
                None => (Proof::Loopback, UNTOUCHED),
            };
            self.add(proof, Sender::App, transport, None, (lo, 53), promise);
        }
    }

    /// What the proxy sends to this pod is captured as inbound, with the mesh's exemptions.
    fn proxy_inbound(&mut self, family: Family, own: &[IpAddr]) {
        let tcp = Transport::Tcp;
        let (lo, alias) = (loopback(family), passthrough(family));
        for ip in [alias].into_iter().chain(own.iter().copied()) {
            let source = (ip == alias).then_some(lo);
            let free = self.free_port();
            let captured = Promise::Captured(self.capture.inbound_port);
            self.add(Proof::Inbound, Sender::Proxy, tcp, source, (ip, free), captured);
            let tunnel = self.capture.tunnel_port;
            self.add(Proof::Tunnel, Sender::Proxy, tcp, source, (ip, tunnel), UNTOUCHED);
            for port in self.exclusions_on_loopback() {
                self.add(Proof::Exclusion, Sender::Proxy, tcp, source, (ip, port), UNTOUCHED);
            }
            let dns = if self.dns_promise(53).is_some() { UNTOUCHED } else { captured };
            self.add(Proof::Dns, Sender::Proxy, tcp, source, (ip, 53), dns);
        }
        for port in COMMON_PORTS.into_iter().chain([self.free_port()]) {
            self.add(Proof::Loopback, Sender::Proxy, tcp, None, (lo, port), UNTOUCHED);
        }
        for ip in [lo].into_iter().chain(own.iter().copied()) {
            let port = self.free_port();
            self.add(Proof::Passthrough, Sender::Proxy, tcp, Some(alias), (ip, port), UNTOUCHED);
        }
    }

    /// Excluded ports that the passthrough address must show. One that the CNI plugin excludes of
    /// its own accord changes nothing outside the included range.
    fn exclusions_on_loopback(&self) -> Vec<u16> {
        let c = self.capture;
        let everything = c.include_outbound_cidrs == Cidrs::All;
        let ports = c.exclude_outbound_ports.iter().copied();
        ports.filter(|port| everything || !c.tolerated_outbound_ports.contains(port)).collect()
    }

    /// The proxy's own egress must not come back to it.
    fn proxy_egress(&mut self, family: Family) {
        let free = self.free_port();
        for port in [free, 80, self.capture.tunnel_port, 53] {
            self.egress(Sender::Proxy, Transport::Tcp, family, port);
        }
        self.egress(Sender::Proxy, Transport::Udp, family, 53);
    }

    /// With DNS capture, the same five-tuple used by application and proxy, in both orders.
    fn conntrack_zones(&mut self, family: Family) {
        let Some(Promise::Captured(_)) = self.dns_promise(53) else { return };
        for (first, second) in [(Sender::App, Sender::Proxy), (Sender::Proxy, Sender::App)] {
            let first_index = self.flows.len();
            self.egress(first, Transport::Udp, family, 53);
            let mut flow = self.flows[first_index].clone();
            flow.sender = second;
            flow.promise = self.egress_promise(second, Transport::Udp, flow.destination);
            flow.proof = Proof::Dns;
            flow.again = Some(first_index);
            self.flows.push(flow);
        }
    }

    fn egress(&mut self, sender: Sender, transport: Transport, family: Family, port: u16) {
        let ip = self.documentation_address(family, transport, port);
        self.egress_to(sender, transport, SocketAddr::new(ip, port));
    }

    fn egress_to(&mut self, sender: Sender, transport: Transport, to: SocketAddr) {
        let promise = self.egress_promise(sender, transport, to);
        let proof = match (sender, promise) {
            (Sender::Proxy, _) => Proof::Loop,
            (Sender::App, Promise::Captured(port)) if port == self.capture.dns_port => Proof::Dns,
            (Sender::App, Promise::Captured(_)) => Proof::Outbound,
            (Sender::App, Promise::Untouched) if to.port() == 53 => Proof::Dns,
            (Sender::App, Promise::Untouched) => Proof::Exclusion,
        };
        self.add(proof, sender, transport, None, (to.ip(), to.port()), promise);
    }

    /// The promise about egress, in the order in which Istio's rules decide
    /// (istio `tools/istio-iptables/pkg/capture/run.go`).
    fn egress_promise(&self, sender: Sender, transport: Transport, to: SocketAddr) -> Promise {
        let c = self.capture;
        if sender == Sender::Proxy || c.exclude_outbound_ports.contains(&to.port()) {
            return UNTOUCHED;
        }
        if let Some(promise) = self.dns_promise(to.port()) {
            return promise;
        }
        let excluded = c.exclude_outbound_cidrs.iter().any(|net| net.contains(&to.ip()));
        let included = c.include_outbound_ports.contains(&to.port())
            || c.include_outbound_cidrs.contains(to.ip());
        match transport {
            Transport::Tcp if included && !excluded => Promise::Captured(c.outbound_port),
            _ => UNTOUCHED,
        }
    }

    fn dns_promise(&self, port: u16) -> Option<Promise> {
        let captured = self.capture.dns && !self.capture.exclude_outbound_ports.contains(&port);
        (captured && port == 53).then_some(Promise::Captured(self.capture.dns_port))
    }

    fn add(
        &mut self,
        proof: Proof,
        sender: Sender,
        transport: Transport,
        source: Option<IpAddr>,
        (ip, port): (IpAddr, u16),
        promise: Promise,
    ) {
        let (family, destination) = (Family::of(ip), SocketAddr::new(ip, port));
        if self.used.insert((sender, transport, destination)) {
            let flow = Flow {
                proof,
                sender,
                family,
                transport,
                source,
                destination,
                promise,
                again: None,
            };
            self.flows.push(flow);
        }
    }

    /// A documentation address (RFC 5737 TEST-NET-1, RFC 3849) not yet used with this port.
    fn documentation_address(&self, family: Family, transport: Transport, port: u16) -> IpAddr {
        let moved =
            |n: u64, range: u64| u8::try_from((self.seed / PORT_SPREAD + n) % range).unwrap_or(0);
        let address = |n: u8| match family {
            Family::Ipv4 => IpAddr::from([192, 0, 2, 1 + moved(u64::from(n), 254)]),
            Family::Ipv6 => {
                let run = u16::from(moved(0, 256)) << 8;
                IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, run + 1 + u16::from(n)])
            }
        };
        let free = |ip: &IpAddr| {
            let to = SocketAddr::new(*ip, port);
            [Sender::App, Sender::Proxy].iter().all(|s| !self.used.contains(&(*s, transport, to)))
        };
        (0..254).map(address).find(free).unwrap_or(address(0))
    }

    /// A port that no declared rule names, each time another one while there are any.
    fn free_port(&mut self) -> u16 {
        for _ in FIRST_PORT..u16::MAX {
            let port = self.port;
            self.port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.capture.is_special(port) && !COMMON_PORTS.contains(&port) {
                return port;
            }
        }
        FIRST_PORT
    }
}

const UNTOUCHED: Promise = Promise::Untouched;

fn declared_cidrs(capture: &Capture) -> Vec<IpNet> {
    let included = match &capture.include_outbound_cidrs {
        Cidrs::All => &[][..],
        Cidrs::Only(list) => list,
    };
    included.iter().chain(&capture.exclude_outbound_cidrs).copied().collect()
}

/// An address inside the network, the last host of it: seldom in use. Never one that is local or
/// multicast, where a probe would mean something else.
fn inside(net: IpNet) -> Option<IpAddr> {
    let ip = match net {
        IpNet::V4(net) if net.prefix_len() < 31 => {
            IpAddr::V4(Ipv4Addr::from(u32::from(net.broadcast()) - 1))
        }
        IpNet::V6(net) if net.prefix_len() < 127 => {
            IpAddr::V6(Ipv6Addr::from(u128::from(net.broadcast()) - 1))
        }
        _ => net.addr(),
    };
    let unsuitable = ip.is_loopback() || ip.is_multicast() || ip.is_unspecified();
    (net.prefix_len() > 0 && !unsuitable).then_some(ip)
}

/// The loopback address of the family.
pub(super) fn loopback(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::LOCALHOST.into(),
        Family::Ipv6 => Ipv6Addr::LOCALHOST.into(),
    }
}

fn passthrough(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => PASSTHROUGH_V4,
        Family::Ipv6 => PASSTHROUGH_V6,
    }
}
