//! The tables of iptables-legacy, by getsockopt(2). Needs `NET_ADMIN`, with any uid.
//!
//! Asking for a table makes it, with its hooks: only names that the kernel lists may be asked for
//! (kernel `net/netfilter/x_tables.c`, `xt_find_table_lock`).

use std::io;

use nix::errno::Errno;
use nix::libc::{self, SOL_IP, SOL_IPV6, c_int};
use socket2::{Domain, Socket, Type};

use super::sockopt;

/// `IPT_SO_GET_INFO` and `IP6T_SO_GET_INFO`.
const GET_INFO: c_int = 64;
/// `IPT_SO_GET_ENTRIES` and `IP6T_SO_GET_ENTRIES`.
const GET_ENTRIES: c_int = 65;
/// `struct ipt_getinfo`.
pub const INFO_BYTES: usize = 84;
/// `struct ipt_get_entries` before its entries.
const ENTRIES_HEADER: usize = 40;
/// Bytes of a table's name.
const NAME_BYTES: usize = 32;
/// Where `struct ipt_getinfo` says how long the entries are.
const SIZE_AT: usize = 80;
/// A longer table is not read: a pod's has some kilobytes.
const MOST_BYTES: usize = 4 << 20;
/// How often a table is read that changes meanwhile.
const TRIES: u32 = 3;

/// A table as the kernel gives it.
pub struct Blob {
    /// `struct ipt_getinfo`.
    pub info: Vec<u8>,
    /// `struct ipt_entry` or `ip6t_entry`, one behind the other.
    pub entries: Vec<u8>,
}

/// One table of IPv4 or IPv6.
///
/// # Errors
/// `EPERM` without `NET_ADMIN`, `EFBIG` for a table beyond 4 MB, `EAGAIN` for one that does not
/// stop changing; else what the kernel returns.
pub fn table(ipv6: bool, name: &str) -> io::Result<Blob> {
    let (domain, level) = if ipv6 { (Domain::IPV6, SOL_IPV6) } else { (Domain::IPV4, SOL_IP) };
    let socket = Socket::new(domain, Type::DGRAM, None)?;
    if name.len() >= NAME_BYTES {
        return Err(Errno::EINVAL.into());
    }
    for _ in 0..TRIES {
        let mut info = named(name, INFO_BYTES);
        sockopt::get(&socket, level, GET_INFO, &mut info)?;
        let size = info.get(SIZE_AT..).and_then(<[u8]>::first_chunk).copied();
        let size = size.map_or(0, u32::from_ne_bytes);
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        if length > MOST_BYTES {
            return Err(Errno::EFBIG.into());
        }
        let mut entries = named(name, ENTRIES_HEADER + length);
        entries[NAME_BYTES..NAME_BYTES + 4].copy_from_slice(&size.to_ne_bytes());
        match sockopt::get(&socket, level, GET_ENTRIES, &mut entries) {
            Ok(_) => return Ok(Blob { info, entries: entries.split_off(ENTRIES_HEADER) }),
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::EAGAIN.into())
}

/// A buffer that begins with the table's name.
fn named(name: &str, length: usize) -> Vec<u8> {
    let mut buffer = vec![0; length];
    buffer[..name.len()].copy_from_slice(name.as_bytes());
    buffer
}
