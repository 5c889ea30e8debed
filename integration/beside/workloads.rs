//! What each component and example makes of a workload: rendered, as it was last seen, and admitted by Pod Security.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Parser;
use podprobe::args::Cli;
use serde_json::Value;

use super::manifests::{manifests, rendered, validate, validate_from, with_components};
use super::pod_security::unrestricted;

/// Directories that kustomize renders as they are.
const DIRECTORIES: [&str; 9] = [
    "canary",
    "peer",
    "node-daemonset",
    "examples/plain",
    "examples/istio",
    "examples/istio-image-swap",
    "examples/linkerd",
    "examples/kuma",
    "examples/ambient",
];
/// Parts of a pod, each added to the application of `examples/app`.
const COMPONENTS: [&str; 6] = [
    "init-gate",
    "two-identity-gate",
    "one-container-gate",
    "await-inbound",
    "native-sidecar-watch",
    "netpol-allow-dns",
];
/// What asks for more than the restricted Pod Security Standard grants, and for what.
const PRIVILEGED: [(&str, &[&str]); 2] = [
    ("one-container-gate", &["podprobe: runAsUser 0", "podprobe: adds SETGID, SETUID"]),
    ("node-daemonset", &["a volume of the host", "watch: runAsUser 0"]),
];

/// All of them by name, with what they render to.
fn all() -> Vec<(String, Vec<Value>, String)> {
    let directories = DIRECTORIES.map(|name| {
        let (documents, text) = rendered(&manifests().join(name));
        (name.replace('/', "-"), documents, text)
    });
    let components = COMPONENTS.map(|name| {
        let part = format!("components/{name}");
        let (_place, overlay) = with_components("examples/app", &[&part]);
        let (documents, text) = rendered(&overlay);
        (name.to_owned(), documents, text)
    });
    directories.into_iter().chain(components).collect()
}

fn golden(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/beside/golden");
    directory.join(format!("{name}.yaml"))
}

/// `BLESS=1 make test-beside` writes what is rendered now; `git diff` shows what that changes.
#[test]
#[ignore = "needs kubectl: make test-beside"]
fn what_is_rendered_is_what_was_looked_at() {
    let all = all();
    for (name, _, text) in &all {
        let path = golden(name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, text).expect("write");
        }
        let seen = fs::read_to_string(&path).unwrap_or_default();
        assert!(*text == seen, "{name} renders to something else than {}", path.display());
    }
    let kept = fs::read_dir(golden("x").parent().expect("a directory")).expect("files").count();
    assert_eq!(kept, all.len(), "a golden file of nothing");
}

#[test]
#[ignore = "needs kubectl and kubernetes-validate: make test-beside"]
fn the_api_takes_every_workload() {
    let all: Vec<Value> = all().into_iter().flat_map(|(_, documents, _)| documents).collect();
    validate(&all);
}

#[test]
#[ignore = "needs kubectl: make test-beside"]
fn the_restricted_pod_security_standard_is_enough_except_where_named() {
    let mut pods = 0;
    for (name, documents, _) in all() {
        for document in &documents {
            let spec = &document["spec"]["template"]["spec"];
            if spec.is_null() {
                continue;
            }
            pods += 1;
            let named = PRIVILEGED.iter().find(|(which, _)| *which == name);
            assert_eq!(unrestricted(spec), named.map_or(&[][..], |(_, more)| more), "{name}");
        }
    }
    assert!(pods >= DIRECTORIES.len() + COMPONENTS.len(), "{pods}");
}

#[test]
#[ignore = "needs kubectl: make test-beside"]
fn every_command_line_is_understood_and_every_container_has_bounds() {
    let mut seen = 0;
    for (name, documents, _) in all() {
        for document in &documents {
            let spec = &document["spec"]["template"]["spec"];
            for container in containers(spec).filter(is_podprobe) {
                assert!(!container["resources"]["limits"]["memory"].is_null(), "{name}");
                let Some(words) = container["args"].as_array() else {
                    assert_eq!(container["name"], "istio-validation", "{name}: no arguments");
                    continue;
                };
                let words = words.iter().map(|word| word.as_str().expect("a word"));
                let parsed = Cli::try_parse_from(["podprobe"].into_iter().chain(words));
                assert!(parsed.is_ok(), "{name}: {:?}", parsed.err());
                seen += 1;
            }
        }
    }
    assert!(seen > 12, "{seen}");
}

fn containers(pod: &Value) -> impl Iterator<Item = Value> {
    ["initContainers", "containers"]
        .into_iter()
        .flat_map(|list| pod[list].as_array().cloned().unwrap_or_default())
}

fn is_podprobe(container: &Value) -> bool {
    container["image"].as_str().is_some_and(|image| image.ends_with("podprobe:0.1.0"))
}

/// The manifests that stand alone, for reading, and the components, for use, say the same.
#[test]
#[ignore = "needs kubectl: make test-beside"]
fn components_are_the_manifests_that_stand_alone() {
    for name in ["two-identity-gate", "one-container-gate", "await-inbound"] {
        let text =
            fs::read_to_string(manifests().join(format!("{name}.yaml"))).expect("a manifest");
        let alone: Value = yaml_serde::from_str(&text).expect("YAML");
        let (_place, overlay) = with_components("examples/app", &[&format!("components/{name}")]);
        let added = rendered(&overlay).0.remove(0);
        let (alone, added) = (&alone["spec"]["template"], &added["spec"]["template"]);
        assert_eq!(alone["metadata"], added["metadata"], "{name}");
        let [mut first, mut second] = [alone, added].map(|template| {
            containers(&template["spec"]).filter(is_podprobe).collect::<Vec<Value>>()
        });
        for container in first.iter_mut().chain(&mut second) {
            // In a component they are the container's, for the workload's pod may not have them.
            let context = container["securityContext"].as_object_mut().expect("a context");
            context.remove("runAsNonRoot");
            context.remove("seccompProfile");
        }
        assert_eq!(first, second, "{name}");
    }
}

/// Istio merges a template into the pod, before the API server sees it.
#[test]
#[ignore = "needs kubernetes-validate: make test-beside"]
fn istios_template_is_a_pod_that_the_api_takes() {
    let path = manifests().join("examples/istio-template/values.yaml");
    let values: Value =
        yaml_serde::from_str(&fs::read_to_string(path).expect("values")).expect("YAML");
    let injector = &values["sidecarInjectorWebhook"];
    assert_eq!(injector["defaultTemplates"], serde_json::json!(["sidecar", "podprobe"]));
    let template = injector["templates"]["podprobe"].as_str().expect("a template");
    let mut pod: Value = yaml_serde::from_str(template).expect("a template that is YAML");
    assert_eq!(unrestricted(&pod["spec"]), Vec::<String>::new());
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"] = serde_json::json!({"name": "any"});
    pod["spec"]["containers"] = serde_json::json!([{"name": "app", "image": "app:1.0"}]);
    validate(&[pod]);
}

#[test]
#[ignore = "needs kubernetes-validate: make test-beside"]
fn linkerds_policy_is_one_that_the_api_takes() {
    let path = manifests().join("examples/linkerd/image-policy.yaml");
    let text = fs::read_to_string(path).expect("a policy");
    let documents = text.split("\n---\n").map(|part| yaml_serde::from_str(part).expect("YAML"));
    validate_from("1.36", &documents.collect::<Vec<Value>>());
}
