//! What runs out: local ports, and the connections that the kernel tracks.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

use crate::net::errno_name;

/// Limits of this network namespace and how much of them is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Why no local port could be had; absent where one could, or where that was not the reason.
    pub no_port: Option<String>,
    /// The ports that the kernel chooses from, where it tells (`ip_local_port_range`).
    pub ports: Option<(u16, u16)>,
    /// Connections tracked in this namespace, and the most that the node tracks in any; absent
    /// where connections are not tracked.
    pub tracked: Option<(u64, u64)>,
    /// Why a datagram to the pod itself could not be sent, where the table of tracked connections was
    /// full: the kernel refuses what it cannot track (`nf_conntrack_in`).
    pub untrackable: Option<String>,
}

/// Looks at the limits; takes a local port for a moment.
pub(super) fn look() -> Limits {
    let number = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/net/netfilter/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let tracked = number("nf_conntrack_count").zip(number("nf_conntrack_max"));
    let full = tracked.is_some_and(|(count, most)| most > 0 && count >= most);
    let untrackable = if full { untrackable() } else { None };
    Limits { no_port: no_port(), ports: ports(), tracked, untrackable }
}

/// EPERM for a datagram on loopback, which is what connection tracking answers a sender.
fn untrackable() -> Option<String> {
    let any = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let (from, to) = (any().ok()?, any().ok()?);
    let sent = from.send_to(&[0], to.local_addr().ok()?);
    let refused = sent.err().filter(|error| error.raw_os_error() == Some(Errno::EPERM as i32));
    refused.map(|error| errno_name(&error))
}

fn ports() -> Option<(u16, u16)> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut words = text.split_whitespace().map(str::parse);
    Some((words.next()?.ok()?, words.next()?.ok()?))
}

fn no_port() -> Option<String> {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let bound = Socket::new(Domain::IPV4, Type::STREAM, None).and_then(|s| s.bind(&any.into()));
    bound.err().filter(is_exhausted).map(|error| errno_name(&error))
}

/// bind(2) to port 0: ip(7).
fn is_exhausted(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EADDRINUSE as i32)
}
