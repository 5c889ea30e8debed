//! The network validator's log: on stdout, in the formats of upstream's `tracing` subscriber, under
//! upstream's target.

use std::time::Duration;

use tracing::{error, info, warn};
use tracing_subscriber::{Layer, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt};

use super::{
    super::told,
    arguments::{Args, Directives, LogFormat},
};
use crate::{
    finding::{Code, Layer as NetworkLayer, Severity},
    net::outlet,
    report::{Report, Verdict},
};

/// Upstream's crate.
const TARGET: &str = "linkerd_network_validator";

/// Sends logs to stdout.
pub(super) fn start(format: LogFormat, directives: Directives) {
    let plain = fmt::layer().with_ansi(false).with_writer(|| &outlet::STDOUT);
    let layer = match format {
        LogFormat::Plain => plain.boxed(),
        LogFormat::Json => plain.json().with_current_span(false).with_span_list(true).boxed(),
    };
    registry().with(directives.0).with(layer).init();
}

/// What begins, and what of the arguments is passed over.
pub(super) fn starting(args: &Args, unknown: &[String]) {
    for flag in unknown {
        warn!(target: TARGET, "Ignoring {flag}: podprobe does not know it");
    }
    info!(target: TARGET, "Listening for connections on {}", args.listen_addr);
    info!(
        target: TARGET,
        "Connecting to addresses that nobody has, in place of {}: nothing gets beyond the first hop",
        args.connect_addr
    );
}

/// Tells what is being waited for, once for each cause.
pub(super) fn waiting() -> impl FnMut(&Report) {
    let mut last_said: Option<Code> = None;
    move |report| {
        let Some(cause) = &report.cause else { return };
        if last_said != Some(cause.code) {
            info!(target: TARGET, "Not validated yet, trying again: {}: {}", cause.code, cause.reason);
            last_said = Some(cause.code);
        }
    }
}

/// Why nothing could be tried.
pub(super) fn cannot(problem: &str) {
    error!(target: TARGET, error = %problem);
    // The log may be turned off.
    outlet::STDERR.tell(format!("podprobe: {problem}\n").as_bytes());
}

/// The end, with what was proved, or with what to do.
pub(super) fn ended(report: &Report, timeout: Duration) {
    let (proved, attempts) = (told::proved(report), report.attempts);
    for finding in told::findings(report, Severity::Warn) {
        warn!(target: TARGET, hint = %finding.hint, "{}: {}", finding.code, finding.reason);
    }
    for finding in told::findings(report, Severity::Unknown) {
        info!(target: TARGET, "Not proved: {}: {}", finding.subject, finding.reason);
    }
    match report.signal {
        Some(2) => error!(target: TARGET, "Killed by SIGINT"),
        Some(_) => error!(target: TARGET, "Killed by SIGTERM"),
        None => {}
    }
    if report.verdict == Verdict::Ok && report.signal.is_none() {
        info!(target: TARGET, proofs = report.proofs, %proved, attempts, "Validated");
    } else {
        failed(report, timeout);
    }
}

fn failed(report: &Report, timeout: Duration) {
    let Some(cause) = &report.cause else { return };
    if cause.layer == NetworkLayer::Redirect && report.verdict == Verdict::Fail {
        error!(
            target: TARGET,
            ?timeout,
            "Failed to validate networking configuration. Please ensure iptables rules are \
             rewriting traffic as expected."
        );
    }
    let (exit_code, attempts) = (report.exit_code, report.attempts);
    error!(
        target: TARGET,
        hint = %cause.hint, exit_code, attempts, "{}: {}", cause.code, cause.reason
    );
}
