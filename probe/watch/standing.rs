//! How each layer stands, and what of a report changes that: pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    finding::{Code, Finding, Layer, Severity},
    report::{Report, Verdict},
};

/// A layer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It was not looked at yet.
    NotLooked,
    /// It lies behind a broken layer.
    NotReached,
    /// Everything asked for holds.
    Ok,
    /// What was asked for could not be seen.
    Unknown,
    /// Something is worth a word.
    Warn,
    /// Something is broken.
    Fail,
}

impl Condition {
    /// The number in metrics: 0 ok, 1 unknown, 2 warn, 3 fail; none for what was not looked at.
    #[must_use]
    pub fn level(self) -> Option<i64> {
        match self {
            Condition::NotLooked | Condition::NotReached => None,
            Condition::Ok => Some(0),
            Condition::Unknown => Some(1),
            Condition::Warn => Some(2),
            Condition::Fail => Some(3),
        }
    }
}

/// How each watched layer stands, by a report.
#[must_use]
pub fn results(report: &Report, layers: &[Layer]) -> BTreeMap<Layer, Condition> {
    layers.iter().map(|layer| (*layer, result(report, *layer))).collect()
}

/// The worst that was found. What this identity cannot see does not make a layer unknown of which
/// something was proved, as it is no failure of a gate either; unless it was required.
fn result(report: &Report, layer: Layer) -> Condition {
    let mut of_layer = report.findings.iter().filter(|finding| finding.layer == layer);
    let has = |severity: Severity| of_layer.clone().any(|finding| finding.severity == severity);
    let undecided = report.verdict == Verdict::Unknown
        && report.cause.as_ref().is_some_and(|cause| cause.layer == layer);
    if of_layer.clone().any(fails) {
        Condition::Fail
    } else if report.not_reached.contains(&layer) {
        Condition::NotReached
    } else if undecided {
        Condition::Unknown
    } else if has(Severity::Warn) {
        Condition::Warn
    } else if has(Severity::Ok) || of_layer.next().is_none() {
        Condition::Ok
    } else {
        Condition::Unknown
    }
}

/// A proof that was required and could not be made is no broken network.
fn fails(finding: &Finding) -> bool {
    finding.severity == Severity::Fail && finding.code != Code::ProofRequired
}

/// The layers that fail now and did not before.
pub(super) fn newly_broken(
    before: &BTreeMap<Layer, Condition>,
    now: &BTreeMap<Layer, Condition>,
) -> Vec<Layer> {
    let held = |layer: &Layer| before.get(layer).is_some_and(|result| *result != Condition::Fail);
    now.iter()
        .filter(|(layer, result)| **result == Condition::Fail && held(layer))
        .map(|(layer, _)| *layer)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::reports;

    fn report_with(findings: Vec<Finding>) -> Report {
        let [mut report, ..] = reports();
        report.findings = findings;
        report.not_reached = Vec::new();
        report.verdict = Verdict::Ok;
        report.cause = None;
        report
    }

    #[test]
    fn a_layer_is_as_bad_as_the_worst_that_was_found_there() {
        let lossy = Finding::new(Code::DnsLossy, "10.96.0.10", "x");
        let silent = Finding::new(Code::DnsSilent, "10.96.0.10", "x");
        let report = report_with(vec![lossy.clone()]);
        assert_eq!(result(&report, Layer::Dns), Condition::Warn);
        let report = report_with(vec![lossy, silent]);
        assert_eq!(result(&report, Layer::Dns), Condition::Fail);
        assert_eq!(result(&report, Layer::Link), Condition::Ok);
    }

    #[test]
    fn what_an_identity_cannot_see_matters_where_nothing_else_was_proved() {
        let blind = Finding::new(Code::NotObservable, "proxy", "x");
        let holds = Finding::new(Code::RedirectHolds, "redirect", "x");
        let report = report_with(vec![holds, blind.clone()]);
        assert_eq!(result(&report, Layer::Redirect), Condition::Ok);
        assert_eq!(result(&report_with(vec![blind]), Layer::Redirect), Condition::Unknown);
    }

    #[test]
    fn what_lies_behind_a_broken_layer_is_neither_ok_nor_broken() {
        let mut report = report_with(vec![Finding::new(Code::LinkLoDown, "lo", "x")]);
        report.not_reached = vec![Layer::Dns];
        let now = results(&report, &[Layer::Link, Layer::Dns]);
        assert_eq!(now[&Layer::Link], Condition::Fail);
        assert_eq!(now[&Layer::Dns], Condition::NotReached);
        let before = BTreeMap::from([(Layer::Link, Condition::Ok), (Layer::Dns, Condition::Ok)]);
        assert_eq!(newly_broken(&before, &now), [Layer::Link]);
        assert_eq!(newly_broken(&now, &now), []);
    }
}
