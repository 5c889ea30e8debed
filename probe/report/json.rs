//! The report as JSON, whole or a line a finding.

use std::fmt::Write;

use serde_json::json;

use super::Report;

/// One indented document.
#[must_use]
pub fn document(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

/// A line a finding, and a last one with the verdict.
#[must_use]
pub fn lines(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let _ = writeln!(text, "{}", json!({ "finding": finding }));
    }
    let _ = writeln!(
        text,
        "{}",
        json!({
            "verdict": report.verdict,
            "exitCode": report.exit_code,
            "cause": report.cause,
            "proofs": report.proofs,
            "attempts": report.attempts,
            "elapsedMs": report.elapsed_ms,
            "schemaVersion": report.schema_version,
        })
    );
    text
}
