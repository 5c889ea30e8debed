//! What findings say together: a table of correlations, the deepest cause first.

use super::Cause;
use crate::finding::{Code, Finding, Layer, Severity};

/// One correlation: the cause that these findings have together, if they do.
type Correlation = for<'a> fn(&Facts<'a>) -> Option<Told<'a>>;

/// The deepest cause first.
const TABLE: &[Correlation] = &[cni_setup_failed, host_side_broken];

/// What one correlation says.
struct Told<'a> {
    code: Code,
    /// The failure that it rests on: its layer decides the exit code.
    first: &'a Finding,
    /// Why, after that failure's own reason.
    because: &'static str,
    likely: bool,
    /// Failures that follow from it, besides the first.
    explains: Vec<Code>,
}

/// The findings, as the table asks for them.
struct Facts<'a> {
    findings: &'a [Finding],
}

impl<'a> Facts<'a> {
    /// The first failure of one of these codes.
    fn failed(&self, codes: &[Code]) -> Option<&'a Finding> {
        let failures = self.findings.iter().filter(|f| f.severity == Severity::Fail);
        failures.filter(|f| codes.contains(&f.code)).min_by_key(|f| (f.layer, f.code, f.family))
    }

    /// The codes of the other failures in the layers from this one on.
    fn follow(&self, first: &Finding, from: Layer) -> Vec<Code> {
        let failures = self.findings.iter().filter(|f| f.severity == Severity::Fail);
        let mut codes: Vec<Code> =
            failures.filter(|f| f.layer >= from && f.code != first.code).map(|f| f.code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// The cause that several findings have together.
pub(super) fn correlated(findings: &[Finding]) -> Option<Cause> {
    let facts = Facts { findings };
    let told = TABLE.iter().find_map(|correlation| correlation(&facts))?;
    let meaning = told.code.meaning();
    Some(Cause {
        code: told.code,
        layer: told.first.layer,
        reason: format!("{}: {}", told.first.reason, told.because),
        hint: meaning.hint.to_owned(),
        likely: told.likely,
        told_by: vec![told.first.code],
        explains: told.explains,
    })
}

/// No interface, or nothing routed: the CNI plugin never came to its end.
fn cni_setup_failed<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failed(&[Code::LinkNoPodInterface, Code::RouteTableEmpty])?;
    let because = "the CNI plugin did not run to its end for this pod";
    let explains = facts.follow(first, first.layer);
    Some(Told { code: Code::CniSetupFailed, first, because, likely: false, explains })
}

/// The pod's side is complete, and nobody answers at the other end of its link.
fn host_side_broken<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failed(&[Code::RouteGatewayNoNeighbour])?;
    let because = "the node's side of the pod's link is broken";
    let explains = facts.follow(first, first.layer);
    Some(Told { code: Code::HostSideBroken, first, because, likely: false, explains })
}
