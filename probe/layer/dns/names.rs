//! Judging what one nameserver knows: the cluster's zone, configured names, and oddities.

use super::{
    outcome::{Asked, Nameserver, Outcome, Purpose},
    path::happened,
    reply::{Record, Reply},
};
use crate::{
    finding::{Code, Finding},
    pod::Family,
};

/// How long no answer must have come for silence to be worth a warning, in milliseconds: two
/// queries, and time for the second one's answer.
const SILENCE_MS: u64 = 1000;

/// What a nameserver's answers come to for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Knows {
    /// There are addresses.
    Yes,
    /// The name, or its addresses, do not exist.
    No(String),
    /// The server could not or would not tell.
    Fails(Code, String),
    /// No time was left to ask for all of it.
    Unclear,
}

/// What the server knows about the cluster; none where no zone is known or nothing was answered.
pub(super) fn cluster(server: &Nameserver) -> Option<Knows> {
    let asked = server
        .asked
        .iter()
        .find(|asked| asked.purpose == Purpose::Path && asked.reply().is_some())?;
    let edns = server.reply(&Purpose::Edns);
    let other = server.reply(&Purpose::Aaaa);
    let reply = asked.reply()?;
    if asked.question.record == Record::Ns {
        return None;
    }
    if reply.rcode == 0 && other.is_some_and(|other| !other.addresses.is_empty()) {
        return Some(Knows::Yes);
    }
    Some(knows(server, asked, reply, edns))
}

/// What the server knows about a configured name: the best of its expansions' answers.
pub(super) fn name(server: &Nameserver, name: &str) -> Option<Knows> {
    let purpose = Purpose::Name(name.to_owned());
    let asked: Vec<&Asked> = server.asked.iter().filter(|a| a.purpose == purpose).collect();
    let found = |asked: &&Asked| asked.reply().is_some_and(|r| !r.addresses.is_empty());
    if asked.iter().any(found) {
        return Some(Knows::Yes);
    }
    // The name as it is comes last, or first: what failed says more than what does not exist.
    let mut outcomes = asked.iter().map(|asked| match asked.reply() {
        Some(reply) => knows(server, asked, reply, None),
        None if asked.outcome == Outcome::Unasked => Knows::Unclear,
        None if unaskable(asked) => Knows::No(sentence(server, asked, &happened(&asked.outcome))),
        None => {
            Knows::Fails(Code::DnsUpstreamDown, sentence(server, asked, &happened(&asked.outcome)))
        }
    });
    let first = outcomes.next()?;
    Some(outcomes.fold(first, |best, next| match (&best, &next) {
        // A truncated answer is one; whether the whole can be had is another question.
        (_, Knows::Yes)
        | (Knows::No(_), Knows::Fails(..) | Knows::No(_) | Knows::Unclear)
        | (Knows::Unclear, Knows::Fails(..)) => next,
        _ => best,
    }))
}

/// A search list may hold what makes no name.
fn unaskable(asked: &Asked) -> bool {
    matches!(&asked.outcome, Outcome::Failed { operation, .. } if operation == "encode")
}

fn knows(server: &Nameserver, asked: &Asked, reply: &Reply, edns: Option<&Reply>) -> Knows {
    let extended = reply.extended.as_ref().or_else(|| edns?.extended.as_ref());
    let why = match extended {
        Some(extended) if extended.text.is_empty() => format!(" (EDE {})", extended.code),
        Some(extended) => format!(" (EDE {}: {})", extended.code, extended.text),
        None => String::new(),
    };
    let zone = reply.zone.as_ref().map(|zone| format!(", denied by zone {zone}"));
    let denied = zone.unwrap_or_default();
    let rcode = reply.rcode_name();
    let says = |what: String| sentence(server, asked, &what);
    let code = match reply.rcode {
        0 if !reply.addresses.is_empty() || reply.truncated => return Knows::Yes,
        0 => return Knows::No(says(format!("no such records{denied}{why}"))),
        3 => return Knows::No(says(format!("NXDOMAIN{denied}{why}"))),
        2 => Code::DnsServfail,
        5 => Code::DnsQueryRefused,
        _ => Code::DnsRcodeUnexpected,
    };
    Knows::Fails(code, says(format!("{rcode}{why}")))
}

fn sentence(server: &Nameserver, asked: &Asked, what: &str) -> String {
    let question = &asked.question;
    format!("ask {} for {} {}: {what}", server.address, question.name, question.record.name())
}

/// What is worth a warning about a server that answers.
pub(super) fn oddities(server: &Nameserver) -> Vec<Finding> {
    let found = [aaaa(server), edns(server)];
    let warnings = found.into_iter().flatten().chain(wildcards(server));
    warnings.map(|finding| finding.of(Some(Family::of(server.address)))).collect()
}

/// Before a deadline, silence may be haste.
pub(super) fn hasty(asked: &Asked) -> bool {
    match asked.outcome {
        Outcome::Silent { waited_ms, .. } => waited_ms < SILENCE_MS,
        Outcome::Unasked => true,
        _ => false,
    }
}

fn aaaa(server: &Nameserver) -> Option<Finding> {
    let asked = server.asked.iter().find(|asked| asked.purpose == Purpose::Aaaa)?;
    if hasty(asked) {
        return None;
    }
    let healthy = asked.reply().is_some_and(|reply| [0, 3].contains(&reply.rcode));
    let a = server.asked.iter().find_map(|a| (a.purpose == Purpose::Path).then(|| a.reply())?)?;
    if healthy || a.rcode != 0 {
        return None;
    }
    let reason =
        sentence(server, asked, &format!("A is answered, AAAA {}", happened(&asked.outcome)));
    Some(Finding::new(Code::DnsAaaaDropped, server.address.to_string(), reason))
}

fn edns(server: &Nameserver) -> Option<Finding> {
    let asked = server.asked.iter().find(|asked| asked.purpose == Purpose::Edns)?;
    let plain =
        server.asked.iter().find_map(|a| (a.purpose == Purpose::Path).then(|| a.reply())?)?;
    // FORMERR, NOTIMP, BADVERS: how a server says that it does not know the OPT record.
    let broken = match &asked.outcome {
        Outcome::Reply(reply) => reply.rcode != plain.rcode && [1, 4, 16].contains(&reply.rcode),
        Outcome::Silent { .. } | Outcome::Unusable { .. } => !hasty(asked),
        _ => false,
    };
    let what = format!("without EDNS {}, with it {}", plain.rcode_name(), happened(&asked.outcome));
    let reason = sentence(server, asked, &what);
    broken.then(|| Finding::new(Code::DnsEdnsBroken, server.address.to_string(), reason))
}

fn wildcards(server: &Nameserver) -> Vec<Finding> {
    let answered = server.asked.iter().filter_map(|asked| {
        let Purpose::Wildcard(domain) = &asked.purpose else { return None };
        let address = asked.reply()?.addresses.first()?;
        let what = format!("every name in {domain} is {address}");
        let reason = sentence(server, asked, &what);
        Some(Finding::new(Code::DnsSearchWildcard, domain, reason))
    });
    answered.collect()
}
