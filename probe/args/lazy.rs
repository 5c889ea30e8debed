//! Flags that are made only for the command that is run: to make some sixty of them takes a fifth of
//! a millisecond, and a `gate` needs its own alone.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

/// The arguments of a command that is rarely run.
#[derive(Debug)]
pub(super) struct Lazy<T>(pub(super) T);

impl<T: Args> Lazy<T> {
    /// The command with its flags, made now if they are not there yet.
    pub(super) fn made(command: Command) -> Command {
        if command.get_arguments().next().is_some() {
            return command;
        }
        // What the command does is said of it, and not of its arguments.
        let about = command.get_about().cloned().unwrap_or_default();
        let long = command.get_long_about().cloned().unwrap_or_else(|| about.clone());
        T::augment_args(command).about(about).long_about(long)
    }
}

impl<T: Args> Args for Lazy<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(Self::made)
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

impl<T: FromArgMatches> FromArgMatches for Lazy<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Lazy)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}
