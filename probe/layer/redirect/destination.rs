//! Where probes go: addresses that nobody has, and those that mean something to the rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::{
    capture::{Capture, Cidrs},
    pod::Family,
};

/// Istio's passthrough address: rules exempt it as a source and capture it as a destination of the
/// proxy (istio `tools/istio-iptables/pkg/constants/constants.go`).
pub const PASSTHROUGH_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6));
/// The IPv6 form of [`PASSTHROUGH_V4`]; the mesh adds it to lo.
pub const PASSTHROUGH_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6));

/// How many documentation addresses of a family one look may use.
const DOCUMENTATION: u8 = 254;

/// Documentation addresses (RFC 5737 TEST-NET-1, RFC 3849), others first for another `seed`.
pub(super) fn documentation(family: Family, seed: u64) -> impl Iterator<Item = IpAddr> {
    let moved = move |n: u64, range: u64| u8::try_from(seed.wrapping_add(n) % range).unwrap_or(0);
    (0..DOCUMENTATION).map(move |n| match family {
        Family::Ipv4 => IpAddr::from([192, 0, 2, 1 + moved(u64::from(n), 254)]),
        Family::Ipv6 => {
            let run = u16::from(moved(0, 256)) << 8;
            IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, run + 1 + u16::from(n)])
        }
    })
}

/// Whether somebody outside the pod may have this address: it is no documentation address, and not
/// on loopback.
pub(super) fn may_be_had(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_documentation() && !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_loopback() && !matches!(ip.segments(), [0x2001, 0xdb8, ..]),
    }
}

/// The networks that the promise names.
pub(super) fn declared_cidrs(capture: &Capture) -> Vec<IpNet> {
    let included = match &capture.include_outbound_cidrs {
        Cidrs::All => &[][..],
        Cidrs::Only(list) => list,
    };
    included.iter().chain(&capture.exclude_outbound_cidrs).copied().collect()
}

/// An address inside the network, the last host of it: seldom in use. Never one that is local or
/// multicast, where a probe would mean something else.
pub(super) fn inside(net: IpNet) -> Option<IpAddr> {
    let ip = match net {
        IpNet::V4(net) if net.prefix_len() < 31 => {
            IpAddr::V4(Ipv4Addr::from(u32::from(net.broadcast()) - 1))
        }
        IpNet::V6(net) if net.prefix_len() < 127 => {
            IpAddr::V6(Ipv6Addr::from(u128::from(net.broadcast()) - 1))
        }
        _ => net.addr(),
    };
    let unsuitable = ip.is_loopback() || ip.is_multicast() || ip.is_unspecified();
    (net.prefix_len() > 0 && !unsuitable).then_some(ip)
}

/// The loopback address of the family.
pub(super) fn loopback(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::LOCALHOST.into(),
        Family::Ipv6 => Ipv6Addr::LOCALHOST.into(),
    }
}

/// The passthrough address of the family.
pub(super) fn passthrough(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => PASSTHROUGH_V4,
        Family::Ipv6 => PASSTHROUGH_V6,
    }
}
