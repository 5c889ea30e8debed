//! Policy routing rules of both families, by `RTM_GETRULE`.

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::Parseable;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleHeader};
use nix::libc::RTM_GETRULE;
use serde::{Deserialize, Serialize};

use super::Family;
use crate::net::netlink::{Netlink, attributes};

/// Size of `struct fib_rule_hdr`.
const HEADER_BYTES: usize = 12;

/// One rule: which packets it takes, and the table it sends them to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Address family.
    pub family: Family,
    /// Order: the lowest is asked first.
    pub priority: u32,
    /// Takes every packet but those described.
    pub inverted: bool,
    /// Source prefix; none for all.
    pub from: Option<IpNet>,
    /// Destination prefix; none for all.
    pub to: Option<IpNet>,
    /// Name of the incoming link (`lo` for packets of this pod's own processes).
    pub incoming: Option<String>,
    /// Name of the link the socket is bound to.
    pub outgoing: Option<String>,
    /// Packet mark to have.
    pub fwmark: Option<u32>,
    /// The bits of the mark that are compared.
    pub mask: Option<u32>,
    /// Routing table: 253 default, 254 main, 255 local; 0 when the action is no lookup.
    pub table: u32,
    /// `lookup`, `goto`, `nop`, `blackhole`, `unreachable`, `prohibit`.
    pub action: String,
    /// First and last user id of the socket's owner.
    pub uid_range: Option<(u32, u32)>,
}

/// The rules of the namespace.
pub(super) fn dump(netlink: &mut Netlink) -> io::Result<Vec<Rule>> {
    netlink.dump(RTM_GETRULE, &RuleHeader::default(), |body, found| found.extend(read(body)))
}

pub(crate) fn read(body: &[u8]) -> Option<Rule> {
    let header = RuleHeader::parse(body).ok()?;
    let family = Family::from_netlink(header.family)?;
    let mut rule = empty(family, &header);
    for attribute in attributes(body, HEADER_BYTES) {
        // An attribute this code does not know says nothing; the others still do.
        if let Ok(attribute) = RuleAttribute::parse(&attribute) {
            take(&mut rule, &header, attribute);
        }
    }
    Some(rule)
}

/// The rule as far as its header tells.
fn empty(family: Family, header: &RuleHeader) -> Rule {
    // A host part without an attribute: a prefix of the unspecified address, `from 0.0.0.0/8`.
    let prefix = |length| if length == 0 { None } else { net(family.unspecified(), length) };
    Rule {
        family,
        priority: 0,
        inverted: header.flags.contains(RuleFlags::Invert),
        from: prefix(header.src_len),
        to: prefix(header.dst_len),
        incoming: None,
        outgoing: None,
        fwmark: None,
        mask: None,
        table: header.table.into(),
        action: action(header.action),
        uid_range: None,
    }
}

fn take(rule: &mut Rule, header: &RuleHeader, attribute: RuleAttribute) {
    match attribute {
        RuleAttribute::Priority(priority) => rule.priority = priority,
        RuleAttribute::Source(ip) => rule.from = net(ip, header.src_len),
        RuleAttribute::Destination(ip) => rule.to = net(ip, header.dst_len),
        RuleAttribute::Iifname(name) => rule.incoming = Some(name),
        RuleAttribute::Oifname(name) => rule.outgoing = Some(name),
        RuleAttribute::FwMark(mark) => rule.fwmark = Some(mark),
        RuleAttribute::FwMask(mask) => rule.mask = Some(mask),
        RuleAttribute::Table(table) => rule.table = table,
        RuleAttribute::UidRange(range) => rule.uid_range = Some((range.start, range.end)),
        _ => {}
    }
}

fn net(ip: IpAddr, length: u8) -> Option<IpNet> {
    IpNet::new(ip, length).ok()
}

/// The word of ip-rule(8) for an action.
fn action(action: RuleAction) -> String {
    let word = match action {
        RuleAction::ToTable => "lookup",
        RuleAction::Goto => "goto",
        RuleAction::Nop => "nop",
        RuleAction::Blackhole => "blackhole",
        RuleAction::Unreachable => "unreachable",
        RuleAction::Prohibit => "prohibit",
        other => return format!("action-{}", u8::from(other)),
    };
    word.to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn sample() -> Vec<Rule> {
        let header = RuleHeader { action: RuleAction::ToTable, ..RuleHeader::default() };
        let local = Rule { table: 255, ..empty(Family::Ipv4, &header) };
        let marked = Rule {
            priority: 32000,
            from: "10.0.0.0/8".parse().ok(),
            fwmark: Some(0x539),
            mask: Some(0xfff),
            table: 133,
            uid_range: Some((1337, 1337)),
            ..local.clone()
        };
        vec![local, marked]
    }

    fn body(source_length: u8, flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![2, 0, source_length, 0, 254, 0, 0, 1];
        body.extend(flags.to_ne_bytes());
        for (kind, value) in attributes {
            body.extend(u16::try_from(value.len() + 4).unwrap().to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
        }
        body
    }

    #[test]
    fn reads_what_the_rule_asks_for() {
        let (mark, bits) = (0x539_u32.to_ne_bytes(), 0xfff_u32.to_ne_bytes());
        let uids = [1337_u32.to_ne_bytes(), 1337_u32.to_ne_bytes()].concat();
        let attributes: [(u16, &[u8]); 6] = [
            (6, &32000_u32.to_ne_bytes()),
            (2, &[10, 0, 0, 0]),
            (10, &mark),
            (16, &bits),
            (15, &133_u32.to_ne_bytes()),
            (20, &uids),
        ];
        assert_eq!(read(&body(8, 0, &attributes)), sample().pop());
    }

    #[test]
    fn inversion_is_kept() {
        assert!(read(&body(0, 2, &[])).unwrap().inverted);
        assert!(!read(&body(0, 1, &[])).unwrap().inverted);
    }

    #[test]
    fn odd_attribute_does_not_lose_the_rule() {
        let rule = read(&body(0, 0, &[(6, &[1; 8]), (15, &7_u32.to_ne_bytes())])).unwrap();
        assert_eq!((rule.priority, rule.table, &*rule.action), (0, 7, "lookup"));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 12..100)) {
            bytes[0] = 2;
            let _ = read(&bytes);
        }
    }
}
