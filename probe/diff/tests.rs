//! Literal reports, and what they differ in.

use proptest::prelude::*;

use super::{Change, Diff, compare, read, show};
use crate::{
    finding::{Code, Finding, Layer, Severity},
    pod::Family,
    report::{
        Report, Verdict,
        sample::{foreign, report_of, reports},
    },
};

fn with(findings: &[Finding]) -> Report {
    let [mut report, ..] = reports();
    report.findings = findings.to_vec();
    report
}

fn changes(diff: &Diff) -> Vec<(Change, Code)> {
    let told = diff.differences.iter();
    told.map(|d| (d.change, d.finding().expect("a finding").code)).collect()
}

#[test]
fn own_addresses_ports_and_times_make_no_difference() {
    let escaped = |ip: &str, port: u16, hop: &str, ms: u32| {
        let subject = format!("application TCP to 192.0.2.{}:{port}", port % 200);
        let reason = format!("{subject} left {ip} (time exceeded at {hop}) after {ms} ms");
        let finding = Finding::new(Code::OutboundEscaped, subject, reason);
        finding.with("waitedMs", ms).with("flows", vec![port]).with("count", port)
    };
    let mut good = with(&[escaped("10.77.0.2", 20_001, "10.77.0.1", 3)]);
    let mut bad = with(&[escaped("10.1.2.3", 20_777, "10.1.0.1", 250)]);
    good.addresses = vec![[10, 77, 0, 2].into()];
    bad.addresses = vec![[10, 1, 2, 3].into()];
    (bad.attempts, bad.elapsed_ms, bad.proofs) = (7, 3000.0, 99);
    assert!(compare(&good, &bad).is_empty());
    // The good pod's address in the other one's report is no address of its own.
    bad.addresses.clear();
    assert_eq!(changes(&compare(&good, &bad)), [(Change::Facts, Code::OutboundEscaped)]);
}

#[test]
fn findings_appear_disappear_and_change() {
    let of = |code: Code, reason: &str| Finding::new(code, "10.96.0.10", reason);
    let good = with(&[
        of(Code::DnsHolds, "all"),
        of(Code::DnsLossy, "1 of 3"),
        of(Code::LinkMtuTiny, "x"),
    ]);
    let severe = Finding { severity: Severity::Fail, ..of(Code::LinkMtuTiny, "x") };
    let mut bad = with(&[severe, of(Code::DnsLossy, "2 of 3"), of(Code::DnsSilent, "silent")]);
    bad.exit_code = 10;
    let diff = compare(&good, &bad);
    assert_eq!(
        changes(&diff),
        [
            (Change::Severity, Code::LinkMtuTiny),
            (Change::Appeared, Code::DnsSilent),
            (Change::Facts, Code::DnsLossy),
        ]
    );
    assert_eq!(diff.exit_code(&bad), 10);
    // What holds no more is told where nothing else tells it.
    bad.findings.truncate(2);
    let told = changes(&compare(&good, &bad));
    assert_eq!(told.last(), Some(&(Change::Disappeared, Code::DnsHolds)));
}

#[test]
fn the_same_code_of_another_family_or_nameserver_is_another_finding() {
    let of = |subject: &str, family| Finding::new(Code::DnsSilent, subject, "x").of(Some(family));
    let one = with(&[of("10.96.0.10", Family::Ipv4)]);
    for other in [of("10.96.0.11", Family::Ipv4), of("10.96.0.10", Family::Ipv6)] {
        let diff = compare(&one, &with(&[other]));
        let changes: Vec<Change> = diff.differences.iter().map(|d| d.change).collect();
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert!(changes.contains(&Change::Appeared) && changes.contains(&Change::Disappeared));
    }
    // Two alike are two.
    let twice = with(&[of("10.96.0.10", Family::Ipv4), of("10.96.0.10", Family::Ipv4)]);
    assert_eq!(changes(&compare(&one, &twice)), [(Change::Appeared, Code::DnsSilent)]);
}

#[test]
fn what_held_in_a_layer_that_was_not_reached_is_said_once() {
    let good = with(&[
        Finding::new(Code::LinkHolds, "links", "x"),
        Finding::new(Code::DnsHolds, "x", "x"),
    ]);
    let mut bad = with(&[Finding::new(Code::LinkHolds, "links", "x")]);
    bad.not_reached = vec![Layer::Dns];
    let diff = compare(&good, &bad);
    assert_eq!((diff.not_reached.as_slice(), diff.differences.len()), (&[Layer::Dns][..], 0));
    bad.not_reached.clear();
    assert_eq!(changes(&compare(&good, &bad)), [(Change::Disappeared, Code::DnsHolds)]);
    bad.not_asked = vec![Layer::Dns];
    let diff = compare(&good, &bad);
    assert_eq!((diff.not_asked.as_slice(), diff.differences.len()), (&[Layer::Dns][..], 0));
}

#[test]
fn the_exit_code_is_the_other_reports_and_never_0_for_a_failure() {
    let fine = with(&[]);
    let mut broken = with(&[Finding::new(Code::DnsSilent, "x", "silent")]);
    broken.exit_code = 40;
    assert_eq!(compare(&fine, &broken).exit_code(&broken), 40);
    assert_eq!(compare(&broken, &broken).exit_code(&broken), 0);
    // `--mode warn` reports 0; and what only the good report has is a difference as well.
    broken.exit_code = 0;
    assert_eq!(compare(&fine, &broken).exit_code(&broken), 40);
    assert_eq!(compare(&broken, &fine).exit_code(&fine), 40);
    let warned = with(&[Finding::new(Code::DnsLossy, "x", "lost")]);
    let diff = compare(&fine, &warned);
    assert!(!diff.is_empty() && diff.exit_code(&warned) == 0);
}

#[test]
fn who_looked_and_at_what_is_told_first() {
    let good = with(&[]);
    let mut bad = with(&[]);
    bad.uid = Some(65532);
    bad.families = vec![Family::Ipv4, Family::Ipv6];
    bad.proved.clear();
    let what: Vec<String> = compare(&good, &bad).run.into_iter().map(|run| run.what).collect();
    assert_eq!(what, ["identity", "families", "proofs"]);
    let text = show::text(&compare(&good, &bad), &good, &bad);
    assert!(text.contains("1337:1337 → 65532:1337") && text.contains("→ none"), "{text}");
}

#[test]
fn foreign_json_is_told_from_a_report() {
    for (text, problem) in [
        ("", "it is empty"),
        ("podprobe check, mesh istio", "not JSON"),
        ("[]", "no schemaVersion"),
        ("{\"schemaVersion\": 2}", "schemaVersion 2, but this podprobe reads version 1"),
        ("{\"schemaVersion\": 1}", "not a report of this podprobe: missing field"),
        ("{\"recordingVersion\": 1}", "check --replay"),
        ("{\"apiVersion\": \"v1\"}", "no schemaVersion"),
    ] {
        let told = read::parse(text).expect_err(text);
        assert!(told.contains(problem) && !told.contains('\n'), "{text}: {told}");
    }
    for report in reports() {
        let text = crate::report::json::document(&report);
        assert_eq!(read::parse(&text), Ok(report));
    }
}

proptest! {
    #[test]
    fn a_report_does_not_differ_from_itself(text in foreign()) {
        let report = report_of(&text);
        let diff = compare(&report, &report);
        prop_assert!(diff.is_empty());
        prop_assert_eq!(diff.exit_code(&report), 0);
        prop_assert!(show::text(&diff, &report, &report).ends_with("exit 0\n"));
    }

    #[test]
    fn foreign_text_never_panics(text in "\\PC*", one in foreign(), other in foreign()) {
        prop_assert!(read::parse(&text).is_err());
        let (mut one, other) = (report_of(&one), report_of(&other));
        one.verdict = Verdict::Ok;
        let diff = compare(&one, &other);
        let shown = (show::text(&diff, &one, &other), show::json(&diff, &other));
        let value: serde_json::Value = serde_json::from_str(&shown.1).expect("JSON");
        prop_assert_eq!(value["differs"].as_bool(), Some(!diff.is_empty()));
    }
}
