//! The manifests are what the API server takes, the rules what Prometheus takes, and each fires when it must.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

/// The oldest and newest version of the API that the manifests are held to, and all between.
const VERSIONS: [&str; 10] =
    ["1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37"];
/// Kinds that their operators define, which no schema of Kubernetes has.
const FOREIGN: [&str; 2] = ["PodMonitor", "PrometheusRule"];

/// Where the manifests are.
pub(super) fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests")
}

/// What a program prints, on both streams; fails loudly where it is missing or fails.
fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).current_dir(manifests()).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}: {error}; `make test-beside` installs it"));
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{program} {words:?}: {}", said.concat());
    said.concat()
}

/// The documents that kustomize makes of a directory, and their text.
pub(super) fn rendered(directory: &Path) -> (Vec<Value>, String) {
    let text = run("kubectl", &["kustomize", &directory.display().to_string()]);
    let documents = text.split("\n---\n").map(|part| yaml_serde::from_str(part).expect("YAML"));
    (documents.collect(), text)
}

/// A copy of the manifests with an overlay that adds components to a directory of them.
pub(super) fn with_components(base: &str, components: &[&str]) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a directory");
    run("cp", &["-r", &manifests().display().to_string(), &place.path().display().to_string()]);
    let overlay = place.path().join("manifests/mine");
    fs::create_dir(&overlay).expect("an overlay");
    let list: Vec<String> = components.iter().map(|name| format!("../{name}")).collect();
    let text = format!("resources: [../{base}]\ncomponents: [{}]\n", list.join(", "));
    fs::write(overlay.join("kustomization.yaml"), text).expect("write");
    (place, overlay)
}

/// The canaries with some of their components.
fn with(components: &[&str]) -> (TempDir, PathBuf) {
    let components: Vec<String> = components.iter().map(|name| format!("canary/{name}")).collect();
    let components: Vec<&str> = components.iter().map(String::as_str).collect();
    with_components("canary", &components)
}

fn kind(documents: &[Value], kind: &str) -> Value {
    documents
        .iter()
        .find(|document| document["kind"] == kind)
        .unwrap_or_else(|| panic!("no {kind}"))
        .clone()
}

/// Holds documents to the API's schemas, none of which may know more or less fields.
pub(super) fn validate(documents: &[Value]) {
    validate_from("", documents);
}

/// The same for what only a later version of the API has.
pub(super) fn validate_from(first: &str, documents: &[Value]) {
    let place = tempfile::tempdir().expect("a directory");
    let known = documents.iter().filter(|one| !FOREIGN.iter().any(|kind| one["kind"] == *kind));
    let files: Vec<String> = known
        .enumerate()
        .map(|(at, document)| {
            let path = place.path().join(format!("{at}.yaml"));
            fs::write(&path, document.to_string()).expect("write");
            path.display().to_string()
        })
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    for version in VERSIONS.into_iter().filter(|version| *version >= first) {
        run("kubernetes-validate", &[&["--strict", "--quiet", "-k", version], &files[..]].concat());
    }
}

#[test]
#[ignore = "needs kubectl and kubernetes-validate: make test-beside"]
fn what_kustomize_renders_the_api_takes() {
    for directory in ["canary", "monitoring"] {
        validate(&rendered(&manifests().join(directory)).0);
    }
    for components in
        [&["monitor-operator"][..], &["monitor-annotations"], &["zones", "monitor-operator"]]
    {
        let (_place, overlay) = with(components);
        validate(&rendered(&overlay).0);
    }
}

#[test]
#[ignore = "needs kubectl: make test-beside"]
fn components_add_what_they_say() {
    let (_place, overlay) = with(&["monitor-operator"]);
    let monitor = kind(&rendered(&overlay).0, "PodMonitor");
    let relabelled = monitor["spec"]["podMetricsEndpoints"][0]["relabelings"].to_string();
    assert!(relabelled.contains(r#""targetLabel":"node""#), "{relabelled}");

    let (_place, overlay) = with(&["monitor-annotations"]);
    let template = kind(&rendered(&overlay).0, "DaemonSet")["spec"]["template"].clone();
    let annotations = &template["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], "9464");
    assert_eq!(annotations["linkerd.io/inject"], "disabled", "what was there stays");

    let (_place, overlay) = with(&["zones"]);
    let (documents, _) = rendered(&overlay);
    let watch = kind(&documents, "DaemonSet")["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!(watch["name"], "watch");
    assert!(
        watch["args"].to_string().contains("podprobe-canary-$(ZONE).podprobe.svc:7000"),
        "{watch}"
    );
    let services = documents.iter().filter(|one| one["kind"] == "Service").count();
    assert_eq!(services, 4, "one for all, three zones");
}

#[test]
#[ignore = "needs promtool: make test-beside"]
fn prometheus_takes_the_rules_and_each_alert_fires_when_it_must() {
    run("promtool", &["check", "rules", "monitoring/rules.yaml"]);
    let tests = fs::read_dir(manifests().join("monitoring/tests")).expect("tests");
    for test in tests {
        let path = test.expect("an entry").path().display().to_string();
        run("promtool", &["test", "rules", &path]);
    }
}

/// Debian's Prometheus is built without the discovery of Kubernetes' pods: it gets a list in its place.
#[test]
#[ignore = "needs promtool: make test-beside"]
fn prometheus_takes_the_scrape_job() {
    let path = manifests().join("monitoring/scrape.yaml");
    let mut config: Value =
        yaml_serde::from_str(&fs::read_to_string(path).expect("read")).expect("YAML");
    let job = config["scrape_configs"][0].as_object_mut().expect("a job");
    let pods = job.remove("kubernetes_sd_configs").expect("pods are discovered");
    assert_eq!(pods, serde_json::json!([{"role": "pod"}]));
    job.insert("static_configs".to_owned(), serde_json::json!([{"targets": ["192.0.2.1:9464"]}]));
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("scrape.yaml");
    fs::write(&file, config.to_string()).expect("write");
    run("promtool", &["check", "config", "--syntax-only", &file.display().to_string()]);
}

#[test]
#[ignore = "needs promtool: make test-beside"]
fn prometheus_takes_every_query_of_the_dashboard() {
    let text = fs::read_to_string(manifests().join("monitoring/dashboard.json")).expect("read");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let queries = panels.flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let rules: Vec<Value> = queries
        .enumerate()
        .map(|(at, query)| {
            let query = query["expr"].as_str().expect("a query").replace("$__rate_interval", "5m");
            serde_json::json!({"record": format!("query:{at}"), "expr": query})
        })
        .collect();
    assert!(rules.len() > 20, "{}", rules.len());
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("queries.yaml");
    let groups = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    fs::write(&file, groups.to_string()).expect("write");
    run("promtool", &["check", "rules", &file.display().to_string()]);
}
