//! What the validators' front ends share: what they tell of a report, each in its own log format,
//! and which service they probe.

use std::net::SocketAddr;

use crate::{
    finding::{Code, Finding, Layer, Severity},
    pod::Family,
    report::{Report, Verdict},
};

/// What was proved: `outbound 6, loopback 4`.
pub(super) fn proved(report: &Report) -> String {
    let each = report.proved.iter().map(|(proof, count)| format!("{} {count}", proof.name()));
    each.collect::<Vec<_>>().join(", ")
}

/// Findings of one severity, without the ones that only sum up others.
pub(super) fn findings(report: &Report, severity: Severity) -> impl Iterator<Item = &Finding> {
    let chosen = report.findings.iter().filter(move |finding| finding.severity == severity);
    chosen.filter(|finding| finding.code != Code::ProofRequired)
}

/// Whether a failure lies in the rules themselves, so that programming them again, or deleting the
/// pod, can repair it. A declared uid or a sandbox kernel stays as it is in the next pod.
pub(super) fn is_repairable(report: &Report) -> bool {
    let Some(cause) = &report.cause else { return false };
    let stays = [Code::IdentityMismatch, Code::OriginalDestinationUnavailable];
    report.verdict == Verdict::Fail
        && cause.layer == Layer::Redirect
        && !stays.contains(&cause.code)
}

/// The failures that concern a family: its own, and those that concern every family.
pub(super) fn failures(report: &Report, family: Family) -> impl Iterator<Item = &Finding> {
    let concerns = move |finding: &&Finding| finding.family.is_none_or(|of| of == family);
    findings(report, Severity::Fail).filter(concerns)
}

/// The discard service, which nobody calls.
const DISCARD: u16 = 9;

/// The service, at a port that no exclusion is likely to name: that its own one escapes would prove
/// nothing.
pub(super) fn unskipped(service: SocketAddr, skipped: &[u16]) -> SocketAddr {
    let port = if skipped.contains(&service.port()) { DISCARD } else { service.port() };
    SocketAddr::new(service.ip(), port)
}
