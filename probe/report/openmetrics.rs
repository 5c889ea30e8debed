//! The report as OpenMetrics, and as Prometheus' older text format at the same time: the textfile
//! collector reads that one, so every metric is a gauge.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
};

use super::{Report, Verdict, steady::steady};
use crate::finding::Severity;

/// A set of labels.
type Labels = Vec<(&'static str, String)>;

/// The exposition.
#[must_use]
pub fn document(report: &Report) -> String {
    let mut text = String::new();
    let version = vec![("version", report.version.clone())];
    family(&mut text, "podprobe_build_info", "Which podprobe this was.", [(version, 1)]);
    let run = vec![("command", report.command.clone()), ("mesh", report.mesh.clone())];
    family(&mut text, "podprobe_run_info", "What was asked for.", [(run, 1)]);
    let help = "The run: 0 everything asked for holds, 1 a proof could not be made, 3 broken.";
    family(&mut text, "podprobe_verdict", help, alone(verdict(report.verdict)));
    family(&mut text, "podprobe_exit_code", "The exit code.", alone(report.exit_code));
    let help = "What was found: 0 ok, 1 unknown, 2 warn, 3 fail.";
    family(&mut text, "podprobe_check_result", help, results(report));
    let layers = report.not_reached.iter().map(|layer| (vec![("layer", layer.name().into())], 1));
    family(&mut text, "podprobe_not_reached", "Layers that lie behind a broken one.", layers);
    let proofs = report.proved.iter().map(|(proof, n)| (vec![("proof", proof.name().into())], n));
    family(&mut text, "podprobe_proofs", "Flows that went as promised.", proofs);
    family(&mut text, "podprobe_attempts", "Looks taken.", alone(report.attempts));
    let help = "From the start until the last look ended.";
    family(&mut text, "podprobe_elapsed_seconds", help, alone(report.elapsed_ms / 1000.0));
    let ready = report.ready_ms.map(|ms| ms / 1000.0);
    let help = "From the start until everything asked for held for the first time.";
    family(&mut text, "podprobe_ready_seconds", help, ready.into_iter().flat_map(alone));
    text + "# EOF\n"
}

fn alone<T>(value: T) -> [(Labels, T); 1] {
    [(Vec::new(), value)]
}

/// One metric family: its description, then its samples; nothing where there are none.
fn family<T: Display>(
    text: &mut String,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Labels, T)>,
) {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    if name.ends_with("_seconds") {
        let _ = writeln!(text, "# UNIT {name} seconds");
    }
    for (labels, value) in samples {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", label(value))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

/// Each label set once, with the worst that was found: without addresses and ports that change from
/// run to run, several findings may have the same.
fn results(report: &Report) -> BTreeMap<Labels, u8> {
    let mut results = BTreeMap::new();
    for finding in &report.findings {
        let subject = steady(&finding.subject, &report.addresses);
        let mut labels = vec![
            ("code", finding.code.name().to_owned()),
            ("layer", finding.layer.name().to_owned()),
            ("subject", subject),
        ];
        labels.extend(finding.family.map(|family| ("family", family.to_string().to_lowercase())));
        // As it is printed: what differs only in what no label can hold is the same label.
        let labels = labels.into_iter().map(|(name, value)| (name, tidy(&value))).collect();
        let worst: &mut u8 = results.entry(labels).or_default();
        *worst = (*worst).max(level(finding.severity));
    }
    results
}

fn level(severity: Severity) -> u8 {
    match severity {
        Severity::Ok => 0,
        Severity::Unknown => 1,
        Severity::Warn => 2,
        Severity::Fail => 3,
    }
}

fn verdict(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => level(Severity::Ok),
        Verdict::Unknown => level(Severity::Unknown),
        Verdict::Fail => level(Severity::Fail),
    }
}

/// Some readers take other control characters than a line feed for line ends.
pub(crate) fn tidy(value: &str) -> String {
    let is_odd = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    value.replace(is_odd, " ")
}

fn label(value: &str) -> String {
    tidy(value).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        finding::{Code, Finding},
        report::sample::{foreign, report_of, reports},
    };

    /// A sample: its name, its labels, its value.
    type Sample = (String, Vec<(String, String)>, f64);

    /// OpenMetrics by the letter, as far as it is used here; anything else ends the test.
    fn read(text: &str) -> Vec<Sample> {
        let body = text.strip_suffix("# EOF\n").expect("the end");
        let (mut samples, mut families) = (Vec::<Sample>::new(), BTreeSet::new());
        let mut current = String::new();
        let mut lines = body.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help text");
                assert!(families.insert(name.to_owned()), "{name} is described twice");
                assert!(!help.is_empty() && !help.contains(['\\', '"']), "{line}");
                let of_type = format!("# TYPE {name} gauge");
                assert_eq!(lines.next(), Some(of_type.as_str()));
                let unit = lines.next_if_eq(&format!("# UNIT {name} seconds").as_str());
                assert_eq!(unit.is_some(), name.ends_with("_seconds"), "{name}");
                current = name.to_owned();
                continue;
            }
            let end = line.find(['{', ' ']).expect("a value");
            let (name, rest) = line.split_at(end);
            assert_eq!(name, current, "each sample stands under its description");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            let (labels, rest) = labels(rest);
            let value = rest.strip_prefix(' ').expect("a space").parse().expect("a number");
            let twice = samples.iter().any(|(n, l, _)| (n.as_str(), l) == (name, &labels));
            assert!(!twice, "twice: {line}");
            samples.push((name.to_owned(), labels, value));
        }
        samples
    }

    fn labels(text: &str) -> (Vec<(String, String)>, &str) {
        let Some(mut rest) = text.strip_prefix('{') else { return (Vec::new(), text) };
        let mut labels = Vec::new();
        loop {
            let (name, value) = rest.split_once("=\"").expect("a label");
            assert!(name.chars().all(|c| c.is_ascii_lowercase()), "{name}");
            let (mut unescaped, mut chars) = (String::new(), value.chars());
            loop {
                match chars.next().expect("the value ends") {
                    '"' => break,
                    '\\' => unescaped.push(match chars.next() {
                        Some('n') => '\n',
                        Some(c @ ('\\' | '"')) => c,
                        other => panic!("escaped {other:?}: {text}"),
                    }),
                    c => unescaped.push(c),
                }
            }
            labels.push((name.to_owned(), unescaped));
            rest = chars.as_str();
            match rest.split_at(1) {
                (",", more) => rest = more,
                ("}", end) => return (labels, end),
                _ => panic!("neither comma nor brace: {text}"),
            }
        }
    }

    #[test]
    fn every_report_is_a_valid_exposition_with_its_verdict() {
        for (report, verdict) in reports().iter().zip([0.0, 3.0, 1.0, 1.0]) {
            let samples = read(&document(report));
            let of =
                |name: &str| samples.iter().find(|(n, ..)| n == name).map(|(.., value)| *value);
            assert_eq!(of("podprobe_verdict"), Some(verdict));
            assert_eq!(of("podprobe_exit_code"), Some(f64::from(report.exit_code)));
            let seconds = report.elapsed_ms / 1000.0;
            assert_eq!(of("podprobe_elapsed_seconds"), Some(seconds));
            let ready = report.ready_ms.map(|ms| ms / 1000.0);
            assert_eq!(of("podprobe_ready_seconds"), ready);
        }
    }

    #[test]
    fn what_differs_in_a_probe_port_alone_is_one_sample_with_the_worst_value() {
        let [mut report, ..] = reports();
        report.findings = [Code::DnsLossy, Code::OutboundEscaped, Code::OutboundEscaped]
            .into_iter()
            .zip(["a", "TCP to 192.0.2.1:20001", "TCP to 192.0.2.9:20002"])
            .map(|(code, subject)| Finding::new(code, subject, "x"))
            .collect();
        report.findings[2].severity = Severity::Unknown;
        let samples = read(&document(&report));
        let results: Vec<f64> = samples
            .iter()
            .filter(|(name, ..)| name == "podprobe_check_result")
            .map(|(.., value)| *value)
            .collect();
        assert_eq!(results, [2.0, 3.0]);
    }

    proptest! {
        #[test]
        fn foreign_text_never_breaks_a_line(one in foreign(), other in foreign()) {
            let mut report = report_of(&one);
            report.findings.extend(report_of(&other).findings);
            report.version = other;
            let samples = read(&document(&report));
            let has = samples.iter().flat_map(|(_, labels, _)| labels).any(|(name, value)| {
                name == "subject" && *value == tidy(&steady(&one, &report.addresses))
            });
            prop_assert!(has);
        }
    }
}
