//! What is printed of the command line itself: schemas, completion scripts, the manual page.

use clap::CommandFactory;

use super::{Cli, schema};

/// A schema's text.
pub(super) fn schema_of(subject: schema::Subject) -> String {
    let schema = match subject {
        schema::Subject::Report => crate::schema::report(),
        schema::Subject::Config => schema::config(&Cli::command()),
    };
    format!("{schema:#}\n")
}

/// The completion script of a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "podprobe", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page: what stands in the help of the commands that look.
pub(super) fn man() -> String {
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
