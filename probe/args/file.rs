//! The configuration file as defaults of the command line: flag, then environment, then file, then
//! profile is the order in which clap looks anyway.

use std::{error::Error, ffi::OsString, path::Path};

use clap::{
    Arg, ArgMatches, Command,
    error::{ContextKind, ContextValue},
};

use super::{diff::DiffArgs, lazy::Lazy};
use crate::{
    config::{self, Key, Takes},
    layer::reach::Target,
};

/// The commands that take a file; the first has every flag that may be in it.
pub(super) const COMMANDS: [&str; 2] = ["gate", "check"];
/// One more command that takes it, with the flags of the others.
const DIFF: &str = "diff";
/// The flag that may be given more than once, and the key that has all of it in a list.
const TARGETS: (&str, &str) = ("target", "targets");
/// Flags that ask for something else than a look at this pod.
const NOT_IN_A_FILE: [&str; 5] = ["config", "plan", "show-pod", "replay", "help"];

/// Parses the command line again, with the file's values as defaults.
///
/// # Errors
/// One sentence when the file cannot be read or understood.
pub fn parse_with(
    command: Command,
    file: &Path,
    argv: &[OsString],
) -> Result<Result<ArgMatches, clap::Error>, String> {
    let settings = config::read(file, &keys(&command), &|key, value| check(&command, key, value))?;
    let value_of = |arg: &Arg| {
        let found = settings.iter().find(|setting| Some(setting.key.as_str()) == key_of(arg));
        // An empty list of whole values is what such a flag has anyway.
        found.filter(|found| !found.value.is_empty() || arg.get_value_delimiter().is_none())
    };
    let with_default = |arg: Arg| match value_of(&arg) {
        Some(setting) => arg.default_value(setting.value.clone()),
        None => arg,
    };
    let with_defaults = |command: Command| command.mut_args(with_default);
    let command =
        COMMANDS.iter().fold(command, |command, name| command.mut_subcommand(name, with_defaults));
    let command =
        command.mut_subcommand(DIFF, |command| with_defaults(Lazy::<DiffArgs>::made(command)));
    Ok(command.try_get_matches_from(argv))
}

/// The long flags of the commands that take a file.
pub(super) fn keys(command: &Command) -> Vec<Key> {
    let flags = COMMANDS.iter().filter_map(|name| command.find_subcommand(name));
    let mut keys: Vec<Key> = flags
        .flat_map(Command::get_arguments)
        .filter_map(|arg| Some(Key { name: key_of(arg)?.to_owned(), takes: takes(arg) }))
        .collect();
    keys.sort_by(|one, other| one.name.cmp(&other.name));
    keys.dedup();
    keys
}

/// The key that stands for a flag: mostly, its own long name.
fn key_of(arg: &Arg) -> Option<&str> {
    arg.get_long().map(|long| if long == TARGETS.0 { TARGETS.1 } else { long })
}

fn takes(arg: &Arg) -> Takes {
    let names = arg.get_value_names().unwrap_or_default();
    if arg.get_long().is_some_and(|long| NOT_IN_A_FILE.contains(&long)) {
        Takes::Nothing
    } else if arg.get_long() == Some(TARGETS.0) {
        Takes::Targets
    } else if names.iter().any(|name| name.contains('=') && name.ends_with(",…")) {
        Takes::Pairs
    } else if arg.get_value_delimiter().is_some() || names.iter().any(|name| name.ends_with(",…"))
    {
        Takes::Many
    } else {
        Takes::One
    }
}

/// Whether the flag would take the value, on a command line that has nothing else.
pub(super) fn check(command: &Command, key: &Key, value: &str) -> Result<(), String> {
    if key.takes == Takes::Targets {
        return value.parse::<Target>().map(|_| ());
    }
    let Some(gate) = command.find_subcommand(COMMANDS[0]) else { return Ok(()) };
    let delimited = gate
        .get_arguments()
        .any(|arg| arg.get_long() == Some(&key.name) && arg.get_value_delimiter().is_some());
    if delimited && value.is_empty() && key.takes == Takes::Many {
        return Ok(());
    }
    let alone = gate.clone().mut_args(|arg| arg.env(None::<&'static str>));
    match alone.try_get_matches_from(["gate", &format!("--{}={value}", key.name)]) {
        Ok(_) => Ok(()),
        Err(error) => Err(problem(&error, value)),
    }
}

/// What clap has against a value, without its words about flags and usage.
fn problem(error: &clap::Error, value: &str) -> String {
    if let Some(source) = error.source() {
        let (text, quoted) = (source.to_string(), format!("{value:?}"));
        return if text.contains(&quoted) { text } else { format!("{quoted}: {text}") };
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => {
            format!("{value:?} is none of {}", values.join(", "))
        }
        _ => format!("{value:?} is no value for it"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn lists_are_known_by_how_the_flag_is_written() {
        let many: Vec<String> = keys(&Cli::command())
            .into_iter()
            .filter(|key| key.takes == Takes::Many)
            .map(|key| key.name)
            .collect();
        let pairs = keys(&Cli::command()).into_iter().find(|key| key.takes == Takes::Pairs);
        assert_eq!(pairs.map(|key| key.name).as_deref(), Some("severity"));
        for list in ["families", "only", "require", "proxy-uid", "only-groups", "output-file"] {
            assert!(many.iter().any(|name| name == list), "{list} is no list in {many:?}");
        }
        let plural = |name: &&String| name.ends_with("-ports") || name.ends_with("-cidrs");
        assert_eq!(many.iter().filter(plural).count(), 9, "{many:?}");
        assert!(!many.iter().any(|name| name == "outbound-port"), "{many:?}");
    }

    #[test]
    fn a_value_that_the_flag_would_refuse_is_refused_in_one_line() {
        let command = Cli::command();
        let known = keys(&command);
        for (name, bad) in [
            ("outbound-port", "70000"),
            ("mesh", "isto"),
            ("deadline", "30"),
            ("redirect-exit-code", "0"),
            ("passthrough", "yes"),
            ("proxy-uid", "-1"),
            ("proxy-mark", "0x1000/0xfff"),
            ("output-file", "json"),
            ("interception", "both"),
            ("log-level", "loud"),
            ("severity", "dns-silent=no"),
        ] {
            let key = known.iter().find(|key| key.name == name).expect(name);
            let problem = check(&command, key, bad).expect_err(name);
            assert!(problem.contains(&format!("{bad:?}")), "{name}: {problem}");
            assert!(!problem.contains('\n') && !problem.contains("--"), "{name}: {problem}");
        }
    }
}
