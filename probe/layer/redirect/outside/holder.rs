//! Who holds a connection from outside: asked of the kernel, for its ends are all in this pod.

use std::{
    cell::RefCell,
    io,
    net::{IpAddr, SocketAddr},
};

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use nix::errno::Errno;

use super::super::{
    destination::loopback,
    flow::{Flow, Promise},
    outcome::Outcome,
    witness::Taker,
};
use crate::net::{
    dial::failure,
    netlink::Netlink,
    sock_diag::{BoundSocket, is_listened_at, other_end},
};

/// Asks `sock_diag` about connections that somebody outside opened.
pub(super) struct Holders {
    capture_ports: Vec<u16>,
    netlink: Option<RefCell<Netlink>>,
}

impl Holders {
    pub(super) fn new(capture_ports: Vec<u16>) -> Holders {
        let netlink = Netlink::open(NETLINK_SOCK_DIAG).ok().map(RefCell::new);
        Holders { capture_ports, netlink }
    }

    /// Whether one of podprobe's own listeners stands where the flow goes to.
    fn is_ours(&self, flow: &Flow, attended: bool, live: bool) -> bool {
        attended || (!live && self.capture_ports.contains(&flow.destination.port()))
    }

    /// What is known of a connection that is not one of our own listeners'; else none: its token will
    /// arrive. `inside` are the addresses to which nat PREROUTING redirects.
    pub(super) fn anothers(
        &self,
        flow: &Flow,
        from: SocketAddr,
        inside: &[IpAddr],
        attended: bool,
        live: bool,
    ) -> Option<Outcome> {
        let to = flow.destination;
        let ours = self.is_ours(flow, attended, live);
        let handed_over = matches!(flow.promise, Promise::Transparent(_));
        let as_outcome = |taker: Taker| Outcome::Taken { at: taker.at, uid: taker.uid };
        if !live && (ours || handed_over) {
            return None;
        }
        let blind = |error: &io::Error| Some(failure("ask sock_diag who answered", error, None));
        match self.taker(from, to) {
            Err(_) | Ok(Some(_)) if ours => return None,
            Err(error) => return blind(&error),
            Ok(Some(taker)) => return Some(as_outcome(taker)),
            Ok(None) if !live => return None,
            Ok(None) => {}
        }
        let places = inside.iter().copied().chain([to.ip(), loopback(flow.family)]);
        for ip in places {
            for port in &self.capture_ports {
                match self.taker(from, SocketAddr::new(ip, *port)) {
                    Ok(Some(taker)) => return Some(as_outcome(taker)),
                    Ok(None) => {}
                    Err(error) => return blind(&error),
                }
            }
        }
        Some(Outcome::AcceptedElsewhere)
    }

    /// The pod's end of the connection, if it is here.
    fn taker(&self, from: SocketAddr, at: SocketAddr) -> io::Result<Option<Taker>> {
        let none = || io::Error::from(Errno::EPROTONOSUPPORT);
        let mut netlink = self.netlink.as_ref().ok_or_else(none)?.borrow_mut();
        let socket = other_end(&mut netlink, from, at)?.map(|(socket, _open)| socket);
        // Without an inode it has no owner yet.
        let owner = |socket: &BoundSocket| (socket.inode != 0).then_some(socket.uid);
        Ok(socket.map(|socket| Taker { at, uid: owner(&socket) }))
    }

    /// Whether somebody else's server stands where TPROXY, which leaves the address as it is, must take
    /// a packet away.
    pub(super) fn look_the_same(&self, flow: &Flow, attended: bool) -> bool {
        let to = flow.destination;
        let ours = attended || self.capture_ports.contains(&to.port());
        let listens = |netlink: &RefCell<Netlink>| is_listened_at(&mut netlink.borrow_mut(), to);
        matches!(flow.promise, Promise::Transparent(_))
            && !ours
            && self.netlink.as_ref().is_none_or(|netlink| listens(netlink).unwrap_or(true))
    }
}
