//! What became of each exchange: plain data, errors included as facts.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::peer::{Role, Speaks};
use crate::{
    layer::{attempt::Failure, ladder::Ladder, redirect::Offender},
    pod::{Link, Pod},
};

/// Packets sent again that make a stall, where nothing at all was acknowledged: a tail loss probe
/// and a timeout, of 0.2 s.
const RESENT: u32 = 2;

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Ended {
    /// With an answer, or so much of it that it took full packets.
    Answered,
    /// The other side closed the connection.
    Closed,
    /// The connection broke.
    Broke {
        /// The errno's name.
        errno: String,
    },
    /// With patience.
    Waited,
}

/// One connection, and what the kernel counted on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// The pod's end.
    pub from: IpAddr,
    /// The size of the packets that were sent, with their headers, in bytes; of the last ones, if
    /// the kernel changed it.
    pub packet: u32,
    /// The size of the largest packets that the other side was allowed to send.
    pub allowed: u32,
    /// Bytes sent.
    pub sent: u64,
    /// Of these, acknowledged.
    pub acked: u64,
    /// Packets sent again.
    pub resent: u32,
    /// Packets acknowledged behind a gap.
    pub sacked: u32,
    /// Bytes received, none missing before them.
    pub received: u64,
    /// So many of them that they took a full packet.
    pub received_full: bool,
    /// The path MTU that the kernel assumed when the connection was made.
    pub path_mtu_before: u32,
    /// The one that it assumed at the end.
    pub path_mtu: u32,
    /// How it ended.
    pub ended: Ended,
    /// From the first byte sent until then.
    pub elapsed_ms: u64,
}

impl Exchange {
    /// Everything sent was acknowledged.
    #[must_use]
    pub fn taken(&self) -> bool {
        self.acked >= self.sent
    }

    /// Nothing was acknowledged, although it was sent again.
    #[must_use]
    pub fn stuck(&self) -> bool {
        let nothing = self.acked == 0 && self.sacked == 0;
        nothing && self.resent >= RESENT && self.ended == Ended::Waited
    }

    /// The other side had everything, and its answer did not come.
    #[must_use]
    pub fn unanswered(&self) -> bool {
        self.taken() && self.ended == Ended::Waited
    }

    /// The link that it went over: the one that has its address.
    #[must_use]
    pub fn link<'p>(&self, pod: &'p Pod) -> Option<&'p Link> {
        let mut addresses = pod.addresses.list().iter();
        let index = addresses.find(|address| address.ip == self.from)?.link_index;
        pod.links.list().iter().find(|link| link.index == index)
    }

    /// A smaller path MTU was learned while it went on: somebody said "too big".
    #[must_use]
    pub fn learned(&self) -> bool {
        self.path_mtu < self.path_mtu_before
    }
}

/// An exchange, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tried {
    /// A connection came about.
    Made(Exchange),
    /// None did.
    Failed(Failure),
}

impl Tried {
    /// The exchange, if there was one.
    #[must_use]
    pub fn made(&self) -> Option<&Exchange> {
        match self {
            Tried::Made(exchange) => Some(exchange),
            Tried::Failed(_) => None,
        }
    }
}

/// The path to one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Path {
    /// Who it is.
    pub to: SocketAddr,
    /// What it is to the pod.
    pub role: Role,
    /// What it speaks.
    pub speaks: Speaks,
    /// The exchange in full packets.
    pub large: Tried,
    /// Where that stalled: the same bytes in small packets, on another connection.
    pub small: Option<Tried>,
    /// Where those came through: once more in full packets.
    pub again: Option<Tried>,
    /// Who says "too big" to a datagram of the link's size, where the path's MTU is smaller.
    pub too_big: Option<Offender>,
    /// How far datagrams of the link's size come, where full packets vanish.
    pub ladder: Option<Ladder>,
}

/// Everything the mtu layer saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// `net.ipv4.tcp_mtu_probing`, which IPv6 heeds, too: 1 makes the kernel try smaller packets
    /// after some seconds, 2 makes it begin with them.
    pub mtu_probing: Option<u8>,
    /// The paths, one a peer.
    pub paths: Vec<Path>,
}

impl Path {
    /// The last exchange in full packets.
    #[must_use]
    pub fn last(&self) -> Option<&Exchange> {
        self.again.as_ref().unwrap_or(&self.large).made()
    }
}
