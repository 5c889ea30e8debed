//! A flow: who sends what to whom, and what the mesh promised about it.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::pod::Family;

/// Whose traffic it is: netfilter's owner match tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// The proxy's uid and gid.
    Proxy,
    /// Any other uid and gid.
    App,
    /// Somebody outside the pod: the packet arrives, and meets the rules of PREROUTING.
    Outside,
}

pub use crate::pod::Transport;

/// What must happen to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// It must arrive at this capture port, its original destination readable.
    Captured(u16),
    /// TPROXY must hand it to the transparent listener on this port, its destination unchanged;
    /// a listener that is not transparent never sees it, and neither does anybody else.
    Transparent(u16),
    /// It must not arrive at its destination; where else it arrives concerns nobody's real traffic.
    Elsewhere,
    /// It must not arrive at any capture port; if its destination is local, it must arrive there.
    Untouched,
}

/// What a flow proves; the names for `--require`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Application egress reaches the outbound port.
    Outbound,
    /// So does what applications send to the API server, its original destination unchanged.
    Service,
    /// Local traffic of the proxy reaches the inbound port.
    Inbound,
    /// What arrives from outside reaches the inbound port.
    Arriving,
    /// What arrives from outside and is excluded from capture is left alone.
    ArrivingExclusion,
    /// The proxy's own egress is not captured.
    Loop,
    /// What the proxy sends to its application from the client's address is answered.
    Return,
    /// Traffic from the passthrough source is not captured.
    Passthrough,
    /// Loopback traffic is not captured.
    Loopback,
    /// Declared exclusions, and what lies outside declared includes, are not captured.
    Exclusion,
    /// The mesh's own tunnel port is not captured on loopback.
    Tunnel,
    /// DNS goes where it was promised to go.
    Dns,
}

impl Proof {
    /// Every proof.
    pub const ALL: [Proof; 12] = [
        Proof::Outbound,
        Proof::Service,
        Proof::Inbound,
        Proof::Arriving,
        Proof::ArrivingExclusion,
        Proof::Loop,
        Proof::Return,
        Proof::Passthrough,
        Proof::Loopback,
        Proof::Exclusion,
        Proof::Tunnel,
        Proof::Dns,
    ];

    /// The name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Proof::Outbound => "outbound",
            Proof::Service => "service",
            Proof::Inbound => "inbound",
            Proof::Arriving => "arriving",
            Proof::ArrivingExclusion => "arriving-exclusion",
            Proof::Loop => "loop",
            Proof::Return => "return",
            Proof::Passthrough => "passthrough",
            Proof::Loopback => "loopback",
            Proof::Exclusion => "exclusion",
            Proof::Tunnel => "tunnel",
            Proof::Dns => "dns",
        }
    }
}

/// One probe: its destination is its own, so that the accepted side can be recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// What it proves.
    pub proof: Proof,
    /// Whose traffic it is.
    pub sender: Sender,
    /// The address family.
    pub family: Family,
    /// The transport protocol.
    pub transport: Transport,
    /// The address to bind to before sending, where that matters to the rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Where it is sent.
    pub destination: SocketAddr,
    /// What must happen to it.
    pub promise: Promise,
    /// The index of an earlier flow whose source port this one must use again, to show that
    /// application and proxy have conntrack zones of their own (istio issue 33469).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<usize>,
}

impl Flow {
    /// Whether the destination is in this pod, so that podprobe can listen there itself.
    #[must_use]
    pub fn is_local(&self, pod: &[IpAddr]) -> bool {
        super::promise::is_local(self.destination.ip(), pod)
    }
}
