//! What the mesh's rules must do to one packet, in the order in which they decide: pure.

use std::net::{IpAddr, SocketAddr};

use super::{
    destination::{PASSTHROUGH_V4, PASSTHROUGH_V6},
    flow::{Promise, Sender, Transport},
};
use crate::capture::{Capture, Interception};

/// A probe before it is known what was promised about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    /// Whose traffic it is.
    pub(super) sender: Sender,
    /// The proxy's rules know its sender by the user; else by the group alone.
    pub(super) by_uid: bool,
    /// The transport protocol.
    pub(super) transport: Transport,
    /// Where it comes from, where that matters to the rules.
    pub(super) source: Option<IpAddr>,
    /// Where it is sent.
    pub(super) to: SocketAddr,
    /// The destination is in this pod.
    pub(super) local: bool,
}

/// The promise about a packet; none where only rules decide that concern nobody's real traffic.
pub(super) fn promise(c: &Capture, packet: &Packet) -> Option<Promise> {
    match packet.sender {
        Sender::App => Some(application(c, packet)),
        Sender::Outside => Some(from_outside(c, packet)),
        // With the client's address, in TPROXY mode and in ambient, to its application.
        Sender::Proxy if packet.source.is_some_and(is_anothers) => {
            let idle = packet.by_uid && c.interception == Interception::Tproxy;
            (!idle).then_some(Promise::Untouched)
        }
        Sender::Proxy if packet.local => proxy_to_pod(c, packet),
        Sender::Proxy => Some(Promise::Untouched),
    }
}

/// Whether the rules promise to take this packet away from an application: what answers then is not
/// who was asked.
#[must_use]
pub fn takes_from_application(
    capture: &Capture,
    transport: Transport,
    to: SocketAddr,
    local: bool,
) -> bool {
    let sender = Sender::App;
    let packet = Packet { sender, by_uid: false, transport, source: None, to, local };
    !matches!(application(capture, &packet), Promise::Untouched)
}

/// istio `tools/istio-iptables/pkg/capture/run.go`: exclusions by port, DNS, loopback, exclusions
/// by address, inclusions.
fn application(c: &Capture, packet: &Packet) -> Promise {
    let (ip, port) = (packet.to.ip(), packet.to.port());
    if c.exclude_outbound_ports.contains(&port) {
        return Promise::Untouched;
    }
    if let Some(promise) = dns(c, packet) {
        return promise;
    }
    if packet.transport == Transport::Udp {
        return Promise::Untouched;
    }
    let outbound = Promise::Captured(c.outbound_port);
    if packet.local {
        let captured = c.app_to_pod.contains(ip, true);
        return if captured { outbound } else { Promise::Untouched };
    }
    let excluded = c.exclude_outbound_cidrs.iter().any(|net| net.contains(&ip));
    let included =
        c.include_outbound_ports.contains(&port) || c.include_outbound_cidrs.contains(ip);
    if included && !excluded { outbound } else { Promise::Untouched }
}

fn dns(c: &Capture, packet: &Packet) -> Option<Promise> {
    if packet.to.port() != 53 {
        return None;
    }
    let reach = match packet.transport {
        Transport::Udp => c.dns.udp,
        Transport::Tcp => c.dns.tcp,
    };
    if reach.contains(packet.to.ip(), packet.local) {
        return Some(Promise::Captured(c.dns_port));
    }
    let spared = c.dns.tcp_spared && packet.transport == Transport::Tcp;
    spared.then_some(Promise::Untouched)
}

/// What the proxy sends to its own pod is taken as inbound, with the mesh's exemptions.
fn proxy_to_pod(c: &Capture, packet: &Packet) -> Option<Promise> {
    let tcp = packet.transport == Transport::Tcp;
    let taken = tcp
        && c.proxy_to_pod.contains(packet.to.ip(), true)
        && !packet.source.is_some_and(is_passthrough);
    if !taken {
        return Some(Promise::Untouched);
    }
    let port = packet.to.port();
    let exempt = Some(port) == c.tunnel_port
        || c.exclude_outbound_ports.contains(&port)
        || (port == 53 && c.dns.tcp.contains(packet.to.ip(), true));
    match c.interception {
        Interception::Redirect if exempt => Some(Promise::Untouched),
        Interception::Redirect => Some(Promise::Captured(c.inbound_port)),
        // The nat rules know a user that nobody runs as: the proxy is root with its group.
        Interception::Tproxy if packet.by_uid && !exempt && c.includes_inbound(port) => {
            Some(Promise::Elsewhere)
        }
        Interception::Tproxy if packet.by_uid && !exempt => None,
        // What nat lets go meets mangle on its way in, and there the rules for inbound ports.
        Interception::Tproxy if c.includes_inbound(port) => {
            Some(Promise::Transparent(c.inbound_port))
        }
        Interception::Tproxy => Some(Promise::Untouched),
    }
}

/// istio `tools/istio-iptables/pkg/capture/run.go`, `ISTIO_INBOUND`: TCP, except for the mesh's own
/// tunnel and excluded ports; who sends is of no account, but for the node's own probes.
fn from_outside(c: &Capture, packet: &Packet) -> Promise {
    let port = packet.to.port();
    let exempt = c.promises_nothing()
        || packet.transport == Transport::Udp
        || packet.source.is_some_and(|ip| c.probe_sources.contains(&ip))
        // TPROXY mode lets the tunnel's port go in nat alone, which no packet from outside meets there.
        || (Some(port) == c.tunnel_port && c.interception == Interception::Redirect)
        || !c.includes_inbound(port);
    match c.interception {
        _ if exempt => Promise::Untouched,
        Interception::Redirect => Promise::Captured(c.inbound_port),
        Interception::Tproxy => Promise::Transparent(c.inbound_port),
    }
}

fn is_passthrough(ip: IpAddr) -> bool {
    [PASSTHROUGH_V4, PASSTHROUGH_V6].contains(&ip)
}

/// Whether the proxy that sends from there keeps the address of somebody else.
pub(super) fn is_anothers(source: IpAddr) -> bool {
    !source.is_loopback() && !is_passthrough(source)
}

/// Whether an address is in this pod, whose own addresses these are.
pub(super) fn is_local(ip: IpAddr, pod: &[IpAddr]) -> bool {
    ip.is_loopback() || ip == super::destination::PASSTHROUGH_V6 || pod.contains(&ip)
}
