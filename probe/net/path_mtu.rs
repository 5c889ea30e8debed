//! What the kernel knows of a TCP connection's packets, and datagrams that ignore what it learned.

use std::{io, os::fd::AsRawFd};

use nix::libc;

use super::sockopt;

/// Room for `struct tcp_info` of kernels to come; each one fills in what it has.
const ROOM: usize = 256;
/// `tcpi_options`: each packet carries timestamps (linux/tcp.h).
const TIMESTAMPS: u8 = 1;
/// What the timestamps take, padded.
const TIMESTAMP_BYTES: u32 = 12;
/// A TCP header without options.
const HEADER_BYTES: u32 = 20;

/// A connection's packets, from `TCP_INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The largest piece of data in a packet that is sent.
    pub segment: u32,
    /// The largest piece of data in a packet that the other side may send.
    pub advertised: u32,
    /// TCP header and options of each packet.
    pub header: u32,
    /// The path MTU as the kernel believes it to be.
    pub path_mtu: u32,
    /// Packets that were received behind a gap.
    pub sacked: u32,
    /// Packets sent again, over the connection's life.
    pub resent: u32,
    /// Bytes acknowledged; the SYN counts as one.
    pub acked: u64,
}

/// Asks the kernel.
///
/// # Errors
/// What getsockopt(2) returns; `InvalidData` from a kernel that knows less than Linux 4.1.
pub fn info(socket: &impl AsRawFd) -> io::Result<Info> {
    let mut bytes = [0_u8; ROOM];
    let length = sockopt::get(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut bytes)?;
    read(&bytes[..length]).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Offsets of linux/tcp.h, the same for every architecture.
pub(crate) fn read(bytes: &[u8]) -> Option<Info> {
    let word = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    let options = *bytes.get(5)?;
    let timestamps = if options & TIMESTAMPS == 0 { 0 } else { TIMESTAMP_BYTES };
    let info = Info {
        segment: word(16)?,
        sacked: word(28)?,
        path_mtu: word(60)?,
        advertised: word(84)?,
        resent: word(100)?,
        acked: u64::from_ne_bytes(*bytes.get(120..)?.first_chunk()?),
        header: HEADER_BYTES + timestamps,
    };
    // A sandbox's kernel may know the option and not the numbers.
    (info.segment != 0).then_some(info)
}

/// Sends datagrams of this socket whole or not at all, as large as the link takes them, whatever
/// path MTU was learned (ip(7), `IP_PMTUDISC_PROBE`).
///
/// # Errors
/// What setsockopt(2) returns.
pub fn ignore_learned(socket: &impl AsRawFd, ipv6: bool) -> io::Result<()> {
    let (level, name, value) = if ipv6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
    };
    let length = libc::socklen_t::try_from(size_of_val(&value)).unwrap_or_default();
    // SAFETY: the descriptor is open as long as its owner is borrowed, and the pointer is to a live integer of
    // the length given, which the kernel reads and does not keep.
    #[expect(unsafe_code, reason = "nix and socket2 do not have this option")]
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_real_connection_has_a_segment_size_and_an_acknowledged_syn() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen on loopback");
        let stream =
            TcpStream::connect(listener.local_addr().expect("an address")).expect("connect");
        let info = info(&stream).expect("TCP_INFO");
        assert!(info.segment > 500 && info.path_mtu > info.segment, "{info:?}");
        assert_eq!((info.acked, info.resent, info.sacked), (1, 0, 0));
    }

    #[test]
    fn an_old_kernel_is_no_answer() {
        let mut bytes = [1_u8; 127];
        assert_eq!(read(&bytes), None);
        bytes[16..20].fill(0);
        assert_eq!(read(&[&bytes[..], &[0; 100]].concat()), None);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..ROOM)) {
            let _ = read(&bytes);
        }
    }
}
