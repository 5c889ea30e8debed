//! The flags of `podprobe rules`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::PromiseArgs;
use crate::{deliver, plan::Plan, pod, rules};

/// Exit code where a part of the rules could not be looked at.
const EXIT_UNSEEN: u8 = 5;

/// Flags of `rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    #[command(flatten)]
    promise: PromiseArgs,

    /// The form on stdout.
    #[arg(long, env = "PODPROBE_OUTPUT", value_name = "FORMAT", default_value = "text")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line a rule.
    Text,
    /// One document.
    Json,
}

impl RulesArgs {
    /// Reads the rules and prints them.
    pub(super) fn run(self) -> ExitCode {
        let capture = match self.promise.capture() {
            Ok(capture) => capture,
            Err(problem) => return deliver::bad_usage(&problem),
        };
        let mut plan = Plan::new("rules", &self.promise.mesh_name(), capture);
        plan.app = self.promise.app();
        plan.service_cidrs = self.promise.service_cidrs.0;
        plan.families = self.promise.families.map(|families| families.0);
        let pod = pod::snapshot(&plan.watched_ports());
        let dump = rules::read();
        match self.output {
            Form::Text => deliver::print(&rules::text(&plan, &pod, &dump)),
            Form::Json => {
                let document = rules::document(&plan, &pod, &dump);
                deliver::print(&format!("{document:#}\n"));
            }
        }
        ExitCode::from(if dump.unseen().is_empty() { 0 } else { EXIT_UNSEEN })
    }
}
