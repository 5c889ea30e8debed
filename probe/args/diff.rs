//! `podprobe diff`: this pod's report, or another one's, against a good pod's.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{LookArgs, values::Layers};
use crate::{
    deliver,
    diff::{self, compare, read, show},
    plan::Mode,
    report::{Report, format::Format},
};

/// Flags of `diff`.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The report of a good pod, from `podprobe check --output json`; - for standard input.
    #[arg(value_name = "GOOD")]
    good: PathBuf,

    /// The report to compare with it; without one, this pod is looked at, with the flags of `check`
    /// and, unless layers are named, at the layers of the good report.
    #[arg(value_name = "BAD")]
    bad: Option<PathBuf>,

    #[command(flatten)]
    pub(super) look: LookArgs,
}

/// Compares, prints what differs, and returns the exit code.
pub(super) fn run(args: DiffArgs) -> ExitCode {
    let format = args.look.output.format();
    if !matches!(format, Format::Text | Format::Json) {
        return deliver::bad_usage("diff prints text or json");
    }
    if args.bad.as_deref().is_some_and(|bad| read::is_stdin(bad) && read::is_stdin(&args.good)) {
        return deliver::bad_usage("standard input cannot be both reports");
    }
    let good = match read::read(&args.good) {
        Ok(good) => good,
        Err(problem) => return deliver::bad_usage(&problem),
    };
    let bad = match &args.bad {
        Some(bad) => read::read(bad).map_err(|problem| deliver::bad_usage(&problem)),
        None => look(&good, args.look),
    };
    match bad {
        Ok(bad) => tell(&good, &bad, format),
        Err(exit_code) => exit_code,
    }
}

fn tell(good: &Report, bad: &Report, format: Format) -> ExitCode {
    let diff = compare(good, bad);
    deliver::print(&match format {
        Format::Json => show::json(&diff, bad),
        _ => show::text(&diff, good, bad),
    });
    ExitCode::from(diff.exit_code(bad))
}

/// Looks at this pod; an exit code where that is all there is to do.
fn look(good: &Report, args: LookArgs) -> Result<Report, ExitCode> {
    crate::logging::start(&args.output.log);
    let (output, print_plan) = (args.output.clone(), args.plan);
    let layers = if args.names_layers() { Vec::new() } else { diff::layers(good) };
    let layers = Layers::named(layers);
    let plan = args.into_plan("check", &layers).map_err(|problem| deliver::bad_usage(&problem))?;
    if print_plan {
        return Err(deliver::print_plan(&plan));
    }
    if plan.mode == Mode::Off {
        return Err(deliver::off());
    }
    deliver::look(plan, &output)
}
