//! The forms of values that rules are written in: marks, tables, owners, what is captured of DNS.

use std::str::FromStr;

use super::values::{list, one_port};
use crate::capture::{Dns, Reach};

/// `MARK` or `MARK/MASK`, decimal or hexadecimal; without a mask every bit is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The mark.
    pub mark: u32,
    /// The bits that are compared.
    pub mask: u32,
}

impl FromStr for Mark {
    type Err = String;
    fn from_str(text: &str) -> Result<Mark, String> {
        let wrong = || format!("{text:?} is no mark: write 1337, 0x539 or 0x539/0xfff");
        let (mark, bits) = match text.split_once('/') {
            Some((mark, bits)) => (number(mark), number(bits)),
            None => (number(text), Some(u32::MAX)),
        };
        let (mark, bits) = mark.zip(bits).ok_or_else(wrong)?;
        if mark & bits != mark || bits == 0 {
            return Err(format!(
                "{text:?} fits no packet: the mask must have every bit of the mark"
            ));
        }
        Ok(Mark { mark, mask: bits })
    }
}

/// Decimal, or hexadecimal after `0x`, as `ip rule` and iptables print it.
fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = hexadecimal.map_or((text, 10), |digits| (digits, 16));
    // The standard library would take a sign as well.
    let plain = digits.starts_with(|c: char| c.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
}

/// A routing table's number; 0 is the kernel's word for "no table".
pub fn table(text: &str) -> Result<u32, String> {
    let found = number(text).filter(|table| *table > 0);
    found.ok_or_else(|| format!("{text:?} is no table: write a number from 1, not a name"))
}

/// A value, or `none` where the mesh has no such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrNone<T>(pub Option<T>);

fn or_none<T>(text: &str, one: impl Fn(&str) -> Result<T, String>) -> Result<OrNone<T>, String> {
    if text == "none" { Ok(OrNone(None)) } else { one(text).map(|value| OrNone(Some(value))) }
}

/// A port or `none`.
pub fn port_or_none(text: &str) -> Result<OrNone<u16>, String> {
    or_none(text, |text| one_port(text).map_err(|problem| format!("{problem}, or none")))
}

/// A mark or `none`.
pub fn mark_or_none(text: &str) -> Result<OrNone<Mark>, String> {
    or_none(text, str::parse)
}

/// A comma-separated list of user or group ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids(pub Vec<u32>);

impl FromStr for Ids {
    type Err = String;
    fn from_str(text: &str) -> Result<Ids, String> {
        let one =
            |text: &str| text.parse().map_err(|_| format!("{text:?} is no id: write a number"));
        list(text, one).map(Ids)
    }
}

/// `*` for everybody, or group ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups(pub Option<Vec<u32>>);

impl FromStr for Groups {
    type Err = String;
    fn from_str(text: &str) -> Result<Groups, String> {
        let everybody = text.trim() == "*";
        if everybody { Ok(Groups(None)) } else { Ok(Groups(Some(text.parse::<Ids>()?.0))) }
    }
}

/// Which DNS queries are captured, by protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsCapture {
    /// Those that the mesh captures when it captures DNS.
    True,
    /// None.
    False,
    /// Those over UDP alone.
    Udp,
    /// Those over TCP alone.
    Tcp,
}

impl FromStr for DnsCapture {
    type Err = String;
    fn from_str(text: &str) -> Result<DnsCapture, String> {
        match text {
            "true" => Ok(DnsCapture::True),
            "false" => Ok(DnsCapture::False),
            "udp" => Ok(DnsCapture::Udp),
            "tcp" => Ok(DnsCapture::Tcp),
            _ => Err(format!("{text:?} is none of true, false, udp, tcp")),
        }
    }
}

impl DnsCapture {
    /// Applied to what the mesh captures; one that captures no DNS of its own is taken to capture
    /// every query, without conntrack zones.
    pub fn of(self, mesh: Dns) -> Dns {
        let all = Reach::Everything;
        let any = if mesh.is_captured() { mesh } else { Dns { udp: all, tcp: all, ..Dns::NONE } };
        let or = |one: Reach, other| if one == Reach::Nothing { other } else { one };
        match self {
            DnsCapture::True => any,
            DnsCapture::False => Dns::NONE,
            DnsCapture::Udp => Dns { udp: or(any.udp, any.tcp), tcp: Reach::Nothing, ..any },
            DnsCapture::Tcp => {
                Dns { udp: Reach::Nothing, tcp: or(any.tcp, any.udp), tcp_spared: false, ..any }
            }
        }
    }
}

/// A part of the pod's own addresses.
pub fn own_addresses(text: &str) -> Result<Reach, String> {
    match text {
        "nothing" => Ok(Reach::Nothing),
        "localhost" => Ok(Reach::Localhost),
        "not-localhost" => Ok(Reach::NotLocalhost),
        "everything" => Ok(Reach::Everything),
        _ => Err(format!("{text:?} is none of nothing, localhost, not-localhost, everything")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_is_decimal_or_hexadecimal_and_its_mask_defaults_to_every_bit() {
        let whole = Ok(Mark { mark: 1337, mask: u32::MAX });
        assert_eq!(("1337".parse(), "0x539".parse()), (whole.clone(), whole));
        assert_eq!("0x539/0xfff".parse(), Ok(Mark { mark: 0x539, mask: 0xfff }));
        assert_eq!("1337/4095".parse(), Ok(Mark { mark: 0x539, mask: 0xfff }));
        for wrong in ["", "x", "0x", "-1", "+1", "0x+1", "1/", "/1", "1/2/3", "0x100000000"] {
            assert!(wrong.parse::<Mark>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mark_that_no_packet_can_have_is_refused() {
        assert!("0x1000/0xfff".parse::<Mark>().is_err());
        assert!("0/0".parse::<Mark>().is_err());
    }

    #[test]
    fn one_protocol_of_dns_leaves_the_other_alone() {
        let kuma = crate::profile::KUMA.dns;
        let udp = DnsCapture::Udp.of(crate::profile::ISTIO.dns);
        assert_eq!((udp.udp, udp.tcp, udp.zones), (Reach::Everything, Reach::Nothing, true));
        let tcp = DnsCapture::Tcp.of(kuma);
        assert_eq!((tcp.udp, tcp.tcp, tcp.tcp_spared), (Reach::Nothing, Reach::Everything, false));
        assert_eq!((DnsCapture::True.of(kuma), DnsCapture::False.of(kuma)), (kuma, Dns::NONE));
        let undeclared = DnsCapture::True.of(Dns::NONE);
        assert_eq!((undeclared.udp, undeclared.zones), (Reach::Everything, false));
    }

    #[test]
    fn none_and_a_star_are_words_of_their_own() {
        assert_eq!(port_or_none("none"), Ok(OrNone(None)));
        assert_eq!(port_or_none("15008"), Ok(OrNone(Some(15008))));
        assert_eq!("*".parse(), Ok(Groups(None)));
        assert_eq!("".parse(), Ok(Groups(Some(vec![]))));
        assert_eq!("101, 202".parse(), Ok(Groups(Some(vec![101, 202]))));
        assert!(table("0").is_err() && table("main").is_err() && table("133") == Ok(133));
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            let _ = (text.parse::<Mark>(), text.parse::<Groups>(), text.parse::<DnsCapture>());
            let _ = (port_or_none(&text), mark_or_none(&text), table(&text), own_addresses(&text));
        }
    }
}
