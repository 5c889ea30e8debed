//! Reports for the tests of every form: one that passes, one that fails, one that could not look,
//! and one that a signal ended; and foreign text to put into them.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;

use super::{REPORT_VERSION, Report, Verdict};
use crate::{
    cause::cause,
    finding::{Code, Finding, Layer},
    layer::redirect::Proof,
    pod::Family,
};

/// Passed, failed, unknown, ended by a signal.
pub fn reports() -> [Report; 4] {
    let of = |code, subject| Finding::new(code, subject, format!("reason of {code}"));
    let held = [
        of(Code::LinkHolds, "links"),
        of(Code::DnsLossy, "10.96.0.10").of(Some(Family::Ipv4)),
        of(Code::RedirectHolds, "redirect").with("flows", vec!["a", "b"]),
    ];
    let failed = [of(Code::DnsSilent, "10.96.0.10").of(Some(Family::Ipv4)).with("queries", 3)];
    let unknown = [of(Code::NotObservable, "proxy flows"), of(Code::ProofRequired, "--require")];
    let mut reports = [report(&held), report(&failed), report(&unknown), report(&[])];
    reports[0].proved = BTreeMap::from([(Proof::Outbound, 3), (Proof::Dns, 1)]);
    reports[0].proofs = 4;
    reports[0].ready_ms = Some(21.5);
    reports[1].not_reached = vec![Layer::Reach];
    reports[3].signal = Some(15);
    reports[3].verdict = Verdict::Unknown;
    reports[3].exit_code = 143;
    reports
}

/// One failure that says this wherever a finding has room for text.
pub fn report_of(text: &str) -> Report {
    let mut finding = Finding::new(Code::DnsSilent, text, text).with("seen", text);
    text.clone_into(&mut finding.hint);
    finding.evidence.insert(text.to_owned(), Value::from("name"));
    finding.evidence.insert("seen".to_owned(), Value::from(text));
    if text == "seen" {
        finding.evidence.insert("seen".to_owned(), Value::from("name"));
    }
    report(&[finding])
}

fn report(findings: &[Finding]) -> Report {
    let cause = cause(findings);
    let (verdict, exit_code) = match &cause {
        None => (Verdict::Ok, 0),
        Some(cause) if cause.code == Code::ProofRequired => (Verdict::Unknown, 5),
        Some(cause) => (Verdict::Fail, cause.layer.exit_code()),
    };
    Report {
        schema_version: REPORT_VERSION,
        version: "0.1.0".into(),
        command: "check".into(),
        mesh: "istio".into(),
        uid: Some(1337),
        gid: Some(1337),
        families: vec![Family::Ipv4],
        addresses: vec![[10, 77, 0, 2].into()],
        verdict,
        exit_code,
        cause,
        next: None,
        findings: findings.to_vec(),
        proofs: 0,
        proved: BTreeMap::new(),
        flows: Vec::new(),
        not_reached: Vec::new(),
        not_asked: Vec::new(),
        attempts: 1,
        elapsed_ms: 38.2,
        ready_ms: None,
        signal: None,
        broke: false,
    }
}

/// Any characters, and more often those that end something in some form.
pub fn foreign() -> impl Strategy<Value = String> {
    let sharp = select(vec![
        "\"",
        "'",
        "\\",
        "&",
        "<",
        ">",
        "]]>",
        "<![CDATA[",
        "#",
        "# SKIP",
        "\n",
        "\r\n",
        "\t",
        "\n...\n",
        "\nnot ok 2",
        "Bail out!",
        "{",
        "}",
        "=",
        ",",
        "%",
        ": ",
        "- ",
        "\0",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10ffff}",
        "# EOF",
    ]);
    let any = prop_oneof![any::<char>().prop_map(String::from), sharp.prop_map(String::from)];
    vec(any, 0..24).prop_map(|parts| parts.concat())
}
