//! A diff as text and as JSON.

use std::fmt::Write;

use serde_json::json;

use super::{Change, Diff, Difference};
use crate::{
    finding::{Finding, Layer},
    report::{REPORT_VERSION, Report, Verdict, wrapped},
};

/// Columns of the text.
const WIDTH: usize = 100;
/// What stands under a difference's first line.
const INDENT: &str = "          ";

/// One document.
#[must_use]
pub fn json(diff: &Diff, bad: &Report) -> String {
    let document = json!({
        "schemaVersion": REPORT_VERSION,
        "differs": !diff.is_empty(),
        "exitCode": diff.exit_code(bad),
        "cause": bad.cause,
        "run": diff.run,
        "differences": diff.differences,
        "notReached": diff.not_reached,
        "notAsked": diff.not_asked,
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// For people: `+` is this pod's alone, `-` the good one's, `~` both's with other facts.
#[must_use]
pub fn text(diff: &Diff, good: &Report, bad: &Report) -> String {
    let mut text = String::new();
    if good.verdict != Verdict::Ok {
        let cause = good.cause.as_ref().map(|cause| format!(": {}", cause.code));
        let cause = cause.unwrap_or_default();
        let _ = writeln!(text, "note: the good report is not of a good pod{cause}");
    }
    for run in &diff.run {
        let _ = writeln!(text, "~ {:<18} {} → {}", run.what, or_none(&run.good), or_none(&run.bad));
    }
    for difference in &diff.differences {
        text.push_str(&told(difference));
    }
    for (layers, why) in
        [(&diff.not_reached, "not reached"), (&diff.not_asked, "not looked at here")]
    {
        for layer in layers {
            let _ = writeln!(text, "- {:<8} {:<9} {why}", "", layer.name());
        }
    }
    text + &ending(diff, good, bad)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn told(difference: &Difference) -> String {
    let Difference { change, good, bad } = difference;
    match (change, good, bad) {
        (Change::Severity | Change::Facts, Some(good), Some(bad)) => {
            let was = match change {
                Change::Severity => format!(" (was {})", good.severity.word()),
                _ => String::new(),
            };
            let mut text = line('~', bad, &was);
            if good.reason == bad.reason {
                text.push_str(&reason("", bad));
            } else {
                text.push_str(&reason("- ", good));
                text.push_str(&reason("+ ", bad));
            }
            text + &evidence(good, bad)
        }
        (_, Some(good), _) => line('-', good, "") + &reason("", good),
        (_, _, Some(bad)) => line('+', bad, "") + &reason("", bad),
        (_, None, None) => String::new(),
    }
}

fn line(sign: char, finding: &Finding, aside: &str) -> String {
    let family = finding.family.map(|family| format!(" {family}")).unwrap_or_default();
    let (word, layer) = (finding.severity.word(), finding.layer.name());
    format!("{sign} {word:<8} {layer:<9} {}{family}{aside}\n", finding.code)
}

fn reason(sign: &str, finding: &Finding) -> String {
    wrapped(&format!("{sign}{}", finding.reason), WIDTH, INDENT) + "\n"
}

/// What the reason does not tell.
fn evidence(good: &Finding, bad: &Finding) -> String {
    let mut text = String::new();
    let names = good.evidence.keys().chain(bad.evidence.keys());
    let mut names: Vec<&String> = names.filter(|name| !super::is_fleeting(name)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let of = |finding: &Finding| match finding.evidence.get(name) {
            Some(value) => value.to_string(),
            None => "none".to_owned(),
        };
        if good.evidence.get(name) != bad.evidence.get(name) {
            let change = format!("{name}: {} → {}", of(good), of(bad));
            text.push_str(&wrapped(&change, WIDTH, INDENT));
            text.push('\n');
        }
    }
    text
}

fn ending(diff: &Diff, good: &Report, bad: &Report) -> String {
    let mut text = String::new();
    let exit_code = diff.exit_code(bad);
    if diff.is_empty() {
        let alike = match (&bad.cause, bad.verdict) {
            (Some(cause), _) => format!(": both say {}: {}", cause.code, cause.reason),
            (None, Verdict::Ok) => ": both are as promised".to_owned(),
            (None, _) => String::new(),
        };
        let said = format!("nothing differs in {} findings{alike}", bad.findings.len());
        return wrapped(&said, WIDTH, "") + "\nexit 0\n";
    }
    let news = bad.cause.as_ref().filter(|cause| {
        good.cause.as_ref().is_none_or(|good| (good.code, good.layer) != (cause.code, cause.layer))
    });
    if let Some(cause) = news {
        let said = format!("cause: {}: {}", cause.code, cause.reason);
        let _ = writeln!(text, "{}", wrapped(&said, WIDTH, ""));
        let _ = writeln!(text, "{}", wrapped(&format!("hint: {}", cause.hint), WIDTH, ""));
        let _ = writeln!(text, "more: podprobe explain {}", cause.code);
    }
    let lost: Vec<&str> =
        diff.not_reached.iter().chain(&diff.not_asked).map(|layer| Layer::name(*layer)).collect();
    let lost =
        if lost.is_empty() { String::new() } else { format!(", {} not seen", lost.join(", ")) };
    let count = diff.differences.len() + diff.run.len();
    let plural = if count == 1 { "" } else { "s" };
    let _ = writeln!(text, "{count} difference{plural}{lost}, exit {exit_code}");
    text
}
