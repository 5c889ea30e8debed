//! The one root cause: what several findings say together, or else the first broken layer's first
//! code; the rest follows from it.

mod facts;
mod table;

use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding, Layer, Severity};

/// What a person must fix first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// What kind of fact.
    pub code: Code,
    /// The layer that decides the exit code.
    pub layer: Layer,
    /// One sentence with this pod's values.
    pub reason: String,
    /// What to do next.
    pub hint: String,
    /// It is the usual explanation of these findings, and not the only one.
    #[serde(default)]
    pub likely: bool,
    /// The findings that it was told from, the first one first.
    #[serde(default)]
    pub told_by: Vec<Code>,
    /// Failures that follow from it.
    #[serde(default)]
    pub explains: Vec<Code>,
}

/// The root cause among the findings: what a correlation of them says, else the first failure in
/// causal order, else a required proof that could not be made.
#[must_use]
pub fn cause(findings: &[Finding]) -> Option<Cause> {
    table::correlated(findings).or_else(|| first_failure(findings))
}

fn first_failure(findings: &[Finding]) -> Option<Cause> {
    let failed = findings.iter().filter(|finding| finding.severity == Severity::Fail);
    let first = failed.min_by_key(|finding| (finding.layer, finding.code, finding.family));
    let required = || findings.iter().find(|finding| finding.code == Code::ProofRequired);
    first.or_else(required).map(|finding| Cause {
        code: finding.code,
        layer: finding.layer,
        reason: finding.reason.clone(),
        hint: finding.hint.clone(),
        likely: false,
        told_by: vec![finding.code],
        explains: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_layer_explains_a_later_one() {
        let redirect = Finding::new(Code::RedirectMissing, "x", "nothing is redirected");
        let route = Finding::new(Code::RouteNoDefault, "x", "no default route");
        let found = cause(&[redirect, route]).expect("a cause");
        assert_eq!(found.code, Code::RouteNoDefault);
    }

    #[test]
    fn what_holds_or_is_unknown_is_no_cause() {
        let holds = Finding::new(Code::RedirectHolds, "x", "holds");
        let unknown = Finding::new(Code::NotObservable, "x", "unknown");
        assert_eq!(cause(&[holds, unknown]), None);
    }

    #[test]
    fn an_unmade_required_proof_is_the_cause_only_when_nothing_failed() {
        let required = Finding::new(Code::ProofRequired, "x", "inbound");
        let broken = Finding::new(Code::OutboundEscaped, "x", "escaped");
        let alone = cause(std::slice::from_ref(&required)).map(|cause| cause.code);
        assert_eq!(alone, Some(Code::ProofRequired));
        let both = cause(&[required, broken]).map(|cause| cause.code);
        assert_eq!(both, Some(Code::OutboundEscaped));
    }
}
