//! The conformance cases, as the API's schemas, Envoy and shellcheck see them: what of `make kind` can be looked at
//! without a cluster.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::manifests::validate;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a directory of the repository.
fn files(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root().join(directory)];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry");
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// The objects of all cases, with something in place of what a cluster gives.
fn objects() -> Vec<Value> {
    let manifests = files("integration/cases").into_iter().chain(files("integration/kind"));
    let named = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml");
    let texts = manifests.filter(named).map(|path| fs::read_to_string(path).expect("read"));
    let filled = texts.map(|text| {
        let parts = text.split('@').enumerate();
        // Between two of them is a name.
        parts.map(|(at, part)| if at % 2 == 0 { part } else { "192.0.2.1:80" }).collect::<String>()
    });
    let all = filled.filter(|text| text.contains("\nkind: ") && !text.contains("kind.x-k8s.io"));
    all.map(|text| yaml_serde::from_str(&text).expect("YAML")).collect()
}

#[test]
#[ignore = "needs kubernetes-validate: make test-beside"]
fn the_api_takes_every_case() {
    let objects = objects();
    assert!(objects.len() > 65, "{}", objects.len());
    validate(&objects);
}

#[test]
#[ignore = "needs kubernetes-validate: make test-beside"]
fn the_api_takes_what_the_default_provider_makes_of_a_pod() {
    let pod = objects().into_iter().find(|one| one["metadata"]["name"] == "no-rules");
    let pod = pod.expect("case 04");
    let made: Vec<Value> = [
        ["sidecar", "nft", "none"],
        ["ambient", "legacy", "none"],
        ["nft-dns", "nft", "mtu-blackhole"],
        ["none", "nft", "external-drop"],
    ]
    .map(|words| provided(&pod, &words))
    .to_vec();
    for one in &made {
        let first = &one["spec"]["initContainers"][0];
        assert_eq!((first["name"].as_str(), first["image"].as_str()), (Some("rules"), Some("r:1")));
    }
    validate(&made);
}

/// The pod with what loads rules in front.
fn provided(pod: &Value, words: &[&str]) -> Value {
    let mut provider = Command::new("python3")
        .arg(root().join("integration/cases/faults/init-container"))
        .args(words)
        .env("RULES_IMAGE", "r:1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut input = provider.stdin.take().expect("a pipe");
    input.write_all(pod.to_string().as_bytes()).expect("write");
    drop(input);
    let ended = provider.wait_with_output().expect("an end");
    assert!(ended.status.success(), "{words:?}");
    serde_json::from_slice(&ended.stdout).expect("JSON")
}

#[test]
#[ignore = "needs envoy: make test-beside"]
fn envoy_takes_the_proxy_of_kind() {
    let ended = Command::new("envoy")
        .args(["--mode", "validate", "-c"])
        .arg(root().join("integration/kind/proxy.yaml"))
        .output()
        .expect("envoy; `make test-beside` installs it");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
#[ignore = "needs shellcheck: make test-beside"]
fn shellcheck_finds_nothing_in_any_script() {
    let places = ["integration", "images", "manifests", ".ci"].map(files).concat();
    let scripts: Vec<PathBuf> = places
        .into_iter()
        .filter(|path| {
            let text = fs::read(path).unwrap_or_default();
            let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            first.starts_with(b"#!") && first.ends_with(b"sh")
        })
        .collect();
    assert!(scripts.len() > 25, "{scripts:?}");
    // SC2154: what run-cases gives a case's script.
    let ended = Command::new("shellcheck").args(["-e", "SC2154"]).args(&scripts).output();
    let ended = ended.expect("shellcheck; `make test-beside` installs it");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
}
