//! What a rule asks of a packet.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::pod::Family;

/// A test of a packet, or its opposite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The packet must not pass it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub negated: bool,
    /// The test.
    pub test: Test,
}

impl Match {
    /// The packet must pass it.
    #[must_use]
    pub fn is(test: Test) -> Match {
        Match { negated: false, test }
    }
}

/// A test of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// Its address family.
    Family(Family),
    /// Its transport protocol, by number.
    Protocol(u8),
    /// Its source address.
    Source(IpNet),
    /// Its destination address.
    Destination(IpNet),
    /// The link it came in by; `+` at the end stands for anything.
    In(String),
    /// The link it leaves by.
    Out(String),
    /// Its source port, in one of these ranges.
    SourcePorts(Vec<(u16, u16)>),
    /// Its destination port.
    DestinationPorts(Vec<(u16, u16)>),
    /// The user that owns its socket.
    Uid(u32, u32),
    /// The group.
    Gid(u32, u32),
    /// Its mark, and the bits that are compared.
    Mark(u32, u32),
    /// Its connection's mark.
    ConnMark(u32, u32),
    /// Its connection's state, one of these bits.
    State(u8),
    /// Its source is an address of this pod.
    SourceLocal,
    /// Its destination is an address of this pod.
    DestinationLocal,
    /// Something that this program cannot read, by its name.
    Unreadable(String),
}

/// Bits of [`Test::State`].
pub mod state {
    /// No valid packet of a connection.
    pub const INVALID: u8 = 1;
    /// Of a connection that both sides have used.
    pub const ESTABLISHED: u8 = 2;
    /// Of a connection that belongs to another.
    pub const RELATED: u8 = 4;
    /// The first of a connection.
    pub const NEW: u8 = 8;
    /// Exempt from tracking.
    pub const UNTRACKED: u8 = 64;
    /// The words of iptables.
    pub const NAMES: [(u8, &str); 5] = [
        (INVALID, "INVALID"),
        (NEW, "NEW"),
        (RELATED, "RELATED"),
        (ESTABLISHED, "ESTABLISHED"),
        (UNTRACKED, "UNTRACKED"),
    ];
}
