//! One rule of iptables-legacy in the kernel's bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::{
    pod::Family,
    rules::{
        bytes::{at, u16_at, word},
        model::{Action, Match, Test},
        xt,
    },
};

/// `IPT_INV_*`: the bits for "not".
const NOT_IN: u8 = 0x01;
const NOT_OUT: u8 = 0x02;
const NOT_SOURCE: u8 = 0x08;
const NOT_DESTINATION: u8 = 0x10;
const NOT_FRAGMENT: u8 = 0x20;
const NOT_PROTOCOL: u8 = 0x40;
/// `IPT_F_FRAG`.
const FRAGMENTS: u8 = 0x01;

/// One `struct ipt_entry` or `ip6t_entry`.
pub(super) struct Entry<'a> {
    pub(super) offset: usize,
    pub(super) bytes: &'a [u8],
    target_at: usize,
    pub(super) layout: &'static Layout,
}

/// Where the parts of an entry stand.
pub(super) struct Layout {
    pub(super) family: Family,
    address: usize,
    links: usize,
    protocol: usize,
    pub(super) flags: usize,
    target_offset: usize,
    pub(super) counters: usize,
    matches: usize,
}

pub(super) const V4: Layout = Layout {
    family: Family::Ipv4,
    address: 4,
    links: 16,
    protocol: 80,
    flags: 82,
    target_offset: 88,
    counters: 96,
    matches: 112,
};
pub(super) const V6: Layout = Layout {
    family: Family::Ipv6,
    address: 16,
    links: 64,
    protocol: 128,
    flags: 131,
    target_offset: 140,
    counters: 152,
    matches: 168,
};

/// What an entry's target says.
pub(super) enum Target {
    /// The head of a chain, or the end of the table.
    Head(String),
    /// A verdict: an offset, or a negative number.
    Verdict(i32),
    /// An extension.
    Other(Action),
}

/// The entry at an offset, and its length.
pub(super) fn entry<'a>(
    entries: &'a [u8],
    offset: usize,
    layout: &'static Layout,
) -> Option<(Entry<'a>, usize)> {
    let rest = entries.get(offset..)?;
    let target_at = usize::from(u16_at(rest, layout.target_offset)?);
    let length = usize::from(u16_at(rest, layout.target_offset + 2)?);
    if target_at < layout.matches || length < target_at + 32 {
        return None;
    }
    Some((Entry { offset, bytes: rest.get(..length)?, target_at, layout }, length))
}

impl Entry<'_> {
    pub(super) fn end(&self) -> usize {
        self.offset + self.bytes.len()
    }

    pub(super) fn target(&self) -> Option<Target> {
        let (name, revision, data) = xt::named(self.bytes.get(self.target_at..)?)?;
        Some(match name.as_str() {
            "ERROR" => Target::Head(word(data)),
            "" => Target::Verdict(at(data, 0).map(i32::from_ne_bytes)?),
            _ => Target::Other(xt::target(&name, revision, data, self.layout.family)),
        })
    }

    pub(super) fn matches(&self) -> Vec<Match> {
        let mut matches = self.header().unwrap_or_else(|| vec![unreadable("header")]);
        let mut at = self.layout.matches;
        while at < self.target_at {
            let extension = self.bytes.get(at..self.target_at).unwrap_or_default();
            let size = u16_at(extension, 0).map_or(0, usize::from);
            match extension.get(..size).and_then(xt::named) {
                Some((name, revision, data)) => {
                    matches.extend(xt::matches(&name, revision, data));
                    at += size;
                }
                None => return [matches, vec![unreadable("match")]].concat(),
            }
        }
        matches
    }

    /// Addresses, links and protocol.
    fn header(&self) -> Option<Vec<Match>> {
        let layout = self.layout;
        let bytes = self.bytes;
        let (flags, inverted) = (*bytes.get(layout.flags)?, *bytes.get(layout.flags + 1)?);
        let mut matches = Vec::new();
        let mut add = |bit: u8, test: Option<Test>| {
            if let Some(test) = test {
                matches.push(Match { negated: inverted & bit != 0, test });
            }
        };
        let size = layout.address;
        let net = |at: usize| {
            net(layout.family, bytes.get(at..at + size)?, {
                let mask = at + 2 * size;
                bytes.get(mask..mask + size)?
            })
        };
        add(NOT_SOURCE, net(0)?.map(Test::Source));
        add(NOT_DESTINATION, net(size)?.map(Test::Destination));
        let link = |at: usize| {
            let name = word(bytes.get(at..at + 16)?);
            let mask = bytes.get(at + 32..at + 48)?;
            // A mask that ends with the name's last letter: anything may follow.
            let begins = mask.iter().filter(|byte| **byte != 0).count() == name.len();
            Some((!name.is_empty()).then(|| if begins { format!("{name}+") } else { name }))
        };
        add(NOT_IN, link(layout.links)?.map(Test::In));
        add(NOT_OUT, link(layout.links + 16)?.map(Test::Out));
        let protocol = u16_at(bytes, layout.protocol)?;
        add(NOT_PROTOCOL, u8::try_from(protocol).ok().filter(|p| *p != 0).map(Test::Protocol));
        if layout.family == Family::Ipv4 && (flags & FRAGMENTS != 0 || inverted & NOT_FRAGMENT != 0)
        {
            matches.push(unreadable("fragment"));
        }
        Some(matches)
    }
}

fn unreadable(name: &str) -> Match {
    Match::is(Test::Unreadable(name.to_owned()))
}

/// The network of an address and its mask; `Some(None)` for all.
#[expect(clippy::option_option, reason = "unreadable, everything, and a network are three things")]
fn net(family: Family, address: &[u8], mask: &[u8]) -> Option<Option<IpNet>> {
    let (ip, mask): (IpAddr, IpAddr) = match family {
        Family::Ipv4 => {
            (Ipv4Addr::from(at::<4>(address, 0)?).into(), Ipv4Addr::from(at::<4>(mask, 0)?).into())
        }
        Family::Ipv6 => (
            Ipv6Addr::from(at::<16>(address, 0)?).into(),
            Ipv6Addr::from(at::<16>(mask, 0)?).into(),
        ),
    };
    let net = IpNet::with_netmask(ip, mask).ok()?;
    Some((net.prefix_len() > 0).then_some(net))
}
