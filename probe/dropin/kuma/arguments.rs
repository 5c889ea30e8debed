//! The validator's arguments, read as pflag reads them, and the plan that they stand for.

use std::{iter::once, path::PathBuf, time::Duration};

use clap::{CommandFactory, Parser, error::ErrorKind};

use super::{
    super::{sift::sift, told},
    source,
};
use crate::{
    capture::{Capture, Exempt},
    plan::Plan,
    pod::{Family, Identity},
    profile::KUMA,
};

/// Drop-in for Kuma's transparent proxy validator: tests that this pod's traffic is captured as Kuma
/// promises, and nothing else.
///
/// It keeps trying until --deadline, and sends nothing beyond the first hop.
#[derive(Debug, Parser)]
#[command(
    name = "podprobe install transparent-proxy-validator",
    bin_name = "podprobe install transparent-proxy-validator",
    max_term_width = 100,
    args_override_self = true
)]
struct Args {
    /// The address families that are redirected: dualstack, ipv4 or ipv6; dualstack means those of
    /// the pod. Default: dualstack.
    #[arg(long, value_name = "MODE", allow_hyphen_values = true)]
    ip_family_mode: Option<String>,

    /// The port that inbound traffic is redirected to. Default: 15006.
    #[arg(long, value_name = "PORT", allow_hyphen_values = true)]
    validation_server_port: Option<String>,

    /// Transparent proxy configuration, of which everything that can be seen is tested: paths, - for
    /// stdin, or the YAML itself. Later ones override earlier ones, and the flags above.
    #[arg(
        long,
        visible_alias = "transparent-proxy-config-file",
        value_name = "FILE,…",
        allow_hyphen_values = true,
        action = clap::ArgAction::Append
    )]
    transparent_proxy_config: Vec<String>,

    /// Where the reason of a failure goes, if the file exists; or none.
    #[arg(
        long,
        env = "PODPROBE_TERMINATION_MESSAGE",
        value_name = "PATH",
        default_value = "/dev/termination-log"
    )]
    termination_message: PathBuf,

    /// How long it keeps trying. Upstream has ten further attempts, a second apart.
    #[arg(long, env = "PODPROBE_DEADLINE", value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    deadline: Duration,

    /// kumactl's own: off, info or debug. What is found is always logged.
    #[arg(long, value_name = "LEVEL", default_value = "off")]
    log_level: String,

    /// kumactl's own, without effect here.
    #[arg(long, value_name = "FILE")]
    config_file: Option<String>,

    /// kumactl's own, without effect here.
    #[arg(long, short, value_name = "MESH")]
    mesh: Option<String>,

    /// kumactl's own, without effect here.
    #[arg(long, value_name = "DURATION")]
    api_timeout: Option<String>,

    /// kumactl's own, without effect here.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    no_config: Option<String>,

    /// Words without a flag, which kumactl passes over as well.
    #[arg(hide = true)]
    rest: Vec<String>,
}

/// What the command line turned out to be.
#[derive(Debug)]
pub(super) enum Called {
    /// The help text.
    Help(String),
    /// A validation.
    Validate(Asked),
}

/// What was asked for, each value valid.
#[derive(Debug)]
pub(super) struct Asked {
    /// Absent: the pod's.
    families: Option<Vec<Family>>,
    port: Option<u16>,
    configs: Vec<String>,
    deadline: Duration,
    /// Where the reason of a failure goes.
    pub(super) termination_message: PathBuf,
    /// Flags that podprobe does not know.
    pub(super) passed_over: Vec<String>,
}

/// Reads the arguments.
///
/// # Errors
/// pflag's and kumactl's own words.
pub(super) fn called(arguments: &[String]) -> Result<Called, String> {
    let mut command = Args::command();
    command.build();
    let sifted = sift(&command, arguments);
    let name = "podprobe".to_owned();
    let args = match Args::try_parse_from(once(name).chain(sifted.known)) {
        Ok(args) => args,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return Ok(Called::Help(error.to_string()));
        }
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            return Err(first.trim_start_matches("error: ").to_owned());
        }
    };
    if !["off", "info", "debug"].contains(&args.log_level.as_str()) {
        return Err(format!("unknown log level {:?}", args.log_level));
    }
    let families = value("ip-family-mode", args.ip_family_mode.as_deref(), family_mode)?;
    let port = value("validation-server-port", args.validation_server_port.as_deref(), port)?;
    Ok(Called::Validate(Asked {
        families: families.flatten(),
        port,
        configs: args.transparent_proxy_config,
        deadline: args.deadline,
        termination_message: args.termination_message,
        passed_over: sifted.unknown,
    }))
}

/// A flag's value, with pflag's words if it is none.
fn value<T>(
    flag: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let Some(text) = text else { return Ok(None) };
    let named = |problem| format!("invalid argument {text:?} for \"--{flag}\" flag: {problem}");
    parse(text).map(Some).map_err(named)
}

/// The families of a mode; none for those of the pod.
pub(super) fn family_mode(text: &str) -> Result<Option<Vec<Family>>, String> {
    match text.to_lowercase().as_str() {
        "" | "dualstack" => Ok(None),
        "ipv4" => Ok(Some(vec![Family::Ipv4])),
        "ipv6" => Ok(Some(vec![Family::Ipv6])),
        _ => Err("must be one of 'dualstack' or 'ipv4'".to_owned()),
    }
}

/// A port as Go reads it, hexadecimal with 0x.
pub(super) fn port(text: &str) -> Result<u16, String> {
    let lower = text.to_lowercase();
    let number = match lower.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16),
        None => lower.parse(),
    };
    match number {
        Ok(0) | Err(_) => Err(format!("{text:?} is no port: 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

impl Asked {
    /// Whether a configuration lies in a file.
    #[cfg(any(test, fuzzing))]
    pub(super) fn names_files(&self) -> bool {
        !self.configs.iter().all(|config| source::is_inline(config))
    }

    /// The plan: Kuma's promise, as far as the arguments and the configuration declare it; and the
    /// same for whoever runs it, where the proxy's user is not declared. The injector gives this
    /// container the sidecar's (kuma `injector.go`, `NewValidationContainer`).
    ///
    /// # Errors
    /// One sentence about the configuration.
    pub(super) fn plans(&self, own: &Identity) -> Result<(Plan, Option<Plan>), String> {
        let mut capture = KUMA.capture();
        let mut families = self.families.clone();
        let mut names_user = false;
        if let Some(config) = source::load(&self.configs)? {
            families = config.apply(&mut capture)?;
            names_user = config.names_user();
        } else {
            capture.inbound_port = self.port.unwrap_or(KUMA.inbound_port);
            undeclared(&mut capture);
        }
        differ(&capture)?;
        let mut plan = plan(capture, families);
        plan.deadline_ms = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX);
        let stranger = !names_user && own.uid != KUMA.proxy.0 && own.uid != 0 && !own.can_switch();
        let other = stranger.then(|| {
            let mut other = plan.clone();
            other.capture.proxy = (own.uid, own.gid);
            other.capture.exempt = Exempt::Owner { uids: vec![own.uid], gids: Vec::new() };
            other
        });
        Ok((plan, other))
    }
}

fn plan(capture: Capture, families: Option<Vec<Family>>) -> Plan {
    let tolerated = capture.tolerated_outbound_ports.clone();
    let mut plan = Plan::new("install transparent-proxy-validator", KUMA.name, capture);
    plan.waits = true;
    plan.families = families;
    plan.service = plan.service.map(|service| told::unskipped(service, &tolerated));
    plan
}

/// Without a configuration, nothing says which ports the pod's annotations exclude
/// (`traffic.kuma.io/exclude-outbound-ports`): that likely ones escape proves nothing.
fn undeclared(capture: &mut Capture) {
    capture.tolerated_outbound_ports = vec![80, 443, 6443, 8080];
}

fn differ(capture: &Capture) -> Result<(), String> {
    let [a, b, c] = [capture.inbound_port, capture.outbound_port, capture.dns_port];
    if a == b || b == c || a == c {
        return Err(format!("inbound port {a}, outbound port {b} and DNS port {c} must differ"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
