//! The packets that stand for a flow: pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::walk::{Ground, Packet};
use crate::{
    capture::{Capture, Exempt},
    layer::redirect::{Flow, Play, Promise, Proof, Sender, Transport, Vantage},
    pod::{Family, Pod},
};

/// A port of the range that senders get theirs from.
const SENDERS_PORT: u16 = 40_000;
/// Who an application is where nobody plays it.
const SOMEBODY: (u32, u32) = (65532, 65532);
/// Addresses outside (RFC 5737 TEST-NET-2, RFC 3849).
const OUTSIDE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
const OUTSIDE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 7));

/// Who sends in this pod, and over which ground.
pub(super) struct Cast<'a> {
    pub(super) capture: &'a Capture,
    pub(super) vantage: &'a Vantage,
    pub(super) ground: Ground,
}

impl<'a> Cast<'a> {
    pub(super) fn new(capture: &'a Capture, vantage: &'a Vantage, pod: &Pod) -> Cast<'a> {
        Cast { capture, vantage, ground: ground(pod) }
    }

    /// What a flow sends, and what is answered to it where rules ask for answers.
    pub(super) fn packets(&self, flow: &Flow) -> Vec<Packet> {
        let (owner, mark) = self.sender(flow.sender);
        // What the proxy sends from its client's address carries the mark of the policy routing.
        let mark = match self.routing_mark(flow) {
            Some(routed) if mark == 0 => routed,
            _ => mark,
        };
        let protocol = number(flow.transport);
        let source = flow.source.unwrap_or_else(|| match owner {
            Some(_) => self.source(flow.destination.ip()),
            None if flow.family == Family::Ipv4 => OUTSIDE_V4,
            None => OUTSIDE_V6,
        });
        let source = SocketAddr::new(source, SENDERS_PORT);
        let destination = flow.destination;
        let sent =
            Packet { protocol, source, destination, owner, mark, conn_mark: 0, reply: false };
        let mut packets = vec![sent];
        packets.extend(self.answer(flow, source));
        packets.extend(answer_to_the_proxy(flow, source));
        packets
    }

    /// Answers meet rules of their own: zones for DNS, and marks that let them through.
    fn answer(&self, flow: &Flow, asked_from: SocketAddr) -> Option<Packet> {
        let dns = flow.transport == Transport::Udp && flow.destination.port() == 53;
        let conn_mark = self.routing_mark(flow).unwrap_or(0);
        let (owner, source) = match flow.promise {
            _ if flow.sender == Sender::Outside => return None,
            _ if conn_mark != 0 => (self.sender(Sender::App).0, flow.destination),
            Promise::Captured(port) => {
                let (owner, _) = self.sender(Sender::Proxy);
                (owner, SocketAddr::new(localhost(flow.family), port))
            }
            // The transparent listener answers as the one who was asked.
            Promise::Transparent(_) => (self.sender(Sender::Proxy).0, flow.destination),
            _ if dns => (None, flow.destination),
            _ => return None,
        };
        let protocol = number(flow.transport);
        let destination = asked_from;
        Some(Packet { protocol, source, destination, owner, mark: 0, conn_mark, reply: true })
    }

    /// The mark by which answers to the proxy's client find back.
    fn routing_mark(&self, flow: &Flow) -> Option<u32> {
        let route = self.capture.marked_route.filter(|_| flow.proof == Proof::Return)?;
        Some(route.mark)
    }

    /// User and group, unless it is nobody in this pod, and the mark.
    fn sender(&self, sender: Sender) -> (Option<(u32, u32)>, u32) {
        if sender == Sender::Outside {
            return (None, 0);
        }
        let own = (self.vantage.uid, self.vantage.gid);
        let (owner, mark) = match (self.vantage.play(sender), sender) {
            (Play::Own, _) => (own, 0),
            (Play::As { uid, gid }, _) => ((*uid, *gid), 0),
            (Play::Marked { mark }, _) => (own, *mark),
            (Play::Cannot { .. }, Sender::Proxy) => {
                let mark = match self.capture.exempt {
                    Exempt::Mark { mark, .. } => mark,
                    _ => 0,
                };
                (self.capture.proxy, mark)
            }
            (Play::Cannot { .. }, _) => (SOMEBODY, 0),
        };
        (Some(owner), mark)
    }

    /// The address that the kernel gives a sender who asks for none.
    fn source(&self, destination: IpAddr) -> IpAddr {
        let family = Family::of(destination);
        if destination.is_loopback() {
            return localhost(family);
        }
        let own = self.ground.addresses.iter().copied().filter(|ip| family.holds(*ip));
        let mut own = own.peekable();
        if own.clone().any(|ip| ip == destination) {
            return destination;
        }
        own.next().unwrap_or_else(|| family.unspecified())
    }
}

/// Where the proxy asks a server outside by the same ports, its answer must find back to it.
fn answer_to_the_proxy(flow: &Flow, asked_from: SocketAddr) -> Option<Packet> {
    let (source, destination) = (flow.destination, asked_from);
    let protocol = number(flow.transport);
    let owner = None;
    (flow.transport == Transport::Udp && flow.again.is_some()).then_some(Packet {
        protocol,
        source,
        destination,
        owner,
        mark: 0,
        conn_mark: 0,
        reply: true,
    })
}

/// The pod's addresses, and the link of its default route.
fn ground(pod: &Pod) -> Ground {
    let families = [Family::Ipv4, Family::Ipv6];
    let addresses = families.into_iter().flat_map(|family| pod.global_addresses(family)).collect();
    let links = pod.links.list();
    let other = links.iter().find(|link| link.name != "lo");
    Ground { addresses, link: other.map_or_else(|| "eth0".to_owned(), |link| link.name.clone()) }
}

fn localhost(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::LOCALHOST.into(),
        Family::Ipv6 => Ipv6Addr::LOCALHOST.into(),
    }
}

fn number(transport: Transport) -> u8 {
    match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    }
}
