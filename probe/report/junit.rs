//! The report as JUnit XML: a suite a layer, a test case a finding.
//!
//! By hand: five elements and one rule of escaping, which an XML parser checks in the tests; a
//! library for them weighs more than all the other reports together.

use std::fmt::Write;

use super::{
    Report,
    case::{Case, Outcome, cases, count, ended},
};
use crate::finding::{Finding, Layer};

/// The document.
#[must_use]
pub fn document(report: &Report) -> String {
    let cases = cases(report);
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let seconds = report.elapsed_ms / 1000.0;
    let errors = usize::from(report.signal.is_some());
    let _ = writeln!(
        text,
        "<testsuites name=\"podprobe {}\"{} time=\"{seconds}\">",
        attribute(&report.command),
        counts(&cases, errors),
    );
    for layer in Layer::ALL {
        let of: Vec<Case> = cases.iter().filter(|case| case.layer == layer).cloned().collect();
        if !of.is_empty() {
            let _ = writeln!(text, "  <testsuite name=\"{}\"{}>", layer.name(), counts(&of, 0));
            text.extend(of.iter().map(case));
            text.push_str("  </testsuite>\n");
        }
    }
    if let Some(reason) = ended(report) {
        let _ = writeln!(
            text,
            "  <testsuite name=\"run\"{}>\n    <testcase name=\"run\" classname=\"signal\">\n      \
             <error type=\"signal\" message=\"{}\"/>\n    </testcase>\n  </testsuite>",
            counts(&[], 1),
            attribute(&reason)
        );
    }
    text + "</testsuites>\n"
}

fn counts(cases: &[Case], errors: usize) -> String {
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        cases.len() + errors,
        count(cases, Outcome::Failed),
        count(cases, Outcome::Unproved) + errors,
        count(cases, Outcome::Skipped),
    )
}

fn case(case: &Case) -> String {
    let (name, code) = (attribute(&case.name), attribute(case.code));
    let mut text = format!("    <testcase name=\"{name}\" classname=\"{code}\">\n");
    let message = attribute(&case.reason);
    let hint = content(case.finding.map_or("", |finding| &finding.hint));
    let _ = match case.outcome {
        Outcome::Passed => Ok(()),
        Outcome::Skipped => writeln!(text, "      <skipped message=\"{message}\"/>"),
        Outcome::Failed => {
            writeln!(text, "      <failure type=\"{code}\" message=\"{message}\">{hint}</failure>")
        }
        Outcome::Unproved => {
            writeln!(text, "      <error type=\"{code}\" message=\"{message}\">{hint}</error>")
        }
    };
    if let Some(finding) = case.finding {
        let _ = writeln!(text, "      <system-out>{}</system-out>", content(&evidence(finding)));
    }
    text + "    </testcase>\n"
}

fn evidence(finding: &Finding) -> String {
    let seen = serde_json::to_string(&finding.evidence).unwrap_or_default();
    format!(
        "{}: {}: {}\nevidence: {seen}",
        finding.severity.name(),
        finding.subject,
        finding.reason
    )
}

/// Text between tags.
fn content(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            c if is_allowed(c) => out.push(c),
            _ => out.push(char::REPLACEMENT_CHARACTER),
        }
        out
    })
}

/// Text in quotes, where a parser would turn line ends and tabs into spaces.
fn attribute(text: &str) -> String {
    content(text).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

/// The characters that XML 1.0 has (section 2.2): not even a reference may name another one.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use roxmltree::{Document, Node};

    use super::*;
    use crate::report::sample::{foreign, report_of, reports};

    fn named<'a>(node: Node<'a, 'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
        node.descendants().filter(move |node| node.has_tag_name(name))
    }

    fn legal(text: &str) -> String {
        text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect()
    }

    #[test]
    fn what_is_counted_is_what_is_there() {
        for report in reports() {
            let text = document(&report);
            let xml = Document::parse(&text).expect("XML");
            let root = xml.root_element();
            let suites: Vec<Node> = named(root, "testsuite").collect();
            for node in suites.iter().copied().chain([root]) {
                for (attribute, tag) in [
                    ("tests", "testcase"),
                    ("failures", "failure"),
                    ("errors", "error"),
                    ("skipped", "skipped"),
                ] {
                    let there = named(node, tag).count().to_string();
                    assert_eq!(node.attribute(attribute), Some(there.as_str()), "{text}");
                }
            }
            assert!(!suites.is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn foreign_text_never_breaks_the_document(text in foreign()) {
            let report = report_of(&text);
            let document = document(&report);
            let xml = Document::parse(&document).expect("XML");
            let failure = named(xml.root(), "failure").next().expect("a failure");
            let legal = legal(&text);
            prop_assert_eq!(failure.attribute("message"), Some(legal.as_str()));
            let out = named(xml.root(), "system-out").next().expect("evidence");
            prop_assert!(out.text().unwrap_or_default().contains(&legal));
        }
    }
}
