//! Being told by the kernel that links, addresses, routes or rules change (rtnetlink(7), multicast
//! groups of `linux/rtnetlink.h`).

use std::{collections::BTreeSet, io, os::fd::AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket,
};
use serde::Serialize;
use tokio::net::UnixDatagram;

use super::first_message;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV4_RULE`, `RTMGRP_IPV6_IFADDR`,
/// `RTMGRP_IPV6_ROUTE`, and the group `RTNLGRP_IPV6_RULE`, which has no such name.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18;
/// Room for one notice; a longer one is cut, and its kind stands at its beginning.
const NOTICE_BYTES: usize = 4096;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A link.
    Link,
    /// An address.
    Address,
    /// A route.
    Route,
    /// A policy rule.
    Rule,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Link, Kind::Address, Kind::Route, Kind::Rule];

    /// The name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Link => "link",
            Kind::Address => "address",
            Kind::Route => "route",
            Kind::Rule => "rule",
        }
    }

    /// Of a message type: `RTM_NEWLINK` 16, `RTM_NEWADDR` 20, `RTM_NEWROUTE` 24, `RTM_NEWRULE` 32, each
    /// followed by its `DEL`.
    fn of(message_type: u16) -> Option<Kind> {
        match message_type {
            16 | 17 => Some(Kind::Link),
            20 | 21 => Some(Kind::Address),
            24 | 25 => Some(Kind::Route),
            32 | 33 => Some(Kind::Rule),
            _ => None,
        }
    }
}

/// Notices of this network namespace.
pub struct Notices {
    /// To the runtime one datagram socket is as another, whatever its family.
    socket: UnixDatagram,
}

impl Notices {
    /// Subscribes; takes no privilege.
    ///
    /// # Errors
    /// What socket(2) or bind(2) return, or the sandbox that refuses netlink.
    pub fn subscribe() -> io::Result<Notices> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (family, route) = (AddressFamily::Netlink, SockProtocol::NetlinkRoute);
        let socket = socket(family, SockType::Raw, flags, route)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
        Ok(Notices { socket: UnixDatagram::from_std(socket.into())? })
    }

    /// Waits for notices, and gives the kinds of all that are there by then; every kind where some
    /// were lost, because there were more than the kernel holds for us.
    ///
    /// # Errors
    /// What recv(2) returns.
    pub async fn next(&self) -> io::Result<BTreeSet<Kind>> {
        let mut buffer = vec![0; NOTICE_BYTES];
        let mut told = BTreeSet::new();
        while told.is_empty() {
            self.socket.readable().await?;
            loop {
                match self.socket.try_recv(&mut buffer) {
                    Ok(length) => told.extend(kinds(&buffer[..length])),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                        told.extend(Kind::ALL);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(told)
    }
}

/// The kinds of one datagram's notices.
pub(crate) fn kinds(mut bytes: &[u8]) -> BTreeSet<Kind> {
    let mut kinds = BTreeSet::new();
    while bytes.len() >= super::HEADER_BYTES {
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        kinds.extend(Kind::of(kind));
        // What is cut off is the end of the last one.
        let Ok((_, length)) = first_message(bytes) else { break };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    kinds
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn notice(kind: u16, length: u32) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(length).expect("small")];
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes
    }

    #[test]
    fn every_notice_of_a_datagram_counts_and_a_cut_one_too() {
        let mut bytes = notice(16, 32);
        bytes.extend(notice(25, 20));
        bytes.extend(&notice(33, 400)[..40]);
        bytes.extend(notice(28, 16));
        assert_eq!(kinds(&bytes), BTreeSet::from([Kind::Link, Kind::Route, Kind::Rule]));
    }

    proptest! {
        #[test]
        fn foreign_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(kinds(&bytes).len() <= Kind::ALL.len());
        }
    }
}
