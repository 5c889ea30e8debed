//! Matches and targets of iptables as the kernel keeps them, in tables of its own and inside
//! nftables (kernel `include/uapi/linux/netfilter/xt_*.h`).

use std::net::IpAddr;

use super::{
    bytes::{at, be16_at, u16_at, u32_at, word},
    model::{Action, Match, Test},
};
use crate::pod::Family;

/// `XT_INV_PROTO` and its like stand for "not" in many places; here the two of TCP and UDP.
const NOT_SOURCE_PORTS: u8 = 1;
const NOT_DESTINATION_PORTS: u8 = 2;
/// `NF_NAT_RANGE_MAP_IPS`, `NF_NAT_RANGE_PROTO_SPECIFIED`.
const RANGE_ADDRESSES: u32 = 1;
const RANGE_PORTS: u32 = 2;
/// `1 << RTN_LOCAL`.
const LOCAL: u16 = 1 << 2;

/// What a match asks for; one that cannot be read is named, never guessed.
pub(super) fn matches(name: &str, revision: u32, data: &[u8]) -> Vec<Match> {
    read_match(name, revision, data)
        .unwrap_or_else(|| vec![Match::is(Test::Unreadable(name.to_owned()))])
}

fn read_match(name: &str, revision: u32, data: &[u8]) -> Option<Vec<Match>> {
    let not = |negated, test| Some(vec![Match { negated, test }]);
    let flag = |offset: usize| data.get(offset).map(|byte| *byte != 0);
    match (name, revision) {
        ("tcp", 0) => tcp(data),
        ("udp" | "udplite", 0) => transport(data, *data.get(8)?),
        ("multiport", 1) => multiport(data),
        ("owner", 1) => owner(data),
        ("mark", 1) => not(flag(8)?, Test::Mark(u32_at(data, 0)?, u32_at(data, 4)?)),
        ("connmark", 1) => not(flag(8)?, Test::ConnMark(u32_at(data, 0)?, u32_at(data, 4)?)),
        ("state", 0) => not(false, Test::State(state_bits(u32_at(data, 0)?)?)),
        ("conntrack", 2 | 3) => conntrack(data),
        ("addrtype", 1) => addrtype(data),
        ("comment", _) => Some(Vec::new()),
        _ => None,
    }
}

fn tcp(data: &[u8]) -> Option<Vec<Match>> {
    // Options and flags that are asked for besides the ports.
    let (option, mask) = (*data.get(8)?, *data.get(9)?);
    let mut matches = transport(data, *data.get(11)?)?;
    if option != 0 || mask != 0 {
        matches.push(Match::is(Test::Unreadable("tcp-flags".to_owned())));
    }
    Some(matches)
}

/// `struct xt_tcp` and `struct xt_udp` begin alike.
fn transport(data: &[u8], inverted: u8) -> Option<Vec<Match>> {
    let all = (0, u16::MAX);
    let source = (u16_at(data, 0)?, u16_at(data, 2)?);
    let destination = (u16_at(data, 4)?, u16_at(data, 6)?);
    let mut matches = Vec::new();
    for (range, flag, test) in [
        (source, NOT_SOURCE_PORTS, Test::SourcePorts(vec![source])),
        (destination, NOT_DESTINATION_PORTS, Test::DestinationPorts(vec![destination])),
    ] {
        let negated = inverted & flag != 0;
        if range != all || negated {
            matches.push(Match { negated, test });
        }
    }
    Some(matches)
}

/// `struct xt_multiport_v1`: up to 15 ports, of which one flagged begins a range.
fn multiport(data: &[u8]) -> Option<Vec<Match>> {
    let (which, count) = (*data.first()?, usize::from(*data.get(1)?));
    let negated = *data.get(47)? != 0;
    let mut ranges = Vec::new();
    let mut index = 0;
    while index < count.min(15) {
        let first = u16_at(data, 2 + 2 * index)?;
        let is_range = *data.get(32 + index)? != 0;
        index += usize::from(is_range);
        ranges.push((first, u16_at(data, 2 + 2 * index)?));
        index += 1;
    }
    let test = match which {
        0 => Test::SourcePorts(ranges),
        1 => Test::DestinationPorts(ranges),
        _ => Test::Unreadable("multiport --ports".to_owned()),
    };
    Some(vec![Match { negated, test }])
}

/// `struct xt_owner_match_info`: user and group, each with a bit for "asked" and for "not".
fn owner(data: &[u8]) -> Option<Vec<Match>> {
    let (asked, inverted) = (*data.get(16)?, *data.get(17)?);
    let range = |offset: usize| Some((u32_at(data, offset)?, u32_at(data, offset + 4)?));
    let (uid, gid) = (range(0)?, range(8)?);
    let mut matches = Vec::new();
    for (bit, test) in [
        (1, Test::Uid(uid.0, uid.1)),
        (2, Test::Gid(gid.0, gid.1)),
        (4, Test::Unreadable("socket-exists".to_owned())),
        (8, Test::Unreadable("suppl-groups".to_owned())),
    ] {
        if asked & bit != 0 {
            matches.push(Match { negated: inverted & bit != 0, test });
        }
    }
    Some(matches)
}

/// `struct xt_conntrack_mtinfo2` and `3`: the state alone is read.
fn conntrack(data: &[u8]) -> Option<Vec<Match>> {
    const STATE: u16 = 1;
    let (asked, inverted) = (u16_at(data, 146)?, u16_at(data, 148)?);
    let mut matches = Vec::new();
    if asked & STATE != 0 {
        let test = Test::State(state_bits(u32::from(u16_at(data, 150)?))?);
        matches.push(Match { negated: inverted & STATE != 0, test });
    }
    if asked & !STATE != 0 {
        matches.push(Match::is(Test::Unreadable("conntrack".to_owned())));
    }
    Some(matches)
}

/// Bits beyond those of [`super::model::state`] speak of translated addresses.
fn state_bits(bits: u32) -> Option<u8> {
    u8::try_from(bits).ok().filter(|bits| bits & !0b100_1111 == 0)
}

/// `struct xt_addrtype_info_v1`.
fn addrtype(data: &[u8]) -> Option<Vec<Match>> {
    let (source, destination) = (u16_at(data, 0)?, u16_at(data, 2)?);
    let flags = u32_at(data, 4)?;
    if flags & !3 != 0 {
        return None;
    }
    let mut matches = Vec::new();
    for (mask, bit, test) in
        [(source, 1, Test::SourceLocal), (destination, 2, Test::DestinationLocal)]
    {
        match mask {
            0 => {}
            LOCAL => matches.push(Match { negated: flags & bit != 0, test }),
            _ => return None,
        }
    }
    Some(matches)
}

/// What a target does; one that cannot be read is named, never guessed.
pub(super) fn target(name: &str, revision: u32, data: &[u8], family: Family) -> Action {
    let unreadable = || Action::Unreadable(name.to_owned());
    read_target(name, revision, data, family).unwrap_or_else(unreadable)
}

fn read_target(name: &str, revision: u32, data: &[u8], family: Family) -> Option<Action> {
    let action = match (name, revision) {
        ("REDIRECT", 0) => Action::Redirect(range(data, family)?.1),
        ("DNAT", 0) => pair(range(data, Family::Ipv4)?),
        ("DNAT", 1 | 2) => pair(wide_range(data, family)?),
        ("TPROXY", 0 | 1) => tproxy(revision, data)?,
        // (mark & ~mask) ^ value, as --set-xmark has it.
        ("MARK", 2) => Action::SetMark(u32_at(data, 0)?, u32_at(data, 4)?),
        ("CONNMARK", 1 | 2) => connmark(revision, data)?,
        ("CT", 0..=2) => {
            let (flags, zone) = (u16_at(data, 0)?, u16_at(data, 2)?);
            if flags & 1 == 1 { Action::NoTrack } else { Action::Zone(zone) }
        }
        ("NOTRACK", _) => Action::NoTrack,
        ("REJECT", _) => Action::Reject,
        ("LOG" | "NFLOG" | "TRACE" | "MASQUERADE" | "SNAT" | "CHECKSUM" | "TCPMSS", _) => {
            Action::Nothing(name.to_owned())
        }
        _ => return None,
    };
    Some(action)
}

fn pair((ip, port): (Option<IpAddr>, Option<u16>)) -> Action {
    Action::Dnat(ip, port)
}

/// Address and port of a translation: IPv4 keeps a list of one (`nf_nat_ipv4_multi_range_compat`).
fn range(data: &[u8], family: Family) -> Option<(Option<IpAddr>, Option<u16>)> {
    if family == Family::Ipv6 {
        return wide_range(data, family);
    }
    let flags = u32_at(data, 4)?;
    let (ip, port) = (at::<4>(data, 8)?, be16_at(data, 16)?);
    Some((
        (flags & RANGE_ADDRESSES != 0).then(|| ip.into()),
        (flags & RANGE_PORTS != 0).then_some(port),
    ))
}

/// `struct nf_nat_range` and `nf_nat_range2`.
fn wide_range(data: &[u8], family: Family) -> Option<(Option<IpAddr>, Option<u16>)> {
    let flags = u32_at(data, 0)?;
    let ip: IpAddr = match family {
        Family::Ipv4 => at::<4>(data, 4)?.into(),
        Family::Ipv6 => at::<16>(data, 4)?.into(),
    };
    let port = be16_at(data, 36)?;
    Some(((flags & RANGE_ADDRESSES != 0).then_some(ip), (flags & RANGE_PORTS != 0).then_some(port)))
}

/// `struct xt_tproxy_target_info` and `_v1`: mask, mark, address, port.
fn tproxy(revision: u32, data: &[u8]) -> Option<Action> {
    let (bits, mark) = (u32_at(data, 0)?, u32_at(data, 4)?);
    let port = be16_at(data, if revision == 0 { 12 } else { 24 })?;
    Some(Action::Tproxy { port, mark, mask: bits })
}

/// `struct xt_connmark_tginfo1` and `2`: mark, its mask, the packet's mask, what to do.
fn connmark(revision: u32, data: &[u8]) -> Option<Action> {
    let (mark, bits) = (u32_at(data, 0)?, u32_at(data, 4)?);
    // Revision 2 shifts besides: direction and bits stand before the mode.
    let mode = if revision == 1 { *data.get(12)? } else { *data.get(14)? };
    if revision == 2 && data.get(13).is_some_and(|bits| *bits != 0) {
        return None;
    }
    let whole = bits == u32::MAX && u32_at(data, 8)? == u32::MAX;
    match mode {
        0 => Some(Action::SetConnMark(mark, bits)),
        1 if whole => Some(Action::SaveMark),
        2 if whole => Some(Action::RestoreMark),
        _ => None,
    }
}

/// The name and revision at the beginning of a match or target (`struct xt_entry_match`), and what
/// stands behind them.
pub(super) fn named(entry: &[u8]) -> Option<(String, u32, &[u8])> {
    let name = word(entry.get(2..31)?);
    Some((name, u32::from(*entry.get(31)?), entry.get(32..)?))
}
