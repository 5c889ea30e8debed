//! From what became of full packets to findings: pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    net::IpAddr,
};

use super::{
    outcome::{Ended, Exchange, Path, Seen, Tried},
    peer::Role,
};
use crate::{
    finding::{Code, Finding, Severity},
    layer::attempt::Failure,
    pod::{Family, Pod},
};

/// A shorter answer fits a small packet anyhow: that it does not come has another reason.
const LONGER_THAN_SMALL: u64 = 500;

/// Judges the layer.
#[must_use]
pub fn judge(pod: &Pod, seen: &Seen) -> Vec<Finding> {
    let verdicts: Vec<(&Path, Verdict)> =
        seen.paths.iter().map(|path| (path, verdict(path))).collect();
    let mut findings: Vec<Finding> =
        verdicts.iter().filter_map(|(path, verdict)| trouble(seen, path, verdict)).collect();
    findings.extend(masked(&verdicts));
    findings.extend(lower(pod, &verdicts));
    if seen.paths.is_empty() {
        let reason = "exchange full packets: there is no nameserver, API server, --mtu-target, peer or reached TLS target outside the pod";
        findings.push(Finding::new(Code::MtuUntested, "full packets", reason).with("peers", 0));
    }
    let broken = findings.iter().any(|finding| finding.severity == Severity::Fail);
    findings.extend((!broken).then(|| holds(pod, seen, &verdicts)).flatten());
    findings
}

/// What the exchanges with one peer mean.
#[derive(Clone, Copy, Debug)]
enum Verdict<'s> {
    /// Full packets are acknowledged.
    Holds(&'s Exchange),
    /// They vanish on the way out; small ones do not.
    BlackHole { full: &'s Exchange, small: &'s Exchange },
    /// They vanish on the way back; small ones do not.
    Reverse { full: &'s Exchange, small: &'s Exchange },
    /// Nothing can be told.
    Untested(&'s Tried),
    /// It would have been the mesh that answers.
    Masked(&'s str),
}

fn verdict(path: &Path) -> Verdict<'_> {
    let large = match &path.large {
        Tried::Made(exchange) => exchange,
        Tried::Failed(Failure::Masked { reason }) => return Verdict::Masked(reason),
        Tried::Failed(_) => return Verdict::Untested(&path.large),
    };
    let small = path.small.as_ref().and_then(Tried::made);
    let again = path.again.as_ref().and_then(Tried::made);
    match (small, again) {
        // What the first one was told, the second one knew.
        (Some(small), Some(again)) if vanish(large, again) && small.taken() => {
            Verdict::BlackHole { full: again, small }
        }
        (Some(small), Some(again)) if held_back(large, small) && held_back(again, small) => {
            Verdict::Reverse { full: again, small }
        }
        (_, Some(again)) if again.taken() => Verdict::Holds(again),
        _ if large.taken() => Verdict::Holds(large),
        _ => Verdict::Untested(&path.large),
    }
}

/// Full packets vanish every time, and of their size nobody says so.
fn vanish(first: &Exchange, again: &Exchange) -> bool {
    // Cut to a smaller size on the way, its last packet is no full one, and may arrive.
    let cut = first.learned() && first.acked == 0;
    (first.stuck() || cut) && again.stuck() && !again.learned()
}

/// The answer came in small packets, at once, and not in full ones.
fn held_back(full: &Exchange, small: &Exchange) -> bool {
    let at_once = small.elapsed_ms <= full.elapsed_ms / 2;
    let longer = small.received > full.received.max(LONGER_THAN_SMALL);
    full.unanswered() && !full.received_full && longer && at_once && small.ended != Ended::Waited
}

fn name(path: &Path) -> String {
    let role = match path.role {
        Role::Nameserver => "nameserver",
        Role::ApiServer => "API server",
        Role::Target => "target",
        Role::Peer => "peer",
    };
    format!("{role} {}", path.to)
}

fn trouble(seen: &Seen, path: &Path, verdict: &Verdict) -> Option<Finding> {
    let (code, reason, full) = match verdict {
        Verdict::Holds(_) | Verdict::Masked(_) => return None,
        Verdict::BlackHole { full, small } => {
            let mut reason = format!(
                "send {} bytes to {}: packets of {} bytes get no acknowledgement, sent again {} times, packets of {} do, and nobody says \"too big\"",
                full.sent,
                name(path),
                full.packet,
                full.resent,
                small.packet
            );
            if let Some(ladder) = &path.ladder {
                let _ = write!(reason, "; with datagrams of that size, {}", ladder.told());
            }
            if seen.mtu_probing == Some(1) {
                reason.push_str("; tcp_mtu_probing is 1: connections come to life after seconds");
            }
            (Code::MtuBlackHole, reason, Some(*full))
        }
        Verdict::Reverse { full, small } => {
            let reason = format!(
                "exchange {} bytes with {}: all are acknowledged, but of its answer {} bytes come in {} ms where packets may have {} bytes, and {} bytes in {} ms where they may have {}",
                full.sent,
                name(path),
                full.received,
                full.elapsed_ms,
                full.allowed,
                small.received,
                small.elapsed_ms,
                small.allowed
            );
            (Code::MtuBlackHoleReverse, reason, Some(*full))
        }
        Verdict::Untested(tried) => {
            let reason =
                format!("exchange full packets with {}: {}", name(path), untested(path, tried));
            (Code::MtuUntested, reason, tried.made())
        }
    };
    let finding = Finding::new(code, path.to.to_string(), reason);
    let finding = finding.of(Some(Family::of(path.to.ip())));
    Some(match full {
        Some(exchange) => finding
            .with("packet", exchange.packet)
            .with("pathMtu", exchange.path_mtu)
            .with("sent", exchange.sent)
            .with("acknowledged", exchange.acked)
            .with("sentAgain", exchange.resent)
            .with("received", exchange.received),
        None => finding,
    })
}

fn untested(path: &Path, tried: &Tried) -> String {
    let exchange = match tried {
        Tried::Made(exchange) => exchange,
        Tried::Failed(failure) => return format!("the connection {}", failure.told()),
    };
    let so_far = format!("{} of {} bytes are acknowledged", exchange.acked, exchange.sent);
    match &exchange.ended {
        Ended::Closed => format!("it closes the connection when {so_far}"),
        Ended::Broke { errno } => format!("{errno} when {so_far}"),
        Ended::Answered | Ended::Waited => {
            let small = path.small.as_ref().and_then(Tried::made);
            let small = if small.is_some_and(Exchange::taken) {
                "small packets come through, and full ones are lost irregularly"
            } else {
                "small packets fare no better"
            };
            let (waited, resent) = (exchange.elapsed_ms, exchange.resent);
            format!("{so_far} in {waited} ms, {resent} packets sent again; {small}")
        }
    }
}

/// Who could not be asked, and whom it would take.
fn masked(verdicts: &[(&Path, Verdict)]) -> Option<Finding> {
    let masked = verdicts.iter().filter_map(|(path, verdict)| match verdict {
        Verdict::Masked(reason) => Some((name(path), *reason)),
        _ => None,
    });
    let (names, reasons): (Vec<String>, Vec<&str>) = masked.unzip();
    let reason = format!(
        "exchange full packets with {}: the mesh would answer: {}",
        names.join(", "),
        reasons.first()?
    );
    Some(Finding::new(Code::MtuMasked, "full packets", reason))
}

/// The link's name and MTU, where the path's is smaller.
fn narrower<'p>(pod: &'p Pod, exchange: &Exchange) -> Option<(&'p str, u32)> {
    let link = exchange.link(pod)?;
    (exchange.path_mtu < link.mtu).then_some((link.name.as_str(), link.mtu))
}

/// Paths that are narrower than the link, and how that is known.
fn lower(pod: &Pod, verdicts: &[(&Path, Verdict)]) -> Vec<Finding> {
    let held: Vec<(&Path, &Exchange)> = verdicts
        .iter()
        .filter_map(|(path, verdict)| match verdict {
            Verdict::Holds(exchange) | Verdict::Reverse { full: exchange, .. } => {
                Some((*path, *exchange))
            }
            _ => None,
        })
        .collect();
    let narrow: Vec<_> =
        held.iter().filter_map(|(path, e)| Some((*path, *e, narrower(pod, e)?))).collect();
    let learned = |path: &Path| {
        let all = [Some(&path.large), path.again.as_ref()];
        path.too_big.is_some()
            || all.into_iter().flatten().filter_map(Tried::made).any(Exchange::learned)
    };
    let places: BTreeSet<IpAddr> = held.iter().map(|(path, _)| path.to.ip()).collect();
    let everywhere = places.len() > 1
        && narrow.len() == held.len()
        && narrow.iter().all(|(path, ..)| learned(path));
    let code = if everywhere { Code::MtuLowerEverywhere } else { Code::MtuLower };
    let finding = |(path, exchange, (link, mtu)): &(&Path, &Exchange, (&str, u32))| {
        let why = match path.too_big {
            Some(by) => format!("{by} says \"too big\""),
            None if learned(path) => "somebody on the way said \"too big\"".to_owned(),
            None => "a route says so, or it was learned before".to_owned(),
        };
        let reason = format!(
            "the path to {} takes packets of {} bytes, {link} of {mtu}: {why}",
            name(path),
            exchange.path_mtu
        );
        let finding = Finding::new(code, path.to.to_string(), reason);
        finding.of(Some(Family::of(path.to.ip()))).with("pathMtu", exchange.path_mtu)
    };
    narrow.iter().map(finding).collect()
}

/// What is proved where nothing failed; none where nobody could be asked.
fn holds(pod: &Pod, seen: &Seen, verdicts: &[(&Path, Verdict)]) -> Option<Finding> {
    let held: Vec<(&Path, &Exchange)> = verdicts
        .iter()
        .filter_map(|(path, verdict)| match verdict {
            Verdict::Holds(exchange) => Some((*path, *exchange)),
            _ => None,
        })
        .collect();
    let mut sizes: BTreeMap<(u32, bool), Vec<String>> = BTreeMap::new();
    for (path, exchange) in &held {
        let whole = exchange.packet.max(exchange.path_mtu);
        let most = exchange.link(pod).map_or(whole, |link| link.mtu.min(whole));
        let size = (exchange.packet, exchange.packet < most);
        sizes.entry(size).or_default().push(name(path));
    }
    let why_less = match seen.mtu_probing {
        Some(2) => " (tcp_mtu_probing is 2: no larger ones are tried)",
        _ => " (the handshake asked for no larger ones)",
    };
    let size = |((packet, less), names): (&(u32, bool), &Vec<String>)| {
        let why = if *less { why_less } else { "" };
        format!("packets of {packet} bytes{why} are acknowledged by {}", names.join(", "))
    };
    let sizes: Vec<String> = sizes.iter().rev().map(size).collect();
    if sizes.is_empty() {
        return None;
    }
    let mut reason = sizes.join("; ");
    let full: Vec<String> =
        held.iter().filter(|(_, e)| e.received_full).map(|(path, _)| name(path)).collect();
    if full.is_empty() {
        reason.push_str("; no answer was long enough to tell of the way back");
    } else {
        let _ = write!(reason, "; full packets come back from {}", full.join(", "));
    }
    for (path, _) in held.iter().filter(|(path, _)| path.again.is_some()) {
        let _ = write!(reason, "; {} took two attempts, not by their size", name(path));
    }
    Some(Finding::new(Code::MtuHolds, "full packets", reason))
}
