//! What a command line and a configuration file come to, without a run: for the fuzzer.

use clap::{CommandFactory, Parser};

use super::{CheckArgs, Cli, Command, file, values};
use crate::{
    config::{self, Setting},
    plan::Plan,
};

thread_local! {
    /// Made once: to make some sixty flags takes longer than to parse them.
    static COMMAND: clap::Command = {
        let mut command = Cli::command();
        command.build();
        command
    };
}

/// The plan of a command that looks at the pod; none for other commands, help included.
///
/// # Errors
/// What is told of a command line that cannot be meant.
pub(crate) fn plan(words: &[String]) -> Result<Option<Plan>, String> {
    let line = std::iter::once("podprobe").chain(words.iter().map(String::as_str));
    let command = match Cli::try_parse_from(line) {
        Ok(cli) => cli.command,
        Err(error) if error.use_stderr() => return Err(error.to_string()),
        Err(_) => return Ok(None),
    };
    match command {
        Command::Gate(look) => look.into_plan("gate", &values::Layers::default()).map(Some),
        Command::Check(CheckArgs { layers, mut look, .. }) => {
            look.demand(layers.iter().flat_map(|named| named.require.clone()));
            let layers = values::Layers::joined(layers.iter().map(|named| &named.layers));
            look.into_plan("check", &layers).map(Some)
        }
        _ => Ok(None),
    }
}

/// The settings of a configuration file.
///
/// # Errors
/// What is told of one that cannot be read.
pub(crate) fn settings(text: &str) -> Result<Vec<Setting>, String> {
    COMMAND.with(|command| {
        let keys = file::keys(command);
        config::parse(text, &keys, &|key, value| file::check(command, key, value))
    })
}
