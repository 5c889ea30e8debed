//! Severities that a person declared: a warning that blocks, a failure that only warns.

use std::collections::BTreeMap;

use super::{Code, Finding, Severity};

/// What each of these codes means here, instead of what it usually means.
pub type Declared = BTreeMap<Code, Severity>;

/// The evidence that tells what the finding would have been.
pub const USUAL: &str = "usualSeverity";
/// The evidence that tells what was declared.
pub const DECLARED: &str = "declaredSeverity";

/// Reads `CODE=SEVERITY`.
///
/// # Errors
/// One sentence: no such code or severity, or one that nobody can declare.
pub fn parse(text: &str) -> Result<(Code, Severity), String> {
    let (code, severity) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is no declaration: write CODE=fail, warn or ok"))?;
    let code: Code = code.trim().parse()?;
    let severity = match severity.trim() {
        "fail" => Severity::Fail,
        "warn" => Severity::Warn,
        "ok" => Severity::Ok,
        other => {
            return Err(format!("{other:?} is no severity for {code}: write fail, warn or ok"));
        }
    };
    declarable(code).map(|()| (code, severity))
}

/// What several findings say together: a cause, and no finding of its own.
const DIAGNOSES: [Code; 11] = [
    Code::CniSetupFailed,
    Code::HostSideBroken,
    Code::MeshCniRace,
    Code::KubeProxyDown,
    Code::CorednsNoEndpoints,
    Code::DnsBlockedByPolicy,
    Code::FamilyBroken,
    Code::EgressFilteredUpstream,
    Code::EgressSnatBroken,
    Code::EgressOnly,
    Code::DnsOnly,
];

/// Whether somebody may declare another severity for the code: "could not look" is neither yes nor
/// no, and what holds has nothing to lower.
///
/// # Errors
/// One sentence that says why not.
pub fn declarable(code: Code) -> Result<(), String> {
    if DIAGNOSES.contains(&code) {
        return Err(format!("{code} is told from other findings: declare those"));
    }
    match code.meaning().severity {
        Severity::Fail | Severity::Warn => Ok(()),
        Severity::Ok => Err(format!("{code} says that something holds: it has no other severity")),
        Severity::Unknown if code == Code::ProofRequired => Err(format!(
            "{code} says that what --require or the layers ask for was not proved: ask for less instead"
        )),
        Severity::Unknown => Err(format!(
            "{code} says that podprobe could not look, which is neither yes nor no: --require makes it block"
        )),
    }
}

/// Gives findings their declared severities, and tells so in their evidence. Twice is as good as
/// once.
pub fn declare(declared: &Declared, findings: &mut [Finding]) {
    for finding in findings {
        let Some(severity) = declared.get(&finding.code).copied() else { continue };
        let judged = matches!(finding.severity, Severity::Fail | Severity::Warn);
        if judged && severity != finding.severity {
            let told = [(USUAL, finding.severity), (DECLARED, severity)];
            for (name, severity) in told {
                finding.evidence.insert(name.to_owned(), severity.name().into());
            }
            finding.severity = severity;
        }
    }
}

/// What a finding would have been, if somebody declared it to be something else.
#[must_use]
pub fn usual(finding: &Finding) -> Option<&str> {
    finding.evidence.get(USUAL)?.as_str()
}

/// Whether it is a failure but for what was declared.
#[must_use]
pub fn is_lowered(finding: &Finding) -> bool {
    usual(finding) == Some(Severity::Fail.name())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_failure_may_only_warn_and_a_warning_may_block() {
        assert_eq!(parse("dns-silent=warn"), Ok((Code::DnsSilent, Severity::Warn)));
        assert_eq!(parse(" dns-lossy = fail "), Ok((Code::DnsLossy, Severity::Fail)));
        assert_eq!(parse("dns-lossy=ok"), Ok((Code::DnsLossy, Severity::Ok)));
    }

    #[test]
    fn what_nobody_can_declare_is_refused_with_the_reason() {
        for (text, reason) in [
            ("dns-silent", "write CODE=fail, warn or ok"),
            ("dns-silent=no", "\"no\" is no severity for dns-silent"),
            ("dns-silent=unknown", "\"unknown\" is no severity"),
            ("dns-sillent=warn", "did you mean dns-silent?"),
            ("proof-required=ok", "ask for less instead"),
            ("not-observable=ok", "neither yes nor no"),
            ("probe-failed=fail", "--require makes it block"),
            ("redirect-holds=fail", "something holds"),
            ("cni-setup-failed=warn", "told from other findings"),
        ] {
            let problem = parse(text).expect_err(text);
            assert!(problem.contains(reason), "{text}: {problem}");
        }
    }

    #[test]
    fn every_code_can_be_declared_that_says_yes_or_no() {
        for code in Code::ALL {
            let judged = matches!(code.meaning().severity, Severity::Fail | Severity::Warn);
            let found = judged && !DIAGNOSES.contains(code);
            assert_eq!(parse(&format!("{code}=warn")).is_ok(), found, "{code}");
        }
    }

    #[test]
    fn causes_that_are_told_from_other_findings_are_known() {
        let rows =
            include_str!("catalogue.rs").lines().filter(|row| row.contains("=> diagnosis::"));
        let failures = Code::ALL.iter().filter(|code| {
            let row = format!("Code::{code:?} => ");
            rows.clone().any(|line| line.contains(&row))
                && code.meaning().severity == Severity::Fail
        });
        assert!(failures.eq(DIAGNOSES.iter()));
    }

    #[test]
    fn a_declaration_is_told_once_and_changes_nothing_else() {
        let declared = Declared::from([
            (Code::DnsSilent, Severity::Warn),
            (Code::DnsLossy, Severity::Ok),
            (Code::DnsTcpBlocked, Severity::Warn),
        ]);
        let codes = [Code::DnsSilent, Code::DnsLossy, Code::DnsTcpBlocked, Code::DnsServfail];
        let mut findings = codes.map(|code| Finding::new(code, "x", "y"));
        declare(&declared, &mut findings);
        let once = findings.clone();
        declare(&declared, &mut findings);
        assert_eq!(findings, once);
        let severities = findings.each_ref().map(|finding| finding.severity);
        let wanted = [Severity::Warn, Severity::Ok, Severity::Warn, Severity::Fail];
        assert_eq!(severities, wanted);
        let usually = findings.each_ref().map(usual);
        assert_eq!(usually, [Some("fail"), Some("warn"), None, None]);
        assert_eq!(findings[0].evidence[DECLARED], "warn");
    }

    #[test]
    fn could_not_look_is_never_declared_away() {
        // The code of a failure, said of something that could not be looked at.
        let unknown = Finding {
            severity: Severity::Unknown,
            ..Finding::new(Code::DnsSilent, "x", "could not look")
        };
        let mut findings = [unknown.clone()];
        declare(&Declared::from([(Code::DnsSilent, Severity::Ok)]), &mut findings);
        assert_eq!(findings, [unknown]);
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*", severity in "\\PC*") {
            let _ = (parse(&text), parse(&format!("{text}={severity}")));
            let _ = parse(&format!("dns-silent={severity}"));
        }
    }
}
