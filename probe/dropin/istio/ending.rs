//! From the report to log lines, exit code and termination message.

use std::{collections::BTreeSet, path::Path};

use super::{
    super::told,
    log::{Level, Log},
};
use crate::{
    capture::Capture,
    cause::Cause,
    deliver,
    finding::{Code, Finding, Layer, Severity},
    plan::Mode,
    pod::Family,
    report::{Report, Verdict, duration, termination},
};

/// What re-programming the rules or deleting the pod may repair: Istio's CNI repair controller acts
/// on it (istio `tools/istio-iptables/pkg/constants/constants.go`, `cni/pkg/repair`).
pub(super) const EXIT_REPAIRABLE: u8 = 126;
/// Everything else that is wrong.
pub(super) const EXIT_OTHER: u8 = 1;

/// Istio's own last words.
const NOT_READY: &str = "iptables validation failed; workload is not ready for Istio.
When using Istio CNI, this can occur if a pod is scheduled before the node is ready.

If installed with 'cni.repair.deletePods=true', this pod should automatically be deleted and retry.
Otherwise, this pod will need to be manually removed so that it is scheduled on a node with istio-cni running, allowing iptables rules to be established.
";

/// Says things once, in Istio's words where the event is the same.
pub(super) struct Teller<'l> {
    log: &'l Log,
    ports: [u16; 2],
    beside_proxy: bool,
    listening: bool,
    waiting_for: BTreeSet<Code>,
}

impl<'l> Teller<'l> {
    /// `beside_proxy`: a proxy runs already, and its ports are left to it.
    pub(super) fn new(log: &'l Log, capture: &Capture, beside_proxy: bool) -> Teller<'l> {
        let ports = [capture.outbound_port, capture.inbound_port];
        let (listening, waiting_for) = (false, BTreeSet::new());
        Teller { log, ports, beside_proxy, listening, waiting_for }
    }

    /// A look after which another one follows: each cause is told once.
    pub(super) fn waiting(&mut self, report: &Report) {
        self.listening(report);
        let Some(cause) = &report.cause else { return };
        if self.waiting_for.insert(cause.code) {
            self.log.warn(&format!("waiting: {}: {}", cause.code, cause.reason));
        }
    }

    /// Which of the two ports are listened on, once the redirect layer was reached.
    fn listening(&mut self, report: &Report) {
        let reached =
            report.verdict == Verdict::Ok || !report.not_reached.contains(&Layer::Redirect);
        if self.listening || !reached {
            return;
        }
        self.listening = true;
        let trouble = [Code::ListenerPortTaken, Code::ListenerFailed];
        let mut troubled = report.findings.iter().filter(|f| trouble.contains(&f.code)).peekable();
        if troubled.peek().is_some() {
            // Of the ports behind it nothing is known.
            let tell = |f: &Finding| self.log.error(&format!("Error on listening: {}", f.reason));
            return troubled.for_each(tell);
        }
        for family in &report.families {
            let address = match family {
                Family::Ipv4 => "127.0.0.1",
                Family::Ipv6 => "[::1]",
            };
            for port in self.ports {
                let text = if self.beside_proxy {
                    format!("A proxy runs: {address}:{port} is left to it, the kernel is asked")
                } else {
                    format!("Listening on {address}:{port}")
                };
                self.log.info(&text);
            }
        }
    }

    /// Tells the end, the exit code being decided.
    pub(super) fn end(&mut self, report: &Report, mode: Mode) {
        self.listening(report);
        match &report.cause {
            _ if report.signal.is_some() => self.interrupted(report),
            None if report.verdict == Verdict::Ok => self.passed(report),
            Some(cause) => self.failed(report, cause, mode),
            None => self.log.error("nothing was looked at"),
        }
    }

    fn passed(&self, report: &Report) {
        for finding in report.findings.iter().filter(|f| f.severity == Severity::Warn) {
            self.log.warn(&format!("{}: {}", finding.code, finding.reason));
        }
        self.log.info("Validation passed, iptables rules established");
        let proved: Vec<String> = report
            .proved
            .iter()
            .map(|(proof, count)| format!("{} {count}", proof.name()))
            .collect();
        let mut text = format!("proved {} flows: {}", report.proofs, proved.join(", "));
        for finding in report.findings.iter().filter(|f| f.code == Code::NotObservable) {
            text = format!("{text}; {}", finding.reason);
        }
        self.log.info(&text);
    }

    fn failed(&self, report: &Report, cause: &Cause, mode: Mode) {
        let lenient = mode != Mode::Enforce;
        let level = if lenient { Level::Warn } else { Level::Error };
        let tell = |text: &str| self.log.write(level, text);
        tell(&format!("{}: {}", cause.code, cause.reason));
        let others = report.findings.iter().filter(|f| f.severity == Severity::Fail);
        for finding in others.filter(|f| (f.code, &f.reason) != (cause.code, &cause.reason)) {
            self.log.info(&format!("also {}: {}", finding.code, finding.reason));
        }
        tell(&format!("hint: {}", cause.hint));
        self.log.info(&format!(
            "{} after {}, {} looks",
            if report.verdict == Verdict::Unknown { "not proved" } else { "broken" },
            duration(report.elapsed_ms),
            report.attempts
        ));
        match report.exit_code {
            _ if lenient => tell("mode warn: the pod starts all the same"),
            EXIT_REPAIRABLE => tell(NOT_READY),
            _ => tell(&not_repairable(cause)),
        }
    }

    fn interrupted(&self, report: &Report) {
        if let Some(cause) = &report.cause {
            self.log.error(&format!("{}: {}", cause.code, cause.reason));
        }
        let signal = report.signal.unwrap_or_default();
        let after = duration(report.elapsed_ms);
        self.log.error(&format!(
            "ended by signal {signal} after {after}; workload is not ready for Istio."
        ));
    }
}

/// Why this is no case for the repair controller.
fn not_repairable(cause: &Cause) -> String {
    let why = told::beyond_repair(cause).filter(|_| cause.code != Code::ProofRequired);
    let why = why.unwrap_or("could not be looked at as asked for");
    format!(
        "validation failed; workload is not ready for Istio.\n\
         The network {why}: exit code {EXIT_OTHER} instead of {EXIT_REPAIRABLE}, for programming the rules again repairs nothing here."
    )
}

/// 126 for what can be repaired alone; 128 and the signal's number; 0 where a failure is only told.
pub(super) fn exit_code(report: &Report, mode: Mode) -> u8 {
    match report.verdict {
        _ if report.signal.is_some() => report.exit_code,
        Verdict::Ok => 0,
        _ if mode != Mode::Enforce => 0,
        _ if told::is_repairable(report) => EXIT_REPAIRABLE,
        Verdict::Fail | Verdict::Unknown => EXIT_OTHER,
    }
}

/// Where the reason goes besides the log.
pub(super) struct Message<'a> {
    /// The file, or `none`.
    pub(super) path: &'a Path,
    /// What a repair controller matches, instead of the reason, for what it may repair.
    pub(super) fixed: &'a str,
}

impl Message<'_> {
    /// Leaves the message of a run that was not refused.
    pub(super) fn leave(&self, report: &Report) -> Result<(), String> {
        if report.exit_code == EXIT_REPAIRABLE && !self.fixed.is_empty() {
            return self.write(self.fixed);
        }
        deliver::leave_message(report, self.path);
        Ok(())
    }

    /// Writes a text, if there is a file for it.
    pub(super) fn write(&self, text: &str) -> Result<(), String> {
        if self.path.as_os_str() == "none" || !self.path.exists() {
            return Ok(());
        }
        let path = self.path.display();
        termination::write(self.path, text)
            .map_err(|error| format!("write the termination message to {path}: {error}"))
    }
}
