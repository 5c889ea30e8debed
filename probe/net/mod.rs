//! The only place with socket options and netlink messages.

pub mod arp;
pub mod calls;
pub mod client;
pub mod counters;
pub mod datagram;
pub mod dial;
pub mod error_queue;
pub mod half_open;
pub mod hello;
pub mod http;
pub mod limit;
pub mod listen;
pub mod netlink;
pub mod nfnetlink;
pub mod nudge;
pub mod outlet;
pub mod owner;
pub mod path_mtu;
pub mod ping;
pub mod proc_tcp;
pub mod segment;
pub mod signal;
pub mod sock_diag;
mod sockopt;
pub mod stream;
#[cfg(feature = "tls")]
pub mod tls;
pub mod tun;
pub mod web;
pub mod xtables;

use std::io;

/// The symbolic name of an I/O error's errno, such as `ECONNREFUSED`.
#[must_use]
pub fn errno_name(error: &io::Error) -> String {
    match error.raw_os_error().map(nix::errno::Errno::from_raw) {
        Some(errno) => format!("{errno:?}"),
        None => error.kind().to_string(),
    }
}

/// The errno's name of what ended a connection, unless that was its orderly end.
#[must_use]
pub fn errno_unless_end(error: &io::Error) -> Option<String> {
    (error.kind() != io::ErrorKind::UnexpectedEof).then(|| errno_name(error))
}
