//! Sockets that wait on the ports asked for: by `sock_diag`, else from `/proc/net`.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use serde::{Deserialize, Serialize};

use super::Look;
use crate::net::netlink::Netlink;
use crate::net::sock_diag::{BoundSocket, tcp_listeners, udp_listeners};

/// TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A stream socket in LISTEN.
    Tcp,
    /// A bound, unconnected datagram socket.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// One waiting socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    /// Local address and port; the unspecified address for any.
    pub address: SocketAddr,
    /// TCP or UDP.
    pub transport: Transport,
    /// User id of the owner.
    pub uid: u32,
    /// Inode of the socket, as `/proc/PID/fd` shows it.
    pub inode: u64,
}

/// The four tables of sockets, in the order of the report.
const TABLES: [(Transport, bool, &str); 4] = [
    (Transport::Tcp, false, "/proc/net/tcp"),
    (Transport::Tcp, true, "/proc/net/tcp6"),
    (Transport::Udp, false, "/proc/net/udp"),
    (Transport::Udp, true, "/proc/net/udp6"),
];

/// Looks for the sockets that wait on the ports.
pub(super) fn look(ports: &[u16]) -> Look<Vec<Listener>> {
    let mut found = Vec::new();
    if ports.is_empty() {
        return Look::Seen(found);
    }
    let mut netlink = Netlink::open(NETLINK_SOCK_DIAG);
    for (transport, ipv6, file) in TABLES {
        match diag_table(&mut netlink, transport, ipv6).or_else(|error| {
            // The first error says more: `/proc` is only the second best way.
            proc_table(transport, file).map_err(|_| error)
        }) {
            Ok(listeners) => found.extend(listeners),
            Err(error) => return Look::blind("list listening sockets", &error),
        }
    }
    found.retain(|listener| ports.contains(&listener.address.port()));
    Look::Seen(found)
}

fn diag_table(
    netlink: &mut io::Result<Netlink>,
    transport: Transport,
    ipv6: bool,
) -> io::Result<Vec<Listener>> {
    let netlink = match netlink {
        Ok(netlink) => netlink,
        Err(error) => return Err(copy(error)),
    };
    let sockets = match transport {
        Transport::Tcp => tcp_listeners(netlink, ipv6)?,
        Transport::Udp => udp_listeners(netlink, ipv6)?,
    };
    Ok(sockets.into_iter().map(|socket| from_diag(transport, socket)).collect())
}

/// `io::Error` cannot be cloned; the error of the one `open` serves all four tables.
fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

fn from_diag(transport: Transport, socket: BoundSocket) -> Listener {
    let BoundSocket { address, uid, inode } = socket;
    Listener { address, transport, uid, inode: inode.into() }
}

fn proc_table(transport: Transport, file: &str) -> io::Result<Vec<Listener>> {
    match fs::read(file) {
        Ok(bytes) => Ok(proc_listeners(&String::from_utf8_lossy(&bytes), transport)),
        // A kernel without IPv6 has the IPv4 table only.
        Err(error) if error.kind() == io::ErrorKind::NotFound && no_ipv6(file) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn no_ipv6(file: &str) -> bool {
    file.strip_suffix('6').is_some_and(|ipv4| fs::metadata(ipv4).is_ok())
}

/// The waiting sockets in the text of a `/proc/net/{tcp,udp}` table.
pub(crate) fn proc_listeners(text: &str, transport: Transport) -> Vec<Listener> {
    text.lines().skip(1).filter_map(|line| proc_listener(line, transport)).collect()
}

/// One line: number, local address, remote address, state, queues, timer, retransmits, user id,
/// timeout, inode. The state is LISTEN (0A) or, for a bound datagram socket, CLOSE (07).
fn proc_listener(line: &str, transport: Transport) -> Option<Listener> {
    let waiting = match transport {
        Transport::Tcp => "0A",
        Transport::Udp => "07",
    };
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != waiting {
        return None;
    }
    Some(Listener {
        address: proc_address(fields.get(1)?)?,
        transport,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// `0100007F:3A99` is 127.0.0.1:15001: each 32-bit word of the address is printed as a number in
/// the machine's byte order, the port as a plain number.
pub(crate) fn proc_address(field: &str) -> Option<SocketAddr> {
    let (address, port) = field.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{TcpListener, UdpSocket};

    pub(crate) fn sample(address: &str) -> Listener {
        let address = address.parse().unwrap();
        Listener { address, transport: Transport::Tcp, uid: 1337, inode: 77 }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn proc_lines_give_address_owner_and_inode() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n\
            \x20  0: 0100007F:3A99 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1337        0 77 1 0\n\
            \x20  1: 0100007F:3A9E 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1337        0 78 1 0\n";
        assert_eq!(proc_listeners(text, Transport::Tcp), [sample("127.0.0.1:15001")]);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn proc_address_has_its_words_in_machine_order() {
        let v6 = proc_address("B80D0120000000000000000001000000:3A9E");
        assert_eq!(v6, "[2001:db8::1]:15006".parse().ok());
        assert_eq!(proc_address("00000000:0035"), "0.0.0.0:53".parse().ok());
        for odd in ["", ":", "0100007F", "0100007:0035", "0100007F:10000", "é00007F:0035"] {
            assert_eq!(proc_address(odd), None, "{odd}");
        }
    }

    #[test]
    fn both_ways_see_a_real_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = look(&[address.port()]);
        assert!(seen.list().iter().any(|one| one.address == address), "{seen:?}");
        let table = proc_table(Transport::Tcp, "/proc/net/tcp").unwrap();
        assert!(table.iter().any(|one| seen.list().contains(one)), "{table:?}");
    }

    #[test]
    fn bound_datagram_socket_is_seen() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let seen = look(&[address.port()]);
        assert!(seen.list().iter().any(|one| one.transport == Transport::Udp), "{seen:?}");
    }

    #[test]
    fn no_port_is_no_look() {
        assert_eq!(look(&[]), Look::Seen(Vec::new()));
    }

    proptest! {
        #[test]
        fn any_table_never_panics(text in ".*\n.*\n.*") {
            proc_listeners(&text, Transport::Tcp);
        }

        #[test]
        fn any_address_never_panics(field in "[0-9A-Fa-fé:]{0,50}") {
            let _ = proc_address(&field);
        }

        #[test]
        fn every_address_is_read_back(ip in any::<[u8; 4]>(), port in any::<u16>()) {
            let field = format!("{:08X}:{port:04X}", u32::from_ne_bytes(ip));
            prop_assert_eq!(proc_address(&field), Some(SocketAddr::new(ip.into(), port)));
        }
    }
}
