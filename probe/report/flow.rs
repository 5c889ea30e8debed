//! The flows of the redirect layer in the text report, each as the way that it took.

use std::fmt::Write;

use crate::finding::{Finding, Severity};
pub use crate::layer::redirect::FlowShown;

use super::wrapped;

/// Paths that stand beside a finding.
const BESIDE: usize = 3;

/// Every flow, by what it proves.
#[must_use]
pub fn list(flows: &[FlowShown], width: usize) -> String {
    let mut text = String::new();
    for group in flows.chunk_by(|a, b| a.proof == b.proof) {
        let held = group.iter().filter(|flow| flow.result == Severity::Ok).count();
        let name = group[0].proof.name();
        let _ = writeln!(text, "{name}: {held} of {} as promised", group.len());
        let mut before = "";
        for flow in group {
            text.push_str(&line(flow, before, width));
            before = &flow.went;
        }
    }
    text
}

/// One flow; what was not looked at for the same reason as the one before is not told twice.
fn line(flow: &FlowShown, before: &str, width: usize) -> String {
    let word = flow.result.word();
    let mut drawn = flow.drawn();
    if flow.result == Severity::Unknown && flow.went == before {
        drawn = drawn.replace(&flow.went, "likewise");
    }
    let lead = " ".repeat(12);
    let drawn = wrapped(&drawn, width, &lead);
    format!(" {word:<11}{}\n", drawn.trim_start())
}

/// The ways of the first flows that a finding tells of, indented.
#[must_use]
pub fn beside(finding: &Finding, width: usize, indent: &str) -> String {
    let listed = finding.evidence.get("flows").and_then(|flows| flows.as_array());
    let paths = listed.into_iter().flatten().filter_map(|flow| flow.get("path")?.as_str());
    let lines = paths.take(BESIDE).map(|path| wrapped(path, width, indent) + "\n");
    lines.collect()
}

/// The same text where a terminal's locale has no arrows.
#[must_use]
pub fn in_ascii(text: &str) -> String {
    text.replace('→', "->").replace('⇢', "=>").replace('…', "...").replace('µ', "u")
}
