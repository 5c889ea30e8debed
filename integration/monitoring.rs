//! Rules and dashboard against what watch exports, the manifests against what the restricted standard asks.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

/// What `podprobe watch` exports (probe/watch/metrics.rs), and what every process does.
pub const EXPORTED: [&str; 24] = [
    "podprobe_build_info",
    "podprobe_run_info",
    "podprobe_verdict",
    "podprobe_layer_result",
    "podprobe_check_result",
    "podprobe_proofs",
    "podprobe_started",
    "podprobe_ready",
    "podprobe_network_ready_seconds",
    "podprobe_looks_total",
    "podprobe_look_seconds_total",
    "podprobe_last_look_timestamp_seconds",
    "podprobe_drifts_total",
    "podprobe_flickers_total",
    "podprobe_broken_since_timestamp_seconds",
    "podprobe_network_events_total",
    "podprobe_peer_result",
    "podprobe_peer_round_trip_seconds",
    "probe_success",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_cpu_seconds_total",
    "process_start_time_seconds",
    // Not ours: Prometheus' own, of each scrape.
    "scrape_samples_scraped",
];

/// A file of manifests.
pub fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

fn yaml(name: &str) -> Value {
    yaml_serde::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn dashboard() -> Value {
    serde_json::from_str(&read("monitoring/dashboard.json")).expect("JSON")
}

/// The texts of a rule file's rules that are of a kind (`alert`, `record`).
fn rules(of: &Value, kind: &str) -> Vec<Value> {
    let groups = of["groups"].as_array().expect("groups").iter();
    let all = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
    all.filter(|rule| rule.get(kind).is_some()).cloned().collect()
}

/// Every name in a text that can only be a metric's.
fn metrics(text: &str) -> BTreeSet<&str> {
    let part = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
    let ours = |word: &&str| {
        word.contains("podprobe_")
            || word.starts_with("process_")
            || word.starts_with("scrape_samples")
    };
    text.split(|letter| !part(letter)).filter(ours).collect()
}

#[test]
fn rules_and_dashboard_name_only_what_there_is() {
    let source = yaml("monitoring/rules.yaml");
    let recorded = rules(&source, "record");
    let recorded: BTreeSet<&str> =
        recorded.iter().map(|rule| rule["record"].as_str().expect("a name")).collect();
    let expressions: String = dashboard().to_string()
        + &["alert", "record"].map(|kind| json!(rules(&source, kind)).to_string()).concat();
    let tests = ["broken", "peers", "time", "canaries"]
        .map(|name| read(&format!("monitoring/tests/{name}.yaml")));
    let mut used = BTreeSet::new();
    for text in [&expressions].into_iter().chain(&tests) {
        for name in metrics(text) {
            let known =
                if name.contains(':') { recorded.contains(name) } else { EXPORTED.contains(&name) };
            assert!(known, "{name} is exported by nobody");
            used.insert(name.to_owned());
        }
    }
    assert!(used.len() > 20, "{used:?}");
}

#[test]
fn the_operators_rules_are_the_plain_ones() {
    let envelope = yaml("monitoring/prometheus-rule.yaml");
    assert_eq!(envelope["spec"], yaml("monitoring/rules.yaml"), "run `make rules`");
    assert_eq!(envelope["kind"], "PrometheusRule");
}

#[test]
fn every_alert_says_what_and_what_to_do_and_is_seen_firing() {
    let tests = ["broken", "peers", "time", "canaries"]
        .map(|name| read(&format!("monitoring/tests/{name}.yaml")))
        .concat();
    let page = include_str!("../docs/watch.md");
    for alert in rules(&yaml("monitoring/rules.yaml"), "alert") {
        let name = alert["alert"].as_str().expect("a name");
        let severity = alert["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "warning" | "info")), "{name}: {severity:?}");
        for text in ["summary", "description", "runbook"] {
            assert!(
                alert["annotations"][text].as_str().is_some_and(|text| text.len() > 20),
                "{name}: {text}"
            );
        }
        let runbook = alert["annotations"]["runbook"].as_str().expect("text");
        assert!(runbook.contains("`podprobe explain CODE`"), "{name}: {runbook}");
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} fires in no test");
        assert!(page.contains(&format!("| `{name}` |")), "docs/watch.md does not know {name}");
    }
}

#[test]
fn the_dashboard_fits_any_grafana() {
    let dashboard = dashboard();
    assert_eq!(
        (&dashboard["id"], &dashboard["uid"]),
        (&Value::Null, &Value::Null),
        "given by who imports it"
    );
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("a number")), "twice: {}", panel["id"]);
        let at = |edge: &str| panel["gridPos"][edge].as_u64().expect("a number");
        for (x, y) in (at("x")..at("x") + at("w"))
            .flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(x < 24 && cells.insert((x, y)), "{} overlaps at {x},{y}", panel["title"]);
        }
        for target in panel["targets"].as_array().unwrap_or(&Vec::new()) {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
    let variables: Vec<&str> = dashboard["templating"]["list"]
        .as_array()
        .expect("variables")
        .iter()
        .map(|variable| variable["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(variables, ["datasource", "cluster", "node", "layer"]);
}

#[test]
fn the_canary_is_restricted() {
    let pod = &yaml("canary/daemonset.yaml")["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["tolerations"], json!([{"operator": "Exists"}]), "every node");
    for container in pod["containers"].as_array().expect("containers") {
        let (name, context) = (&container["name"], &container["securityContext"]);
        assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{name}");
        assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
        assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
        assert!(container["resources"]["requests"]["cpu"].is_string(), "{name}");
    }
}
