//! What each case says, and whether it could be judged by it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use clap::Parser;
use podprobe::{args::Cli, finding::Code};
use serde_json::Value;

use super::cases;

/// One directory of `integration/cases`.
struct Case {
    name: String,
    directory: PathBuf,
    expect: BTreeMap<String, String>,
}

impl Case {
    fn all() -> Vec<Case> {
        let entries = fs::read_dir(cases()).expect("cases").map(|entry| entry.expect("an entry"));
        let mut all: Vec<Case> = entries
            .filter(|entry| entry.path().join("expect").exists())
            .map(|entry| Case::read(entry.path()))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(all.len() > 60, "{}", all.len());
        all
    }

    fn read(directory: PathBuf) -> Case {
        let text = fs::read_to_string(directory.join("expect")).expect("an expectation");
        let pairs = text.lines().map(|line| line.split_once(": ").expect("key: value"));
        Case {
            name: directory.file_name().expect("a name").to_string_lossy().into_owned(),
            expect: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            directory,
        }
    }

    fn of(&self, key: &str) -> Option<&str> {
        self.expect.get(key).map(String::as_str)
    }

    fn needs(&self, what: &str) -> bool {
        self.of("needs").is_some_and(|needs| needs.split(' ').any(|one| one == what))
    }

    fn has(&self, script: &str) -> bool {
        self.directory.join(script).exists()
    }

    /// The containers of its pods, with the pod's own name.
    fn containers(&self) -> Vec<Value> {
        let files = fs::read_dir(&self.directory).expect("files").map(|file| file.expect("a file"));
        let manifests = files.map(|file| file.path()).filter(|path| path.extension().is_some());
        let mut all = Vec::new();
        for path in manifests {
            let text = fs::read_to_string(&path).expect("a manifest");
            let object: Value = yaml_serde::from_str(&text).expect("YAML");
            for list in ["initContainers", "containers"] {
                all.extend(object["spec"][list].as_array().cloned().unwrap_or_default());
            }
        }
        all
    }
}

#[test]
fn a_blocked_pod_is_known_by_code_message_phase_and_time() {
    let mut blocked = 0;
    for case in Case::all() {
        let seconds: f64 = case.of("within").expect("a time").parse().expect("seconds");
        assert!((1.0..=300.0).contains(&seconds), "{}", case.name);
        let starts = case.of("app") == Some("running");
        let deleted = case.name == "63-istio-repair-delete";
        let of_the_controller = case.name == "64-istio-repair-label";
        let watch = case.name == "51-watch-never-starts";
        if starts || deleted || of_the_controller || watch {
            continue;
        }
        blocked += 1;
        let exit = case.of("exit").expect("an exit code");
        assert_ne!(exit, "0", "{}", case.name);
        assert!(case.of("message").is_some(), "{}: no termination message", case.name);
        assert!(
            ["Pending", "Failed"].contains(&case.of("phase").expect("a phase")),
            "{}",
            case.name
        );
    }
    assert!(blocked > 35, "{blocked}");
}

#[test]
fn what_starts_runs_and_most_of_it_is_ready() {
    for case in Case::all().into_iter().filter(|case| case.of("app") == Some("running")) {
        assert_eq!(case.of("phase"), Some("Running"), "{}", case.name);
        assert!(case.of("message").is_none(), "{}: a message of a success", case.name);
    }
}

#[test]
fn codes_and_words_of_cases_are_podprobe_s() {
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    for case in Case::all() {
        let message = case.of("message").and_then(|message| message.split_once(':'));
        let named = message.map(|(code, _)| code).filter(|code| *code != "podprobe");
        for code in named.into_iter().chain(case.of("finding")) {
            assert!(codes.contains(code), "{}: no code {code}", case.name);
        }
        for container in case.containers().iter().filter(|one| one["image"] == "@image@") {
            let words = container["args"].as_array().cloned().unwrap_or_default();
            let words: Vec<&str> =
                words.iter().map(|word| word.as_str().expect("a word")).collect();
            let own = words.first().is_some_and(|word| ["gate", "watch", "peer"].contains(word));
            // Other validators' command lines have tests of their own (integration/dropin).
            if !own {
                continue;
            }
            let filled: Vec<String> = words.iter().map(|word| filled(word)).collect();
            let parsed = Cli::try_parse_from(["podprobe".to_owned()].into_iter().chain(filled));
            assert!(parsed.is_ok(), "{}: {:?}", case.name, parsed.err());
        }
    }
}

/// A word with values in place of those that a cluster gives.
fn filled(word: &str) -> String {
    if word.starts_with("@peer:") {
        return "192.0.2.1:7000".to_owned();
    }
    word.replace("@target@", "192.0.2.1:80").replace("@dead-nameserver@", "192.0.2.53")
}

#[test]
fn what_a_case_changes_in_the_cluster_it_gives_back() {
    for case in Case::all() {
        assert_eq!(case.has("before"), case.has("after"), "{}", case.name);
        assert_eq!(case.has("before"), case.needs("alone"), "{}: system pods", case.name);
        for script in ["before", "act", "after"].into_iter().filter(|script| case.has(script)) {
            let mode = fs::metadata(case.directory.join(script)).expect("a script").permissions();
            assert_eq!(mode.mode() & 0o111, 0o111, "{}/{script} is not executable", case.name);
        }
        assert!(!case.expect.contains_key("act") || case.has("act"), "{}", case.name);
    }
}

#[test]
fn what_a_case_needs_is_known() {
    let text = fs::read_to_string(cases().join("needs")).expect("needs");
    let known: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    for case in Case::all() {
        let needs = case.of("needs").unwrap_or_default().split(' ');
        for need in needs.filter(|need| !need.is_empty()) {
            assert!(known.contains(&need), "{}: {need}", case.name);
        }
    }
}

/// The table of outcomes has a row for each.
#[test]
fn the_document_lists_every_case() {
    let path = cases().join("../../docs/conformance.md");
    let text = fs::read_to_string(path).expect("the document");
    for case in Case::all() {
        let row = format!("| {} | {} | ", case.name, case.of("about").expect("a sentence"));
        assert!(text.contains(&row), "docs/conformance.md has no row `{row}`");
    }
}
