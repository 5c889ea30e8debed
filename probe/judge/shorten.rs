//! Many targets that fail alike: told one by one as far as a person reads, and by name beyond. The
//! cause is told from all of them before.

use serde_json::Value;

use crate::finding::{Finding, Layer, declared};

/// Findings of one code that stand for themselves; the rest share one.
const TOLD: usize = 20;

/// The same findings, those about targets shortened.
pub(super) fn shortened(findings: &[Finding]) -> Vec<Finding> {
    let mut all = Vec::with_capacity(findings.len().min(TOLD));
    let alike = |a: &Finding, b: &Finding| (a.layer, a.code) == (b.layer, b.code);
    for group in findings.chunk_by(alike) {
        match group.split_at_checked(TOLD) {
            Some((told, rest)) if rest.len() > 1 && group[0].layer == Layer::Reach => {
                all.extend_from_slice(told);
                all.extend(shared(rest));
            }
            _ => all.extend_from_slice(group),
        }
    }
    all
}

/// One for all of these, of their family where they have one in common.
fn shared(rest: &[Finding]) -> Option<Finding> {
    let last = rest.last()?;
    let names: Vec<Value> = rest.iter().map(|finding| finding.subject.as_str().into()).collect();
    let reason = format!("the same of {} more targets, the last one: {}", rest.len(), last.reason);
    let mut more = last.clone();
    more.evidence.retain(|name, _| [declared::USUAL, declared::DECLARED].contains(&name.as_str()));
    more.family = last.family.filter(|_| rest.iter().all(|f| f.family == last.family));
    let subject = format!("{} more targets", rest.len());
    Some(Finding { subject, reason, ..more }.with("targets", names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::{Code, Severity},
        pod::Family,
    };

    fn refused(count: usize) -> Vec<Finding> {
        let one =
            |n: usize| Finding::new(Code::ReachRefused, format!("t{n}"), format!("reason {n}"));
        (0..count).map(|n| one(n).of(Some(Family::Ipv4)).with("address", "192.0.2.1:1")).collect()
    }

    #[test]
    fn many_failures_of_one_kind_share_a_finding_that_names_them() {
        let found = shortened(&refused(100));
        assert_eq!(found.len(), 21);
        let rest = found[20].evidence["targets"].as_array().expect("names");
        assert_eq!((rest.len(), rest[0].as_str()), (80, Some("t20")));
        assert!(
            found[20].reason.starts_with("the same of 80 more targets"),
            "{}",
            found[20].reason
        );
        assert_eq!(found[20].family, Some(Family::Ipv4));
        assert!(!found[20].evidence.contains_key("address"), "it is the last one's alone");
    }

    #[test]
    fn what_a_person_reads_stays_as_it_is() {
        assert_eq!(shortened(&refused(21)), refused(21));
        let twice = [refused(15), refused(15)].concat();
        let mut mixed = twice.clone();
        mixed[15..].iter_mut().for_each(|finding| finding.code = Code::ReachRejected);
        assert_eq!(shortened(&mixed), mixed);
    }

    #[test]
    fn a_declared_severity_is_that_of_all() {
        let mut many = refused(30);
        declared::declare(&[(Code::ReachRefused, Severity::Warn)].into(), &mut many);
        let last = shortened(&many).pop().expect("a finding");
        assert_eq!((last.severity, declared::usual(&last).is_some()), (Severity::Warn, true));
    }
}
