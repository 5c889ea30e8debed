//! Addresses of both families, by `RTM_GETADDR`.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::Parseable;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressHeader, AddressScope};
use nix::libc::RTM_GETADDR;
use serde::{Deserialize, Serialize};

use super::Family;
use super::link::{Link, name_of};
use crate::net::netlink::{Netlink, attributes};

/// Size of `struct ifaddrmsg`.
const HEADER_BYTES: usize = 8;

/// One address on one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Index of the link.
    pub link_index: u32,
    /// Name of the link.
    pub link: String,
    /// The pod's own address (not that of the peer on a point-to-point link).
    pub ip: IpAddr,
    /// Length of the network prefix, in bits.
    pub prefix: u8,
    /// How far the address is valid.
    pub scope: Scope,
    /// State of duplicate address detection.
    pub dad: Dad,
    /// A further IPv4 address of a network, or a temporary IPv6 address.
    pub secondary: bool,
}

/// How far an address is valid (`rtm_scope` in rtnetlink(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everywhere.
    Global,
    /// Within the site.
    Site,
    /// On the link.
    Link,
    /// In this namespace only.
    Host,
    /// Reserved: nowhere.
    Nowhere,
    /// A scope by an administrator's own number.
    Custom(u8),
}

/// State of duplicate address detection (RFC 4862, section 5.4; RFC 4429 for optimistic).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dad {
    /// The address is unique, or is not tested: IPv4 always.
    Ready,
    /// Not usable yet: the test is running.
    Tentative,
    /// Not usable: another host has the address.
    Failed,
    /// Usable while the test is running.
    Optimistic,
}

impl Dad {
    /// Whether the address can be used.
    #[must_use]
    pub fn usable(self) -> bool {
        matches!(self, Self::Ready | Self::Optimistic)
    }

    /// The state by the flags of an IPv6 address. A failed address stays tentative, and an
    /// optimistic one is tentative as well, so those two flags are asked first.
    fn of(flags: AddressFlags) -> Self {
        if flags.contains(AddressFlags::Dadfailed) {
            Self::Failed
        } else if flags.contains(AddressFlags::Optimistic) {
            Self::Optimistic
        } else if flags.contains(AddressFlags::Tentative) {
            Self::Tentative
        } else {
            Self::Ready
        }
    }
}

impl Address {
    /// Whether other hosts beyond the link can use the address.
    pub(crate) fn is_global(&self) -> bool {
        let link_local = match self.ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        self.scope == Scope::Global && !link_local
    }
}

/// The addresses of the namespace; `links` give the names.
pub(super) fn dump(netlink: &mut Netlink, links: &[Link]) -> io::Result<Vec<Address>> {
    let request = AddressHeader::default();
    netlink.dump(RTM_GETADDR, &request, |body, found| found.extend(read(body, links)))
}

pub(crate) fn read(body: &[u8], links: &[Link]) -> Option<Address> {
    let header = AddressHeader::parse(body).ok()?;
    let family = Family::from_netlink(header.family)?;
    let (mut local, mut address) = (None, None);
    let mut flags = AddressFlags::from_bits_retain(header.flags.bits().into());
    for attribute in attributes(body, HEADER_BYTES) {
        match AddressAttribute::parse(&attribute) {
            Ok(AddressAttribute::Local(ip)) => local = Some(ip),
            Ok(AddressAttribute::Address(ip)) => address = Some(ip),
            Ok(AddressAttribute::Flags(all)) => flags = all,
            _ => {}
        }
    }
    Some(Address {
        link_index: header.index,
        link: name_of(links, header.index),
        ip: local.or(address)?,
        prefix: header.prefix_len,
        scope: scope(header.scope),
        dad: if family == Family::Ipv6 { Dad::of(flags) } else { Dad::Ready },
        secondary: flags.contains(AddressFlags::Secondary),
    })
}

fn scope(scope: AddressScope) -> Scope {
    match scope {
        AddressScope::Universe => Scope::Global,
        AddressScope::Site => Scope::Site,
        AddressScope::Link => Scope::Link,
        AddressScope::Host => Scope::Host,
        AddressScope::Nowhere => Scope::Nowhere,
        other => Scope::Custom(other.into()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn sample(link_index: u32, ip: &str, prefix: u8, secondary: bool) -> Address {
        let ip: IpAddr = ip.parse().unwrap();
        Address {
            link_index,
            link: name_of(&super::super::link::tests::sample(), link_index),
            ip,
            prefix,
            scope: if ip.is_loopback() { Scope::Host } else { Scope::Global },
            dad: Dad::Ready,
            secondary,
        }
    }

    /// An `ifaddrmsg` of an IPv6 address with these flags in the header and in `IFA_FLAGS`.
    fn v6(header_flags: u8, flags: u32) -> Vec<u8> {
        let mut bytes = vec![10, 64, header_flags, 0];
        bytes.extend(2_u32.to_ne_bytes());
        bytes.extend(20_u16.to_ne_bytes());
        bytes.extend(1_u16.to_ne_bytes());
        bytes.extend("fd00::2".parse::<std::net::Ipv6Addr>().unwrap().octets());
        bytes.extend(8_u16.to_ne_bytes());
        bytes.extend(8_u16.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes
    }

    #[test]
    fn flags_tell_duplicate_address_detection() {
        let dad = |flags: u8| read(&v6(flags, flags.into()), &[]).unwrap().dad;
        assert_eq!(dad(0x80), Dad::Ready);
        assert_eq!(dad(0xc0), Dad::Tentative);
        assert_eq!(dad(0xc8), Dad::Failed);
        assert_eq!(dad(0x44), Dad::Optimistic);
    }

    #[test]
    fn header_flags_serve_without_the_attribute() {
        let message = v6(0x40, 0);
        let cut = &message[..message.len() - 8];
        assert_eq!(read(cut, &[]).unwrap().dad, Dad::Tentative);
    }

    #[test]
    fn own_address_is_preferred_to_the_peer() {
        let mut bytes = vec![2, 32, 0x80, 0];
        bytes.extend(2_u32.to_ne_bytes());
        for (kind, ip) in [(1_u16, [10, 0, 0, 9]), (2, [10, 0, 0, 2])] {
            bytes.extend(8_u16.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(ip);
        }
        let address = read(&bytes, &super::super::link::tests::sample()).unwrap();
        assert_eq!((address.ip.to_string(), &*address.link), ("10.0.0.2".into(), "eth0"));
        assert_eq!((address.scope, address.dad), (Scope::Global, Dad::Ready));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 8..100)) {
            bytes[0] = 10;
            let _ = read(&bytes, &[]);
        }
    }
}
