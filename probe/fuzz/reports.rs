//! Recordings, reports, and what is said of any observation at all.

use super::edit;
use crate::{
    diff,
    finding::{Finding, Layer, Severity, declared},
    judge,
    plan::Mode,
    record::Recording,
    report::{
        Report, Verdict,
        format::{Format, rendered},
        json, termination,
    },
};

/// Every form of a report.
const FORMATS: [Format; 6] =
    [Format::Text, Format::Json, Format::Jsonl, Format::Junit, Format::Tap, Format::Openmetrics];

/// A recording's text.
pub(super) fn recording(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match Recording::parse(text) {
        Ok(recording) => hold(&recording),
        Err(problem) => assert!(!problem.is_empty()),
    }
}

/// A real look's recording, in which facts were changed, moved and taken away.
pub(super) fn judge(bytes: &[u8]) {
    if let Some(recording) = edit::edited(bytes) {
        hold(&recording);
    }
}

/// A report's text, as `diff` reads it.
pub(super) fn report(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match diff::read::parse(text) {
        Ok(report) => shown(&report),
        Err(problem) => assert!(problem.chars().count() < 500, "{problem}"),
    }
}

/// What is true of the report of any recording.
///
/// # Panics
/// Where it is not.
pub(crate) fn hold(recording: &Recording) {
    let report = judge::judge(recording);
    let text = serde_json::to_string(recording).expect("JSON");
    let again = Recording::parse(&text).expect("a recording is read again");
    // What is sent to targets is written as zeros: it may be a secret.
    let written = serde_json::to_string(&again).expect("JSON");
    assert_eq!(written, text, "a recording is read as it was written");
    assert_eq!(judge::judge(&again), report, "the same report, elsewhere and later");
    let failed = report.findings.iter().any(|finding| finding.severity == Severity::Fail);
    let whole = recording.seen.is_some() && !recording.course.cut;
    if report.verdict == Verdict::Ok {
        assert!(!failed && report.cause.is_none() && whole, "{report:?}");
        proved(recording, &report);
    }
    if let Some(cause) = &report.cause {
        let found = |code| report.findings.iter().any(|finding| finding.code == code);
        assert!(!cause.told_by.is_empty() && cause.told_by.iter().copied().all(found), "{cause:?}");
        assert!(cause.explains.iter().copied().all(found), "{cause:?}");
        assert!(!cause.reason.is_empty() && !cause.hint.is_empty(), "{cause:?}");
    }
    if recording.plan.mode == Mode::Enforce && recording.course.signal.is_none() {
        let zero = report.verdict == Verdict::Ok || report.cause.is_none();
        assert!(zero || report.exit_code != 0 || chosen(recording), "{report:?}");
    }
    shown(&report);
}

/// Where everything holds, every layer that was asked for was looked at, and says of something that it
/// holds, or what could not be seen.
fn proved(recording: &Recording, report: &Report) {
    let Recording { plan, seen: Some(seen), .. } = recording else { panic!("nothing was seen") };
    let lowered = report.findings.iter().any(declared::is_lowered);
    for layer in plan.layers.iter().filter(|_| !lowered) {
        let mut findings = report.findings.iter().filter(|finding| finding.layer == *layer);
        let holds = |finding: &Finding| finding.code.name() == format!("{}-holds", layer.name());
        // An API server that is not ready answers all the same.
        let answers = |f: &Finding| f.layer == Layer::Service && f.severity == Severity::Warn;
        let told = findings.any(|f| holds(f) || answers(f) || f.severity == Severity::Unknown);
        let nothing = *layer == Layer::Reach && plan.reach.targets.is_empty();
        assert!(seen.has(*layer) && (told || nothing), "{layer:?}: {:?}", report.findings);
    }
    if plan.asks(Layer::Redirect) && !lowered {
        assert!(report.proofs > 0, "{:?}", report.findings);
    }
}

/// A plan may say 0 itself, though no command line may.
fn chosen(recording: &Recording) -> bool {
    recording.plan.redirect_exit_code == 0
}

/// Every form that a report is shown in.
fn shown(report: &Report) {
    for format in FORMATS {
        let _ = rendered(report, format, false);
    }
    let _ = rendered(report, Format::Text, true);
    if let Some(message) = termination::message(report) {
        assert!(message.len() <= 1024, "{} bytes", message.len());
    }
    let again = diff::read::parse(&json::document(report));
    assert_eq!(again.as_ref(), Ok(report), "a report is read as it was written");
    let diff = diff::compare(report, report);
    assert!(diff.is_empty(), "{diff:?}");
    let _ = (diff::show::json(&diff, report), diff::show::text(&diff, report, report));
}
