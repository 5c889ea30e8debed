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
    let mut flows: Vec<&FlowShown> = flows.iter().collect();
    flows.sort_by_key(|flow| flow.proof);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::redirect::{Proof, Sender, Transport},
        pod::Family,
    };

    fn flow(proof: Proof, went: &str, result: Severity, path: &[&str]) -> FlowShown {
        FlowShown {
            proof,
            sender: Sender::App,
            uid: Some(65532),
            transport: Transport::Tcp,
            family: Family::Ipv4,
            to: ([192, 0, 2, 1], 80).into(),
            promised: "captured on 15001".to_owned(),
            expected: Some(15001),
            went: went.to_owned(),
            result,
            code: None,
            path: path.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn flows_stand_together_by_what_they_prove() {
        let to = ["app 65532", "192.0.2.1:80", "15001"];
        let held = |proof| flow(proof, "arrived", Severity::Ok, &to);
        let flows = [held(Proof::Outbound), held(Proof::Dns), held(Proof::Outbound)];
        let wanted = "\
outbound: 2 of 2 as promised
 ok         app 65532 → 192.0.2.1:80 ⇢ 15001
 ok         app 65532 → 192.0.2.1:80 ⇢ 15001
dns: 1 of 1 as promised
 ok         app 65532 → 192.0.2.1:80 ⇢ 15001
";
        assert_eq!(list(&flows, 100), wanted);
    }

    #[test]
    fn one_reason_for_many_flows_is_told_once() {
        let unsent = |port| {
            let path = ["app", port];
            flow(Proof::Inbound, "was not sent: needs uid 1337", Severity::Unknown, &path)
        };
        let wanted = "\
inbound: 0 of 2 as promised
 unknown    app → 192.0.2.1:80 ⇢ expected 15001, was not sent: needs uid 1337
 unknown    app → 192.0.2.1:81 ⇢ expected 15001, likewise
";
        assert_eq!(list(&[unsent("192.0.2.1:80"), unsent("192.0.2.1:81")], 100), wanted);
    }
}
