//! The diffs of docs/migration.md, applied to the files that they change.

use serde_json::Value;

use super::read;

/// A diff that the page shows, as lines without their first column.
struct Diff {
    /// What it is of.
    name: String,
    before: Vec<String>,
    after: Vec<String>,
}

/// The page's diffs, in order.
fn diffs() -> Vec<Diff> {
    let page = read("docs/migration.md");
    let blocks =
        page.split("```diff\n").skip(1).map(|rest| rest.split_once("```").expect("an end"));
    blocks.map(|(block, _)| diff(block)).collect()
}

fn diff(block: &str) -> Diff {
    let mut lines = block.lines();
    let mut header = |start: &str| {
        let line = lines.next().unwrap_or_default();
        line.strip_prefix(start).unwrap_or_else(|| panic!("{line:?} is not {start}…")).to_owned()
    };
    let (name, _) = (header("--- a/"), header("+++ b/"));
    header("@@");
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for line in lines {
        let (kind, text) = line.split_at(1);
        let text = text.to_owned();
        match kind {
            " " => {
                before.push(text.clone());
                after.push(text);
            }
            "-" => before.push(text),
            "+" => after.push(text),
            _ => panic!("{line:?} is no line of a diff"),
        }
    }
    Diff { name, before, after }
}

/// Where these lines stand in a text, one after the other.
fn place(text: &[&str], lines: &[String]) -> usize {
    let mut at = (0..=text.len().saturating_sub(lines.len()))
        .filter(|at| text[*at..].iter().zip(lines).all(|(line, wanted)| line == wanted));
    let found = at.next().unwrap_or_else(|| panic!("{lines:#?} is not in\n{}", text.join("\n")));
    assert_eq!(at.next(), None, "{lines:#?} is there twice");
    found
}

/// The file that a diff names, changed by it.
fn changed(diff: &Diff) -> Value {
    let file = read(&diff.name);
    let mut lines: Vec<&str> = file.lines().collect();
    let at = place(&lines, &diff.before);
    lines.splice(at..at + diff.before.len(), diff.after.iter().map(String::as_str));
    yaml(&lines.join("\n"))
}

fn yaml(text: &str) -> Value {
    yaml_serde::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// The diff of a chart's values: what they are then.
fn values(diff: &Diff) -> Value {
    // A block of text ends with its line.
    yaml(&(diff.after.join("\n") + "\n"))
}

/// Holds what a pod is after the diff to a pod that ran.
fn is_in(diff: &Diff, case: &str) {
    let pod = read(&format!("integration/cases/{case}/pod.yaml"));
    let pod = pod.replace("\"@image@\"", "podprobe:0.1.0");
    place(&pod.lines().collect::<Vec<&str>>(), &diff.after);
}

#[test]
fn the_diffs_make_what_the_examples_make() {
    let diffs = diffs();
    let [swap, workload, template, warn, linkerd_pod, linkerd, kuma, kuma_pod] = &diffs[..] else {
        panic!("{} diffs", diffs.len());
    };
    let example = |name: &str| yaml(&read(&format!("manifests/examples/{name}")));
    let golden = |name: &str| yaml(&read(&format!("integration/beside/golden/{name}.yaml")));
    assert_eq!(values(swap), example("istio-image-swap/values.yaml"));
    assert_eq!(changed(workload), golden("examples-istio-image-swap"));
    assert_eq!(values(template), example("istio-template/values.yaml"));
    let variables = &values(warn)["meshConfig"]["defaultConfig"]["proxyMetadata"];
    assert_eq!(variables, &serde_json::json!({"PODPROBE_MODE": "warn"}));
    is_in(linkerd_pod, "22-linkerd");
    assert_eq!(changed(linkerd), golden("examples-linkerd"));
    let annotations = &values(kuma)["template"]["metadata"]["annotations"];
    assert_eq!(
        annotations["kuma.io/container-patches"],
        example("kuma/container-patch.yaml")["metadata"]["name"]
    );
    is_in(kuma_pod, "26-kuma");
}

#[test]
fn the_policy_for_linkerd_names_the_container_of_the_diff() {
    let policy = read("manifests/examples/linkerd/image-policy.yaml");
    let name = r#"name: "linkerd-network-validator""#;
    assert!(
        policy.contains(name) && policy.contains(r#"image: "ghcr.io/podprobe/podprobe:0.1.0""#)
    );
    let pod = &diffs()[4];
    assert!(pod.after[0].ends_with("name: linkerd-network-validator"), "{:?}", pod.after);
}
