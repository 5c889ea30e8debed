//! TCP connections as `/proc/net/tcp` and `tcp6` show them: the same as `sock_diag` tells, read as text
//! where a seccomp filter, a sandbox or an old kernel refuses that.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
};

use super::sock_diag::BoundSocket;
use crate::pod::proc_address;

/// The tables. A socket of IPv6 may hold a connection of IPv4, whose addresses it maps.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// States as in kernel `include/net/tcp_states.h`: established, `SYN_RECV`.
const OPEN: [u8; 2] = [0x01, 0x03];
const TIME_WAIT: u8 = 0x06;
const LISTEN: u8 = 0x0a;

/// One line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    uid: u32,
    inode: u32,
}

/// Whether there is such a table.
///
/// # Errors
/// Why it cannot be read.
pub fn is_readable() -> io::Result<()> {
    fs::read(TABLES[0]).map(|_| ())
}

/// As [`super::sock_diag::other_end`].
///
/// # Errors
/// Why no table can be read.
pub fn other_end(ours: SocketAddr, theirs: SocketAddr) -> io::Result<Option<(BoundSocket, bool)>> {
    let found = lines()?.into_iter().find(|line| {
        line.local == theirs && line.remote == ours && ![TIME_WAIT, LISTEN].contains(&line.state)
    });
    Ok(found.map(|Line { local: address, state, uid, inode, .. }| {
        (BoundSocket { address, uid, inode }, OPEN.contains(&state))
    }))
}

/// As [`super::sock_diag::is_listened_at`].
///
/// # Errors
/// Why no table can be read.
pub fn is_listened_at(at: SocketAddr) -> io::Result<bool> {
    let serves =
        |ip: IpAddr| ip == at.ip() || (ip.is_unspecified() && (ip.is_ipv6() || at.is_ipv4()));
    let listens = |line: &Line| {
        line.state == LISTEN && line.local.port() == at.port() && serves(line.local.ip())
    };
    Ok(lines()?.iter().any(listens))
}

fn lines() -> io::Result<Vec<Line>> {
    let [first, second] = TABLES.map(fs::read);
    let mut text = String::from_utf8_lossy(&first?).into_owned();
    // A kernel without IPv6 has the first table only.
    text += &String::from_utf8_lossy(&second.unwrap_or_default());
    Ok(text.lines().filter_map(line).collect())
}

/// Number, local address, remote address, state, queues, timer, retransmits, user id, timeout, inode;
/// none for the heading.
pub(crate) fn line(text: &str) -> Option<Line> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let place = |at: usize| {
        let place = proc_address(fields.get(at)?)?;
        Some(SocketAddr::new(place.ip().to_canonical(), place.port()))
    };
    Some(Line {
        local: place(1)?,
        remote: place(2)?,
        state: u8::from_str_radix(fields.get(3)?, 16).ok()?,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_other_end_is_found_whether_accepted_or_not_and_through_a_mapped_address() {
        for place in ["127.0.0.1:0", "[::]:0"] {
            let listener = TcpListener::bind(place).expect("listen");
            let port = listener.local_addr().expect("an address").port();
            let theirs = SocketAddr::from(([127, 0, 0, 1], port));
            let client = TcpStream::connect(theirs).expect("connect");
            let ours = client.local_addr().expect("an address");
            let (waiting, open) = other_end(ours, theirs).expect("a table").expect("the other end");
            assert_eq!((waiting.inode, open), (0, true), "nobody has accepted it yet");
            let (server, _) = listener.accept().expect("a connection");
            let (accepted, _) = other_end(ours, theirs).expect("a table").expect("the other end");
            assert_ne!(accepted.inode, 0);
            assert!(is_listened_at(theirs).expect("a table"));
            drop(server);
            let left = other_end(ours, theirs).expect("a table").map(|(_, open)| open);
            assert_eq!(left, Some(false), "this side has not closed");
            drop(listener);
            assert!(!is_listened_at(theirs).expect("a table"));
        }
    }

    proptest! {
        #[test]
        fn any_line_never_panics(text in ".*") {
            let _ = line(&text);
        }
    }
}
