//! What of a sentence is the same in every healthy pod: no own addresses, probe ports or times.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Where probes go whose addresses nobody has (RFC 5737, RFC 3849); host numbers vary from look to
/// look.
const OUTSIDE: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, 0), 24)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32)),
];
/// Probe ports begin here (`layer/redirect/flows.rs`); the kernel's own choices lie above.
const FIRST_FREE_PORT: u16 = 20_001;
/// What stands before the first hop's address, which is each node's own.
const HOP: &str = "time exceeded at ";
/// Units of time.
const UNITS: [&str; 3] = ["ms", "s", "µs"];

/// The sentence with `<pod>`, `<outside>`, `<hop>`, `<port>` and `<time>` for what varies; `own`
/// are the pod's addresses.
#[must_use]
pub fn steady(text: &str, own: &[IpAddr]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(starts_word) {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let end = from.find(|c| !is_word(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let alone = !before.ends_with(char::is_alphabetic);
        let (known, tail) = if alone { settle(word, &out, after, own) } else { (None, "") };
        out.push_str(known.as_deref().unwrap_or(word));
        out.push_str(tail);
        rest = after;
    }
    out + rest
}

fn starts_word(c: char) -> bool {
    c.is_ascii_hexdigit() || c == ':' || c == '['
}

/// What addresses, ports and numbers are written with.
fn is_word(c: char) -> bool {
    c.is_ascii_hexdigit() || matches!(c, ':' | '.' | '[' | ']')
}

/// What stands for a word, if it varies, and the punctuation behind it.
fn settle<'w>(
    word: &'w str,
    before: &str,
    after: &str,
    own: &[IpAddr],
) -> (Option<String>, &'w str) {
    let bare = word.trim_end_matches(['.', ':']);
    // `fd00::` ends with colons of its own.
    let tail = |of: &str| &word[of.len()..];
    if let Some(known) = address(word, before, own) {
        return (Some(known), "");
    }
    if let Some(known) = address(bare, before, own) {
        return (Some(known), tail(bare));
    }
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    if !bare.starts_with(is_digit) || !bare.chars().all(is_digit) {
        return (None, "");
    }
    let next = after.trim_start_matches(' ');
    let unit = next.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    if bare == word && UNITS.contains(&unit) {
        return (Some("<time>".to_owned()), "");
    }
    let flows = before.ends_with("(and ") && next.starts_with("more flow");
    if flows { (Some("<some>".to_owned()), tail(bare)) } else { (None, "") }
}

/// An address, or an address with a port, with what varies named.
fn address(word: &str, before: &str, own: &[IpAddr]) -> Option<String> {
    if let Ok(ip) = word.parse::<IpAddr>() {
        return named(ip, before, own).map(str::to_owned);
    }
    let at: SocketAddr = word.parse().ok()?;
    let name = named(at.ip(), before, own);
    let ours = name.is_some() || at.ip().is_loopback();
    let port = match at.port() {
        port if ours && port >= FIRST_FREE_PORT => "<port>".to_owned(),
        port => port.to_string(),
    };
    let host = match (name, at) {
        (Some(name), _) => name.to_owned(),
        (None, SocketAddr::V4(at)) => at.ip().to_string(),
        (None, SocketAddr::V6(at)) => format!("[{}]", at.ip()),
    };
    Some(format!("{host}:{port}"))
}

fn named(ip: IpAddr, before: &str, own: &[IpAddr]) -> Option<&'static str> {
    if before.ends_with(HOP) {
        return Some("<hop>");
    }
    if own.contains(&ip) {
        return Some("<pod>");
    }
    OUTSIDE.iter().any(|net| net.contains(&ip)).then_some("<outside>")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own() -> Vec<IpAddr> {
        ["10.77.0.2", "fd77::2"].map(|ip| ip.parse().expect("an address")).to_vec()
    }

    #[test]
    fn own_addresses_probe_ports_and_times_are_nobodys_business() {
        for (text, wanted) in [
            ("lo, eth0 up, addresses 10.77.0.2, fd77::2", "lo, eth0 up, addresses <pod>, <pod>"),
            ("application TCP to [2001:db8::7501]:26467", "application TCP to <outside>:<port>"),
            ("application TCP to 192.0.2.7:443.", "application TCP to <outside>:443."),
            ("to 127.0.0.6:21434 from 127.0.0.1", "to 127.0.0.6:<port> from 127.0.0.1"),
            ("(time exceeded at fd77::1)", "(time exceeded at <hop>)"),
            ("no answer to 3 queries in 2500 ms", "no answer to 3 queries in <time> ms"),
            ("held for 1.5 s: then", "held for <time> s: then"),
            ("(and 5 more flows)", "(and <some> more flows)"),
            ("at [fd77::2]:15006 itself", "at <pod>:15006 itself"),
            ("the address fd77::2: taken", "the address <pod>: taken"),
        ] {
            assert_eq!(steady(text, &own()), wanted);
        }
    }

    #[test]
    fn whom_the_pod_talks_to_and_what_it_was_told_stay() {
        for text in [
            "nameserver 10.96.0.10; search shop.svc.cluster.local; ndots 5",
            "10.77.0.0/24 on eth0 overlaps 10.77.0.0/16 on net1",
            "running as 65532:65532, needs uid 1337",
            "dial 10.96.0.1:32000: connection refused",
            "look at eth0's MTU: 1200 is less than the 1280 that IPv6 needs",
            "fd00::/8, ::1, [::1]:15006, 2 servers",
            "10.77.0.20 and 10.77.0.200",
        ] {
            assert_eq!(steady(text, &own()), text);
        }
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics_and_settles_once(text in "\\PC*") {
            let once = steady(&text, &own());
            prop_assert_eq!(steady(&once, &own()), once);
        }

        #[test]
        fn addresses_in_any_company_are_found(before in "[ (,=]", after in "[ ),;]") {
            let text = format!("x{before}10.77.0.2{after}y{before}[fd77::2]:30000{after}z");
            let wanted = format!("x{before}<pod>{after}y{before}<pod>:<port>{after}z");
            prop_assert_eq!(steady(&text, &own()), wanted);
        }
    }
}
