//! What is said of a layer that breaks or holds again: once, with the difference, and never too often.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use crate::{
    diff::{self, Change},
    finding::{Code, Finding, Layer, Severity},
    report::{Report, duration},
};

/// What one's changes may say within [`WHILE`]; further ones are counted only.
const MOST: usize = 6;
/// The time for that.
const WHILE: Duration = Duration::from_hours(1);
/// Differences that are told beside the reason.
const DIFFERENCES: usize = 3;

/// Who has said how much.
#[derive(Debug)]
pub(super) struct Voice<Of>(BTreeMap<Of, VecDeque<Instant>>);

/// Whether to say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// Yes.
    Aloud,
    /// Yes, and that no more is said for a while.
    Last,
    /// No.
    Nothing,
}

impl<Of> Default for Voice<Of> {
    fn default() -> Voice<Of> {
        Voice(BTreeMap::new())
    }
}

impl<Of: Ord> Voice<Of> {
    /// Whether something may be said of this one now.
    pub(super) fn may(&mut self, of: Of, now: Instant) -> Say {
        let said = self.0.entry(of).or_default();
        while said.front().is_some_and(|at| now.duration_since(*at) > WHILE) {
            said.pop_front();
        }
        if said.len() >= MOST {
            return Say::Nothing;
        }
        said.push_back(now);
        if said.len() == MOST { Say::Last } else { Say::Aloud }
    }
}

/// The finding that tells best why a layer fails: the cause's, or the first failure there.
pub(super) fn failure(report: &Report, layer: Layer) -> Option<&Finding> {
    let mut fails = report
        .findings
        .iter()
        .filter(|finding| finding.layer == layer && finding.severity == Severity::Fail);
    let cause: Option<Code> = report.cause.as_ref().map(|cause| cause.code);
    fails.clone().find(|finding| Some(finding.code) == cause).or_else(|| fails.next())
}

/// "redirect held for 3.0 h and broke: CODE: reason", and what else differs in that layer.
pub(super) fn broke(layer: Layer, held: Duration, good: Option<&Report>, now: &Report) -> String {
    let name = layer.name();
    let why = failure(now, layer)
        .map_or_else(|| "for no reason".to_owned(), |f| format!("{}: {}", f.code, f.reason));
    let told = format!("{name} held for {} and broke: {why}", lasted(held));
    let differs = good.map(|good| differences(layer, good, now)).unwrap_or_default();
    if differs.is_empty() { told } else { format!("{told}; besides: {}", differs.join(", ")) }
}

/// "redirect holds again after 42.0 s".
pub(super) fn mended(layer: Layer, broken: Duration) -> String {
    format!("{} holds again after {}", layer.name(), lasted(broken))
}

/// What else came and went in that layer since it held.
fn differences(layer: Layer, good: &Report, now: &Report) -> Vec<String> {
    let told = failure(now, layer);
    let diff = diff::compare(good, now);
    let of_layer = diff.differences.iter().filter(|difference| {
        difference.finding().is_some_and(|finding| {
            finding.layer == layer && told.is_none_or(|told| finding.code != told.code)
        })
    });
    let line = |difference: &diff::Difference| {
        let finding = difference.finding()?;
        let sign = match difference.change {
            Change::Appeared => "+",
            Change::Disappeared => "-",
            Change::Severity | Change::Facts => "~",
        };
        Some(format!("{sign}{} {}", finding.code, finding.subject))
    };
    of_layer.filter_map(line).take(DIFFERENCES).collect()
}

/// A time as a person says it.
fn lasted(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds < 120 => duration(time.as_secs_f64() * 1000.0),
        seconds if seconds < 7200 => format!("{} min", seconds / 60),
        seconds if seconds < 172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::reports;

    fn report_of(codes: &[Code]) -> Report {
        let [mut report, ..] = reports();
        report.findings = codes.iter().map(|code| Finding::new(*code, "here", "of that")).collect();
        report.cause = None;
        report
    }

    #[test]
    fn who_flaps_is_heard_six_times_an_hour() {
        let (mut voice, start) = (Voice::default(), Instant::now());
        let mut said = |second: u64| voice.may(Layer::Dns, start + Duration::from_secs(second));
        let aloud: Vec<Say> = (0..8).map(&mut said).collect();
        assert_eq!(aloud[..5], [Say::Aloud; 5]);
        assert_eq!(aloud[5..], [Say::Last, Say::Nothing, Say::Nothing]);
        assert_eq!(said(3601), Say::Last, "an hour after the first");
        assert_eq!(said(8000), Say::Aloud);
        assert_eq!(voice.may(Layer::Link, start), Say::Aloud, "another layer has its own voice");
    }

    #[test]
    fn a_drift_says_what_broke_how_long_it_held_and_what_else_differs() {
        let good = report_of(&[Code::ResolvConfRead]);
        let now = report_of(&[Code::DnsSilent, Code::DnsLossy, Code::LinkLoDown]);
        let told = broke(Layer::Dns, Duration::from_hours(3), Some(&good), &now);
        let expected = "dns held for 3 h and broke: dns-silent: of that; besides: ";
        assert!(told.starts_with(expected), "{told}");
        assert!(told.contains("+dns-lossy here") && !told.contains("link-lo-down"), "{told}");
        assert_eq!(mended(Layer::Dns, Duration::from_secs(42)), "dns holds again after 42.0 s");
    }

    #[test]
    fn times_are_said_in_the_largest_unit_that_tells() {
        let said = [1, 119, 121, 7199, 7200, 172_799, 172_800]
            .map(|seconds| lasted(Duration::from_secs(seconds)));
        assert_eq!(said, ["1.0 s", "119.0 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
    }
}
