//! What the mesh's proxy may have answered in the target's place: then only what the far side alone
//! can say counts. Pure.

use super::{
    outcome::{Answer, Outcome, Probe},
    verdict::Complaint,
};
use crate::{
    finding::Code,
    layer::{
        attempt::Failure,
        dns::{self, Resolved},
        exchange::{BadCertificate, ended},
    },
};

/// Why this is no answer of the target; none where it is, or where no mesh takes what was sent.
pub(super) fn masked(probe: &Probe) -> Option<Complaint> {
    let never_sent = match &probe.outcome {
        Outcome::Unresolved(Resolved::Masked(reason))
        | Outcome::Not(Failure::Masked { reason })
        | Outcome::Dns(dns::Outcome::Masked { reason }) => Some(reason),
        _ => None,
    };
    if let Some(reason) = never_sent {
        return Some((Code::ReachMasked, format!("the mesh would answer: {reason}")));
    }
    let reason = probe.captured.as_ref()?;
    let unknown = |told: String| Some((Code::ReachMasked, format!("{told}: {reason}")));
    match &probe.outcome {
        Outcome::Answered(answer) => in_its_place(probe, answer, reason),
        Outcome::Broken { step, what } => unknown(format!(
            "the mesh's proxy took the connection, and {step} {what}: {}",
            said_by(what)
        )),
        Outcome::Not(failure @ Failure::Refused { by: None }) => unknown(format!(
            "{}, which may be the mesh's: a proxy that does not listen refuses so",
            failure.told()
        )),
        _ => unknown("the mesh would answer".to_owned()),
    }
}

/// Whose a failure after the connection was taken may be. Envoy takes connections before it has one
/// itself.
fn said_by(what: &str) -> &'static str {
    if [ended(None), ended(Some("ECONNRESET"))].iter().any(|end| end == what) {
        "it could not connect to the target (Envoy: UF), or the target ended it"
    } else {
        "whether the target had a part in that is not known"
    }
}

/// An answer that is the proxy's, or may be.
fn in_its_place(probe: &Probe, answer: &Answer, reason: &str) -> Option<Complaint> {
    if let Some(trouble) = probe.trouble() {
        let status = match answer {
            Answer::Http { status, .. } => format!(" with status {status}"),
            _ => String::new(),
        };
        let who = "the mesh's proxy, or one before the target";
        let told = format!("an Envoy ({who}) answers{status} in its place: {}", trouble.told());
        return Some((Code::ReachProxyFailed, told));
    }
    let unknown = |told: String| Some((Code::ReachMasked, format!("{told}: {reason}")));
    match answer {
        Answer::Http { envoy: true, status: 404, .. } => unknown(
            "is answered by the mesh's proxy with status 404: it may have no route (Envoy: NR)"
                .to_owned(),
        ),
        Answer::Http { envoy: true, .. } | Answer::Grpc { envoy: true, .. } => {
            unknown("is answered by the mesh's proxy".to_owned())
        }
        Answer::Tls(certificate) if !certificate.checked => unknown(
            "somebody shakes hands, and without a CA file (--ca-file) that may be the mesh's proxy"
                .to_owned(),
        ),
        _ => match probe.certificate()?.problem.as_ref()? {
            // Of a known authority, or so old that it does not matter whose it is.
            BadCertificate::WrongName { .. }
            | BadCertificate::Expired { .. }
            | BadCertificate::NotYetValid { .. } => None,
            bad => {
                unknown(format!("the certificate {}, and may be the mesh's proxy's", bad.told()))
            }
        },
    }
}
