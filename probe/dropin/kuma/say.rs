//! The validator's log: on stdout as kumactl's zap console encoder writes it, and the error that ends
//! it on stderr as cobra writes it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::SystemTime,
};

use humantime::format_rfc3339_millis;
use serde_json::{Value, json};

use super::super::told;
use crate::{
    finding::{Code, Severity},
    net::outlet,
    pod::Family,
    report::{Report, Verdict},
};

/// kuma `install_transparent_proxy_validator.go`.
const NAME: &str = "transparentproxy.validator";

/// The families under test and the inbound port, which each line may name.
pub(super) struct Log {
    /// The families under test.
    pub(super) families: Vec<Family>,
    /// The inbound port.
    pub(super) port: u16,
}

impl Log {
    /// What begins, and what of the arguments is passed over.
    pub(super) fn starting(&self, passed_over: &[String]) {
        for flag in passed_over {
            info(None, "ignoring a flag that podprobe does not know", &[("flag", json!(flag))]);
        }
        for &family in &self.families {
            let ip: IpAddr = match family {
                Family::Ipv4 => Ipv4Addr::LOCALHOST.into(),
                Family::Ipv6 => Ipv6Addr::LOCALHOST.into(),
            };
            let address = SocketAddr::new(ip, self.port).to_string();
            info(Some(family), "starting iptables validation", &[]);
            info(Some(family), "server is listening", &[("address", json!(address))]);
        }
    }

    /// The end, with what was proved of each family, or with what to do.
    pub(super) fn ended(&self, report: &Report) {
        for finding in told::findings(report, Severity::Unknown) {
            let what = [("subject", json!(finding.subject)), ("reason", json!(finding.reason))];
            info(finding.family, "not proved", &what);
        }
        for finding in told::findings(report, Severity::Warn) {
            let what = [("warning", json!(finding.code)), ("reason", json!(finding.reason))];
            info(finding.family, "worth attention", &what);
        }
        for &family in &self.families {
            said_of(report, family);
        }
        let proved = [("proofs", json!(report.proofs)), ("proved", json!(told::proved(report)))];
        let attempts = [("attempts", json!(report.attempts))];
        info(None, "validation ended", &[&proved[..], &attempts[..]].concat());
        if report.exit_code != 0 {
            failed(report);
        }
    }
}

/// Tells what is being waited for, once for each cause.
pub(super) fn waiting() -> impl FnMut(&Report) {
    let mut last_said: Option<Code> = None;
    move |report| {
        let Some(cause) = &report.cause else { return };
        if last_said != Some(cause.code) {
            let error = format!("{}: {}", cause.code, cause.reason);
            info(None, "failed to connect to the server, retrying", &[("error", json!(error))]);
            last_said = Some(cause.code);
        }
    }
}

/// Whether a family is valid, or everything that is broken in it.
fn said_of(report: &Report, family: Family) {
    let mut broken = told::failures(report, family).peekable();
    if broken.peek().is_none() && report.verdict == Verdict::Ok && report.signal.is_none() {
        info(Some(family), "validation successful, iptables rules applied correctly", &[]);
    }
    for finding in broken {
        let what = [
            ("code", json!(finding.code)),
            ("reason", json!(finding.reason)),
            ("hint", json!(finding.hint)),
        ];
        info(Some(family), "validation failed", &what);
    }
}

fn failed(report: &Report) {
    let signal = report.signal.map(|signal| format!("ended by signal {signal}"));
    let cause = report.cause.as_ref().map(|c| format!("{}: {} ({})", c.code, c.reason, c.hint));
    let said: Vec<String> = signal.into_iter().chain(cause).collect();
    error(&format!("validation failed: {}", said.join("; ")));
}

/// One line: time, level, logger, message, and the fields as JSON.
fn info(family: Option<Family>, message: &str, fields: &[(&str, Value)]) {
    let time = format_rfc3339_millis(SystemTime::now());
    let name = match family {
        Some(Family::Ipv4) => format!("{NAME}.ipv4"),
        Some(Family::Ipv6) => format!("{NAME}.ipv6"),
        None => NAME.to_owned(),
    };
    let fields: Vec<String> =
        fields.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    let fields =
        if fields.is_empty() { String::new() } else { format!("\t{{{}}}", fields.join(", ")) };
    let line = format!("{time}\tINFO\t{name}\t{message}{fields}\n");
    outlet::STDOUT.tell(line.as_bytes());
}

/// The rules know the proxy by this container's user.
pub(super) fn another_user(uid: u32) {
    info(None, "the rules are for the user of this container", &[("uid", json!(uid))]);
}

/// The last line, on stderr.
pub(super) fn error(problem: &str) {
    // A closed stream is no reason for another exit code.
    outlet::STDERR.tell(format!("Error: {problem}\n").as_bytes());
}
