//! Telling the flags that a command line knows from those of a version that is newer than it.

use clap::{Arg, Command};

/// Arguments, told apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sifted {
    /// For the parser; a flag and its value in one argument.
    pub(super) known: Vec<String>,
    /// Flags that the parser would refuse, as typed, with the word that seems to be their value.
    pub(super) unknown: Vec<String>,
}

/// Tells the arguments apart. A word behind an unknown flag is taken for its value.
pub(super) fn sift(command: &Command, arguments: &[String]) -> Sifted {
    let mut sifted = Sifted::default();
    let mut rest = arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            sifted.known.push(argument.clone());
            sifted.known.extend(rest.by_ref().cloned());
        } else if !argument.starts_with('-') || argument == "-" {
            sifted.known.push(argument.clone());
        } else if let Some(flag) = find(command, argument) {
            let value = waits_for_value(flag, argument).then(|| rest.next()).flatten();
            sifted.known.push(joined(argument, value, "="));
        } else {
            let is_value = |next: &&String| !argument.contains('=') && !next.starts_with('-');
            let value = rest.next_if(is_value);
            sifted.unknown.push(joined(argument, value, " "));
        }
    }
    sifted
}

/// The flag that the argument names: `--name`, `--name=value`, `-n`, `-nvalue`.
fn find<'c>(command: &'c Command, argument: &str) -> Option<&'c Arg> {
    let mut flags = command.get_arguments();
    if let Some(long) = argument.strip_prefix("--") {
        let name = long.split('=').next();
        let is_it = |flag: &&Arg| {
            let aliases = flag.get_all_aliases().unwrap_or_default();
            flag.get_long().into_iter().chain(aliases).any(|long| Some(long) == name)
        };
        return flags.find(is_it);
    }
    let name = argument.chars().nth(1);
    flags.find(|flag| flag.get_short().is_some() && flag.get_short() == name)
}

/// Whether the flag's value is the next argument.
fn waits_for_value(flag: &Arg, argument: &str) -> bool {
    let has_value = match argument.strip_prefix("--") {
        Some(long) => long.contains('='),
        None => argument.chars().count() > 2,
    };
    flag.get_action().takes_values() && !flag.is_require_equals_set() && !has_value
}

fn joined(argument: &str, value: Option<&String>, between: &str) -> String {
    match value {
        Some(value) => format!("{argument}{between}{value}"),
        None => argument.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    fn command() -> Command {
        let switch = Arg::new("switch").long("switch").num_args(0..=1).require_equals(true);
        Command::new("x")
            .disable_help_flag(true)
            .arg(Arg::new("value").long("value").visible_alias("worth").short('v'))
            .arg(switch)
            .arg(Arg::new("help").long("help").short('h').action(ArgAction::Help))
    }

    fn sifted(line: &str) -> Sifted {
        sift(&command(), &line.split(' ').map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn values_stay_with_their_flags_whatever_they_look_like() {
        let known =
            sifted("--value -1 --worth 2 --value=x -v y -vz --switch word --switch=true -h").known;
        let wanted = [
            "--value=-1",
            "--worth=2",
            "--value=x",
            "-v=y",
            "-vz",
            "--switch",
            "word",
            "--switch=true",
            "-h",
        ];
        assert_eq!(known, wanted);
    }

    #[test]
    fn an_unknown_flag_takes_one_word_with_it() {
        let Sifted { known, unknown } = sifted("--new 10s word --newer=1 word -z --val x");
        assert_eq!(known, ["word", "word"]);
        assert_eq!(unknown, ["--new 10s", "--newer=1", "-z", "--val x"]);
    }

    #[test]
    fn what_follows_two_dashes_is_no_flag() {
        assert_eq!(sifted("-- --new x").known, ["--", "--new", "x"]);
    }
}
