//! The sample configurations of manifests/config: understood, as the schema says, and they do what
//! they say.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::schema::Schema;
use crate::dns::responder::{Responder, Stand, bytes, cluster};
use crate::world::{Backend, Output, Pod, Rules, Who, World, sh};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/config")
}

fn sample(name: &str) -> String {
    let path = directory().join(format!("{name}.yaml"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A run with this configuration.
fn configured(pod: &Pod, who: Who, arguments: &[&str], text: &str) -> Output {
    let file = pod.file("sample.yaml");
    fs::write(&file, text).expect("write");
    let file = file.display().to_string();
    pod.run(who, &[arguments, &["--config", &file]].concat())
}

#[test]
fn every_sample_is_understood_and_tested_here() {
    let pod = World::DUAL.start();
    let schema = Schema::printed(&pod, "config");
    let mut names = Vec::new();
    for entry in fs::read_dir(directory()).expect("samples") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = sample(&name);
        assert!(text.starts_with("# "), "{name} says what it is for");
        let yaml: Value = yaml_serde::from_str(&text).expect("YAML");
        schema.check(&yaml).unwrap_or_else(|error| panic!("{name}: {error}"));
        for command in ["gate", "check"] {
            configured(&pod, Who::App, &[command, "--plan"], &text).expect(0);
        }
        names.push(name);
    }
    names.sort();
    assert_eq!(names, ["dns-strict", "istio-annotations", "own-mesh", "report-only"]);
    assert_eq!(pod.node.packets(), (0, 0));
}

#[test]
fn istios_annotations_make_the_pods_rules_right_and_plain_rules_wrong() {
    let text = sample("istio-annotations");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio_excl());
    configured(&pod, Who::App, &["gate"], &text).expect(0);
    configured(&pod, Who::Proxy, &["gate", "--require", "inbound"], &text).expect(0);
    let plan = configured(&pod, Who::App, &["check", "--plan"], &text).expect(0);
    for excluded in [":5432 ", "10.96."] {
        let is_probed = |line: &&str| line.contains(excluded) && line.contains("untouched");
        assert!(plan.stdout.lines().any(|line| is_probed(&line)), "{excluded}: {plan}");
    }
    pod.load(Backend::IptablesNft, &Rules::istio());
    let run = configured(&pod, Who::App, &["check", "--output", "json"], &text).expect(30);
    assert_eq!(run.cause(), "exclusion-captured", "{run}");
}

#[test]
fn the_page_of_the_configuration_shows_the_mesh_of_ones_own() {
    let page = include_str!("../../docs/config.md");
    let (_, rest) = page.split_once("<!-- configuration:begin -->\n```yaml\n").expect("a sample");
    let (shown, _) = rest.split_once("```").expect("its end");
    assert_eq!(shown, sample("own-mesh"));
}

#[test]
fn the_declarations_on_that_page_are_understood() {
    let page = include_str!("../../docs/config.md");
    let (_, rest) = page.split_once("```yaml\nseverity:\n").expect("the example");
    let (lines, _) = rest.split_once("```").expect("its end");
    let pod = World::V4.start();
    let text = format!("severity:\n{lines}");
    configured(&pod, Who::App, &["check", "--plan"], &text).expect(0);
    let typo = text.replace("route-blackhole", "route-blackhoel");
    configured(&pod, Who::App, &["check", "--plan"], &typo).expect(2);
}

/// A look with strict DNS at a pod whose nameserver answers, over TCP or not.
fn look_at_dns(text: &str, tcp: bool) -> Output {
    let pod = World::V4.start();
    let stand = Stand { tcp, ..Stand::at("10.77.0.1") };
    let _server = Responder::on(&pod.node, stand, |query, _| bytes(&cluster(query)));
    let conf = pod.file("resolv.conf");
    fs::write(&conf, "nameserver 10.77.0.1\n").expect("write");
    let conf = conf.display().to_string();
    let flags = ["check", "--output", "json", "--resolv-conf", &conf];
    configured(&pod, Who::App, &flags, text)
}

#[test]
fn strict_dns_blocks_a_pod_without_tcp_and_passes_over_its_search_list() {
    let text = sample("dns-strict");
    let run = look_at_dns(&text, false).expect(40);
    assert_eq!(run.cause(), "dns-tcp-blocked", "{run}");
    let usual = text.replace("dns-tcp-blocked: fail", "dns-tcp-blocked: warn");
    assert_eq!(look_at_dns(&usual, false).expect(0).codes("warn"), ["dns-tcp-blocked"]);
    let run = look_at_dns(&text, true).expect(0);
    assert!(run.codes("warn").is_empty(), "{run}");
    assert!(run.codes("ok").contains(&"resolv-conf-not-cluster".to_owned()), "{run}");
    let others = run.report()["notAsked"].as_array().expect("layers").clone();
    assert_eq!(others, ["redirect", "service", "mtu"], "{run}");
    let without = text.replace("resolv-conf-not-cluster: ok", "dns-lossy: ok");
    assert_eq!(look_at_dns(&without, true).expect(0).codes("warn"), ["resolv-conf-not-cluster"]);
}

#[test]
fn report_only_blocks_nothing_and_leaves_metrics() {
    let place = "/var/lib/node_exporter/textfile";
    let text = sample("report-only");
    assert!(text.contains(place));
    let pod = World::DUAL.start();
    let here = pod.file("textfile");
    sh(&format!("mkdir -m 777 {}", here.display()));
    let text = text.replace(place, &here.display().to_string());
    let run = configured(&pod, Who::App, &["check"], &text).expect(0);
    assert_eq!(run.cause(), "redirect-missing", "{run}");
    for line in run.stderr.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let metrics = fs::read_to_string(here.join("podprobe.prom")).expect("metrics");
    assert!(metrics.contains("\npodprobe_verdict 3\n"), "{metrics}");
    assert_eq!(fs::read_dir(&here).expect("a directory").count(), 1);
}
