//! Delivering: run, print, write files and the termination message, return the exit code.

use std::{
    io::{ErrorKind, IsTerminal, stdout},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::mpsc::Sender,
};

use clap::Args;

use crate::{
    diff,
    finding::{Code, Layer},
    judge,
    layer::{
        dns, link, mtu, reach,
        redirect::{self, Flow, flows},
        route, service,
    },
    logging::LogArgs,
    net::{outlet, signal},
    peer::{self, PeerPlan},
    plan::{Extra, Mode, Plan},
    pod,
    record::Recording,
    redact,
    report::{
        self, Report, Verdict,
        format::{Format, OutputFile, rendered},
        live::{self, Style},
        progress, termination, text,
    },
    run::{self, Step},
    secret::masked,
    watch::{self, Question, WatchPlan},
};

/// Flags about where the report goes and in which form.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// The form of the report on stdout.
    #[arg(long, env = "PODPROBE_OUTPUT", value_name = "FORMAT", default_value = "text")]
    output: Format,

    /// A further report, as FORMAT=PATH; may be given more than once.
    #[arg(long, env = "PODPROBE_OUTPUT_FILE", value_name = "FORMAT=PATH", value_delimiter = ',')]
    output_file: Vec<OutputFile>,

    /// Write everything that was seen to a file, for `check --replay`.
    #[arg(long, env = "PODPROBE_RECORD", value_name = "FILE")]
    record: Option<PathBuf>,

    /// Where the reason of a failure goes, if the file exists; or none.
    #[arg(
        long,
        env = "PODPROBE_TERMINATION_MESSAGE",
        value_name = "PATH",
        default_value = "/dev/termination-log"
    )]
    termination_message: PathBuf,

    /// Put other names and addresses in the place of all, the same for the same, so that report and
    /// recording may be shown to strangers.
    #[arg(long, env = "PODPROBE_REDACT")]
    pub redact: bool,

    /// The logs.
    #[command(flatten)]
    pub log: LogArgs,
}

impl OutputArgs {
    /// The form of what goes to stdout.
    #[must_use]
    pub fn format(&self) -> Format {
        self.output
    }
}

/// Nothing could be looked at, such as for want of descriptors: no proof was made.
const EXIT_PROOF: u8 = 5;

/// Runs a plan and delivers its report.
#[must_use]
pub fn run(plan: Plan, output: &OutputArgs) -> ExitCode {
    if plan.mode == Mode::Off {
        return off();
    }
    let awaits = plan.await_inbound.is_some();
    if on_terminal(&plan, output) {
        return run_live(plan, output);
    }
    match look(plan, output) {
        Ok(report) => {
            let exit_code = deliver(&report, output);
            let stays = awaits && report.exit_code == 0 && report.signal.is_none();
            if stays { stay() } else { exit_code }
        }
        Err(exit_code) => exit_code,
    }
}

/// Whether a person watches: one look, told in words on a terminal.
fn on_terminal(plan: &Plan, output: &OutputArgs) -> bool {
    !plan.waits && !output.redact && output.output == Format::Text && stdout().is_terminal()
}

/// Runs a plan that looks once, each layer told as soon as it was looked at.
fn run_live(plan: Plan, output: &OutputArgs) -> ExitCode {
    let style = Style::of_terminal();
    let (steps, live) = live::start(style);
    let ended = observe_telling(plan, Some(steps), |_| ());
    let told = live.told();
    let report = match kept(ended, output) {
        Ok(report) => report,
        Err(exit_code) => return exit_code,
    };
    print(&style.fit(&text::rest(&report, &told, style.colour)));
    ExitCode::from(report.exit_code)
}

/// A native sidecar whose work is done stays until it is told to end.
fn stay() -> ExitCode {
    match signal::runtime().and_then(|runtime| runtime.block_on(redirect::leave_alone())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            complain(&problem);
            ExitCode::FAILURE
        }
    }
}

/// Looks at nothing, and says so.
#[must_use]
pub fn off() -> ExitCode {
    print("off: nothing was looked at\n");
    ExitCode::SUCCESS
}

/// Runs a plan, and leaves what goes to files: termination message, recording, reports.
///
/// # Errors
/// The exit code where the runtime could not be started; that is told.
pub fn look(plan: Plan, output: &OutputArgs) -> Result<Report, ExitCode> {
    let ended = observe(plan, say(output.redact));
    progress::clear();
    kept(ended, output)
}

/// The report of what was seen, and all that goes to files.
fn kept(ended: Result<Recording, String>, output: &OutputArgs) -> Result<Report, ExitCode> {
    let told = ended.and_then(|recording| tellable(recording, output));
    let recording = told.map_err(|problem| {
        complain(&problem);
        ExitCode::from(EXIT_PROOF)
    })?;
    let report = judge::judge(&recording);
    // First what the kubelet reads: stdout may be a pipe that nobody empties.
    leave_message(&report, &output.termination_message);
    keep(&recording, output);
    leave_files(&report, output);
    Ok(report)
}

/// The recording as it may be told: everything else is made from it.
fn tellable(recording: Recording, output: &OutputArgs) -> Result<Recording, String> {
    if output.redact { redact::redacted(&recording) } else { Ok(recording) }
}

/// Leaves the recording in its file, if one was named.
fn keep(recording: &Recording, output: &OutputArgs) {
    if let Some(path) = &output.record {
        write(path, &serde_json::to_string_pretty(recording).unwrap_or_default());
    }
}

/// Runs a plan to its end on a runtime of its own; `waiting` is told each look after which another
/// one follows.
///
/// # Errors
/// One sentence when the runtime or its signal handlers cannot be started.
pub fn observe(plan: Plan, waiting: impl FnMut(&Report)) -> Result<Recording, String> {
    observe_telling(plan, None, waiting)
}

fn observe_telling(
    plan: Plan,
    steps: Option<Sender<Step>>,
    waiting: impl FnMut(&Report),
) -> Result<Recording, String> {
    // tokio takes a signal once: who stays afterwards heeds them by the same handler.
    let stays = plan.await_inbound.is_some();
    let ended = signal::runtime()?.block_on(run::run(plan, steps, waiting));
    if !stays {
        signal::give_back();
    }
    ended
}

/// Runs the far side until a signal ends it.
#[must_use]
pub fn run_peer(plan: PeerPlan) -> ExitCode {
    match signal::runtime().and_then(|runtime| runtime.block_on(peer::serve(plan))) {
        Ok(signal) => ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        Err(problem) => {
            complain(&problem);
            ExitCode::FAILURE
        }
    }
}

/// Watches until a signal ends it. Each report that counts goes to files, if any were named; what was
/// seen of a drift goes to the recording.
#[must_use]
pub fn watch(plan: WatchPlan, output: &OutputArgs) -> ExitCode {
    let published = |report: &Report, recording: &Recording, drifted: bool| {
        leave_files(report, output);
        if drifted {
            keep(recording, output);
        }
    };
    match signal::runtime().and_then(|runtime| runtime.block_on(watch::serve(plan, published))) {
        Ok(signal) => ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        Err(problem) => {
            complain(&problem);
            ExitCode::FAILURE
        }
    }
}

/// Asks a watch, and prints what it says: 0 for yes, 1 for no or no answer.
#[must_use]
pub fn ask_watch(at: &[SocketAddr], question: Question) -> ExitCode {
    match signal::runtime().and_then(|runtime| runtime.block_on(watch::ask(at, question))) {
        Ok((yes, words)) => {
            print(&words);
            if yes { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(problem) => {
            complain(&problem);
            ExitCode::FAILURE
        }
    }
}

/// Says on stderr what is being waited for, once for each cause; without its names and addresses where
/// those are not for everybody.
fn say(redact: bool) -> impl FnMut(&Report) {
    let mut last_said: Option<Code> = None;
    move |report| {
        let Some(cause) = &report.cause else { return };
        if redact {
            if last_said.replace(cause.code) != Some(cause.code) {
                tracing::info!("waiting: {}", cause.code);
            }
            return;
        }
        progress::show(report.elapsed_ms, cause);
        if last_said != Some(cause.code) {
            tracing::info!("waiting: {}: {}", cause.code, cause.reason);
            last_said = Some(cause.code);
        }
    }
}

fn deliver(report: &Report, output: &OutputArgs) -> ExitCode {
    hand_out(report, output);
    if let Some(cause) = &report.cause
        && report.verdict != Verdict::Ok
    {
        tracing::error!("{}: {}", cause.code, cause.reason);
    }
    ExitCode::from(report.exit_code)
}

/// Writes the termination message of a run that did not pass, if there is a file for it.
pub fn leave_message(report: &Report, path: &Path) {
    if path.as_os_str() != "none"
        && path.exists()
        && let Some(message) = termination::message(report)
        && let Err(error) = termination::write(path, &masked(&message))
    {
        complain(&format!("write the termination message to {}: {error}", path.display()));
    }
}

fn hand_out(report: &Report, output: &OutputArgs) {
    let colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // A gate ends in time; whoever asks for a look may read it page by page.
    let patience = (report.command == "gate").then_some(outlet::REPORT);
    let text = rendered(report, output.output, colour);
    if let Err(error) = outlet::write(stdout(), masked(&text).as_bytes(), patience)
        && error.kind() == ErrorKind::TimedOut
    {
        complain("write the report to stdout: nobody reads it");
    }
}

fn leave_files(report: &Report, output: &OutputArgs) {
    for file in &output.output_file {
        write(&file.path, &rendered(report, file.format, false));
    }
}

/// Judges a recording from a file.
#[must_use]
pub fn replay(file: &Path, output: &OutputArgs) -> ExitCode {
    let read = diff::read::text(file).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| Recording::parse(&text));
    match parsed.and_then(|recording| tellable(recording, output)) {
        Ok(recording) => {
            let report = judge::judge(&recording);
            keep(&recording, output);
            leave_files(&report, output);
            hand_out(&report, output);
            ExitCode::from(report.exit_code)
        }
        Err(problem) => bad_usage(&format!("read the recording {}: {problem}", file.display())),
    }
}

/// Prints the pod snapshot.
#[must_use]
pub fn show_pod(plan: &Plan) -> ExitCode {
    print(&pod::show::show(&pod::snapshot(&plan.watched_ports())));
    ExitCode::SUCCESS
}

/// Prints what would be sent.
#[must_use]
pub fn print_plan(plan: &Plan) -> ExitCode {
    let pod = pod::snapshot(&plan.watched_ports());
    let environment = pod::environment::look(&pod, &plan.dns.resolv_conf);
    let mut lines = String::new();
    if plan.extra.contains(&Extra::AddressConflict) {
        lines.push_str(&link::planned(&pod));
    }
    if plan.asks(Layer::Route) {
        lines.extend(route::packets(plan, &pod, &environment).into_iter().map(
            |(transport, to, hop, link)| {
                let to = to.to_string();
                format!("route       app   {transport} {to:<28} unless {link} knows {hop}\n")
            },
        ));
    }
    if plan.asks(Layer::Redirect) {
        lines.extend(flows(&plan.capture, &plan.addresses(&pod)).iter().map(planned));
    }
    print(&lines);
    if plan.asks(Layer::Dns) {
        print(&dns::planned(plan));
    }
    if plan.asks(Layer::Service) {
        print(&service::planned(plan, &environment));
    }
    if plan.asks(Layer::Reach) {
        print(&reach::planned(plan));
    }
    if plan.asks(Layer::Mtu) {
        print(&mtu::planned(plan, &pod));
    }
    ExitCode::SUCCESS
}

fn planned(flow: &Flow) -> String {
    let sender = format!("{:?}", flow.sender).to_lowercase();
    let promise = redirect::promised(flow.promise);
    let source = flow.source.map(|ip| format!(" from {ip}")).unwrap_or_default();
    let to = flow.destination.to_string();
    let proof = flow.proof.name();
    format!("{proof:<11} {sender:<5} {} {to:<28} {promise}{source}\n", flow.transport)
}

/// A command line that cannot be meant: exit code 2.
#[must_use]
pub fn bad_usage(problem: &str) -> ExitCode {
    complain(problem);
    ExitCode::from(2)
}

/// Prints to stdout; a reader that went away is no failure of the pod.
pub fn print(text: &str) {
    let _ = outlet::write(stdout(), masked(text).as_bytes(), None);
}

fn write(path: &Path, text: &str) {
    if let Err(error) = report::file::write(path, &masked(text)) {
        complain(&format!("write {}: {error}", path.display()));
    }
}

fn complain(problem: &str) {
    outlet::STDERR.tell(format!("podprobe: {}\n", masked(problem)).as_bytes());
}
