//! What the documents say is what the program does.

use std::{fmt::Write, fs, path::Path};

use clap::{CommandFactory, Parser};
use podprobe::{
    args::Cli,
    finding::{Code, Layer},
};

use crate::world::{Who, World};

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

#[test]
fn readme_lists_every_code_as_the_catalogue_has_it() {
    let readme = read("README.md");
    let table = between(&readme, "<!-- codes:begin -->\n", "<!-- codes:end -->");
    let mut expected = String::from("| code | severity | meaning |\n|---|---|---|\n");
    for code in Code::ALL {
        let meaning = code.meaning();
        let severity = meaning.severity.word();
        let _ = writeln!(expected, "| `{code}` | {severity} | {} |", meaning.title);
    }
    assert_eq!(table, expected);
}

#[test]
fn every_code_says_what_to_do_and_explains_itself() {
    let pod = World::V4.start();
    for code in Code::ALL {
        let meaning = code.meaning();
        assert!(!meaning.title.is_empty() && !meaning.hint.is_empty(), "{code}");
        let run = pod.run(Who::App, &["explain", code.name()]).expect(0);
        assert!(run.stdout.starts_with(&format!("{code}: {}", meaning.title)), "{run}");
    }
}

#[test]
fn readme_shows_the_manifest_word_for_word() {
    let (readme, manifest) = (read("README.md"), read("manifests/two-identity-gate.yaml"));
    assert_eq!(between(&readme, "```yaml\n# A pod that", "```"), &manifest["# A pod that".len()..]);
}

#[test]
fn the_manifests_command_lines_are_understood() {
    let manifests = [
        ("two-identity-gate", 2),
        ("one-container-gate", 1),
        ("await-inbound", 1),
        ("peer/peer", 1),
        ("canary/daemonset", 2),
    ];
    for (manifest, commands) in manifests {
        let text = read(&format!("manifests/{manifest}.yaml"));
        let lines: Vec<&str> =
            text.lines().filter_map(|line| line.trim().strip_prefix("args: [")).collect();
        assert_eq!(lines.len(), commands, "{manifest}: {lines:?}");
        for line in lines {
            let line = line.trim_end_matches(']').replace('"', "");
            let words = line.split(", ");
            let parsed = Cli::try_parse_from(["podprobe"].into_iter().chain(words));
            assert!(parsed.is_ok(), "{manifest}: {line}: {:?}", parsed.err());
        }
    }
}

#[test]
fn readme_and_help_give_the_exit_codes_of_the_layers() {
    let readme = read("README.md");
    let help = Cli::command().render_long_help().to_string();
    for layer in Layer::ALL {
        let (code, name) = (layer.exit_code(), layer.name());
        assert!(readme.contains(&format!("| {code} | {name}")), "README: {code} {name}");
        assert!(help.contains(&format!("{code} {name}")), "--help: {code} {name}");
    }
}

#[test]
fn the_manual_page_has_every_flag() {
    let pod = World::V4.start();
    let page = pod.run(Who::App, &["man"]).expect(0).stdout.replace('\\', "");
    let command = Cli::command();
    let looks = command.get_subcommands().filter(|c| ["gate", "check"].contains(&c.get_name()));
    let flags: Vec<&str> =
        looks.flat_map(clap::Command::get_arguments).filter_map(clap::Arg::get_long).collect();
    assert!(flags.len() > 40, "{}", flags.len());
    for flag in flags {
        assert!(page.contains(&format!("--{flag}")), "--{flag}");
    }
}

#[test]
fn help_fits_a_hundred_columns() {
    let pod = World::V4.start();
    let all = Cli::command();
    // The drop-ins' help has the form of the programs whose place they take.
    let own = all.get_subcommands().filter(|command| !command.is_disable_help_flag_set());
    let commands: Vec<String> = own.map(|command| command.get_name().to_owned()).collect();
    assert!(commands.len() > 5, "{commands:?}");
    let commands = [commands, vec![String::new()]].concat();
    for command in &commands {
        for help in ["-h", "--help"] {
            let words = [command.as_str(), help];
            let run = pod.run(Who::App, &words[usize::from(command.is_empty())..]).expect(0);
            let wide: Vec<&str> =
                run.stdout.lines().filter(|line| line.chars().count() > 100).collect();
            assert_eq!(wide, Vec::<&str>::new(), "{command} {help}");
        }
    }
}

/// Flags of the Istio drop-in, which has a command line of its own.
const DROP_IN: [&str; 4] =
    ["strict-flags", "termination-message-text", "run-validation", "probe-timeout"];

#[test]
fn readme_names_only_flags_that_exist() {
    let readme = read("README.md");
    let mut command = Cli::command();
    // Some commands make their flags only then.
    command.build();
    let known: Vec<&str> = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .filter_map(clap::Arg::get_long)
        .chain(["help"])
        .chain(DROP_IN)
        .collect();
    let flags = readme.split("`--").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        &rest[..end.unwrap_or(rest.len())]
    });
    for flag in flags.filter(|flag| !flag.ends_with('-')) {
        assert!(known.contains(&flag), "README names --{flag}");
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from:?}")) + from.len();
    let end = text[start..].find(to).unwrap_or_else(|| panic!("no {to:?} after {from:?}"));
    &text[start..start + end]
}
