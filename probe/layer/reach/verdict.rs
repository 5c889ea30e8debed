//! What became of one probe, against what was demanded of it: pure.

use std::fmt::Write;

use super::{
    grpc::SERVING,
    outcome::{Answer, Certificate, Outcome, Probe, Problem},
    target::{Kind, Target, Tls},
    who::{Who, meaning, who},
};
use crate::{
    finding::Code,
    layer::{
        attempt::Failure,
        dns::{self, Question, Resolved},
        ladder::Lost,
        redirect::Offender,
    },
    plan::ReachPlan,
    pod::Pod,
};

/// Seconds of a day.
const DAY: i64 = 86_400;

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
        Some(_) => blocked(pod, probe),
        None => open(target, pod, probe, alive),
    }
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

/// The mesh may have answered in the target's place: then only what the far side alone can say
/// counts, and no failure does.
fn masked(probe: &Probe) -> Option<Complaint> {
    let why = match (&probe.outcome, &probe.captured) {
        (
            Outcome::Unresolved(Resolved::Masked(reason))
            | Outcome::Not(Failure::Masked { reason })
            | Outcome::Dns(dns::Outcome::Masked { reason }),
            _,
        ) => reason,
        (
            Outcome::Answered(Answer::Http { envoy: true, .. } | Answer::Grpc { envoy: true, .. }),
            Some(reason),
        ) => {
            return Some((Code::ReachMasked, format!("is answered by the mesh's proxy: {reason}")));
        }
        (Outcome::Answered(_), _) | (_, None) => return None,
        (_, Some(reason)) => reason,
    };
    Some((Code::ReachMasked, format!("the mesh would answer: {why}")))
}

fn blocked(pod: &Pod, probe: &Probe) -> Result<String, Complaint> {
    let held = if probe.watched_ms >= 1000 {
        format!(
            " {:.1} s after the first look",
            f64::from(u32::try_from(probe.watched_ms).unwrap_or(u32::MAX)) / 1000.0
        )
    } else {
        String::new()
    };
    if is_open(&probe.outcome) {
        return Err((Code::ReachOpenButBlocked, format!("is open{held}")));
    }
    let unproven = |why: String| Err((Code::ReachUnproven, format!("cannot be tried: {why}")));
    if let Some(unheard) = &probe.unheard {
        return unproven(format!("{} does not answer on {}", unheard.ip, unheard.link));
    }
    match failure(&probe.outcome) {
        Some(Failure::Silent { .. }) => Ok("silent".to_owned()),
        Some(Failure::Refused { by: None }) => Ok("refused by a reset".to_owned()),
        Some(ref failure) if let Some(by) = failure.by() => {
            match who(pod, by.address, probe.address.map(|to| to.ip())) {
                Who::Pod => unproven(failure.told()),
                _ => Ok(format!("rejected by {by}")),
            }
        }
        // A route that refuses is as good as a filter; none at all may still come.
        Some(Failure::Failed { operation, errno, .. })
            if operation == "connect"
                && ["EINVAL", "EACCES", "EHOSTUNREACH"].contains(&&*errno) =>
        {
            Ok(format!("refused by the pod's own routes: {errno}"))
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
        Failure::Silent { .. } => silent(probe, &told, alive),
        Failure::Refused { by: None } if target.port() > 0 => {
            let why = "nothing listens on the port, or a rule rejects with a reset";
            (Code::ReachRefused, format!("{told}: {why}"))
        }
        Failure::Refused { by: None } => (Code::ReachRefused, told),
        Failure::Refused { by: Some(by) } | Failure::Failed { by: Some(by), .. } => {
            refused_by(pod, probe, failure, by)
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

fn refused_by(pod: &Pod, probe: &Probe, failure: &Failure, by: &Offender) -> Complaint {
    let who = who(pod, by.address, probe.address.map(|to| to.ip()));
    let told = format!("{}, {}: {}", failure.told(), who.told(), meaning(by));
    let code = match (who, failure) {
        // The kernel sends the pod an error in its own name when the next hop is not found.
        (Who::Pod, Failure::Failed { .. }) => Code::ReachNoNeighbour,
        (Who::Target, Failure::Refused { .. }) => Code::ReachRefused,
        _ => Code::ReachRejected,
    };
    (code, told)
}

fn silent(probe: &Probe, told: &str, alive: bool) -> Complaint {
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
        Some((Lost::Near, _)) => Code::ReachTimeoutNear,
        Some((Lost::AtNode(_), _)) => Code::ReachTimeoutNode,
        Some((Lost::Beyond { .. }, _)) => Code::ReachTimeoutBeyond,
    };
    let alive = if alive { ", but the host answers on another port" } else { "" };
    (code, format!("{told}{alive}{tail}"))
}

/// What was answered, against what is demanded; none where nothing was.
fn demands(target: &Target, probe: &Probe) -> Option<Result<String, Complaint>> {
    if let (Kind::Dns { .. }, Outcome::Dns(dns::Outcome::Reply(reply))) =
        (&target.kind, &probe.outcome)
    {
        return Some(in_reply(probe, reply));
    }
    let Outcome::Answered(answer) = &probe.outcome else { return None };
    let tls = match &target.kind {
        Kind::Tls(_, tls)
        | Kind::Http { tls: Some(tls), .. }
        | Kind::Grpc { tls: Some(tls), .. } => Some(tls),
        _ => None,
    };
    let mut said = String::new();
    if let (Some(tls), Some(certificate)) = (tls, probe.certificate()) {
        match of_certificate(tls, certificate) {
            Ok(words) => said = words,
            Err(complaint) => return Some(Err(complaint)),
        }
    }
    Some(match (answer, &target.kind) {
        (Answer::Http { status, .. }, Kind::Http { status: wanted, .. }) => {
            let right = match wanted.as_slice() {
                [] => (200..400).contains(status),
                list => list.contains(status),
            };
            if right {
                Ok(format!("status {status}{said}"))
            } else {
                let list: Vec<String> = wanted.iter().map(u16::to_string).collect();
                let list = if list.is_empty() { "200 to 399".to_owned() } else { list.join(", ") };
                Err((
                    Code::ReachHttpStatus,
                    format!("is answered with status {status}, not {list}"),
                ))
            }
        }
        (Answer::Grpc { serving, status, .. }, Kind::Grpc { service, .. }) => {
            grpc(*serving, status.as_deref(), service).map(|words| words + &said)
        }
        _ => Ok(said.trim_start_matches(", ").to_owned()),
    })
}

fn in_reply(probe: &Probe, reply: &dns::Reply) -> Result<String, Complaint> {
    let Some((record, _)) = probe.question else { return Ok(String::new()) };
    let question = Question { name: String::new(), record };
    if dns::has(reply, &question) {
        let addresses: Vec<String> = reply.addresses.iter().map(ToString::to_string).collect();
        return Ok(addresses.join(" "));
    }
    let what = match reply.rcode {
        0 => format!("no {} record", record.name()),
        _ => reply.rcode_name(),
    };
    Err((Code::ReachDnsNegative, format!("is answered with {what}")))
}

fn grpc(serving: Option<u64>, status: Option<&str>, service: &str) -> Result<String, Complaint> {
    let of = if service.is_empty() { String::new() } else { format!(" of {service}") };
    let status = status.unwrap_or("0");
    match (serving, status) {
        (Some(SERVING), "0") => Ok("SERVING".to_owned()),
        // grpc `doc/statuscodes.md`.
        (_, "5") => {
            Err((Code::ReachGrpcNotServing, format!("knows no service {service:?} (NOT_FOUND)")))
        }
        (_, "12") => Err((Code::ReachProtocol, "has no health service (UNIMPLEMENTED)".to_owned())),
        (Some(other), "0") => {
            let name = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
            let name =
                usize::try_from(other).ok().and_then(|at| name.get(at)).unwrap_or(&"UNKNOWN");
            Err((Code::ReachGrpcNotServing, format!("says {name}{of}")))
        }
        (None, "0") => Err((Code::ReachProtocol, "brings no health message".to_owned())),
        (_, status) => {
            Err((Code::ReachGrpcNotServing, format!("ends with gRPC status {status:?}{of}")))
        }
    }
}

fn of_certificate(tls: &Tls, certificate: &Certificate) -> Result<String, Complaint> {
    let told =
        |code, why: &str| Err((code, format!("shows a certificate that is not accepted: {why}")));
    match &certificate.problem {
        Some(Problem::Chain(why)) => return told(Code::ReachTlsUntrusted, why),
        Some(Problem::Name(why)) => return told(Code::ReachTlsName, why),
        Some(Problem::Time(why)) => return told(Code::ReachTlsExpired, why),
        None => {}
    }
    let mut words = String::new();
    if let Some(left) = certificate.left_s {
        let days = left.div_euclid(DAY);
        if left < 0 && !tls.unverified {
            return Err((
                Code::ReachTlsExpired,
                format!("shows a certificate that ended {} days ago", -days),
            ));
        }
        if tls.min_days > 0 && left < i64::from(tls.min_days) * DAY {
            let why = format!("shows a certificate that ends in {days} days, not {}", tls.min_days);
            return Err((Code::ReachTlsExpiring, why));
        }
        let _ = write!(words, ", certificate for {days} more days");
    } else if tls.min_days > 0 {
        return told(Code::ReachTlsUntrusted, "its end cannot be read");
    }
    Ok(words)
}
