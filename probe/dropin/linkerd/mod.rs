//! Linkerd's network validator: its arguments, environment, log lines and exit codes (linkerd2-proxy-init
//! `validator/src/main.rs`).
//!
//! Exit codes: 0 validated; 95 the rules are not as Linkerd promises, or a signal ended the run: the
//! repair controller deletes the pod on 95, so everything that a new pod would meet again (link,
//! route, a sandbox kernel, nothing observable) is 1; 2 bad command line.

mod arguments;
mod say;

use std::{iter::once, process::ExitCode};

use clap::{CommandFactory, Parser};

use super::{sift::sift, told};
use crate::{deliver, judge, report::Report, report::Verdict};
use arguments::Args;

/// linkerd2-proxy-init `reinitialize-pods`, `UNSUCCESSFUL_EXIT_CODE`.
const EXIT_UNSUCCESSFUL: u8 = 95;

/// This validator's words for flags of `podprobe gate` in hints.
pub(super) const WORDS: &[(&str, &str)] = &[
    ("--proxy-uid/--proxy-gid", "Linkerd's 2102"),
    (", or declare the real ones: --proxy-uid and --proxy-gid, Istio's -u and -g", ""),
    ("--outbound-port/--inbound-port", "--listen-addr"),
    ("--outbound-port", "--listen-addr"),
    ("--inbound-port", "Linkerd's 4143"),
    ("use --dns-capture true if the mesh captures DNS; else find", "find"),
    (", or use --dns-capture false", ""),
    ("--dns-capture", "Linkerd's, which captures none,"),
    ("--dns-port", "the declared one"),
    ("--families", "--listen-addr"),
    (
        "; if it is the proxy, declare its uid by --proxy-uid, or use --listeners live",
        "; if it is the proxy, its uid is not the declared one",
    ),
    (", or drop the proof from --require", ""),
];

/// Runs it with the arguments behind its name.
pub(super) fn run(arguments: &[String]) -> ExitCode {
    let mut command = Args::command();
    command.build();
    let sifted = sift(&command, arguments);
    let name = command.get_name().to_owned();
    let args = match Args::try_parse_from(once(name).chain(sifted.known)) {
        Ok(args) => args,
        Err(error) => {
            // A closed stream is no reason for another exit code.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    say::start(args.log_format, args.log_level.clone());
    say::starting(&args, &sifted.unknown);
    let recording = match deliver::observe(args.plan(), say::waiting()) {
        Ok(recording) => recording,
        Err(problem) => {
            say::cannot(&problem);
            return ExitCode::FAILURE;
        }
    };
    let mut report = judge::judge(&recording);
    told::in_words(&mut report, WORDS);
    report.exit_code = exit_code(&report);
    // First what the kubelet reads: stdout may be a pipe that nobody empties.
    deliver::leave_message(&report, &args.termination_message);
    say::ended(&report, args.timeout);
    ExitCode::from(report.exit_code)
}

/// The plan of these arguments, without a run: for the fuzzer.
#[cfg(any(test, fuzzing))]
pub(crate) fn promised(arguments: &[String]) -> Option<crate::plan::Plan> {
    let sifted = sift(&Args::command(), arguments);
    let line = once("linkerd-network-validator".to_owned()).chain(sifted.known);
    Args::try_parse_from(line).ok().map(|args| args.plan())
}

fn exit_code(report: &Report) -> u8 {
    match report.verdict {
        _ if report.signal.is_some() => EXIT_UNSUCCESSFUL,
        Verdict::Ok => 0,
        _ if told::is_repairable(report) => EXIT_UNSUCCESSFUL,
        Verdict::Fail | Verdict::Unknown => 1,
    }
}
