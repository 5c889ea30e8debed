//! What was typed: commands, flags and their environment names, and the help text.

mod diff;
mod dns;
#[cfg(any(test, fuzzing))]
pub(crate) mod door;
mod file;
mod lazy;
mod listen;
mod look;
mod mtu;
mod node;
mod peer;
mod print;
mod promise;
mod reach;
mod rule_values;
mod rules;
mod schema;
mod service;
mod show_rules;
mod values;
mod watch;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};

use lazy::Lazy;
pub use look::LookArgs;
pub use promise::PromiseArgs;
pub use values::duration;

use crate::{
    deliver, dropin,
    finding::{Code, explain_all, explain_one},
    logging, profile, secret,
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
    /// Look again and again beside a running pod, and tell it over HTTP: to the kubelet (/startupz,
    /// /livez, /readyz), to Prometheus (/metrics), to people (/, /report.json).
    ///
    /// For native sidecars and `DaemonSet`s. Ends with SIGTERM, unready first.
    Watch(Lazy<watch::WatchArgs>),
    /// Ask the watch of this pod whether it is ready: the exec probe where there is no shell.
    ///
    /// Exit code 0 if so, else 1.
    Ready(Lazy<watch::ReadyArgs>),
    /// Be the far side: dial back to pods that ask, to show them how they look from outside.
    ///
    /// For a Deployment or `DaemonSet`. Only ever talks to the address that asked.
    Peer(Lazy<peer::PeerArgs>),
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

#[derive(Debug, Args)]
struct CheckArgs {
    /// The layers to look at: link, route, redirect, dns, service, reach, mtu, node, or all; link,
    /// route and redirect if none is named. inbound is redirect with --require arriving.
    #[arg(value_name = "LAYER")]
    layers: Vec<values::Subject>,

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
        Command::Gate(args) => return look("gate", &values::Layers::default(), args),
        Command::Check(args) => return check(args),
        Command::Diff(Lazy(args)) => return diff::run(args),
        Command::Schema { of } => print::schema_of(of),
        Command::Rules(Lazy(args)) => return args.run(),
        Command::Peer(Lazy(args)) => return args.run(),
        Command::Watch(Lazy(args)) => return args.run(),
        Command::Ready(Lazy(args)) => return args.run(),
        Command::Explain { code } => code.map_or_else(explain_all, explain_one),
        Command::Profiles => profile::list(),
        Command::Completions { shell } => print::completions(shell),
        Command::Man => print::man(),
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
    let told = |mut error: clap::Error| {
        if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) {
            let value = secret::target(value);
            error.insert(ContextKind::InvalidValue, ContextValue::String(value));
        }
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
            | Command::Diff(Lazy(diff::DiffArgs { look, .. }))
            | Command::Watch(Lazy(watch::WatchArgs { look, .. })) => look.config.as_deref(),
            _ => None,
        }
    }
}

fn look(command: &str, layers: &values::Layers, args: LookArgs) -> ExitCode {
    logging::start(&args.output.log);
    let (output, print_plan) = (args.output.clone(), args.plan);
    match args.into_plan(command, layers) {
        Ok(plan) if print_plan => deliver::print_plan(&plan),
        Ok(plan) => deliver::run(plan, &output),
        Err(problem) => deliver::bad_usage(&problem),
    }
}

fn check(mut args: CheckArgs) -> ExitCode {
    let layers = values::Layers::joined(args.layers.iter().map(|named| &named.layers));
    args.look.demand(args.layers.iter().flat_map(|named| named.require.clone()));
    if let Some(file) = &args.replay {
        return deliver::replay(file, &args.look.output);
    }
    if args.show_pod && args.look.output.redact {
        return deliver::bad_usage("--redact is for reports and recordings, not for --show-pod");
    }
    if args.show_pod {
        return match args.look.into_plan("check", &layers) {
            Ok(plan) => deliver::show_pod(&plan),
            Err(problem) => deliver::bad_usage(&problem),
        };
    }
    look("check", &layers, args.look)
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
    fn a_commands_help_says_what_it_does() {
        let mut cli = Cli::command();
        cli.build();
        let listed = Cli::command();
        for sub in cli.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let own = listed.find_subcommand(sub.get_name()).and_then(clap::Command::get_about);
            assert_eq!(sub.get_about(), own, "{}", sub.get_name());
            assert!(own.is_some(), "{}", sub.get_name());
        }
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
