//! The catalogue's rows of the mtu layer.

use super::{
    Layer::Mtu,
    Severity::{Fail, Ok, Unknown, Warn},
    catalogue::{Meaning, row},
};

pub(super) const MTU_BLACK_HOLE: Meaning = row(
    Fail,
    Mtu,
    "full packets to a peer vanish, small ones arrive, and nobody says \"too big\"",
    "The pod's MTU is larger than what an overlay, tunnel or VPN below it carries (VXLAN takes 50 bytes, WireGuard 60 or 80; jumbo frames on a network without them), and the ICMP message that would say so is filtered.",
    "lower the MTU in the CNI configuration to the underlay's less the overhead and recreate the pods, or let ICMP \"fragmentation needed\" (IPv6: \"packet too big\") pass",
    "Connections open and small requests work: it looks like a server that hangs on uploads. tcp_mtu_probing 1 brings such connections to life after some seconds.",
);
pub(super) const MTU_BLACK_HOLE_REVERSE: Meaning = row(
    Fail,
    Mtu,
    "a peer's long answers vanish, the same in small packets arrive",
    "The peer's or its node's MTU is larger than what is carried on the way back, and the ICMP message that would tell the peer is filtered.",
    "lower the MTU on the peer's side, let ICMP \"fragmentation needed\" pass to it, or clamp the MSS where the narrow link begins",
    "TLS handshakes hang although the port is open: the certificate is the first long answer.",
);
pub(super) const MTU_LOWER_EVERYWHERE: Meaning = row(
    Warn,
    Mtu,
    "every path takes smaller packets than the pod's link",
    "The CNI plugin gave the pod the MTU of the node's link, without the overhead of its own tunnel.",
    "lower the MTU in the CNI configuration, so that nobody depends on ICMP",
    "Works as long as the ICMP messages come; a firewall that begins to drop them makes a black hole of it.",
);
pub(super) const MTU_MASKED: Meaning = row(
    Unknown,
    Mtu,
    "the mesh would answer in the peer's place",
    "Connections of this identity are captured: their packets end in the pod itself.",
    "run as the proxy's uid and gid, or as uid 0 with SETUID and SETGID",
    "Every packet is taken by a proxy in the same pod, whatever the network does.",
);
pub(super) const MTU_UNTESTED: Meaning = row(
    Unknown,
    Mtu,
    "no full packets could be exchanged with a peer",
    "The peer is not there or does not let anybody speak; or packets of any size are lost.",
    "look at the dns and service layers first, or name another peer",
    "A server that resets the connection at once says nothing about packet sizes.",
);
pub(super) const MTU_LOWER: Meaning = row(
    Ok,
    Mtu,
    "a path takes smaller packets than the pod's link, and the kernel knows it",
    "A link on the way is narrower, and its router says so; or a route of the pod has an MTU of its own.",
    "nothing to do",
    "What was learned is forgotten after ten minutes and learned again, at the price of a lost packet.",
);
pub(super) const MTU_HOLDS: Meaning = row(
    Ok,
    Mtu,
    "full packets are acknowledged",
    "",
    "nothing to do",
    "Says nothing about paths to other nodes and places than those of the peers that were asked.",
);
