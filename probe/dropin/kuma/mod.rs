//! Kuma's transparent proxy validator: its arguments, configuration, log lines and exit codes (kuma
//! `app/kumactl/cmd/install/install_transparent_proxy_validator.go`).
//!
//! Exit codes: 0 valid; 1 everything else, a bad command line included.

mod arguments;
mod config;
mod say;
mod source;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use super::told;
use crate::{
    deliver, judge,
    plan::Plan,
    pod,
    report::{Report, Verdict},
};
use arguments::{Asked, Called};
use say::Log;

/// This validator's words for flags of `podprobe gate` in hints.
pub(super) const WORDS: &[(&str, &str)] = &[
    ("--proxy-uid/--proxy-gid", "kumaDPUser"),
    ("--proxy-uid and --proxy-gid, Istio's -u and -g", "kumaDPUser"),
    ("--outbound-port/--inbound-port", "redirect.outbound.port and redirect.inbound.port"),
    ("--outbound-port", "redirect.outbound.port"),
    ("--inbound-port", "--validation-server-port"),
    ("--dns-capture true", "redirect.dns.enabled and captureAll"),
    (", or use --dns-capture false", ", or set redirect.dns.enabled to false"),
    ("--dns-capture", "redirect.dns"),
    ("--dns-port", "redirect.dns.port"),
    ("--families", "ipFamilyMode"),
    (
        "; if it is the proxy, declare its uid by --proxy-uid, or use --listeners live",
        "; if it is the proxy, its uid is not the declared one",
    ),
    (", or drop the proof from --require", ""),
];

/// How long one of two plans is tried before the other has its turn.
const TURN_MS: u64 = 250;

/// Runs it with the arguments behind `install transparent-proxy-validator`.
pub(super) fn run(arguments: &[String]) -> ExitCode {
    let called = match arguments::called(arguments) {
        Ok(Called::Validate(asked)) => asked,
        Ok(Called::Help(text)) => {
            deliver::print(&text);
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            say::error(&problem);
            return ExitCode::FAILURE;
        }
    };
    validate(&called)
}

/// The plan of these arguments, without a run and without files: for the fuzzer. None for help.
///
/// # Errors
/// What Kuma or podprobe has against them.
#[cfg(any(test, fuzzing))]
pub(crate) fn promised(arguments: &[String]) -> Result<Option<Plan>, String> {
    match arguments::called(arguments)? {
        Called::Help(_) => Ok(None),
        Called::Validate(asked) if asked.names_files() => Ok(None),
        Called::Validate(asked) => asked.plans(&pod::identity::look()).map(|(plan, _)| Some(plan)),
    }
}

fn validate(asked: &Asked) -> ExitCode {
    let plans = match asked.plans(&pod::snapshot(&[]).identity) {
        Ok(plans) => plans,
        Err(problem) => {
            say::error(&problem);
            return ExitCode::FAILURE;
        }
    };
    let families = plans.0.addresses(&pod::snapshot(&[])).families;
    let log = Log { families, port: plans.0.capture.inbound_port };
    log.starting(&asked.passed_over);
    let mut report = match look(plans) {
        Ok(report) => report,
        Err(problem) => {
            say::error(&problem);
            return ExitCode::FAILURE;
        }
    };
    told::in_words(&mut report, WORDS);
    let valid = report.verdict == Verdict::Ok && report.signal.is_none();
    report.exit_code = u8::from(!valid);
    // First what the kubelet reads: stdout may be a pipe that nobody empties.
    deliver::leave_message(&report, &asked.termination_message);
    log.ended(&report);
    ExitCode::from(report.exit_code)
}

/// Looks until the plan holds or its time is up; by turns with the other one, if there is one.
fn look((plan, other): (Plan, Option<Plan>)) -> Result<Report, String> {
    let mut waiting = say::waiting();
    let Some(other) = other else {
        return deliver::observe(plan, waiting).map(|recording| judge::judge(&recording));
    };
    let started = Instant::now();
    let (deadline, mut attempts) = (plan.deadline_ms, 0);
    let mut turn = |plan: &Plan| -> Result<Report, String> {
        let plan = Plan { deadline_ms: TURN_MS, ..plan.clone() };
        let mut report = judge::judge(&deliver::observe(plan, &mut waiting)?);
        attempts += report.attempts;
        report.attempts = attempts;
        report.elapsed_ms = (started.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
        Ok(report)
    };
    loop {
        let report = turn(&plan)?;
        let late = started.elapsed() >= Duration::from_millis(deadline);
        if report.verdict != Verdict::Fail || report.signal.is_some() || late {
            return Ok(report);
        }
        let report = turn(&other)?;
        if report.verdict == Verdict::Ok && report.signal.is_none() {
            say::another_user(other.capture.proxy.0);
        }
        if report.verdict == Verdict::Ok || report.signal.is_some() {
            return Ok(report);
        }
    }
}
