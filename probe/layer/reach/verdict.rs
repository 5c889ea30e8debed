//! What became of one probe, against what was demanded of it: pure.

use std::time::Duration;

use super::{
    demand::demands,
    masked::masked,
    outcome::{Outcome, Probe},
    target::{Kind, Target},
    who::{Who, is_no_neighbour, meaning, who},
};
use crate::{
    finding::Code,
    layer::{
        attempt::Failure,
        dns::{self, Resolved},
        ladder::Lost,
        redirect::Offender,
    },
    plan::ReachPlan,
    pod::Pod,
};

/// What is not as it should be: its code, and the end of a sentence about the target.
pub(super) type Complaint = (Code, String);

/// What holds, as a few words, or what does not. `alive`: the host answers on other ports.
pub(super) fn verdict(
    target: &Target,
    pod: &Pod,
    probe: &Probe,
    alive: bool,
) -> Result<String, Complaint> {
    if let Some(complaint) = masked(probe) {
        return Err(complaint);
    }
    match target.blocked {
        Some(hold_ms) => {
            blocked(pod, probe, hold_ms).and_then(|words| whole(probe, words, hold_ms))
        }
        None => open(target, pod, probe, alive),
    }
}

/// Whether a blocked target was looked at long enough, and at each address.
fn whole(probe: &Probe, words: String, hold_ms: u64) -> Result<String, Complaint> {
    let lacks = if probe.watched_ms < hold_ms {
        let hold = Duration::from_millis(hold_ms).as_secs_f64();
        format!("the deadline left no time to watch it for {hold:.1} s")
    } else if probe.untried > 0 {
        format!("not tried: {} more of the name's addresses", probe.untried)
    } else {
        return Ok(words);
    };
    Err((Code::ReachUnproven, format!("is {words}; {lacks}")))
}

/// Whether the target answers as it should, so that trying again serves nothing.
pub(super) fn answered(plan: &ReachPlan, probe: &Probe) -> bool {
    masked(probe).is_none()
        && demands(&plan.targets[probe.target], probe).is_some_and(|d| d.is_ok())
}

/// Whether anything got through.
pub(super) fn is_open(outcome: &Outcome) -> bool {
    use dns::Outcome::{Reply, Unusable, WrongSource};
    match outcome {
        Outcome::Answered(_) | Outcome::Broken { .. } => true,
        Outcome::Dns(outcome) => {
            matches!(outcome, Reply(_) | Unusable { .. } | WrongSource { .. })
        }
        _ => false,
    }
}

fn blocked(pod: &Pod, probe: &Probe, hold_ms: u64) -> Result<String, Complaint> {
    let watched = Duration::from_millis(probe.watched_ms).as_secs_f64();
    if is_open(&probe.outcome) {
        let after = if hold_ms > 0 {
            format!(" {watched:.1} s after the first look")
        } else {
            String::new()
        };
        return Err((Code::ReachOpenButBlocked, format!("is open{after}")));
    }
    let held = if hold_ms > 0 { format!(" for {watched:.1} s") } else { String::new() };
    let unproven = |why: String| Err((Code::ReachUnproven, format!("cannot be tried: {why}")));
    if let Some(unheard) = &probe.unheard {
        return unproven(format!("{} does not answer on {}", unheard.ip, unheard.link));
    }
    match failure(&probe.outcome) {
        Some(Failure::Silent { .. }) => Ok(format!("silent{held}")),
        Some(Failure::Refused { by: None }) => Ok(format!("refused by a reset{held}")),
        Some(ref failure) if let Some(by) = failure.by() => {
            if is_no_neighbour(pod, by) {
                unproven(format!("it {}", failure.told()))
            } else {
                Ok(format!("rejected by {by}{held}"))
            }
        }
        // A route that refuses is as good as a filter; none at all may still come.
        Some(Failure::Failed { operation, errno, .. })
            if operation == "connect"
                && ["EINVAL", "EACCES", "EHOSTUNREACH"].contains(&&*errno) =>
        {
            Ok(format!("refused by the pod's own routes ({errno}){held}"))
        }
        Some(failure) => unproven(format!("it {}", failure.told())),
        None => match &probe.outcome {
            Outcome::Unresolved(Resolved::Missing(why) | Resolved::Failed(why)) => {
                unproven(format!("its name has no address: {why}"))
            }
            Outcome::NoFamily(family) => unproven(format!("its name has no {family} address")),
            _ => unproven("nothing was observed".to_owned()),
        },
    }
}

fn open(target: &Target, pod: &Pod, probe: &Probe, alive: bool) -> Result<String, Complaint> {
    if let Some(judged) = demands(target, probe) {
        return judged;
    }
    let said = |code, text: &str| Err((code, text.to_owned()));
    match &probe.outcome {
        Outcome::Broken { step, what } => {
            let code = match (step.as_str(), &target.kind) {
                ("the TLS handshake", _) => Code::ReachTlsFailed,
                (_, Kind::Udp { .. }) => Code::ReachAnswerUnexpected,
                _ => Code::ReachProtocol,
            };
            said(code, &format!("{step} {what}"))
        }
        Outcome::Dns(
            outcome @ (dns::Outcome::WrongSource { .. } | dns::Outcome::Unusable { .. }),
        ) => said(Code::ReachAnswerUnexpected, &dns::happened(outcome)),
        Outcome::Unresolved(Resolved::Missing(why)) => said(Code::ReachNameMissing, why),
        Outcome::Unresolved(Resolved::Failed(why)) => said(Code::ReachNameUnresolved, why),
        Outcome::NoFamily(family) => {
            said(Code::ReachFamilyMissing, &format!("its name has no {family} address"))
        }
        outcome => match failure(outcome) {
            Some(failure) => Err(failed(target, pod, probe, &failure, alive)),
            None => said(Code::ReachUnproven, "nothing was observed"),
        },
    }
}

/// The failure, in the same words for every protocol.
fn failure(outcome: &Outcome) -> Option<Failure> {
    Some(match outcome {
        Outcome::Not(failure) => failure.clone(),
        Outcome::Dns(dns::Outcome::Refused { by }) => Failure::Refused { by: *by },
        Outcome::Dns(dns::Outcome::Failed { operation, errno, by }) => {
            Failure::Failed { operation: operation.clone(), errno: errno.clone(), by: *by }
        }
        Outcome::Dns(dns::Outcome::Silent { waited_ms, .. }) => {
            Failure::Silent { waited_ms: *waited_ms }
        }
        _ => return None,
    })
}

fn failed(target: &Target, pod: &Pod, probe: &Probe, failure: &Failure, alive: bool) -> Complaint {
    let told = failure.told();
    match failure {
        Failure::Silent { .. } => {
            silent(probe, &told, alive, matches!(target.kind, Kind::Udp { .. }))
        }
        Failure::Refused { by: None } if target.port() > 0 => {
            let why = "nothing listens on the port, or a rule rejects with a reset";
            (Code::ReachRefused, format!("{told}: {why}"))
        }
        Failure::Refused { by: None } => (Code::ReachRefused, told),
        Failure::Refused { by: Some(by) } | Failure::Failed { by: Some(by), .. } => {
            let datagrams =
                matches!(target.kind, Kind::Udp { .. } | Kind::Dns { .. } | Kind::Icmp(_));
            refused_by(pod, probe, failure, by, !datagrams)
        }
        Failure::Failed { errno, operation, by: None } => {
            let code = match errno.as_str() {
                _ if operation.contains("socket") => Code::ReachUnproven,
                "EPERM" => Code::ReachSendRefused,
                "ENETUNREACH" | "EINVAL" | "EACCES" | "EHOSTUNREACH" | "EADDRNOTAVAIL"
                | "ENETDOWN" | "EHOSTDOWN" => Code::ReachNoRoute,
                _ => Code::ReachUnproven,
            };
            (code, told)
        }
        Failure::Masked { .. } => (Code::ReachMasked, told),
    }
}

fn refused_by(
    pod: &Pod,
    probe: &Probe,
    failure: &Failure,
    by: &Offender,
    over_tcp: bool,
) -> Complaint {
    let who = who(pod, by.address, probe.address.map(|to| to.ip()));
    let mut told = format!("{}, {}: {}", failure.told(), who.told(), meaning(by));
    let refused = who == Who::Target && matches!(failure, Failure::Refused { .. });
    if refused && over_tcp {
        told += " (by a rule there: a closed port resets)";
    }
    let code = if is_no_neighbour(pod, by) {
        Code::ReachNoNeighbour
    } else if refused {
        Code::ReachRefused
    } else {
        Code::ReachRejected
    };
    (code, told)
}

/// `datagrams`: who takes them need not answer, and nothing tells that from loss.
fn silent(probe: &Probe, told: &str, alive: bool, datagrams: bool) -> Complaint {
    if let Some(unheard) = &probe.unheard {
        let what =
            if Some(unheard.ip) == probe.address.map(|to| to.ip()) { "it" } else { "its gateway" };
        let why = format!("{told}: {what} ({}) does not answer on {}", unheard.ip, unheard.link);
        return (Code::ReachNoNeighbour, why);
    }
    let place = probe.ladder.as_ref().map(|ladder| (ladder.lost(), ladder.told()));
    let tail = place.as_ref().map_or_else(String::new, |(_, told)| format!("; {told}"));
    let code = match place {
        _ if alive => Code::ReachPortFiltered,
        None | Some((Lost::Nowhere, _)) => Code::ReachSilent,
        Some((Lost::Near, _)) if datagrams => Code::ReachSilent,
        Some((Lost::Near, _)) => Code::ReachTimeoutNear,
        Some((Lost::AtNode(_), _)) => Code::ReachTimeoutNode,
        Some((Lost::Beyond { .. }, _)) => Code::ReachTimeoutBeyond,
    };
    let alive = if alive { ", but the host answers on another port" } else { "" };
    let or = if datagrams && place.is_some() { ", or taken without an answer" } else { "" };
    (code, format!("{told}{alive}{tail}{or}"))
}
