//! What differs between a good pod's report and another one's.

pub mod read;
mod run;
pub mod show;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;
use serde_json::Value;

use crate::{
    finding::{Code, Finding, Layer, Severity},
    pod::Family,
    report::{Report, steady::steady},
};

pub use run::{Run, layers};

/// What two reports differ in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// What each run was, where that differs.
    pub run: Vec<Run>,
    /// Findings, in causal order.
    pub differences: Vec<Difference>,
    /// Layers that the good run reached, and that lie behind a broken one in the other.
    pub not_reached: Vec<Layer>,
    /// Layers that only the good run looked at.
    pub not_asked: Vec<Layer>,
}

/// How a finding differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The good report has none like it.
    Appeared,
    /// Only the good report has it.
    Disappeared,
    /// Both have it, and it means something else for the start of the pod.
    Severity,
    /// Both have it, with other facts.
    Facts,
}

/// A finding that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// How.
    pub change: Change,
    /// The good report's.
    pub good: Option<Finding>,
    /// The other one's.
    pub bad: Option<Finding>,
}

impl Difference {
    /// The finding that it is about, as the other report has it if it does.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        self.bad.as_ref().or(self.good.as_ref())
    }

    fn is_failure(&self) -> bool {
        [&self.good, &self.bad].into_iter().flatten().any(|f| f.severity == Severity::Fail)
    }
}

/// Compares two reports, without what differs between any two healthy pods: their own addresses,
/// probe ports, times, and counts of flows.
#[must_use]
pub fn compare(good: &Report, bad: &Report) -> Diff {
    let missed = |layer: &Layer| bad.not_reached.contains(layer);
    let reached = |layer: &Layer| !good.not_reached.contains(layer);
    let unasked = |layer: &Layer| !run::layers(bad).contains(layer);
    let looked: Vec<Layer> = run::layers(good);
    let expected = looked.iter().copied().filter(reached);
    let not_reached: Vec<Layer> = expected.filter(missed).collect();
    let not_asked: Vec<Layer> = looked.iter().copied().filter(unasked).collect();
    let unseen = |layer: Layer| not_reached.contains(&layer) || not_asked.contains(&layer);
    let broken = |layer: Layer| {
        bad.findings.iter().any(|f| f.layer == layer && f.severity == Severity::Fail)
    };
    // That a layer was not looked at is said once, and not of each thing that was found there; what
    // fails tells by itself what holds no more. But nobody may take a failure for repaired.
    let follows = |gone: &Finding| match gone.severity {
        Severity::Fail => false,
        Severity::Ok => unseen(gone.layer) || broken(gone.layer),
        Severity::Unknown | Severity::Warn => unseen(gone.layer),
    };
    let mut differences = findings(good, bad);
    differences.retain(|difference| {
        let gone = difference.good.as_ref().filter(|_| difference.change == Change::Disappeared);
        !gone.is_some_and(follows)
    });
    let mut run = run::differences(good, bad);
    run.retain(|run| run.what != run::PROOFS || !unseen(Layer::Redirect));
    Diff { run, differences, not_reached, not_asked }
}

impl Diff {
    /// Whether the reports say the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Diff { run, differences, not_reached, not_asked } = self;
        run.is_empty() && differences.is_empty() && not_reached.is_empty() && not_asked.is_empty()
    }

    /// 0 when nothing differs, else the other report's exit code; that one is not taken for 0 where
    /// a failure is among what differs.
    #[must_use]
    pub fn exit_code(&self, bad: &Report) -> u8 {
        if self.is_empty() {
            return 0;
        }
        let failed = self.differences.iter().find(|difference| difference.is_failure());
        match (bad.exit_code, failed.and_then(Difference::finding)) {
            (0, Some(finding)) => finding.layer.exit_code(),
            (code, _) => code,
        }
    }
}

/// What makes two findings the same one.
type Key = (Layer, Code, Option<Family>, String);

/// The good report's finding, and the other's.
type Pair<'r> = (Option<&'r Finding>, Option<&'r Finding>);

fn findings(good: &Report, bad: &Report) -> Vec<Difference> {
    let mut pairs: BTreeMap<(Key, usize), Pair> = BTreeMap::new();
    for (key, finding) in numbered(good) {
        pairs.entry(key).or_default().0 = Some(finding);
    }
    for (key, finding) in numbered(bad) {
        pairs.entry(key).or_default().1 = Some(finding);
    }
    let own = (good.addresses.as_slice(), bad.addresses.as_slice());
    pairs.into_values().filter_map(|(good, bad)| difference(good, bad, own)).collect()
}

/// Each finding by what it is, and how many like it stand before it.
fn numbered(report: &Report) -> impl Iterator<Item = ((Key, usize), &Finding)> {
    let mut seen: BTreeMap<Key, usize> = BTreeMap::new();
    report.findings.iter().map(move |finding| {
        let subject = steady(&finding.subject, &report.addresses);
        let key = (finding.layer, finding.code, finding.family, subject);
        let number = seen.entry(key.clone()).or_default();
        *number += 1;
        ((key, *number), finding)
    })
}

fn difference(
    good: Option<&Finding>,
    bad: Option<&Finding>,
    own: (&[IpAddr], &[IpAddr]),
) -> Option<Difference> {
    let change = match (good, bad) {
        (None, _) => Change::Appeared,
        (_, None) => Change::Disappeared,
        (Some(good), Some(bad)) if good.severity != bad.severity => Change::Severity,
        (Some(good), Some(bad)) if facts(good, own.0) != facts(bad, own.1) => Change::Facts,
        _ => return None,
    };
    Some(Difference { change, good: good.cloned(), bad: bad.cloned() })
}

/// Evidence that repeats the reason for single flows, counts them, or tells how long something took.
fn is_fleeting(name: &str) -> bool {
    name == "flows" || name == "count" || name.ends_with("Ms")
}

/// What a finding says, without what varies.
fn facts(finding: &Finding, own: &[IpAddr]) -> (String, Value) {
    // How many flows went as promised depends on how many addresses the pod has.
    if finding.code == Code::RedirectHolds {
        return (String::new(), Value::Null);
    }
    let lasting = finding.evidence.iter().filter(|(name, _)| !is_fleeting(name));
    let evidence = lasting.map(|(name, value)| (name.clone(), settled(value, own))).collect();
    (steady(&finding.reason, own), Value::Object(evidence))
}

fn settled(value: &Value, own: &[IpAddr]) -> Value {
    match value {
        Value::String(text) => Value::String(steady(text, own)),
        Value::Array(items) => items.iter().map(|item| settled(item, own)).collect(),
        Value::Object(map) => {
            let lasting = map.iter().filter(|(name, _)| !is_fleeting(name));
            lasting.map(|(name, value)| (name.clone(), settled(value, own))).collect()
        }
        other => other.clone(),
    }
}
