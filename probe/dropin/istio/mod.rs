//! `podprobe istio-iptables`: a drop-in for Istio's `istio-validation` init container, 1.10 to 1.31.

mod command_line;
mod ending;
mod family;
mod flags;
mod go;
mod intent;
#[cfg(test)]
mod intent_tests;
mod log;
mod refusal;
mod settings;

use std::{path::Path, process::ExitCode};

use clap::ValueEnum;

use self::{
    ending::{EXIT_OTHER, EXIT_REPAIRABLE, Message, Teller},
    intent::Intent,
    log::Log,
    settings::{Environment, Settings},
};
use super::told;
use crate::{
    capture::{Capture, Exempt},
    deliver, judge,
    layer::redirect::running_proxy,
    net::outlet,
    plan::{Mode, Plan},
    pod::{self, Identity},
};

/// Istio's `os.Exit(-1)` for whatever is wrong with the command line.
const EXIT_COMMAND_LINE: u8 = 255;

/// This validator's words for flags of `podprobe gate` in hints.
pub(super) const WORDS: &[(&str, &str)] = &[
    ("--proxy-uid/--proxy-gid", "-u/-g"),
    ("--proxy-uid and --proxy-gid, Istio's -u and -g", "-u and -g"),
    ("--outbound-port/--inbound-port", "-p/-z"),
    ("--outbound-port", "-p"),
    ("--inbound-port", "-z"),
    ("--dns-capture true", "ISTIO_META_DNS_CAPTURE=true in proxyMetadata"),
    (", or use --dns-capture false", ""),
    ("--dns-capture", "ISTIO_META_DNS_CAPTURE in proxyMetadata"),
    ("--dns-port", "15053"),
    ("--families", "ISTIO_DUAL_STACK"),
    (
        "; if it is the proxy, declare its uid by --proxy-uid, or use --listeners live",
        "; if it is the proxy, its uid is not the declared one",
    ),
    (", or drop the proof from --require", ""),
];

/// Runs the validator with the arguments after its name.
pub(super) fn run(arguments: &[String]) -> ExitCode {
    let variables: Environment =
        std::env::vars_os().map(|(name, value)| (lossy(&name), lossy(&value))).collect();
    let read = command_line::read(arguments).map(|line| Settings::new(line, &variables));
    let checked = read.and_then(|settings| {
        let help = settings.yes(&flags::HELP);
        refuse_unknown(&settings)?;
        let log = if help { Log::default() } else { Log::new(&settings)? };
        Ok((settings, log, help))
    });
    match checked {
        Ok((_, _, true)) => {
            deliver::print(&flags::help());
            ExitCode::SUCCESS
        }
        Ok((settings, log, false)) => ExitCode::from(validate(&settings, &variables, &log)),
        Err(problem) => bad_command_line(&problem),
    }
}

/// What the arguments and the environment promise, without a run: for the fuzzer.
///
/// # Errors
/// What Istio or podprobe has against them.
#[cfg(any(test, fuzzing))]
pub(crate) fn promised(arguments: &[String], variables: &Environment) -> Result<Capture, String> {
    let settings = Settings::new(command_line::read(arguments)?, variables);
    refuse_unknown(&settings)?;
    refusal::check(&settings, variables)?;
    app(&settings)?;
    mode(&settings)?;
    intent::intent(&settings, variables).map(|intent| intent.capture)
}

fn lossy(text: &std::ffi::OsStr) -> String {
    text.to_string_lossy().into_owned()
}

/// With `--strict-flags` an unknown flag is what it is to Istio.
fn refuse_unknown(settings: &Settings) -> Result<(), String> {
    match settings.unknown().first() {
        Some(first) if settings.yes(&flags::STRICT) => Err(first.clone()),
        _ => Ok(()),
    }
}

/// Cobra's line on stderr, Istio's on stdout.
fn bad_command_line(problem: &str) -> ExitCode {
    outlet::STDERR.tell(format!("Error: {problem}\n").as_bytes());
    Log::default().error(problem);
    ExitCode::from(EXIT_COMMAND_LINE)
}

fn validate(settings: &Settings, variables: &Environment, log: &Log) -> u8 {
    for unknown in settings.unknown() {
        log.warn(&format!("{unknown} (ignored; --strict-flags makes it an error)"));
    }
    for ignored in &settings.ignored {
        log.debug(&format!("ignored {ignored}"));
    }
    let message = Message {
        path: Path::new(settings.text(&flags::MESSAGE)),
        fixed: settings.text(&flags::MESSAGE_TEXT),
    };
    let meant = refusal::check(settings, variables)
        .and_then(|()| Ok((intent::intent(settings, variables)?, app(settings)?, mode(settings)?)));
    match meant {
        Ok((_, _, Mode::Off)) => {
            log.warn("mode off: nothing was looked at");
            0
        }
        Ok((intent, app, mode)) => {
            for (level, note) in &intent.notes {
                log.write(*level, note);
            }
            look(plan(settings, intent, app, mode, log), log, &message)
        }
        Err(problem) => {
            log.error(&problem);
            if let Err(problem) = message.write(&format!("istio-iptables: {problem}\n")) {
                log.warn(&problem);
            }
            EXIT_OTHER
        }
    }
}

/// The application's identity, for a podprobe that may switch.
fn app(settings: &Settings) -> Result<Option<(u32, u32)>, String> {
    let id = |flag: &flags::Flag| match settings.text(flag) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("--{} {text:?} is no id", flag.name)),
    };
    let (uid, gid): (Option<u32>, Option<u32>) = (id(&flags::APP_UID)?, id(&flags::APP_GID)?);
    Ok(uid.or(gid).map(|either| (uid.unwrap_or(either), gid.unwrap_or(either))))
}

fn mode(settings: &Settings) -> Result<Mode, String> {
    let text = settings.text(&flags::SEVERITY);
    Mode::from_str(text, true).map_err(|_| format!("--mode {text:?}: enforce, warn or off"))
}

fn plan(
    settings: &Settings,
    mut intent: Intent,
    app: Option<(u32, u32)>,
    mode: Mode,
    log: &Log,
) -> Plan {
    let pod = pod::snapshot(&[]);
    if settings.text(&flags::PROXY_GID).is_empty() {
        adopt_gid(&mut intent.capture, &pod.identity);
    }
    if let Some(warning) = mistaken_identity(&intent.capture, &pod.identity) {
        log.warn(&warning);
    }
    let mut plan = Plan::new("istio-iptables", intent.mesh, intent.capture);
    plan.families = family::families(settings.yes(&flags::DUAL_STACK), &pod);
    plan.waits = true;
    let timeout = settings.probe_timeout().as_millis();
    plan.deadline_ms = u64::try_from(timeout).unwrap_or(u64::MAX);
    plan.redirect_exit_code = EXIT_REPAIRABLE;
    (plan.app, plan.mode) = (app, mode);
    plan
}

/// Istio passes no `-g`: the CNI plugin takes the gid from the proxy's container, and the injector
/// gives the same one to this container, on `OpenShift` from another range than the uid.
fn adopt_gid(capture: &mut Capture, own: &Identity) {
    let Exempt::Owner { uids, gids } = &mut capture.exempt else { return };
    if uids.contains(&own.uid) && !gids.contains(&own.gid) {
        gids.push(own.gid);
        capture.proxy.1 = own.gid;
    }
}

/// Rules for other ids than the container's own look like no rules: said before they are looked at,
/// and no more, for another identity proves what the proxy's cannot.
fn mistaken_identity(capture: &Capture, own: &Identity) -> Option<String> {
    let Exempt::Owner { uids, .. } = &capture.exempt else { return None };
    let (uid, gid) = capture.proxy;
    let is_proxy = (uids.contains(&own.uid) || own.uid == uid) && own.gid == gid;
    let other = uids.first().copied().unwrap_or(uid);
    (!is_proxy && !own.can_switch()).then(|| {
        format!(
            "running as {}:{}, the rules are for {other}:{gid} (-u, -g): only what this identity shows is proved; \
             in istio-validation, make runAsUser and runAsGroup, -u and the proxy's own the same",
            own.uid, own.gid
        )
    })
}

fn look(plan: Plan, log: &Log, message: &Message) -> u8 {
    log.info(
        "Starting iptables validation. This check verifies that iptables rules are properly established for the network.",
    );
    let mode = plan.mode;
    let beside_proxy = running_proxy(&plan, &pod::snapshot(&plan.watched_ports())).is_some();
    let mut teller = Teller::new(log, &plan.capture, beside_proxy);
    let recording = match deliver::observe(plan, |report| teller.waiting(report)) {
        Ok(recording) => recording,
        Err(problem) => {
            log.error(&problem);
            return EXIT_OTHER;
        }
    };
    let mut report = judge::judge(&recording);
    told::in_words(&mut report, WORDS);
    report.exit_code = ending::exit_code(&report, mode);
    // First what the kubelet reads: stdout may be a pipe that nobody empties.
    let left = message.leave(&report);
    teller.end(&report, mode);
    if let Err(problem) = left {
        log.warn(&problem);
    }
    report.exit_code
}
