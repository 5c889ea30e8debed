//! What a rule does to a packet.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What is done to a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It leaves this base chain.
    Accept,
    /// It is gone.
    Drop,
    /// It is refused.
    Reject,
    /// Back to the chain that jumped here.
    Return,
    /// To this chain and back.
    Jump(String),
    /// To this chain.
    Goto(String),
    /// To this pod, at this port; absent: the port it was sent to.
    Redirect(Option<u16>),
    /// To this address, at this port.
    Dnat(Option<IpAddr>, Option<u16>),
    /// To the transparent listener on this port, with this mark in these bits.
    Tproxy {
        /// The port.
        port: u16,
        /// The mark.
        mark: u32,
        /// Its bits.
        mask: u32,
    },
    /// `(mark & ~mask) ^ value`: the mark is set.
    SetMark(u32, u32),
    /// The connection's mark is set likewise.
    SetConnMark(u32, u32),
    /// The packet's mark becomes the connection's.
    SaveMark,
    /// The connection's mark becomes the packet's.
    RestoreMark,
    /// The connection belongs to this conntrack zone.
    Zone(u16),
    /// The packet is not tracked.
    NoTrack,
    /// Something that changes nothing about its way: a log, a limit of statistics.
    Nothing(String),
    /// Something that this program cannot read, by its name.
    Unreadable(String),
}
