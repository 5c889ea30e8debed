//! Network interfaces, by `RTM_GETLINK`.

use std::io;

use netlink_packet_core::{parse_string, parse_u32};
use netlink_packet_route::link::{LinkFlags, LinkHeader, LinkLayerType};
use nix::libc::{IFLA_ADDRESS, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, IFLA_MTU, RTM_GETLINK};
use serde::{Deserialize, Serialize};

use crate::net::{
    arp::Hardware,
    netlink::{Netlink, attributes},
};

/// Size of `struct ifinfomsg`.
const HEADER_BYTES: usize = 16;

/// One network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Interface name.
    pub name: String,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Operational: it has a carrier (`IFF_RUNNING`).
    pub running: bool,
    /// Largest packet, in bytes.
    pub mtu: u32,
    /// The loopback interface (`IFF_LOOPBACK`).
    pub loopback: bool,
    /// What made it: `veth`, `bridge`, `dummy`, …; none for lo and for hardware.
    #[serde(default)]
    pub kind: Option<String>,
    /// What it tells neighbours by ARP on an Ethernet, as `02:00:00:00:00:07`; none on links of
    /// another kind, and where ARP is off (`IFF_NOARP`).
    #[serde(default)]
    pub hardware: Option<String>,
}

/// Fallback tunnel devices that the kernel puts into every network namespace (kernel
/// `Documentation/admin-guide/sysctl/net.rst`, `fb_tunnels_only_for_init_net`).
const FALLBACK_DEVICES: [&str; 9] =
    ["tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6tnl0", "ip6gre0"];

impl Link {
    /// Whether somebody gave the pod this link, rather than the kernel.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.loopback && !FALLBACK_DEVICES.contains(&self.name.as_str())
    }

    /// Whether packets can go in and out.
    #[must_use]
    pub fn works(&self) -> bool {
        self.up && self.running
    }
}

/// The links of the namespace.
pub(super) fn dump(netlink: &mut Netlink) -> io::Result<Vec<Link>> {
    netlink.dump(RTM_GETLINK, &LinkHeader::default(), |body, found| found.extend(read(body)))
}

/// The name of a link, `#7` for one that could not be looked at.
pub(super) fn name_of(links: &[Link], index: u32) -> String {
    match links.iter().find(|link| link.index == index) {
        Some(link) => link.name.clone(),
        None => format!("#{index}"),
    }
}

/// Whether this is not a link's name, but stands for one.
pub(super) fn is_unnamed(name: &str) -> bool {
    name.starts_with('#')
}

pub(crate) fn read(body: &[u8]) -> Option<Link> {
    let header = LinkHeader::parse(body).ok()?;
    let (mut name, mut mtu, mut kind, mut hardware) = (None, None, None, None);
    for attribute in attributes(body, HEADER_BYTES) {
        match attribute.kind() {
            IFLA_IFNAME => name = parse_string(attribute.value()).ok(),
            IFLA_MTU => mtu = parse_u32(attribute.value()).ok(),
            IFLA_ADDRESS => hardware = Hardware::try_from(attribute.value()).ok(),
            IFLA_LINKINFO => kind = kind_in(attribute.value()),
            _ => {}
        }
    }
    let speaks_arp =
        header.link_layer_type == LinkLayerType::Ether && !header.flags.contains(LinkFlags::Noarp);
    Some(Link {
        index: header.index,
        name: name.unwrap_or_else(|| format!("#{}", header.index)),
        up: header.flags.contains(LinkFlags::Up),
        running: header.flags.contains(LinkFlags::Running),
        mtu: mtu.unwrap_or_default(),
        loopback: header.flags.contains(LinkFlags::Loopback),
        kind,
        hardware: hardware.filter(|_| speaks_arp).map(text),
    })
}

/// A hardware address as people write it.
#[must_use]
pub fn text(hardware: Hardware) -> String {
    hardware.map(|byte| format!("{byte:02x}")).join(":")
}

/// The bytes of what [`text`] wrote.
#[must_use]
pub fn hardware(text: &str) -> Option<Hardware> {
    let bytes: Option<Vec<u8>> =
        text.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect();
    Hardware::try_from(bytes?).ok()
}

/// The kind among the attributes that are nested in `IFLA_LINKINFO`.
fn kind_in(nested: &[u8]) -> Option<String> {
    let kind = attributes(nested, 0).find(|attribute| attribute.kind() == IFLA_INFO_KIND)?;
    parse_string(kind.value()).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn sample() -> Vec<Link> {
        let link = |index, name: &str, mtu, loopback| {
            let name = name.to_owned();
            let (kind, hardware) = (None, None);
            Link { index, name, up: true, running: true, mtu, loopback, kind, hardware }
        };
        vec![link(1, "lo", 65536, true), link(2, "eth0", 1500, false)]
    }

    /// An `ifinfomsg` of `lo`, up and running, MTU 65536.
    const LO: [u8; 32] = [
        0, 0, 4, 3, 1, 0, 0, 0, 0x49, 0, 0, 0, 0, 0, 0, 0, // header, flags 0x49
        7, 0, 3, 0, b'l', b'o', 0, 0, // IFLA_IFNAME
        8, 0, 4, 0, 0, 0, 1, 0, // IFLA_MTU
    ];

    #[cfg(target_endian = "little")]
    #[test]
    fn reads_header_flags_and_attributes() {
        assert_eq!(read(&LO), Some(sample().remove(0)));
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn cut_message_keeps_what_is_whole() {
        assert_eq!(read(&LO[..28]).map(|link| (link.name, link.mtu)), Some(("lo".into(), 0)));
        assert_eq!(read(&LO[..15]), None);
    }

    #[test]
    fn the_kind_is_nested() {
        let nested = [&9_u16.to_ne_bytes()[..], &1_u16.to_ne_bytes(), b"veth\0"].concat();
        assert_eq!(kind_in(&nested), Some("veth".to_owned()));
        assert_eq!(kind_in(&nested[..6]), None);
    }

    #[test]
    fn fallback_tunnels_are_nobodys_gift() {
        let mut links = sample();
        assert_eq!(links.iter().map(Link::is_given).collect::<Vec<_>>(), [false, true]);
        links[1].name = "sit0".into();
        assert!(!links[1].is_given());
    }

    #[test]
    fn a_hardware_address_is_read_as_it_was_written() {
        let bytes = [0xee, 0, 1, 2, 3, 0xff];
        assert_eq!(text(bytes), "ee:00:01:02:03:ff");
        assert_eq!(hardware(&text(bytes)), Some(bytes));
        assert_eq!(hardware("ee:00"), None);
        assert_eq!(hardware("+1:00:01:02:03:ff:00"), None);
    }

    #[test]
    fn unknown_link_is_named_by_index() {
        assert_eq!(name_of(&sample(), 2), "eth0");
        assert_eq!(name_of(&[], 7), "#7");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (read(&bytes), kind_in(&bytes));
        }
    }
}
