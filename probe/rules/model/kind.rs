//! Whose a table is, and where on the way of a packet its chains stand.

use serde::{Deserialize, Serialize};

use crate::pod::Family;

/// Who keeps the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// The kernel's `nf_tables`: native nftables and iptables-nft.
    Nft,
    /// The kernel's `ip_tables` and `ip6_tables`: iptables-legacy.
    Legacy,
}

impl Backend {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Backend::Nft => "nft",
            Backend::Legacy => "legacy",
        }
    }
}

/// Whose packets a table sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Both.
    Inet,
}

impl Scope {
    /// Whether packets of this family are among them.
    #[must_use]
    pub fn holds(self, family: Family) -> bool {
        match self {
            Scope::Ip => family == Family::Ipv4,
            Scope::Ip6 => family == Family::Ipv6,
            Scope::Inet => true,
        }
    }

    /// nft's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scope::Ip => "ip",
            Scope::Ip6 => "ip6",
            Scope::Inet => "inet",
        }
    }
}

/// Where on a packet's way a chain stands (kernel `include/uapi/linux/netfilter.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// Before it is routed, on its way in.
    Prerouting,
    /// To a socket of this pod.
    Input,
    /// Through the pod.
    Forward,
    /// From a socket of this pod.
    Output,
    /// On its way out.
    Postrouting,
}

impl Hook {
    /// By the kernel's number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Hook> {
        [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting]
            .get(usize::try_from(number).ok()?)
            .copied()
    }

    /// iptables' word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Hook::Prerouting => "PREROUTING",
            Hook::Input => "INPUT",
            Hook::Forward => "FORWARD",
            Hook::Output => "OUTPUT",
            Hook::Postrouting => "POSTROUTING",
        }
    }
}

/// What a table does at a hook; which of them a chain belongs to follows from type and priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Before connection tracking: priority below -200.
    Raw,
    /// Marks and TPROXY: priority below 0.
    Mangle,
    /// Addresses and ports: chains of type `nat`.
    Nat,
    /// Everything later.
    Filter,
}

impl Kind {
    /// iptables' name of the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Raw => "raw",
            Kind::Mangle => "mangle",
            Kind::Nat => "nat",
            Kind::Filter => "filter",
        }
    }
}

/// What makes a chain one that packets enter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// What it does there.
    pub kind: Kind,
    /// Where.
    pub hook: Hook,
    /// In which order: lower ones first.
    pub priority: i32,
    /// What becomes of packets that no rule takes: accepted (true) or dropped.
    pub accepts: bool,
}
