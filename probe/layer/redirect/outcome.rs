//! What the kernel did to the flows: plain data, errors included as facts.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

use super::{flow::Flow, flow::Transport, vantage::Vantage};
use crate::pod::{Family, Listener};

/// Who refused, told by the socket's error queue (ip(7), `IP_RECVERR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offender {
    /// The sender of the ICMP message.
    pub address: IpAddr,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub icmp_code: u8,
}

impl Offender {
    /// Whether the packet's hop limit ran out there: ICMP 11/0 (RFC 792), `ICMPv6` 3/0 (RFC 4443).
    #[must_use]
    pub fn is_time_exceeded(&self) -> bool {
        match self.address {
            IpAddr::V4(_) => self.icmp_type == 11 && self.icmp_code == 0,
            IpAddr::V6(_) => self.icmp_type == 3 && self.icmp_code == 0,
        }
    }
}

impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (ICMP {}/{})", self.address, self.icmp_type, self.icmp_code)
    }
}

/// What happened to one flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// Its token was read by a listener of ours.
    Arrived {
        /// The accepted socket's own address: it tells which hook redirected.
        at: SocketAddr,
        /// The port of the listener that accepted: not that of `at` if TPROXY handed it over.
        listener: u16,
        /// The original destination; absent where the kernel offers none.
        original: Option<SocketAddr>,
        /// The listener stood at the destination itself and not at a capture port.
        at_destination: bool,
        /// For UDP: whether an answer found its way back. Absent where none was tried.
        answered: Option<bool>,
    },
    /// A proxy that already runs took it: the kernel named the other end of the connection.
    Taken {
        /// The local address of the socket that took it.
        at: SocketAddr,
        /// Its owner; absent while nobody has accepted the connection.
        uid: Option<u32>,
    },
    /// Connected, but no listener of ours got the token.
    AcceptedElsewhere,
    /// Refused: by whom, if ICMP told; a reset carries no name.
    Refused {
        /// The sender of the ICMP message.
        by: Option<Offender>,
    },
    /// Left the pod: the hop limit of 1 ran out at the first hop.
    LeftThePod {
        /// The first hop.
        hop: IpAddr,
    },
    /// No answer; for TCP the socket was still in `SYN_SENT`.
    Silent {
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// The kernel or a router refused.
    Failed {
        /// The system call.
        operation: String,
        /// The errno's name.
        errno: String,
        /// The sender of the ICMP message, if there was one.
        by: Option<Offender>,
    },
    /// Not sent, and why.
    NotSent {
        /// One clause for the report.
        reason: String,
    },
    /// Not sent by the peer that was named for it, and why.
    Unasked {
        /// One clause for the report.
        reason: String,
    },
}

impl Outcome {
    /// A rule of the pod dropped a datagram, as the kernel tells the sender. Other calls are refused by filters of
    /// system calls and by security modules, which is no word about rules.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        matches!(self, Outcome::Failed { operation, errno, .. } if errno == "EPERM" && operation == "send")
    }
}

/// A flow and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// What was sent.
    pub flow: Flow,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether podprobe listened at the destination itself.
    pub attended: bool,
}

/// A dummy listener on a capture port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dummy {
    /// The capture port.
    pub port: u16,
    /// The address family.
    pub family: Family,
    /// The transport protocol.
    pub transport: Transport,
    /// It takes connections to any address, as TPROXY needs it.
    pub transparent: bool,
    /// The errno's name if it could not be opened.
    pub error: Option<String>,
    /// The owner of the socket that holds the port, if the kernel told.
    pub owner_uid: Option<u32>,
}

/// Everything the redirect layer saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Who podprobe could be.
    pub vantage: Vantage,
    /// Whether `::6` is on lo; absent where IPv6 is not tested, or where that could not be told.
    pub passthrough_v6: Option<bool>,
    /// The running proxy's listeners on capture ports, if it was left alone.
    pub live: Option<Vec<Listener>>,
    /// The dummy listeners.
    pub dummies: Vec<Dummy>,
    /// The flows, in the order of `flows()`.
    pub flows: Vec<Observed>,
    /// The peers that were asked to dial back.
    #[serde(default)]
    pub peers: Vec<PeerSeen>,
}

/// A peer that was asked to dial back to one of the pod's addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerSeen {
    /// The peer.
    pub peer: SocketAddr,
    /// The pod's own address, from which it was asked.
    pub own: IpAddr,
    /// How it was asked.
    pub over: Transport,
    /// From where it saw the question come.
    pub you: Option<SocketAddr>,
    /// Why there was no answer: the end of a sentence that begins with the peer.
    pub problem: Option<String>,
}

impl PeerSeen {
    /// The address as which the peer sees the pod, if that is not the pod's own.
    #[must_use]
    pub fn translated(&self) -> Option<IpAddr> {
        self.you.map(|you| you.ip().to_canonical()).filter(|you| *you != self.own)
    }
}
