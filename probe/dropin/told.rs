//! What the validators' front ends share: what they tell of a report, each in its own log format,
//! and which service they probe.

use std::net::SocketAddr;

use crate::{
    cause::Cause,
    finding::{Code, Finding, Layer, Severity},
    layer::redirect,
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
    chosen.filter(|finding| {
        finding.code != Code::ProofRequired && !redirect::goes_without_saying(finding)
    })
}

/// Whether programming the rules again, or deleting the pod, can repair it: a repair controller
/// does so for ever where it cannot.
pub(super) fn is_repairable(report: &Report) -> bool {
    report.verdict == Verdict::Fail
        && report.cause.as_ref().is_some_and(|cause| beyond_repair(cause).is_none())
}

/// Why the next pod would meet a failure again, if so; a clause about the network.
pub(super) fn beyond_repair(cause: &Cause) -> Option<&'static str> {
    match cause.layer {
        Layer::Link => return Some("breaks in the link layer, below the rules"),
        Layer::Route => return Some("breaks in the route layer, below the rules"),
        Layer::Dns | Layer::Service | Layer::Reach | Layer::Mtu | Layer::Node => {
            return Some("breaks above the rules");
        }
        Layer::Redirect => {}
    }
    Some(match cause.code {
        // What is declared here and what the mesh programs come from two places: a new pod has both.
        Code::IdentityMismatch | Code::IdentityDiffers => "is redirected for another identity",
        Code::DnsCaptured | Code::ExclusionCaptured | Code::CaptureUnexpected => {
            "is captured beyond what was declared, as the next pod's would be"
        }
        // No rules of the mesh, and none that it takes away.
        Code::CaptureDropped | Code::TrafficDiverted | Code::OriginalDestinationWrong => {
            "has rules that the mesh did not write"
        }
        Code::OriginalDestinationUnavailable => "is a kernel's without SO_ORIGINAL_DST",
        Code::ProxyAbsent => "is captured, and the proxy is missing",
        _ => return None,
    })
}

/// Puts another validator's words for podprobe's flags into every hint, longer ones first: a flag
/// of `gate` is none of its command line.
pub(super) fn in_words(report: &mut Report, words: &[(&str, &str)]) {
    let causes = report.cause.iter_mut().map(|cause| &mut cause.hint);
    for hint in causes.chain(report.findings.iter_mut().map(|finding| &mut finding.hint)) {
        for (flag, word) in words {
            *hint = hint.replace(flag, word);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause;

    fn is_beyond(code: Code) -> bool {
        let cause = cause::cause(&[Finding::new(code, "x", "broken")]).expect("a failure");
        beyond_repair(&cause).is_some()
    }

    #[test]
    fn rules_that_are_missing_or_wrong_are_for_a_repair_controller() {
        for code in [
            Code::RedirectMissing,
            Code::RedirectFamilyMissing,
            Code::MarkedRouteMissing,
            Code::InboundAddressMissing,
            Code::OutboundEscaped,
            Code::InboundWrongPort,
            Code::ProxyLoop,
            Code::DnsEscaped,
            Code::ExclusionMissing,
        ] {
            assert!(!is_beyond(code), "{code}");
        }
    }

    #[test]
    fn hints_name_no_flag_that_the_command_line_has_not() {
        for words in
            [super::super::istio::WORDS, super::super::linkerd::WORDS, super::super::kuma::WORDS]
        {
            let told = |code: &&Code| {
                let meaning = code.meaning();
                meaning.severity != Severity::Ok && Layer::BY_DEFAULT.contains(&meaning.layer)
            };
            for code in Code::ALL.iter().filter(told) {
                let named = code.meaning().hint.to_owned();
                let hint = words.iter().fold(named, |hint, (flag, word)| hint.replace(flag, word));
                let spoken = hint.replace("podprobe check --mesh auto", "");
                let own = ["--validation-server-port", "--listen-addr"];
                let left = own.iter().fold(spoken, |text, flag| text.replace(flag, ""));
                let native = [Code::MeshNotDetected, Code::ProofRequired, Code::ProbeNotSeen];
                let is_native = native.contains(code);
                assert!(is_native || !left.contains("--"), "{code}: {hint}");
            }
        }
    }

    #[test]
    fn what_the_next_pod_meets_again_is_not() {
        for code in [
            Code::LinkLoDown,
            Code::RouteNoDefault,
            Code::IdentityMismatch,
            Code::DnsCaptured,
            Code::ExclusionCaptured,
            Code::CaptureDropped,
            Code::TrafficDiverted,
            Code::OriginalDestinationUnavailable,
            Code::ProxyAbsent,
        ] {
            assert!(is_beyond(code), "{code}");
        }
    }
}
