//! The report as TAP 14: a test point a finding, with YAML diagnostics.

use std::fmt::Write;

use serde_json::Value;

use super::{
    Report,
    case::{Case, Outcome, cases, ended},
};

/// The stream.
#[must_use]
pub fn document(report: &Report) -> String {
    let cases = cases(report);
    let mut text = format!("TAP version 14\n1..{}\n", cases.len());
    for (number, case) in cases.iter().enumerate() {
        text.push_str(&point(number + 1, case));
    }
    if let Some(reason) = ended(report) {
        let _ = writeln!(text, "Bail out! {reason}");
    }
    text
}

fn point(number: usize, case: &Case) -> String {
    let ok = match case.outcome {
        Outcome::Passed | Outcome::Skipped => "ok",
        Outcome::Failed | Outcome::Unproved => "not ok",
    };
    let name = format!("{}: {}: {}", case.layer.name(), case.code, case.name);
    let mut text = format!("{ok} {number} - {}", description(&name));
    if case.outcome == Outcome::Skipped {
        let _ = write!(text, " # SKIP {}", description(&case.reason));
    }
    text.push('\n');
    if let Some(finding) = case.finding {
        text.push_str("  ---\n");
        let family = finding.family.map(|family| serde_json::to_value(family).unwrap_or_default());
        let evidence = serde_json::to_value(&finding.evidence).unwrap_or_default();
        for (name, value) in [
            ("message", Value::from(finding.reason.as_str())),
            ("severity", Value::from(finding.severity.name())),
            ("subject", Value::from(finding.subject.as_str())),
            ("family", family.unwrap_or_default()),
            ("hint", Value::from(finding.hint.as_str())),
            ("evidence", evidence),
        ] {
            let _ = writeln!(text, "  {name}: {}", yaml(&value));
        }
        text.push_str("  ...\n");
    }
    text
}

/// One line, in which `#` begins no directive.
fn description(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '#' | '\\' => out.extend(['\\', c]),
            c if is_printable(c) && c != '\u{85}' => out.push(c),
            _ => out.push(' '),
        }
        out
    })
}

/// A value in one line: JSON is YAML, but for characters that YAML does not print.
fn yaml(value: &Value) -> String {
    value.to_string().chars().fold(String::new(), |mut out, c| {
        // Outside of strings JSON has none of them, and in YAML's double quotes this is their name.
        let _ = match u32::from(c) {
            _ if is_printable(c) => write!(out, "{c}"),
            number @ 0..=0xffff => write!(out, "\\u{number:04x}"),
            number => write!(out, "\\U{number:08x}"),
        };
        out
    })
}

/// YAML 1.2, section 5.1, but for line ends, tabs, and what some take for either.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}'
        | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::sample::{foreign, report_of, reports};

    /// One test point as a strict harness reads it.
    #[derive(Debug, PartialEq)]
    struct Point {
        ok: bool,
        description: String,
        skip: Option<String>,
        diagnostics: Option<yaml_serde::Value>,
    }

    /// TAP 14 by the letter, as far as it is used here; anything else ends the test.
    fn read(text: &str) -> (Vec<Point>, Option<String>) {
        let mut lines = text.strip_suffix('\n').expect("a last line").split('\n').peekable();
        assert_eq!(lines.next(), Some("TAP version 14"));
        let plan = lines.next().and_then(|line| line.strip_prefix("1..")).expect("a plan");
        let planned: usize = plan.parse().expect("a number");
        let (mut points, mut bail) = (Vec::new(), None);
        while let Some(line) = lines.next() {
            if let Some(reason) = line.strip_prefix("Bail out! ") {
                bail = Some(reason.to_owned());
                assert_eq!(lines.next(), None, "nothing after a bail-out");
                break;
            }
            let (ok, rest) = match line.strip_prefix("not ") {
                Some(rest) => (false, rest),
                None => (true, line),
            };
            let rest = rest.strip_prefix("ok ").unwrap_or_else(|| panic!("no point: {line:?}"));
            let (number, rest) = rest.split_once(" - ").expect("a number and a description");
            assert_eq!(number.parse(), Ok(points.len() + 1), "{line:?}");
            let (description, skip) = directive(rest);
            let mut diagnostics = None;
            if lines.next_if_eq(&"  ---").is_some() {
                let block: Vec<&str> =
                    std::iter::from_fn(|| lines.next_if(|line| *line != "  ...")).collect();
                assert_eq!(lines.next(), Some("  ..."), "the block ends");
                assert!(block.iter().all(|line| line.starts_with("  ")), "{block:?}");
                let yaml = yaml_serde::from_str(&block.join("\n"));
                diagnostics = Some(yaml.unwrap_or_else(|error| panic!("{error}: {block:?}")));
            }
            points.push(Point { ok, description, skip, diagnostics });
        }
        assert_eq!(points.len(), planned);
        (points, bail)
    }

    /// The description without its escapes, and what stands behind an unescaped `#`.
    fn directive(text: &str) -> (String, Option<String>) {
        let (mut parts, mut escaped) = (vec![String::new()], false);
        for c in text.chars() {
            let part = parts.last_mut().expect("a part");
            match c {
                c if std::mem::take(&mut escaped) => part.push(c),
                '\\' => escaped = true,
                '#' => parts.push(String::new()),
                c => part.push(c),
            }
        }
        assert!(!escaped && parts.len() <= 2, "{text:?}");
        let skip = parts.get(1).map(|part| {
            part.strip_prefix(" SKIP ").unwrap_or_else(|| panic!("{text:?}")).to_owned()
        });
        (parts[0].trim_end().to_owned(), skip)
    }

    #[test]
    fn failures_and_unmade_proofs_are_not_ok_and_unknowns_are_skipped() {
        let [held, failed, unknown, signal] = reports();
        assert!(read(&document(&held)).0.iter().all(|point| point.ok && point.skip.is_none()));
        let points = read(&document(&failed)).0;
        let not_ok = points.iter().filter(|point| !point.ok).count();
        assert_eq!(not_ok, 1, "{points:?}");
        let unreached = points.last().and_then(|point| point.skip.as_deref());
        assert_eq!(unreached, Some("not reached: dns-silent first"));
        let points = read(&document(&unknown)).0;
        let [skipped, required] = &points[..] else { panic!("{points:?}") };
        assert!(skipped.ok && skipped.skip.is_some() && !required.ok, "{points:?}");
        let (points, bail) = read(&document(&signal));
        assert_eq!((points.len(), bail.as_deref()), (0, Some("ended by signal 15")));
    }

    proptest! {
        #[test]
        fn foreign_text_never_breaks_the_stream(text in foreign()) {
            let points = read(&document(&report_of(&text))).0;
            let yaml = points[0].diagnostics.as_ref().expect("diagnostics");
            prop_assert_eq!(yaml["message"].as_str(), Some(text.as_str()));
            prop_assert_eq!(yaml["evidence"]["seen"].as_str(), Some(text.as_str()));
            prop_assert_eq!(yaml["evidence"][text.as_str()].as_str(), Some("name"));
        }
    }
}
