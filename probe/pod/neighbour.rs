//! Whether the kernel knows the hardware address of a neighbour, by `RTM_GETNEIGH` for one.

use std::io;
use std::net::IpAddr;

use netlink_packet_route::{
    AddressFamily,
    neighbour::{NeighbourHeader, NeighbourState},
};
use nix::{errno::Errno, libc::RTM_GETNEIGH};
use serde::{Deserialize, Serialize};

use crate::net::netlink::{Netlink, Request};

/// The neighbour's address (`linux/neighbour.h`; not in libc).
const NDA_DST: u16 = 1;

/// What the kernel knows of a neighbour (`NUD_*` in rtnetlink(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// Nobody has asked for it.
    Absent,
    /// Asked for, and not answered yet.
    Incomplete,
    /// Asked for three times, and not answered.
    Failed,
    /// Known: confirmed lately, or once and not refuted.
    Known,
    /// Not needed: the link has no hardware addresses, or the entry was written by hand.
    Unneeded,
}

impl Resolution {
    /// Whether the kernel has asked and nobody has answered.
    #[must_use]
    pub fn unanswered(self) -> bool {
        matches!(self, Self::Incomplete | Self::Failed)
    }
}

/// Asks for one neighbour.
///
/// # Errors
/// What the kernel answered: `EOPNOTSUPP` before Linux 5.0, which only dumps.
pub fn resolution(netlink: &mut Netlink, ip: IpAddr, link: u32) -> io::Result<Resolution> {
    let (family, octets) = match ip {
        IpAddr::V4(ip) => (AddressFamily::Inet, ip.octets().to_vec()),
        IpAddr::V6(ip) => (AddressFamily::Inet6, ip.octets().to_vec()),
    };
    let header = NeighbourHeader { family, ifindex: link, ..NeighbourHeader::default() };
    let request = Request { header, attributes: &[(NDA_DST, &octets)] };
    match netlink.ask(RTM_GETNEIGH, &request) {
        Ok(body) => read(&body).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(Resolution::Absent),
        Err(error) => Err(error),
    }
}

pub(crate) fn read(body: &[u8]) -> Option<Resolution> {
    let header = NeighbourHeader::parse(body).ok()?;
    Some(match header.state {
        NeighbourState::Incomplete => Resolution::Incomplete,
        NeighbourState::Failed => Resolution::Failed,
        NeighbourState::Noarp | NeighbourState::Permanent => Resolution::Unneeded,
        NeighbourState::None => Resolution::Absent,
        _ => Resolution::Known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn states_are_told_apart() {
        let state = |bits: u16| {
            let mut body = vec![2, 0, 0, 0];
            body.extend(2_u32.to_ne_bytes());
            body.extend(bits.to_ne_bytes());
            body.extend([0, 1]);
            read(&body)
        };
        assert_eq!(state(0x00), Some(Resolution::Absent));
        assert_eq!(state(0x01), Some(Resolution::Incomplete));
        assert_eq!(state(0x20), Some(Resolution::Failed));
        assert_eq!(state(0x40), Some(Resolution::Unneeded));
        assert_eq!(state(0x80), Some(Resolution::Unneeded));
        for known in [0x02, 0x04, 0x08, 0x10] {
            assert_eq!(state(known), Some(Resolution::Known));
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(&bytes);
        }
    }
}
