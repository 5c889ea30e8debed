//! Which flows there are: every destination that rules may treat in its own way, from everybody.

use std::net::{IpAddr, SocketAddr};

use super::net::{Net, V4, V6};
use crate::sweep::subject::{Dns, Subject};
use crate::sweep::vantage;

/// Whose socket it is, as netfilter sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
    /// The mark of its packets.
    pub mark: Option<u32>,
}

impl Owner {
    /// The application.
    pub const APP: Owner = Owner::of(2000, 2000);
    /// An application that runs as root.
    pub const ROOT: Owner = Owner::of(0, 0);

    /// A user and group without a mark.
    pub const fn of(uid: u32, gid: u32) -> Owner {
        Owner { uid, gid, mark: None }
    }
}

/// What a flow takes besides its sender's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// `CAP_NET_ADMIN`, for a mark of its own or of the flow before it.
    Capability,
    /// The same, for a source that is not an address of the pod.
    Transparency,
}

/// One connection or query.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Says sender, protocol and destination.
    pub name: String,
    /// Absent: it comes from the node.
    pub sender: Option<Owner>,
    pub udp: bool,
    pub to: SocketAddr,
    /// The source address; absent: whichever the kernel takes.
    pub source: Option<IpAddr>,
    /// The source port, where two flows must share one.
    pub source_port: Option<u16>,
    pub needs: Needs,
    /// Somebody in a real pod does this; otherwise it only says what a prober could see.
    pub real: bool,
    /// Flows of one stage run at once, stages one after the other.
    pub stage: u8,
}

impl Flow {
    /// Every outcome can be known inside the pod.
    pub fn stays_inside(&self) -> bool {
        [V4, V6].iter().any(|net| net.is_inside(self.to.ip()))
    }
}

/// The last stage.
pub const LAST_STAGE: u8 = 2;

/// Every flow of the subject.
pub fn flows(subject: &Subject) -> Vec<Flow> {
    let mut flows = Vec::new();
    for net in &subject.nets {
        for target in targets(subject, *net) {
            flows.extend(
                senders(subject, &target)
                    .into_iter()
                    .map(|(sender, real)| target.flow(Some(sender), real)),
            );
        }
        flows.extend(inbound(subject, *net));
        if subject.dns == Dns::Zones {
            flows.extend(zones(subject, *net));
        }
        if subject.transparent || subject.proxy.mark.is_some() {
            flows.push(kept_source(subject, *net));
        }
    }
    flows
}

/// A destination in the pod or outside.
struct Target {
    udp: bool,
    to: SocketAddr,
    source: Option<IpAddr>,
    /// Only the proxy does this, if anybody does.
    by: By,
}

/// Who does something in a real pod.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Everybody,
    Proxy,
    Nobody,
}

impl Target {
    fn flow(&self, sender: Option<Owner>, real: bool) -> Flow {
        let who = sender.map_or("node".into(), |owner| match owner.mark {
            Some(mark) => format!("{}:{} mark {mark:#x}", owner.uid, owner.gid),
            None => format!("{}:{}", owner.uid, owner.gid),
        });
        let from = self.source.map(|source| format!(" from {source}")).unwrap_or_default();
        let protocol = if self.udp { "udp" } else { "tcp" };
        Flow {
            name: format!("{who}{from} {protocol} {}", self.to),
            sender,
            udp: self.udp,
            to: self.to,
            source: self.source,
            source_port: None,
            needs: if sender.is_some_and(|owner| owner.mark.is_some()) {
                Needs::Capability
            } else {
                Needs::Nothing
            },
            real,
            stage: 0,
        }
    }
}

fn targets(subject: &Subject, net: Net) -> Vec<Target> {
    let Net { localhost, alias, pod, node, outside, service } = net;
    let tcp = |ip: IpAddr, port: u16| Target {
        udp: false,
        to: (ip, port).into(),
        source: None,
        by: By::Everybody,
    };
    let udp = |ip, port| Target { udp: true, ..tcp(ip, port) };
    let from = |source, target| Target { source: Some(source), by: By::Proxy, ..target };
    let guess = |target| Target { by: By::Nobody, ..target };
    let mut targets = vec![
        tcp(outside, 80),
        tcp(outside, 443),
        tcp(outside, 53),
        tcp(node, 80),
        tcp(node, 53),
        tcp(localhost, 8080),
        tcp(localhost, 53),
        tcp(pod, 8080),
        udp(outside, 53),
        udp(outside, 443),
        udp(node, 53),
        udp(localhost, 53),
        udp(localhost, 8080),
        guess(tcp(pod, 53)),
    ];
    if subject.passthrough {
        targets.extend([
            from(localhost, tcp(alias, 8080)),
            guess(from(localhost, tcp(alias, 53))),
            from(alias, tcp(pod, 8080)),
            from(alias, tcp(localhost, 8080)),
        ]);
    }
    if let Some(port) = subject.tunnel {
        targets.extend([tcp(outside, port), tcp(pod, port)]);
    }
    for port in &subject.exclude_outbound {
        targets.extend([tcp(outside, *port), guess(tcp(pod, *port))]);
        if subject.passthrough {
            targets.push(guess(from(localhost, tcp(alias, *port))));
        }
    }
    targets.extend(service.map(|service| tcp(service, 80)));
    targets.extend(subject.excluded_addresses(net).map(|address| tcp(address, 80)));
    targets
}

/// Everybody who tries a destination, and whether that happens in a real pod.
fn senders(subject: &Subject, target: &Target) -> Vec<(Owner, bool)> {
    let everybody = target.by == By::Everybody;
    let mut senders = vec![
        (Owner::APP, everybody),
        (Owner::ROOT, everybody),
        (subject.proxy, target.by != By::Nobody),
    ];
    if subject.dns == Dns::Resolver && target.to.ip().is_loopback() && target.to.port() == 53 {
        senders.pop();
    }
    for owner in vantage::owners(subject).into_iter().filter(|owner| *owner != subject.proxy) {
        if senders.iter().all(|(sender, _)| *sender != owner) {
            senders.push((owner, false));
        }
    }
    senders
}

/// What arrives from outside.
fn inbound(subject: &Subject, net: Net) -> Vec<Flow> {
    let [outbound_port, inbound_port, _] = subject.ports;
    let mut ports = vec![8080, 9191, outbound_port, inbound_port];
    ports.extend(subject.tunnel);
    ports.extend(&subject.exclude_inbound);
    let to = |udp, port, source| {
        let target = Target { udp, to: (net.pod, port).into(), source, by: By::Everybody };
        target.flow(None, true)
    };
    let mut flows: Vec<Flow> = ports.into_iter().map(|port| to(false, port, None)).collect();
    flows.push(to(true, 8080, None));
    flows.extend(subject.probes(net).map(|source| to(false, 8080, Some(source))));
    flows
}

/// Application and proxy ask the same DNS server from the same port, one after the other, in both orders.
fn zones(subject: &Subject, net: Net) -> Vec<Flow> {
    let target = Target { udp: true, to: (net.node, 53).into(), source: None, by: By::Everybody };
    let [app, proxy] = [Owner::APP, subject.proxy];
    [(app, 1, 22_001), (proxy, 2, 22_001), (proxy, 1, 22_002), (app, 2, 22_002)]
        .map(|(owner, stage, port)| {
            let flow = target.flow(Some(owner), true);
            let name = format!("{} from port {port}", flow.name);
            let needs =
                if subject.proxy.mark.is_some() { Needs::Capability } else { Needs::Nothing };
            Flow { name, stage, source_port: Some(port), needs, ..flow }
        })
        .to_vec()
}

/// The proxy reaches its application with the client's address.
fn kept_source(subject: &Subject, net: Net) -> Flow {
    let target =
        Target { udp: false, to: (net.pod, 8080).into(), source: Some(net.node), by: By::Proxy };
    let mark = subject.proxy.mark.or(Some(1337));
    let flow = target.flow(Some(Owner { mark, ..subject.proxy }), true);
    Flow { needs: Needs::Transparency, ..flow }
}
