//! Being told by the kernel that links, addresses, routes or rules change (rtnetlink(7), multicast
//! groups of `linux/rtnetlink.h`).

use std::{collections::BTreeSet, io};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use serde::Serialize;
use tokio::io::{Interest, unix::AsyncFd};

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
    socket: AsyncFd<Socket>,
}

impl Notices {
    /// Subscribes; takes no privilege.
    ///
    /// # Errors
    /// What socket(2) or bind(2) return, or the sandbox that refuses netlink.
    #[expect(unsafe_code, reason = "a socket is handed to the reactor")]
    pub fn subscribe() -> io::Result<Notices> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_non_blocking(true)?;
        socket.bind(&SocketAddr::new(0, GROUPS))?;
        // SAFETY: the socket owns its open descriptor, gives that one alone, and is neither closed nor
        // replaced while the watcher holds it.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        Ok(Notices { socket })
    }

    /// Waits for notices, and gives the kinds of all that are there by then; every kind where some
    /// were lost, because there were more than the kernel holds for us.
    ///
    /// # Errors
    /// What recv(2) returns.
    pub async fn next(&self) -> io::Result<BTreeSet<Kind>> {
        loop {
            let mut ready = self.socket.readable().await?;
            let mut kinds = BTreeSet::new();
            while let Ok(received) = ready.try_io(|socket| receive(socket.get_ref())) {
                kinds.extend(received?);
            }
            if !kinds.is_empty() {
                return Ok(kinds);
            }
        }
    }
}

/// The kinds of one datagram's notices.
fn receive(socket: &Socket) -> io::Result<BTreeSet<Kind>> {
    let mut buffer = Vec::with_capacity(NOTICE_BYTES);
    match socket.recv(&mut buffer, 0) {
        Ok(_) => Ok(kinds(&buffer)),
        Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
            Ok(BTreeSet::from(Kind::ALL))
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

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
