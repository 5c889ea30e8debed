//! The two address families a pod can have.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use netlink_packet_route::AddressFamily;
use serde::{Deserialize, Serialize};

/// IPv4 or IPv6; `ipv4` and `ipv6` in data and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Internet Protocol version 4.
    Ipv4,
    /// Internet Protocol version 6.
    Ipv6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// Whether the address is of this family.
    #[must_use]
    pub fn holds(self, ip: IpAddr) -> bool {
        Self::of(ip) == self
    }

    /// The address that stands for any: `0.0.0.0` or `::`.
    #[must_use]
    pub fn unspecified(self) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// The family of a netlink message; `None` for bridges, MPLS, multicast routing and others.
    pub(crate) fn from_netlink(family: AddressFamily) -> Option<Self> {
        match family {
            AddressFamily::Inet => Some(Self::Ipv4),
            AddressFamily::Inet6 => Some(Self::Ipv6),
            _ => None,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

impl FromStr for Family {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ipv4" => Ok(Self::Ipv4),
            "ipv6" => Ok(Self::Ipv6),
            _ => Err(format!("no address family `{text}`: expected ipv4 or ipv6")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (family, word, title) in
            [(Family::Ipv4, "ipv4", "IPv4"), (Family::Ipv6, "ipv6", "IPv6")]
        {
            assert_eq!(word.parse(), Ok(family));
            assert_eq!(family.to_string(), title);
            assert_eq!(serde_json::to_string(&family).unwrap(), format!("\"{word}\""));
            assert!(family.holds(family.unspecified()));
        }
        assert!("IPv4".parse::<Family>().is_err());
    }
}
