//! Who holds the other end of a probe's connection beside a running proxy: told by `sock_diag`, or,
//! where that is refused, by `/proc/net/tcp`, which has the same ends.

use std::{cell::RefCell, io, net::SocketAddr, time::Duration};

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use tokio::{net::TcpStream, time::sleep};

use super::{
    destination::loopback,
    flow::{Flow, Promise},
    outcome::Outcome,
};
use crate::{
    net::{
        dial::failure,
        errno_name, half_open,
        netlink::Netlink,
        proc_tcp,
        sock_diag::{BoundSocket, is_listened_at, other_end, tcp_listeners},
    },
    pod::Family,
};

/// How often, a millisecond apart, it is looked whether somebody has accepted by now.
const LOOKS: u32 = 20;

/// Who took a probe's connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taker {
    /// The local address of the socket that did.
    pub(super) at: SocketAddr,
    /// Its owner; none while nobody has accepted the connection.
    pub(super) uid: Option<u32>,
}

/// Asks the kernel about the other end of connections.
pub(super) struct Witness {
    source: Source,
    ports: Vec<u16>,
}

/// Where the kernel tells it.
enum Source {
    Diag(RefCell<Netlink>),
    Proc,
    /// Nowhere: why, of both.
    Nowhere(String),
}

impl Witness {
    /// A witness for redirection to these ports.
    pub(super) fn open(ports: Vec<u16>) -> Witness {
        // A kernel without tcp_diag opens the socket, and then says of everything that it is not there.
        let works = |mut netlink: Netlink| tcp_listeners(&mut netlink, false).map(|_| netlink);
        let source = match Netlink::open(NETLINK_SOCK_DIAG).and_then(works) {
            Ok(netlink) => Source::Diag(RefCell::new(netlink)),
            Err(diag) => match proc_tcp::is_readable() {
                Ok(()) => Source::Proc,
                Err(proc) => Source::Nowhere(format!(
                    "tell who accepted (sock_diag: {}, /proc/net/tcp: {})",
                    errno_name(&diag),
                    errno_name(&proc)
                )),
            },
        };
        Witness { source, ports }
    }

    /// Who holds the other end of `ours`: the destination itself, or a capture port, to which nat
    /// OUTPUT redirects on loopback.
    fn taker(&self, ours: SocketAddr, destination: SocketAddr) -> io::Result<Option<Taker>> {
        let lo = loopback(Family::of(ours.ip()));
        let captured = self.ports.iter().map(|port| SocketAddr::new(lo, *port));
        let mut closing = None;
        for at in [destination].into_iter().chain(captured) {
            if let Some((socket, open)) = self.other_end(ours, at)? {
                // Without an inode it has no owner yet: it waits in the backlog, or is half-open.
                let uid = (socket.inode != 0).then_some(socket.uid);
                let taker = Taker { at, uid };
                if open {
                    return Ok(Some(taker));
                }
                // A proxy that closes at once leaves such a socket, and so does an earlier look.
                closing.get_or_insert(taker);
            }
        }
        Ok(closing)
    }

    fn other_end(
        &self,
        ours: SocketAddr,
        theirs: SocketAddr,
    ) -> io::Result<Option<(BoundSocket, bool)>> {
        match &self.source {
            Source::Diag(netlink) => other_end(&mut netlink.borrow_mut(), ours, theirs),
            Source::Proc => proc_tcp::other_end(ours, theirs),
            Source::Nowhere(_) => Ok(None),
        }
    }

    fn is_listened_at(&self, at: SocketAddr) -> io::Result<bool> {
        match &self.source {
            Source::Diag(netlink) => is_listened_at(&mut netlink.borrow_mut(), at),
            Source::Proc => proc_tcp::is_listened_at(at),
            Source::Nowhere(_) => Ok(true),
        }
    }

    /// What a running proxy did with a half-open connection; none if it is our own listener's.
    pub(super) async fn told(
        &self,
        connection: &TcpStream,
        flow: &Flow,
        attended: bool,
    ) -> Option<Outcome> {
        let asked = match &self.source {
            // That somebody accepted is no proof that the proxy did, nor that it did not: it gets no
            // token of ours.
            Source::Nowhere(why) => return Some(unknown(why)),
            Source::Diag(_) | Source::Proc => self.ask(connection, flow, attended).await,
        };
        match asked {
            Ok(Some(taker)) if attended && taker.at == flow.destination => None,
            Ok(Some(taker)) => Some(Outcome::Taken { at: taker.at, uid: taker.uid }),
            // Our own listener's end is always to be seen: whoever else has it gets no token.
            Ok(None) => Some(Outcome::AcceptedElsewhere),
            Err(error) => Some(failure("ask the kernel who accepted", &error, None)),
        }
    }

    /// TPROXY leaves the address as it is: with a server at the destination itself, only who accepts
    /// tells whom the packet came to, and for that the handshake must be completed.
    async fn ask(
        &self,
        connection: &TcpStream,
        flow: &Flow,
        attended: bool,
    ) -> io::Result<Option<Taker>> {
        let ours = connection.local_addr()?;
        let mut taker = self.taker(ours, flow.destination)?;
        let unclear = |taker: &Option<Taker>| {
            taker.is_some_and(|taker| taker.at == flow.destination && taker.uid.is_none())
        };
        let handed_over = matches!(flow.promise, Promise::Transparent(_)) && !attended;
        if !handed_over || !unclear(&taker) || !self.is_listened_at(flow.destination)? {
            return Ok(taker);
        }
        half_open::complete(connection)?;
        for _ in 0..LOOKS {
            if !unclear(&taker) {
                return Ok(taker);
            }
            sleep(Duration::from_millis(1)).await;
            taker = self.taker(ours, flow.destination)?;
        }
        if unclear(&taker) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taker) }
    }
}

/// An outcome from which nothing follows.
fn unknown(why: &str) -> Outcome {
    Outcome::Failed { operation: why.to_owned(), errno: "EPROTONOSUPPORT".to_owned(), by: None }
}
