//! What one run said and how it ended.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use serde_json::Value;

/// A run's end.
pub struct Output {
    /// The exit code; 128 and the signal's number when a signal ended it.
    pub code: i32,
    /// The report.
    pub stdout: String,
    /// The logs.
    pub stderr: String,
    /// From start to end.
    pub elapsed: Duration,
    command: String,
}

impl Output {
    pub(super) fn new(command: String, elapsed: Duration, ended: &std::process::Output) -> Output {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let code = ended.status.code().or_else(|| ended.status.signal().map(|signal| 128 + signal));
        let (stdout, stderr) = (text(&ended.stdout), text(&ended.stderr));
        Output { code: code.expect("an end"), stdout, stderr, elapsed, command }
    }

    /// The JSON report.
    pub fn report(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON: {error}\n{self}"))
    }

    /// The code of the cause, or an empty string.
    pub fn cause(&self) -> String {
        self.report()["cause"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The codes of the findings of one severity (`ok`, `warn`, `unknown`, `fail`), each once, sorted.
    pub fn codes(&self, severity: &str) -> Vec<String> {
        let report = self.report();
        let findings =
            report["findings"].as_array().unwrap_or_else(|| panic!("no findings\n{self}"));
        let chosen = findings.iter().filter(|finding| finding["severity"] == severity);
        let mut codes: Vec<_> =
            chosen.filter_map(|finding| finding["code"].as_str().map(String::from)).collect();
        codes.sort();
        codes.dedup();
        codes
    }

    /// The findings of one code.
    pub fn findings(&self, code: &str) -> Vec<Value> {
        let report = self.report();
        let findings =
            report["findings"].as_array().unwrap_or_else(|| panic!("no findings\n{self}"));
        findings.iter().filter(|finding| finding["code"] == code).cloned().collect()
    }

    /// The reason of the first finding with this code.
    #[track_caller]
    pub fn reason(&self, code: &str) -> String {
        let found = self.findings(code);
        let reason = found.first().and_then(|finding| finding["reason"].as_str());
        reason.unwrap_or_else(|| panic!("no {code}\n{self}")).to_owned()
    }

    /// Ends the test unless this is all that the run found, and it is good.
    #[track_caller]
    pub fn holds(self, codes: &[&str]) -> Output {
        let run = self.expect(0);
        for severity in ["fail", "warn", "unknown"] {
            assert_eq!(run.codes(severity), Vec::<String>::new(), "{run}");
        }
        assert_eq!(run.codes("ok"), codes, "{run}");
        run
    }

    /// Ends the test unless the run ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Output {
        assert_eq!(self.code, code, "\n{self}");
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Output { code, stdout, stderr, elapsed, command } = self;
        writeln!(f, "`podprobe {command}` ended with {code} after {elapsed:?}")?;
        write!(f, "--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}
