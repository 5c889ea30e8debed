//! Logs on stderr.

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::LevelFilter;

use crate::{net::outlet, secret::Masking};

/// Flags about the logs.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct LogArgs {
    /// The form of the logs on stderr.
    #[arg(long, env = "PODPROBE_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,

    /// The least level that is logged: error, warn, info, debug, off.
    #[arg(long, env = "PODPROBE_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Sends logs to stderr.
pub fn start(args: &LogArgs) {
    let logs = tracing_subscriber::fmt()
        .with_writer(|| Masking(&outlet::STDERR))
        .with_max_level(args.log_level)
        .with_target(false)
        // Said on stderr itself, which panics where stderr is what cannot be written to.
        .log_internal_errors(false);
    match args.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
}
