//! The findings as the table of correlations asks for them, and what it answers.

use serde_json::Value;

use super::Cause;
use crate::{
    finding::{Code, Finding, Layer, Severity},
    pod::Family,
};

/// The findings of one look.
pub(super) struct Facts<'a> {
    pub(super) findings: &'a [Finding],
}

/// What one correlation says.
pub(super) struct Told<'a> {
    code: Code,
    /// The failure that it rests on: its layer decides the exit code.
    first: &'a Finding,
    /// What it is, before that failure's own reason.
    because: &'static str,
    likely: bool,
    /// Further findings that it rests on.
    also: Vec<Code>,
    /// Failures that follow from it.
    explains: Vec<Code>,
}

impl<'a> Facts<'a> {
    /// All failures.
    pub(super) fn failures(&self) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Fail)
    }

    /// The first failure of one of these codes.
    pub(super) fn failed(&self, codes: &[Code]) -> Option<&'a Finding> {
        let failures = self.failures().filter(|f| codes.contains(&f.code));
        failures.min_by_key(|f| (f.layer, f.code, f.family))
    }

    /// A finding of one of these codes, whatever its severity.
    pub(super) fn found(&self, codes: &[Code]) -> Option<&'a Finding> {
        self.findings.iter().find(|finding| codes.contains(&finding.code))
    }

    /// The proof that something works.
    pub(super) fn held(&self, code: Code) -> Option<&'a Finding> {
        self.findings.iter().find(|f| f.code == code && f.severity == Severity::Ok)
    }

    /// The targets that answer, if any does; what is only blocked proves no network.
    pub(super) fn answering(&self) -> Option<&'a Finding> {
        let count = |f: &Finding| f.evidence.get("answering").and_then(Value::as_u64);
        self.held(Code::ReachHolds).filter(|f| count(f) > Some(0))
    }

    /// Whether anybody outside the pod answers in this family.
    pub(super) fn family_answers(&self, family: Family) -> bool {
        self.findings.iter().filter(|f| f.severity == Severity::Ok).any(|f| match f.code {
            Code::ServiceHolds => f.family == Some(family),
            Code::DnsHolds | Code::ReachHolds => {
                let families = f.evidence.get("families").and_then(Value::as_array);
                let name = family.to_string();
                families.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(&*name)))
            }
            _ => false,
        })
    }

    /// A cause that rests on this failure, and explains the others in the layers from this one on.
    pub(super) fn told(
        &self,
        code: Code,
        first: &'a Finding,
        because: &'static str,
        from: Layer,
    ) -> Told<'a> {
        let others = self.failures().filter(|f| f.layer >= from && f.code != first.code);
        let others = others.filter(|f| may_follow(f));
        let mut explains: Vec<Code> = others.map(|f| f.code).collect();
        explains.sort_unstable();
        explains.dedup();
        Told { code, first, because, likely: false, also: Vec::new(), explains }
    }
}

/// Whether a failure can follow from a network that does not work: not what was answered, and not
/// what the node's files say, which break the network and are not broken by it.
fn may_follow(failure: &Finding) -> bool {
    let answered = [
        Code::ServiceNotTls,
        Code::ServiceCertificate,
        Code::ServiceNotReady,
        Code::ServiceUnexpectedAnswer,
        Code::ReachOpenButBlocked,
        Code::ReachTlsUntrusted,
        Code::ReachTlsName,
        Code::ReachTlsExpired,
        Code::ReachTlsExpiring,
        Code::ReachHttpStatus,
        Code::ReachGrpcNotServing,
        Code::ReachSlow,
    ];
    failure.layer != Layer::Node && !answered.contains(&failure.code)
}

impl Told<'_> {
    /// It is the usual explanation, and not the only one.
    pub(super) fn likely(self) -> Self {
        Told { likely: true, ..self }
    }

    /// It rests on these findings as well, if they are there: then they do not follow from it.
    pub(super) fn and(mut self, facts: &Facts, codes: &[Code]) -> Self {
        self.explains.retain(|code| !codes.contains(code));
        self.also.extend(codes.iter().filter(|code| facts.found(&[**code]).is_some()));
        self
    }

    /// Whether any failure follows from it.
    pub(super) fn explains_something(&self) -> bool {
        !self.explains.is_empty()
    }

    pub(super) fn into_cause(self) -> Cause {
        let told_by = [vec![self.first.code], self.also].concat();
        Cause {
            code: self.code,
            layer: self.first.layer,
            reason: format!("{}: {}", self.because, self.first.reason),
            hint: self.code.meaning().hint.to_owned(),
            likely: self.likely,
            told_by,
            explains: self.explains,
        }
    }
}
