//! What a comparison of a register asks of the packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{
    Elements,
    expression::{CT_MARK, META_MARK, Reader, Value},
};
use crate::{
    pod::Family,
    rules::{
        bytes::{at, u32_at, word},
        model::{Match, Scope, Test},
    },
};

/// `enum nft_cmp_ops`.
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const LESS: u32 = 2;
const AT_MOST: u32 = 3;
const MORE: u32 = 4;
const AT_LEAST: u32 = 5;

/// `enum nft_payload_bases`.
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

/// `enum nft_meta_keys` and `nft_ct_keys`.
const META_PROTOCOL: u32 = 2;
const META_IN_INDEX: u32 = 4;
const META_OUT_INDEX: u32 = 5;
const META_IN_NAME: u32 = 6;
const META_OUT_NAME: u32 = 7;
const META_UID: u32 = 10;
const META_GID: u32 = 11;
const META_FAMILY: u32 = 15;
const META_TRANSPORT: u32 = 16;
const CT_STATE: u32 = 0;

/// Bytes of a link's name (`IFNAMSIZ`).
const LINK_NAME: usize = 16;

impl Reader {
    /// `cmp`: the register against a value.
    pub(super) fn compare(&mut self, held: &Value, operation: u32, wanted: &[u8]) -> Option<()> {
        if matches!(operation, EQUAL | NOT_EQUAL) {
            let (test, inverted) = self.equals(held, wanted)?;
            self.matches.push(Match { negated: inverted != (operation == NOT_EQUAL), test });
            return Some(());
        }
        let port = u16::from_be_bytes(at(wanted, 0)?);
        let range = match operation {
            LESS => (0, port.checked_sub(1)?),
            AT_MOST => (0, port),
            MORE => (port.checked_add(1)?, u16::MAX),
            AT_LEAST => (port, u16::MAX),
            _ => return None,
        };
        self.matches.push(Match::is(ports(held, vec![range])?));
        Some(())
    }

    /// `range`: the register between two values.
    pub(super) fn within(
        &mut self,
        held: &Value,
        negated: bool,
        from: &[u8],
        to: &[u8],
    ) -> Option<()> {
        let range = (u16::from_be_bytes(at(from, 0)?), u16::from_be_bytes(at(to, 0)?));
        self.matches.push(Match { negated, test: ports(held, vec![range])? });
        Some(())
    }

    /// `lookup`: the register in a set.
    pub(super) fn one_of(
        &mut self,
        held: &Value,
        negated: bool,
        elements: &Elements,
    ) -> Option<()> {
        let test = match elements.as_slice() {
            [(only, false)] => self.equals(held, only).filter(|(_, inverted)| !inverted)?.0,
            many => ports(held, spans(many)?)?,
        };
        self.matches.push(Match { negated, test });
        Some(())
    }

    /// The test that the register has this value, and whether it is the opposite.
    fn equals(&self, held: &Value, wanted: &[u8]) -> Option<(Test, bool)> {
        let number = || u32_at(wanted, 0);
        let test = match held {
            Value::Meta(META_TRANSPORT) => Test::Protocol(*wanted.first()?),
            Value::Meta(META_FAMILY) => Test::Family(family(*wanted.first()?)?),
            Value::Meta(META_PROTOCOL) => Test::Family(match u16::from_be_bytes(at(wanted, 0)?) {
                0x0800 => Family::Ipv4,
                0x86dd => Family::Ipv6,
                _ => return None,
            }),
            Value::Meta(META_IN_NAME) => Test::In(link(wanted)),
            Value::Meta(META_OUT_NAME) => Test::Out(link(wanted)),
            // The first link of each namespace is lo (`LOOPBACK_IFINDEX`).
            Value::Meta(META_IN_INDEX) if number()? == 1 => Test::In("lo".to_owned()),
            Value::Meta(META_OUT_INDEX) if number()? == 1 => Test::Out("lo".to_owned()),
            Value::Meta(META_UID) => Test::Uid(number()?, number()?),
            Value::Meta(META_GID) => Test::Gid(number()?, number()?),
            Value::Meta(META_MARK) => Test::Mark(number()?, u32::MAX),
            Value::Ct(CT_MARK) => Test::ConnMark(number()?, u32::MAX),
            Value::Payload(TRANSPORT, ..) => {
                let port = u16::from_be_bytes(at(wanted, 0)?);
                ports(held, vec![(port, port)])?
            }
            Value::Payload(NETWORK, offset, length) => {
                self.network(*offset, *length, &vec![0xff; wanted.len()], wanted)?
            }
            Value::Masked(of, mask, other) if other.iter().all(|byte| *byte == 0) => {
                return self.masked(of, mask, wanted);
            }
            _ => return None,
        };
        Some((test, false))
    }

    /// The same of some bits of it.
    fn masked(&self, of: &Value, mask: &[u8], wanted: &[u8]) -> Option<(Test, bool)> {
        let (bits, number) = (u32_at(mask, 0), u32_at(wanted, 0));
        Some(match of {
            Value::Meta(META_MARK) => (Test::Mark(number?, bits?), false),
            Value::Ct(CT_MARK) => (Test::ConnMark(number?, bits?), false),
            // "One of these states" is written as "these bits are not all zero".
            Value::Ct(CT_STATE) if number? == 0 => (Test::State(u8::try_from(bits?).ok()?), true),
            Value::Payload(NETWORK, offset, length) => {
                (self.network(*offset, *length, mask, wanted)?, false)
            }
            _ => return None,
        })
    }

    /// A part of the address header: whose, the rule's family tells.
    fn network(&self, offset: u32, length: u32, mask: &[u8], wanted: &[u8]) -> Option<Test> {
        let family = self.family()?;
        let (protocol, source, destination) = match family {
            Family::Ipv4 => (9, 12, 16),
            Family::Ipv6 => (6, 8, 24),
        };
        if offset == protocol && length == 1 && mask.first() == Some(&0xff) {
            return wanted.first().copied().map(Test::Protocol);
        }
        let net = net(family, mask, wanted, usize::try_from(length).ok()?)?;
        match offset {
            at if at == source => Some(Test::Source(net)),
            at if at == destination => Some(Test::Destination(net)),
            _ => None,
        }
    }

    fn family(&self) -> Option<Family> {
        match self.scope {
            Scope::Ip => Some(Family::Ipv4),
            Scope::Ip6 => Some(Family::Ipv6),
            Scope::Inet => self.matches.iter().find_map(|m| match m.test {
                Test::Family(family) if !m.negated => Some(family),
                _ => None,
            }),
        }
    }
}

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
fn family(number: u8) -> Option<Family> {
    match number {
        2 => Some(Family::Ipv4),
        10 => Some(Family::Ipv6),
        _ => None,
    }
}

/// A link's name; compared in part, without its end, it stands for all that begin so.
fn link(wanted: &[u8]) -> String {
    let name = word(wanted);
    let whole = wanted.len() >= LINK_NAME || wanted.contains(&0);
    if whole { name } else { format!("{name}+") }
}

/// The test that a port is in one of these ranges.
fn ports(held: &Value, ranges: Vec<(u16, u16)>) -> Option<Test> {
    match held {
        Value::Payload(TRANSPORT, 0, 2) => Some(Test::SourcePorts(ranges)),
        Value::Payload(TRANSPORT, 2, 2) => Some(Test::DestinationPorts(ranges)),
        _ => None,
    }
}

/// The ports of a set: single ones, or from a beginning to before an end.
fn spans(elements: &[(Vec<u8>, bool)]) -> Option<Vec<(u16, u16)>> {
    let mut sorted: Vec<(u16, bool)> = Vec::new();
    for (key, ends) in elements {
        let port = <[u8; 2]>::try_from(key.as_slice()).ok()?;
        sorted.push((u16::from_be_bytes(port), *ends));
    }
    sorted.sort_unstable();
    if sorted.iter().all(|(_, ends)| !ends) {
        return Some(sorted.into_iter().map(|(port, _)| (port, port)).collect());
    }
    // The kernel's set of intervals begins with the end of "nothing".
    let mut spans = Vec::new();
    let mut begun = None;
    for (port, ends) in sorted {
        match (ends, begun) {
            (true, Some(first)) => {
                spans.push((first, port.checked_sub(1)?));
                begun = None;
            }
            (true, None) => {}
            (false, _) => begun = Some(port),
        }
    }
    spans.extend(begun.map(|first| (first, u16::MAX)));
    Some(spans)
}

/// The network of an address of which only the first `length` bytes are compared, under a mask.
fn net(family: Family, mask: &[u8], wanted: &[u8], length: usize) -> Option<IpNet> {
    let size = if family == Family::Ipv4 { 4 } else { 16 };
    if length > size {
        return None;
    }
    let padded = |bytes: &[u8]| -> [u8; 16] {
        let mut padded = [0; 16];
        let count = bytes.len().min(length);
        padded[..count].copy_from_slice(&bytes[..count]);
        padded
    };
    let (mask, wanted) = (u128::from_be_bytes(padded(mask)), padded(wanted));
    if mask.leading_ones() + mask.trailing_zeros() < 128 {
        return None;
    }
    let ip = match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::from(at::<4>(&wanted, 0)?)),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::from(wanted)),
    };
    IpNet::new(ip, u8::try_from(mask.leading_ones()).ok()?).ok()
}
