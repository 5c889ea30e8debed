//! What the documents say is what the program does.

use std::{fmt::Write, fs, path::Path};

use clap::{CommandFactory, Parser};
use podprobe::{
    args::Cli,
    finding::{Code, Layer},
};

use crate::world::{Who, World};

/// Commands that the documents show.
mod commands;
/// Links between the documents.
mod links;
/// What the documents say of other validators, and what of ours takes their place.
mod migration;
/// Profiles of system calls.
mod seccomp;

/// README and every page beside it, by path.
fn pages() -> Vec<(String, String)> {
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).expect("docs");
    let names = docs.map(|entry| entry.expect("a page").file_name().into_string().expect("UTF-8"));
    // Pictures are there, too.
    let mut paths: Vec<String> = names
        .filter_map(|name| name.strip_suffix(".md").map(|page| format!("docs/{page}.md")))
        .collect();
    paths.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(str::to_owned));
    paths.sort();
    assert!(paths.len() > 15, "{paths:?}");
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

/// `BLESS=1` writes the table of the catalogue.
#[test]
fn the_page_of_codes_is_the_catalogue() {
    let page = read("docs/codes.md");
    let table = between(&page, "<!-- codes:begin -->\n", "<!-- codes:end -->");
    let mut expected = String::from("| code | severity | meaning |\n|---|---|---|\n");
    for code in Code::ALL {
        let meaning = code.meaning();
        let severity = meaning.severity.word();
        let _ = writeln!(expected, "| `{code}` | {severity} | {} |", meaning.title);
    }
    if std::env::var_os("BLESS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md");
        fs::write(path, page.replace(table, &expected)).expect("write");
    } else {
        assert_eq!(table, expected, "BLESS=1 writes it");
    }
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
fn the_page_of_the_gate_shows_the_manifest_word_for_word() {
    let (page, manifest) = (read("docs/gate.md"), read("manifests/two-identity-gate.yaml"));
    assert_eq!(between(&page, "```yaml\n# A pod that", "```"), &manifest["# A pod that".len()..]);
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

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from:?}")) + from.len();
    let end = text[start..].find(to).unwrap_or_else(|| panic!("no {to:?} after {from:?}"));
    &text[start..start + end]
}
