//! The report: what was found, the one cause, and the exit code, in several forms.

pub mod case;
pub mod file;
pub mod flow;
pub mod format;
pub mod json;
pub mod junit;
pub mod live;
pub mod next;
pub mod openmetrics;
pub mod progress;
#[cfg(test)]
pub(crate) mod sample;
pub mod steady;
pub mod tap;
pub mod termination;
pub mod text;

use std::{collections::BTreeMap, fmt::Write, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    cause::Cause,
    finding::{Finding, Layer},
    layer::redirect::{FlowShown, Proof},
    pod::Family,
};

/// The version of the JSON report's format.
pub const REPORT_VERSION: u32 = 1;

/// The whole run in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything asked for holds.
    Ok,
    /// Something is broken.
    Fail,
    /// Nothing seen is broken, but a proof that was asked for could not be made.
    Unknown,
}

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub schema_version: u32,
    /// podprobe's version.
    pub version: String,
    /// `gate` or `check`.
    pub command: String,
    /// The profile's name.
    pub mesh: String,
    /// podprobe's uid.
    pub uid: Option<u32>,
    /// podprobe's gid.
    pub gid: Option<u32>,
    /// The families that were tested.
    pub families: Vec<Family>,
    /// The pod's global addresses.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// The run in one word.
    pub verdict: Verdict,
    /// The process's exit code.
    pub exit_code: u8,
    /// What to fix first.
    pub cause: Option<Cause>,
    /// The one command to type next, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Everything that was found, in causal order.
    pub findings: Vec<Finding>,
    /// How many flows went as promised.
    pub proofs: usize,
    /// The same, by what they prove.
    pub proved: BTreeMap<Proof, usize>,
    /// Every flow of the redirect layer, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowShown>,
    /// Layers that were asked for, but lie behind a broken one.
    pub not_reached: Vec<Layer>,
    /// Layers of the pod that were not asked for.
    pub not_asked: Vec<Layer>,
    /// Looks taken.
    pub attempts: u32,
    /// Milliseconds until the network was ready, or until podprobe gave up.
    pub elapsed_ms: f64,
    /// Milliseconds until everything held for the first time.
    pub ready_ms: Option<f64>,
    /// The signal that ended the run.
    pub signal: Option<i32>,
    /// Whether everything held and then broke.
    pub broke: bool,
}

/// Breaks a text at spaces into lines of at most `width` columns, each after `indent`.
#[must_use]
pub fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        }
        let lead = if column == 0 { indent } else { " " };
        let _ = write!(out, "{lead}{word}");
        column += lead.chars().count() + length;
    }
    out
}

/// Milliseconds as a person reads them: `3.1 ms`, `1.2 s`.
#[must_use]
pub fn duration(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.1} ms") } else { format!("{:.1} s", ms / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_broken_at_spaces_and_indented() {
        let text = wrapped("one two three four", 9, "  ");
        assert_eq!(text, "  one two\n  three\n  four");
    }

    #[test]
    fn durations_change_unit_at_one_second() {
        assert_eq!((duration(3.06).as_str(), duration(1234.0).as_str()), ("3.1 ms", "1.2 s"));
    }
}
