//! What was answered, against what the target demands of an answer: pure.

use std::fmt::Write;

use super::{
    grpc::SERVING,
    outcome::{Answer, Certificate, Outcome, Probe},
    target::{Kind, Target, Tls},
    trouble::Trouble,
    verdict::Complaint,
};
use crate::{
    finding::Code,
    layer::{
        dns::{self, Question},
        exchange::BadCertificate,
    },
};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What was answered, against what is demanded; none where nothing was.
pub(super) fn demands(target: &Target, probe: &Probe) -> Option<Result<String, Complaint>> {
    if let (Kind::Dns { .. }, Outcome::Dns(dns::Outcome::Reply(reply))) =
        (&target.kind, &probe.outcome)
    {
        return Some(in_reply(probe, reply));
    }
    let Outcome::Answered(answer) = &probe.outcome else { return None };
    let mut said = String::new();
    if let (Some(tls), Some(certificate)) = (target.kind.tls(), probe.certificate()) {
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
                    format!("is answered with status {status}, not {list}{}", envoy_there(probe)),
                ))
            }
        }
        (Answer::Grpc { serving, status, .. }, Kind::Grpc { service, .. }) => {
            let judged = grpc(*serving, status.as_deref(), service);
            judged
                .map(|words| words + &said)
                .map_err(|(code, told)| (code, told + &envoy_there(probe)))
        }
        _ => Ok(said.trim_start_matches(", ").to_owned()),
    })
}

/// An Envoy of the target's own, such as a gateway, says why it has no better answer.
fn envoy_there(probe: &Probe) -> String {
    let told = |trouble: &Trouble| format!("; an Envoy before the target says: {}", trouble.told());
    probe.trouble().map_or_else(String::new, told)
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
    if let Some(bad) = &certificate.problem {
        let code = match bad {
            BadCertificate::WrongName { .. } => Code::ReachTlsName,
            BadCertificate::Expired { .. } | BadCertificate::NotYetValid { .. } => {
                Code::ReachTlsExpired
            }
            BadCertificate::UnknownAuthority
            | BadCertificate::OtherAuthority
            | BadCertificate::Invalid { .. } => Code::ReachTlsUntrusted,
        };
        return Err((code, format!("shows a certificate that {}", bad.told())));
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
        let why = "shows a certificate whose end cannot be read";
        return Err((Code::ReachTlsUntrusted, why.to_owned()));
    }
    Ok(words)
}
