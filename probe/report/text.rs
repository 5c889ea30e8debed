//! The report for people: reads well in `kubectl logs`, at 100 columns, without colour.

use std::fmt::Write;

use super::{Report, Verdict, duration, flow, live::Told, next, wrapped};
use crate::{
    cause::Cause,
    finding::{Code, Finding, Severity, declared},
    layer::redirect,
};

/// Columns of the text report.
const WIDTH: usize = 100;
/// What stands under a finding's first line.
const INDENT: &str = "          ";

/// The report as text: for a `gate` that passes one line, else a line a finding and the cause.
#[must_use]
pub fn render(report: &Report, colour: bool) -> String {
    if report.command == "gate" && report.verdict == Verdict::Ok && report.signal.is_none() {
        return format!("{}\n", passed(report));
    }
    let more = |cause: &Cause| format!("more: podprobe explain {}\n", cause.code);
    let better = report.next.as_ref().filter(|next| !next::explains(next));
    let better = better.filter(|_| report.command == "check");
    let next = better.map(|next| format!("next: {next}\n")).unwrap_or_default();
    let more = report.cause.as_ref().map(more).unwrap_or_default() + &next;
    header(report) + &findings(report, &[], colour) + &ending(report, &more)
}

/// What is left to tell on a terminal where these findings stand already: the others, the cause
/// and the one next command.
#[must_use]
pub fn rest(report: &Report, told: &Told, colour: bool) -> String {
    let begin = if told.header { String::new() } else { header(report) };
    let next = report.next.as_ref().map(|next| format!("next: {next}\n")).unwrap_or_default();
    begin + &findings(report, &told.findings, colour) + &ending(report, &next)
}

/// The findings that were not told, the layers that were not reached, and the flows.
fn findings(report: &Report, told: &[Finding], colour: bool) -> String {
    let mut text = String::new();
    let explained = |finding: &Finding| {
        report.cause.as_ref().is_some_and(|cause| cause.explains.contains(&finding.code))
    };
    for finding in report.findings.iter().filter(|f| f.code != Code::ProofRequired) {
        if explained(finding) {
            let _ = writeln!(
                text,
                " -        {:<9} {} {}: follows from the cause",
                finding.layer.name(),
                finding.code,
                finding.subject
            );
        } else if !told.iter().any(|told| says_the_same(told, finding)) {
            text.push_str(&line(finding, colour));
        }
    }
    for layer in &report.not_reached {
        let _ = writeln!(text, " -        {:<9} not reached", layer.name());
    }
    text + &flow::list(&report.flows, WIDTH)
}

fn says_the_same(a: &Finding, b: &Finding) -> bool {
    (a.code, a.severity, a.family, &a.subject, &a.reason)
        == (b.code, b.severity, b.family, &b.subject, &b.reason)
}

/// `ok 14 proofs in 3.1 ms`.
fn passed(report: &Report) -> String {
    let took = duration(report.elapsed_ms);
    let mut text = match report.attempts {
        1 => format!("ok {} proofs in {took}", report.proofs),
        n => {
            let ready = report.ready_ms.map_or(took, duration);
            format!("ok {} proofs, network ready after {ready}, {n} attempts", report.proofs)
        }
    };
    let held = report.findings.iter().filter(|finding| finding.code == Code::ReachHolds);
    for targets in held.filter_map(|finding| finding.evidence.get("targets")?.as_array()) {
        let count = targets.len();
        let _ = write!(text, "; {count} target{}", if count == 1 { "" } else { "s" });
    }
    let late = report.findings.iter().find(|finding| finding.code == Code::NetworkLate);
    if let Some(missing) = late.and_then(|finding| finding.evidence.get("missing")) {
        let _ = write!(text, "; missing before: {}", missing.as_str().unwrap_or_default());
    }
    let unseen: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Unknown)
        .filter(|finding| !redirect::goes_without_saying(finding))
        .map(|finding| finding.subject.as_str())
        .collect();
    if !unseen.is_empty() {
        let _ = write!(text, "; unknown here: {}", unseen.join(", "));
    }
    for warning in report.findings.iter().filter(|f| f.severity == Severity::Warn) {
        let _ = write!(text, "; warning: {}{}", warning.code, declared_aside(warning));
    }
    for ignored in report.findings.iter().filter(|f| f.severity == Severity::Ok) {
        if declared::usual(ignored).is_some() {
            let _ = write!(text, "; {}{}", ignored.code, declared_aside(ignored));
        }
    }
    text
}

/// Whose look it is.
#[must_use]
pub fn header(report: &Report) -> String {
    let mut text = format!("podprobe {}, mesh {}", report.command, report.mesh);
    if let (Some(uid), Some(gid)) = (report.uid, report.gid) {
        let _ = write!(text, ", as {uid}:{gid}");
    }
    if !report.families.is_empty() {
        let names: Vec<String> = report.families.iter().map(ToString::to_string).collect();
        let _ = write!(text, ", {}", names.join(" and "));
    }
    text.push('\n');
    text
}

/// One finding.
#[must_use]
pub fn line(finding: &Finding, colour: bool) -> String {
    let word = finding.severity.word();
    let (on, off) = match finding.severity {
        _ if !colour => ("", ""),
        Severity::Ok => ("\x1b[32m", "\x1b[0m"),
        Severity::Unknown | Severity::Warn => ("\x1b[33m", "\x1b[0m"),
        Severity::Fail => ("\x1b[31m", "\x1b[0m"),
    };
    let lead = format!(" {on}{word:<8}{off} {:<9}", finding.layer.name());
    if finding.severity == Severity::Ok && declared::usual(finding).is_none() {
        let reason = wrapped(&finding.reason, WIDTH - 20, "");
        return format!("{lead} {}\n", reason.replace('\n', &format!("\n{:20}", "")));
    }
    let family = finding.family.map(|family| format!(" {family}")).unwrap_or_default();
    let told = format!("{}{family}{}", finding.code, declared_aside(finding));
    let paths = flow::beside(finding, WIDTH, INDENT);
    format!("{lead} {told}\n{}\n{paths}", wrapped(&finding.reason, WIDTH, INDENT))
}

/// What a finding would have been, where somebody declared it to be something else.
fn declared_aside(finding: &Finding) -> String {
    let usual = declared::usual(finding);
    usual.map(|usual| format!(" (usually {usual}, declared otherwise)")).unwrap_or_default()
}

/// The cause, what to do, where there is more, and the verdict.
fn ending(report: &Report, more: &str) -> String {
    let mut text = String::new();
    if let Some(cause) = &report.cause {
        let likely = if cause.likely { " (likely)" } else { "" };
        let said = format!("cause: {}{likely}: {}", cause.code, cause.reason);
        let _ = writeln!(text, "{}", wrapped(&said, WIDTH, ""));
        let _ = writeln!(text, "{}", wrapped(&format!("hint: {}", cause.hint), WIDTH, ""));
    }
    text.push_str(more);
    let attempts = match report.attempts {
        1 => "1 attempt".to_owned(),
        n => format!("{n} attempts"),
    };
    let took = duration(report.elapsed_ms);
    let word = match (report.verdict, report.signal) {
        (_, Some(signal)) => format!("ended by signal {signal}"),
        (Verdict::Ok, None) => "ok".to_owned(),
        (Verdict::Fail, None) if report.broke => "held, then broke".to_owned(),
        (Verdict::Fail, None) => "broken".to_owned(),
        (Verdict::Unknown, None) => "unknown".to_owned(),
    };
    let _ = writeln!(
        text,
        "{word} after {took}, {attempts}, {} proofs, exit {}",
        report.proofs, report.exit_code
    );
    // What was never asked about must not be taken for well.
    if report.verdict != Verdict::Fail && !report.not_asked.is_empty() {
        let names: Vec<&str> = report.not_asked.iter().map(|layer| layer.name()).collect();
        let _ = writeln!(text, "not looked at: {}", names.join(", "));
    }
    text
}
