//! Messages of the kernel's `nf_tables`, by dumps over netlink. Needs `NET_ADMIN`, with any uid.

use std::io;

use netlink_packet_core::Emitable;
use netlink_sys::protocols::NETLINK_NETFILTER;

use super::netlink::{Netlink, Request};

/// `NFNL_SUBSYS_NFTABLES << 8` (kernel `include/uapi/linux/netfilter/nfnetlink.h`).
const SUBSYSTEM: u16 = 10 << 8;
const GET_TABLE: u16 = SUBSYSTEM + 1;
const GET_CHAIN: u16 = SUBSYSTEM + 4;
const GET_RULE: u16 = SUBSYSTEM + 7;
const GET_SET_ELEMENTS: u16 = SUBSYSTEM + 13;
/// `NFTA_SET_ELEM_LIST_TABLE` and `_SET`.
const ELEMENTS_OF_TABLE: u16 = 1;
const ELEMENTS_OF_SET: u16 = 2;

/// Bytes before the attributes of each message (`struct nfgenmsg`).
pub const HEADER_BYTES: usize = 4;
/// More messages of one dump are not kept: a pod has tens of rules, a node thousands.
pub const MOST_MESSAGES: usize = 8192;

/// `struct nfgenmsg`: family (0 for all), version 0, resource 0.
struct Header(u8);

impl Emitable for Header {
    fn buffer_len(&self) -> usize {
        HEADER_BYTES
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer.fill(0);
        buffer[0] = self.0;
    }
}

/// A socket for these dumps.
///
/// # Errors
/// The error of the kernel, or of the sandbox that refuses the family.
pub fn open() -> io::Result<Netlink> {
    Netlink::open(NETLINK_NETFILTER)
}

/// The tables, one body each.
///
/// # Errors
/// `EPERM` without `NET_ADMIN`; else as [`Netlink::dump`].
pub fn tables(netlink: &mut Netlink) -> io::Result<Vec<Vec<u8>>> {
    dump(netlink, GET_TABLE)
}

/// The chains, one body each.
///
/// # Errors
/// As [`tables`].
pub fn chains(netlink: &mut Netlink) -> io::Result<Vec<Vec<u8>>> {
    dump(netlink, GET_CHAIN)
}

/// The rules of all chains in their order, one body each.
///
/// # Errors
/// As [`tables`].
pub fn rules(netlink: &mut Netlink) -> io::Result<Vec<Vec<u8>>> {
    dump(netlink, GET_RULE)
}

/// The elements of a set, in bodies with some of them each.
///
/// # Errors
/// As [`tables`]; `ENOENT` where there is no such set.
pub fn elements(
    netlink: &mut Netlink,
    family: u8,
    table: &str,
    set: &str,
) -> io::Result<Vec<Vec<u8>>> {
    let (table, set) = ([table.as_bytes(), &[0]].concat(), [set.as_bytes(), &[0]].concat());
    let attributes: [(u16, &[u8]); 2] = [(ELEMENTS_OF_TABLE, &table), (ELEMENTS_OF_SET, &set)];
    let request = Request { header: Header(family), attributes: &attributes };
    netlink.dump(GET_SET_ELEMENTS, &request, keep)
}

fn dump(netlink: &mut Netlink, kind: u16) -> io::Result<Vec<Vec<u8>>> {
    netlink.dump(kind, &Header(0), keep)
}

fn keep(body: &[u8], found: &mut Vec<Vec<u8>>) {
    // One more than the most, so that "too many" can be told.
    if found.len() <= MOST_MESSAGES {
        found.push(body.to_vec());
    }
}
