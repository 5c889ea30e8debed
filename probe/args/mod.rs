//! What was typed: commands, flags and their environment names, and the help text.

mod diff;
mod dns;
mod file;
mod lazy;
mod mtu;
mod node;
mod promise;
mod reach;
mod rule_values;
mod rules;
mod schema;
mod service;
mod show_rules;
mod values;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use lazy::Lazy;
pub use promise::PromiseArgs;
pub use values::duration;

use crate::{
    capture::Capture,
    deliver, dropin,
    finding::{Code, Layer, explain_all, explain_one},
    plan::{Mode, Plan},
    profile,
};

/// Says whether this pod's network is what it was promised to be.
#[derive(Debug, Parser)]
#[command(name = "podprobe", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 everything asked for holds; 1 internal error; 2 bad command line or file; 5 a
required proof could not be made; 10 link or address; 20 route; 30 redirect; 40 dns; 50 service;
60 reach: a target does not answer; 61 reach: one answers that must not; 70 mtu; 80 node; 90 held,
then broke within --stable-for; 143/130 ended by SIGTERM/SIGINT.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Block the start of the pod until its network is as promised, or say why it is not.
    ///
    /// For init containers. Passes as soon as everything holds, keeps trying until --deadline.
    Gate(LookArgs),
    /// Look once, and report everything.
    Check(CheckArgs),
    /// Tell what a finding code means, what causes it and what to do; without one, list them all.
    Explain {
        /// The code, as in a report.
        code: Option<Code>,
    },
    /// Print the netfilter rules that the pod's traffic meets, and which flows meet each.
    ///
    /// Needs the capability `NET_ADMIN`, and uid 0 where the kernel has iptables-legacy. Changes
    /// nothing.
    Rules(Lazy<show_rules::RulesArgs>),
    /// List the built-in meshes and their promises.
    Profiles,
    /// Tell what differs between a good pod's report and this pod, or another one's report.
    ///
    /// On the good pod: podprobe check --output json > good.json. Exit code 0 when nothing differs.
    Diff(Lazy<diff::DiffArgs>),
    /// Print the JSON Schema of the report or of the configuration file.
    Schema {
        /// Of what.
        #[arg(default_value = "report")]
        of: schema::Subject,
    },
    /// Print a completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
    /// Print the version.
    Version,
    /// Drop-in for Istio's istio-validation init container, with its arguments.
    #[command(name = "istio-iptables")]
    Istio(Foreign),
    /// Drop-in for linkerd2-network-validator, with its arguments; also when called by that name.
    #[command(name = "linkerd-network-validator")]
    Linkerd(Foreign),
    /// Drop-in for Kuma's `kumactl install transparent-proxy-validator`, with its arguments.
    #[command(name = "install")]
    Kuma(Foreign),
}

/// Another validator's arguments: [`dropin`] has read them before this command line is parsed.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
struct Foreign {
    /// As the mesh passes them.
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Flags of `gate` and `check`.
#[derive(Debug, Args)]
pub struct LookArgs {
    #[command(flatten)]
    promise: PromiseArgs,

    #[command(flatten)]
    dns: dns::DnsArgs,

    #[command(flatten)]
    service: service::ServiceArgs,

    #[command(flatten)]
    reach: reach::ReachArgs,

    #[command(flatten)]
    mtu: mtu::MtuArgs,

    #[command(flatten)]
    node: node::NodeArgs,

    /// A YAML file with flags by their long names; flags and environment go before it.
    #[arg(long, env = "PODPROBE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Look only at these layers: link, route, redirect, dns, service, reach, mtu, node, or all;
    /// without it, at link, route and redirect.
    #[arg(
        long,
        env = "PODPROBE_ONLY",
        value_name = "LAYER,…",
        default_value = "",
        hide_default_value = true
    )]
    only: values::Layers,

    /// Look at these layers besides the usual ones, whose packets end at the first hop; or at all.
    #[arg(
        long,
        env = "PODPROBE_ALSO",
        value_name = "LAYER,…",
        default_value = "",
        hide_default_value = true
    )]
    also: values::Layers,

    /// Leave these layers out.
    #[arg(
        long,
        env = "PODPROBE_SKIP",
        value_name = "LAYER,…",
        default_value = "",
        hide_default_value = true
    )]
    skip: values::Layers,

    /// Proofs without which the run fails with exit code 5: outbound, service, inbound,
    /// arriving, arriving-exclusion, loop, return, passthrough, loopback, exclusion, tunnel, dns.
    #[arg(
        long,
        env = "PODPROBE_REQUIRE",
        value_name = "PROOF,…",
        default_value = "",
        hide_default_value = true
    )]
    require: values::Proofs,

    /// What a finding means here, instead of what it usually means: `dns-tcp-blocked=fail` makes a
    /// warning block, `route-blackhole=warn` lets a failure only warn, `ok` passes over it.
    #[arg(
        long,
        env = "PODPROBE_SEVERITY",
        value_name = "CODE=SEVERITY,…",
        default_value = "",
        hide_default_value = true
    )]
    severity: values::Severities,

    /// Wait for a connection from outside to this port, otherwise unused: the kubelet's startupProbe of a
    /// native sidecar. It must arrive where the mesh captures what is inbound; then it is answered, and
    /// gate stays until it is told to end.
    #[arg(long, env = "PODPROBE_AWAIT_INBOUND", value_name = "PORT", value_parser = values::one_port)]
    await_inbound: Option<u16>,

    /// How long gate keeps trying.
    #[arg(long, env = "PODPROBE_DEADLINE", value_name = "DURATION", default_value = "30s", value_parser = values::duration)]
    deadline: Duration,

    /// How long a packet may stay unanswered before it counts as not captured.
    #[arg(long, env = "PODPROBE_TIMEOUT", value_name = "DURATION", default_value = "25ms", value_parser = values::duration)]
    timeout: Duration,

    /// Everything must hold this long; exit code 90 if it breaks meanwhile.
    #[arg(long, env = "PODPROBE_STABLE_FOR", value_name = "DURATION", default_value = "0s", value_parser = values::duration)]
    stable_for: Duration,

    /// What a broken promise does: enforce exits with its code, warn exits 0, off does not look.
    #[arg(long, env = "PODPROBE_MODE", default_value = "enforce")]
    mode: Mode,

    /// The exit code for a redirect failure.
    #[arg(long, env = "PODPROBE_REDIRECT_EXIT_CODE", value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..))]
    redirect_exit_code: u8,

    #[command(flatten)]
    output: deliver::OutputArgs,

    /// Print every destination that would be probed, and send nothing. Probe ports and the host
    /// numbers of documentation addresses vary from look to look.
    #[arg(long, env = "PODPROBE_PLAN")]
    plan: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The layers to look at: link, route, redirect, dns, service, reach, mtu, node, or all; link,
    /// route and redirect if none is named.
    #[arg(value_name = "LAYER")]
    layers: Vec<values::Layers>,

    #[command(flatten)]
    look: LookArgs,

    /// Print what the kernel says about the pod, and judge nothing.
    #[arg(long, env = "PODPROBE_SHOW_POD", conflicts_with = "replay")]
    show_pod: bool,

    /// Judge a recording of --record instead of this pod; its plan counts, not these flags.
    #[arg(long, env = "PODPROBE_REPLAY", value_name = "FILE")]
    replay: Option<PathBuf>,
}

/// Parses the command line, does what it says, and returns the exit code.
#[must_use]
pub fn dispatch() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(exit_code) = dropin::called(&words) {
        return exit_code;
    }
    let command = match parse(&words) {
        Ok(command) => command,
        Err(exit_code) => return exit_code,
    };
    let text = match command {
        Command::Gate(args) => return look("gate", &[], args),
        Command::Check(args) => return check(args),
        Command::Diff(Lazy(args)) => return diff::run(args),
        Command::Schema { of } => schema_of(of),
        Command::Rules(Lazy(args)) => return args.run(),
        Command::Explain { code } => code.map_or_else(explain_all, explain_one),
        Command::Profiles => profile::list(),
        Command::Completions { shell } => completions(shell),
        Command::Man => man(),
        Command::Version => format!("podprobe {}\n", env!("CARGO_PKG_VERSION")),
        // Only `install` without the validator's name comes here.
        Command::Istio(args) | Command::Linkerd(args) | Command::Kuma(args) => {
            let problem = format!("no such validator: install {}", args.arguments.join(" "));
            return deliver::bad_usage(&problem);
        }
    };
    deliver::print(&text);
    ExitCode::SUCCESS
}

/// The command with its flags, from everywhere that they may come from; else the problem is told.
fn parse(words: &[OsString]) -> Result<Command, ExitCode> {
    let told = |error: clap::Error| {
        // A closed stream is no reason for another exit code.
        let _ = error.print();
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    };
    let command = Cli::try_parse_from(words).map_err(told)?.command;
    let Some(file) = command.config() else { return Ok(command) };
    let matches = file::parse_with(Cli::command(), file, words)
        .map_err(|problem| deliver::bad_usage(&problem))?
        .map_err(told)?;
    Ok(Cli::from_arg_matches(&matches).map_err(told)?.command)
}

impl Command {
    /// The configuration file, where one was named.
    fn config(&self) -> Option<&Path> {
        match self {
            Command::Gate(look)
            | Command::Check(CheckArgs { look, .. })
            | Command::Diff(Lazy(diff::DiffArgs { look, .. })) => look.config.as_deref(),
            _ => None,
        }
    }
}

fn look(command: &str, layers: &[Layer], args: LookArgs) -> ExitCode {
    deliver::start_logging(&args.output);
    let (output, print_plan) = (args.output.clone(), args.plan);
    match args.into_plan(command, layers) {
        Ok(plan) if print_plan => deliver::print_plan(&plan),
        Ok(plan) => deliver::run(plan, &output),
        Err(problem) => deliver::bad_usage(&problem),
    }
}

fn check(args: CheckArgs) -> ExitCode {
    let layers: Vec<Layer> = args.layers.iter().flat_map(|layers| layers.0.clone()).collect();
    if let Some(file) = &args.replay {
        return deliver::replay(file, &args.look.output);
    }
    if args.show_pod {
        return match args.look.into_plan("check", &layers) {
            Ok(plan) => deliver::show_pod(&plan),
            Err(problem) => deliver::bad_usage(&problem),
        };
    }
    look("check", &layers, args.look)
}

impl LookArgs {
    /// Whether layers are named, or left out.
    fn names_layers(&self) -> bool {
        [&self.only, &self.also, &self.skip].into_iter().any(|layers| !layers.0.is_empty())
    }

    /// Resolves what was typed; one sentence where the parts contradict each other.
    fn into_plan(self, command: &str, layers: &[Layer]) -> Result<Plan, String> {
        let capture = self.promise.capture()?;
        let reach = self.reach.into_plan(command)?;
        let named = |list: &[Layer], layer: &Layer| match list {
            [] => true,
            list => list.contains(layer),
        };
        let named_some = !layers.is_empty() || !self.only.0.is_empty();
        let asked = |layer: &Layer| {
            let wanted = named(layers, layer)
                && named(&self.only.0, layer)
                && (named_some || Layer::BY_DEFAULT.contains(layer));
            // To name a target is to ask for it; without one, there is nothing to ask.
            let wanted = match layer {
                Layer::Reach => !reach.targets.is_empty(),
                _ => wanted || self.also.0.contains(layer) || self.node.implied(*layer),
            };
            wanted && !self.skip.0.contains(layer)
        };
        let asked_for: Vec<Layer> = Layer::ALL.into_iter().filter(asked).collect();
        if asked_for.is_empty() {
            let reach = |list: &[Layer]| named(list, &Layer::Reach);
            let told = if named_some && reach(layers) && reach(&self.only.0) {
                "reach has nothing to look at: name a target by --target"
            } else {
                "--only and --skip leave no layer to look at"
            };
            return Err(told.to_owned());
        }
        if !self.require.0.is_empty() && !asked_for.contains(&Layer::Redirect) {
            return Err(
                "--require names proofs of the redirect layer, which is left out".to_owned()
            );
        }
        if let Some(port) = self.await_inbound {
            awaitable(command, port, &capture, &asked_for)?;
        }
        let mesh = self.promise.mesh_name();
        Ok(Plan {
            await_inbound: self.await_inbound,
            waits: command == "gate",
            candidates: self.promise.candidates(),
            listeners: self.promise.listeners,
            inject: self.promise.inject,
            app: self.promise.app(),
            annotations: self.promise.annotations,
            service_cidrs: self.promise.service_cidrs.0,
            families: self.promise.families.map(|families| families.0),
            layers: asked_for,
            dns: self.dns.into_plan(),
            api: self.service.into_plan(),
            mtu: self.mtu.into_plan(),
            reach,
            node: self.node.into_plan(),
            require: self.require.0,
            severity: self.severity.0,
            mode: self.mode,
            redirect_exit_code: self.redirect_exit_code,
            deadline_ms: values::millis(self.deadline),
            timeout_ms: values::millis(self.timeout),
            stable_for_ms: values::millis(self.stable_for),
            ..Plan::new(command, &mesh, capture)
        })
    }
}

/// Whether a connection to this port could prove anything; one sentence if not.
fn awaitable(command: &str, port: u16, capture: &Capture, layers: &[Layer]) -> Result<(), String> {
    let why = if command != "gate" {
        "is for gate, which waits"
    } else if !layers.contains(&Layer::Redirect) {
        "is a proof of the redirect layer, which is left out"
    } else if capture.promises_nothing() {
        "needs a mesh that captures"
    } else if capture.listen_ports().contains(&port)
        || capture.tunnel_port == Some(port)
        || !capture.includes_inbound(port)
    {
        "must be a port that is captured and otherwise unused"
    } else {
        return Ok(());
    };
    Err(format!("--await-inbound {port} {why}"))
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn schema_of(subject: schema::Subject) -> String {
    let schema = match subject {
        schema::Subject::Report => crate::schema::report(),
        schema::Subject::Config => schema::config(&Cli::command()),
    };
    format!("{schema:#}\n")
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "podprobe", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn man() -> String {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(command.clone()).render(&mut page);
    for sub in command.get_subcommands().filter(|sub| ["gate", "check"].contains(&sub.get_name())) {
        let man = clap_mangen::Man::new(sub.clone());
        let _ = man.render_description_section(&mut page);
        let _ = man.render_options_section(&mut page);
    }
    String::from_utf8_lossy(&page).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_name_made_from_its_own() {
        for sub in Cli::command().get_subcommands() {
            for arg in sub.get_arguments().filter(|arg| !arg.is_positional()) {
                let Some(long) = arg.get_long().filter(|long| *long != "help") else { continue };
                let name = format!("PODPROBE_{}", long.to_uppercase().replace('-', "_"));
                let env = arg.get_env().and_then(std::ffi::OsStr::to_str);
                assert_eq!(env, Some(name.as_str()), "--{long}");
            }
        }
    }
}
