//! Commands, flags and codes that the documents name exist.

use clap::{CommandFactory, Parser};
use podprobe::{args::Cli, finding::Code};

use super::{between, pages, quoted, read};

/// Flags of the drop-ins for other validators, whose command lines are their own.
const DROP_IN: [&str; 4] =
    ["strict-flags", "run-validation", "probe-timeout", "transparent-proxy-config"];
/// Flags of kubectl, of its plugin and of the conformance driver, by the page that names them.
const FOREIGN: [(&str, &[&str]); 4] = [
    ("README.md", &["as"]),
    ("docs/conformance.md", &["cases", "faults", "have", "repair", "set"]),
    ("docs/kubectl-debug.md", &["arguments-only", "as", "custom", "node", "profile"]),
    ("docs/support.md", &["custom"]),
];

#[test]
fn every_flag_in_the_documents_exists() {
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
    let mut seen = 0;
    for (path, text) in pages() {
        let foreign = FOREIGN.iter().find(|(page, _)| *page == path).map_or(&[][..], |(_, f)| f);
        for rest in text.split("`--").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '-' && c != '_');
            let flag = &rest[..end.unwrap_or(rest.len())];
            // `--include-…` stands for several.
            if flag.is_empty() || flag.ends_with('-') || foreign.contains(&flag) {
                continue;
            }
            assert!(known.contains(&flag), "{path} names --{flag}");
            seen += 1;
        }
    }
    assert!(seen > 150, "{seen}");
}

#[test]
fn every_symptom_has_codes_and_commands_that_exist() {
    let readme = read("README.md");
    let table = between(&readme, "<!-- symptoms:begin -->\n", "<!-- symptoms:end -->");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(2)
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.len() > 20, "{}", rows.len());
    for row in rows {
        let [symptom, look, says] = row[..] else { panic!("three columns: {row:?}") };
        let commands = quoted(look).filter(|words| words.starts_with("podprobe "));
        for command in commands {
            understood("README.md", command);
        }
        let first = quoted(says).next();
        let known = first.is_some_and(|code| Code::ALL.iter().any(|known| known.name() == code));
        assert!(known || look.contains("watch"), "{symptom}: {first:?} is no code");
    }
}

/// Beginnings of names that codes have.
const LAYERS: [&str; 9] = [
    "redirect-",
    "resolv-conf-",
    "dns-",
    "reach-",
    "mtu-",
    "cni-",
    "inbound-",
    "outbound-",
    "route-",
];

#[test]
fn every_code_in_the_documents_exists() {
    let mut command = Cli::command();
    command.build();
    let flags: Vec<String> = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .filter_map(clap::Arg::get_long)
        .map(str::to_owned)
        .collect();
    let mut seen = 0;
    for (path, text) in pages() {
        for word in quoted(&text).filter(|word| LAYERS.iter().any(|layer| word.starts_with(layer)))
        {
            if !word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                || flags.iter().any(|flag| flag == word)
            {
                continue;
            }
            assert!(Code::ALL.iter().any(|code| code.name() == word), "{path} names `{word}`");
            seen += 1;
        }
    }
    assert!(seen > 150, "{seen}");
}

/// What a shell makes of a line: words, quotes taken away.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Ends the test unless podprobe takes this command line.
fn understood(path: &str, line: &str) {
    // Placeholders of documents, where a value is parsed.
    let line = line.replace(":PORT", ":7000");
    let parsed = Cli::try_parse_from(words(&line));
    let fine = parsed.as_ref().map_or_else(|error| error.exit_code() == 0, |_| true);
    assert!(fine, "{path}: {line}: {:?}", parsed.err());
}

/// podprobe's command line within one of a shell: after variables, or behind what kubectl is told.
fn of_podprobe(line: &str) -> Option<String> {
    let line = line.split("    #").next().unwrap_or_default().trim();
    let line = line.split("; ").last().unwrap_or_default();
    if line.starts_with("kubectl ") {
        let (_, rest) = line.split_once(" -- ")?;
        let rest = rest.trim_start_matches("/podprobe ");
        let commands = Cli::command();
        let first = rest.split(' ').next().unwrap_or_default();
        let command = commands.get_subcommands().any(|command| command.get_name() == first);
        return Some(format!("podprobe {}{rest}", if command { "" } else { "check " }));
    }
    let at = line.find("podprobe ")?;
    let in_front = &line[..at];
    (in_front.is_empty() || in_front.contains('=')).then(|| line[at..].to_owned())
}

#[test]
fn every_command_that_the_documents_show_is_understood() {
    let mut seen = 0;
    for (path, text) in pages() {
        for block in text.split("```").skip(1).step_by(2) {
            let typed = block.replace("\\\n", " ");
            let lines = typed.lines().skip(1).filter_map(|line| {
                if block.starts_with("sh\n") { Some(line) } else { line.strip_prefix("$ ") }
            });
            for line in lines.filter(|line| !line.contains('…')).filter_map(of_podprobe) {
                understood(&path, &line);
                seen += 1;
            }
        }
    }
    assert!(seen > 18, "{seen}");
}

#[test]
fn words_are_a_shells() {
    assert_eq!(words("a  'b c' \"\" d=\"e f\""), ["a", "b c", "", "d=e f"]);
    let kubectl = "kubectl podprobe POD --as proxy -- dns -v    # a comment";
    assert_eq!(of_podprobe(kubectl).as_deref(), Some("podprobe check dns -v"));
    assert_eq!(of_podprobe("X=1 podprobe gate").as_deref(), Some("podprobe gate"));
    assert_eq!(of_podprobe("make podprobe now"), None);
}
