//! The report as a test harness counts: a case a finding, and one for each layer not reached.

use std::borrow::Cow;

use super::{Report, steady::steady};
use crate::finding::{Code, Finding, Layer, Severity};

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds, or is worth no more than a warning.
    Passed,
    /// Nobody looked, or could.
    Skipped,
    /// A promise is broken.
    Failed,
    /// What was asked for could not be found out: no failure, and no success either.
    Unproved,
}

/// A case.
#[derive(Clone, Debug)]
pub struct Case<'r> {
    /// The suite.
    pub layer: Layer,
    /// What it is about, without what changes from run to run.
    pub name: String,
    /// The finding's code, or what stands in its place.
    pub code: &'r str,
    /// How it counts.
    pub outcome: Outcome,
    /// Why.
    pub reason: Cow<'r, str>,
    /// The finding behind it.
    pub finding: Option<&'r Finding>,
}

/// Every case, in causal order.
#[must_use]
pub fn cases(report: &Report) -> Vec<Case<'_>> {
    let of = |layer: Layer| {
        let findings = report.findings.iter().filter(move |finding| finding.layer == layer);
        let missed = report.not_reached.iter().filter(move |missed| **missed == layer);
        let told = findings.map(|finding| told(report, finding));
        told.chain(missed.map(|layer| unreached(report, *layer)))
    };
    Layer::ALL.into_iter().flat_map(of).collect()
}

fn told<'r>(report: &Report, finding: &'r Finding) -> Case<'r> {
    let family = finding.family.map(|family| format!(" {family}")).unwrap_or_default();
    let outcome = match finding.severity {
        Severity::Ok | Severity::Warn => Outcome::Passed,
        Severity::Fail => Outcome::Failed,
        Severity::Unknown if finding.code == Code::ProofRequired => Outcome::Unproved,
        Severity::Unknown => Outcome::Skipped,
    };
    Case {
        layer: finding.layer,
        name: steady(&finding.subject, &report.addresses) + &family,
        code: finding.code.name(),
        outcome,
        reason: Cow::Borrowed(&finding.reason),
        finding: Some(finding),
    }
}

fn unreached(report: &Report, layer: Layer) -> Case<'_> {
    let reason = match &report.cause {
        Some(cause) => Cow::Owned(format!("not reached: {} first", cause.code)),
        None => Cow::Borrowed("not reached"),
    };
    let (name, outcome) = (layer.name().to_owned(), Outcome::Skipped);
    Case { layer, name, code: "not-reached", outcome, reason, finding: None }
}

/// How many cases have this outcome.
#[must_use]
pub fn count(cases: &[Case], outcome: Outcome) -> usize {
    cases.iter().filter(|case| case.outcome == outcome).count()
}

/// That a signal ended the run, if one did: what is missing then says nothing.
#[must_use]
pub fn ended(report: &Report) -> Option<String> {
    report.signal.map(|signal| format!("ended by signal {signal}"))
}
