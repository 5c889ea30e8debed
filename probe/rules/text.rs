//! A rule in the notation of iptables-save.

use std::fmt::Write;

use super::model::{Action, Match, Test, state};
use crate::pod::Family;

/// The whole line: `-A CHAIN … -j …`.
pub(super) fn rule(chain: &str, matches: &[Match], actions: &[Action]) -> String {
    let mut text = format!("-A {chain}");
    let mut sorted: Vec<&Match> = matches.iter().collect();
    sorted.sort_by_key(|m| order(&m.test));
    for one in sorted {
        text.push_str(&self::one(one));
    }
    for action in actions {
        let _ = write!(text, " {}", self::action(action));
    }
    text
}

/// iptables-save's order: addresses, links, protocol, then the extensions.
fn order(test: &Test) -> u8 {
    match test {
        Test::Family(_) => 0,
        Test::Source(_) => 1,
        Test::Destination(_) => 2,
        Test::In(_) => 3,
        Test::Out(_) => 4,
        Test::Protocol(_) => 5,
        Test::SourcePorts(_) => 6,
        Test::DestinationPorts(_) => 7,
        _ => 8,
    }
}

fn one(one: &Match) -> String {
    let not = if one.negated { "! " } else { "" };
    let masked = |value: &u32, mask: &u32| match *mask {
        u32::MAX => format!("{value:#x}"),
        mask => format!("{value:#x}/{mask:#x}"),
    };
    let range = |first: &u32, last: &u32| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    match &one.test {
        Test::Family(Family::Ipv4) => format!(" {not}-4"),
        Test::Family(Family::Ipv6) => format!(" {not}-6"),
        Test::Source(net) => format!(" {not}-s {net}"),
        Test::Destination(net) => format!(" {not}-d {net}"),
        Test::In(link) => format!(" {not}-i {link}"),
        Test::Out(link) => format!(" {not}-o {link}"),
        Test::Protocol(number) => format!(" {not}-p {}", protocol(*number)),
        Test::SourcePorts(list) => ports(not, 's', list),
        Test::DestinationPorts(list) => ports(not, 'd', list),
        Test::Uid(first, last) => format!(" -m owner {not}--uid-owner {}", range(first, last)),
        Test::Gid(first, last) => format!(" -m owner {not}--gid-owner {}", range(first, last)),
        Test::Mark(value, mask) => format!(" -m mark {not}--mark {}", masked(value, mask)),
        Test::ConnMark(value, mask) => format!(" -m connmark {not}--mark {}", masked(value, mask)),
        Test::State(bits) => {
            let known = state::NAMES.iter().filter(|(bit, _)| bits & bit != 0);
            let names: Vec<&str> = known.map(|(_, name)| *name).collect();
            format!(" -m conntrack {not}--ctstate {}", names.join(","))
        }
        Test::SourceLocal => format!(" -m addrtype {not}--src-type LOCAL"),
        Test::DestinationLocal => format!(" -m addrtype {not}--dst-type LOCAL"),
        Test::Unreadable(name) => format!(" {not}unreadable({name})"),
    }
}

fn ports(not: &str, which: char, list: &[(u16, u16)]) -> String {
    let span = |(first, last): &(u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}:{last}") }
    };
    let spans: Vec<String> = list.iter().map(span).collect();
    match &spans[..] {
        [one] => format!(" {not}--{which}port {one}"),
        many => format!(" -m multiport {not}--{which}ports {}", many.join(",")),
    }
}

/// The name of a transport protocol, or its number.
#[must_use]
pub(super) fn protocol(number: u8) -> String {
    match number {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "ipv6-icmp".to_owned(),
        other => other.to_string(),
    }
}

fn action(action: &Action) -> String {
    match action {
        Action::Accept => "-j ACCEPT".to_owned(),
        Action::Drop => "-j DROP".to_owned(),
        Action::Reject => "-j REJECT".to_owned(),
        Action::Return => "-j RETURN".to_owned(),
        Action::Jump(chain) => format!("-j {chain}"),
        Action::Goto(chain) => format!("-g {chain}"),
        Action::Redirect(None) => "-j REDIRECT".to_owned(),
        Action::Redirect(Some(port)) => format!("-j REDIRECT --to-ports {port}"),
        Action::Dnat(ip, port) => {
            let to = match (ip, port) {
                (Some(ip), Some(port)) => std::net::SocketAddr::new(*ip, *port).to_string(),
                (Some(ip), None) => ip.to_string(),
                (None, Some(port)) => format!(":{port}"),
                (None, None) => String::new(),
            };
            format!("-j DNAT --to-destination {to}")
        }
        Action::Tproxy { port, mask: 0, .. } => format!("-j TPROXY --on-port {port}"),
        Action::Tproxy { port, mark, mask } => {
            format!("-j TPROXY --on-port {port} --tproxy-mark {mark:#x}/{mask:#x}")
        }
        Action::SetMark(value, mask) => format!("-j MARK --set-xmark {value:#x}/{mask:#x}"),
        Action::SetConnMark(value, mask) => {
            format!("-j CONNMARK --set-xmark {value:#x}/{mask:#x}")
        }
        Action::SaveMark => "-j CONNMARK --save-mark".to_owned(),
        Action::RestoreMark => "-j CONNMARK --restore-mark".to_owned(),
        Action::Zone(zone) => format!("-j CT --zone {zone}"),
        Action::NoTrack => "-j CT --notrack".to_owned(),
        Action::Nothing(name) => format!("-j {name}"),
        Action::Unreadable(name) => format!("-j unreadable({name})"),
    }
}
