//! Judging the way to one nameserver: over UDP, over TCP, and who stood in between.

use std::net::IpAddr;

use super::{
    names,
    outcome::{Asked, Nameserver, Outcome},
};
use crate::{
    finding::{Code, Finding, Layer},
    layer::{ladder::Lost, redirect::Offender},
    pod::{Family, Transport},
};

/// Where the node's cache listens by convention
/// (kubernetes `cluster/addons/dns/nodelocaldns`).
const NODE_LOCAL: &str = "169.254.20.10";

/// The finding about a nameserver that does not answer as it should over both transports.
/// `others_answer`: another nameserver of resolv.conf does.
pub(super) fn judge(server: &Nameserver, others_answer: bool) -> Option<Finding> {
    let (udp, tcp) = (server.path(Transport::Udp)?, server.path(Transport::Tcp)?);
    let address = server.address;
    let masked = |asked: &Asked| matches!(asked.outcome, Outcome::Masked { .. } | Outcome::Unasked);
    let what = format!("ask {address} for {} {}", udp.question.name, udp.question.record.name());
    let (code, reason) = match (udp.reply().is_some(), tcp.reply().is_some()) {
        (true, true) => return None,
        _ if masked(udp) && tcp.reply().is_none() => return None,
        // Before a deadline, silence may be haste.
        (true, false) if masked(tcp) || names::hasty(tcp) => return None,
        (true, false) => (
            Code::DnsTcpBlocked,
            format!("{what}: UDP is answered, TCP {}", happened(&tcp.outcome)),
        ),
        (false, true) if masked(udp) => return None,
        (false, true) => {
            let wrong = matches!(udp.outcome, Outcome::WrongSource { .. });
            let code = if wrong { Code::DnsWrongSource } else { Code::DnsUdpBlocked };
            (code, format!("{what}: TCP is answered, UDP {}", happened(&udp.outcome)))
        }
        (false, false) => {
            let (code, over_tcp) = dead(address, &udp.outcome, &tcp.outcome);
            let others = others_answer && server.configured && code != Code::DnsNodeLocalDown;
            let code = if others { Code::DnsNameserverDown } else { code };
            let (first, second) = if over_tcp { (tcp, udp) } else { (udp, tcp) };
            let tail = if masked(second) {
                String::new()
            } else {
                format!(", {} {}", second.transport, happened(&second.outcome))
            };
            let first = format!("{} {}", first.transport, happened(&first.outcome));
            (code, format!("{what}: {first}{tail}"))
        }
    };
    let reason = format!("{reason}{}", lost_where(server));
    let finding = match code {
        Code::ProbeFailed => Finding::unseen(Layer::Dns, &address.to_string(), reason),
        code => Finding::new(code, address.to_string(), reason),
    };
    let finding =
        finding.of(Some(Family::of(address))).with("question", udp.question.name.as_str());
    let finding = match left_the_node(server) {
        Some(hop) => finding.with("leftNodeUntranslated", hop.to_string()),
        None => finding,
    };
    let by = [udp, tcp].into_iter().find_map(|asked| refuser(&asked.outcome));
    Some(match by {
        Some(by) => finding
            .with("refusedBy", by.address.to_string())
            .with("icmp", format!("{}/{}", by.icmp_type, by.icmp_code)),
        None => finding,
    })
}

/// Who refused, where ICMP told.
fn refuser(outcome: &Outcome) -> Option<Offender> {
    match outcome {
        Outcome::Refused { by } | Outcome::Failed { by, .. } => *by,
        _ => None,
    }
}

/// How far packets come over the transports without an answer.
fn lost_where(server: &Nameserver) -> String {
    let told = server
        .ladders
        .iter()
        .map(|(transport, ladder)| format!("; over {transport}, {}", ladder.told()));
    told.collect()
}

/// The hop beyond the node that names itself: a Service's hops have the Service's name, because the
/// node translates their errors back.
fn left_the_node(server: &Nameserver) -> Option<IpAddr> {
    server.ladders.iter().find_map(|(_, ladder)| match ladder.lost() {
        Lost::Beyond { address, .. } => (address != server.address).then_some(address),
        _ => None,
    })
}

/// Why a server that answers over neither transport does not, and whether TCP told.
fn dead(address: IpAddr, udp: &Outcome, tcp: &Outcome) -> (Code, bool) {
    if address.to_string() == NODE_LOCAL {
        return (Code::DnsNodeLocalDown, false);
    }
    match (code(address, udp), code(address, tcp)) {
        // Who refuses says more than who is silent.
        (Code::DnsSilent, Code::DnsSilent) => (Code::DnsSilent, false),
        (Code::DnsSilent, told) => (told, true),
        (told, _) => (told, false),
    }
}

fn code(address: IpAddr, outcome: &Outcome) -> Code {
    match outcome {
        Outcome::Refused { .. } if address.is_loopback() => Code::DnsStubLeaked,
        Outcome::Refused { by: Some(by) } if by.address != address => Code::DnsRejected,
        Outcome::Refused { .. } => Code::DnsRefusedByServer,
        Outcome::Failed { by: Some(_), .. } => Code::DnsRejected,
        Outcome::Failed { operation, .. } if operation.contains("socket") => Code::ProbeFailed,
        Outcome::Failed { errno, .. } if errno == "EPERM" => Code::DnsSendRefused,
        Outcome::Failed { operation, .. } if operation == "connect" => Code::DnsNoRoute,
        Outcome::Failed { .. } => Code::DnsRejected,
        Outcome::WrongSource { .. } => Code::DnsWrongSource,
        Outcome::Unusable { .. } => Code::DnsAnswerUnusable,
        Outcome::Reply(_) | Outcome::Silent { .. } | Outcome::Masked { .. } | Outcome::Unasked => {
            Code::DnsSilent
        }
    }
}

/// What became of it: the end of a sentence.
#[must_use]
pub fn happened(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Reply(reply) => format!("is answered with {}", reply.rcode_name()),
        Outcome::WrongSource { from } => format!("is answered by {from}, who was not asked"),
        Outcome::Unusable { what } => format!("brings {what}"),
        Outcome::Refused { by: None } => "is refused by a reset".to_owned(),
        Outcome::Refused { by: Some(by) } => format!("is refused by {by}"),
        Outcome::Failed { operation, errno, by: None } => format!("fails: {operation}: {errno}"),
        Outcome::Failed { errno, by: Some(by), .. } => {
            format!("is rejected with {errno} by {by}")
        }
        Outcome::Silent { tries: 1, waited_ms } => format!("gets no answer in {waited_ms} ms"),
        Outcome::Silent { tries, waited_ms } => {
            format!("gets no answer to {tries} queries in {waited_ms} ms")
        }
        Outcome::Masked { reason } => format!("is not asked: {reason}"),
        Outcome::Unasked => "is not asked: the deadline came first".to_owned(),
    }
}
