//! What two runs were: that another user looked, or at another mesh, explains what differs.

use serde::Serialize;

use crate::{finding::Layer, report::Report};

/// One thing that the runs differ in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Which: `mesh`, `identity`, `families`, `proofs`, `version`.
    pub what: String,
    /// The good run's.
    pub good: String,
    /// The other one's.
    pub bad: String,
}

/// The kinds of proof that were made.
pub(super) const PROOFS: &str = "proofs";

/// How a run tells one of them.
type Told = fn(&Report) -> String;

/// All of them.
pub(super) fn differences(good: &Report, bad: &Report) -> Vec<Run> {
    let told: [(&str, Told); 5] = [
        ("version", |report| report.version.clone()),
        ("mesh", |report| report.mesh.clone()),
        ("identity", identity),
        ("families", families),
        (PROOFS, proofs),
    ];
    let all = told.map(|(what, of)| Run { what: what.into(), good: of(good), bad: of(bad) });
    all.into_iter().filter(|run| run.good != run.bad).collect()
}

/// The layers that a run was to look at; of the node's, there is a word only where it was.
#[must_use]
pub fn layers(report: &Report) -> Vec<Layer> {
    let told = |layer: &Layer| {
        (Layer::IN_THE_POD.contains(layer) && !report.not_asked.contains(layer))
            || report.not_reached.contains(layer)
            || report.findings.iter().any(|finding| finding.layer == *layer)
    };
    Layer::ALL.into_iter().filter(told).collect()
}

fn identity(report: &Report) -> String {
    let id = |id: Option<u32>| id.map_or("?".to_owned(), |id| id.to_string());
    format!("{}:{}", id(report.uid), id(report.gid))
}

fn families(report: &Report) -> String {
    let names: Vec<String> = report.families.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// The kinds: how many flows prove one depends on the pod's addresses.
fn proofs(report: &Report) -> String {
    let names: Vec<&str> = report.proved.keys().map(|proof| proof.name()).collect();
    names.join(", ")
}
