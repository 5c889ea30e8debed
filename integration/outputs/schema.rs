//! The printed schemas against what podprobe really writes and reads.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use super::resolv_conf;
use crate::world::{Backend, Pod, Rules, Who, World, sh};

/// A schema as podprobe prints it.
pub(super) struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
    pub(super) text: Value,
}

impl Schema {
    pub(super) fn printed(pod: &Pod, of: &str) -> Schema {
        let text = pod.run(Who::App, &["schema", of]).expect(0).report();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("podprobe:/schema.json", text.clone()).expect("a resource");
        let index = compiler.compile("podprobe:/schema.json", &mut schemas);
        let index = index.unwrap_or_else(|error| panic!("{error:#}"));
        Schema { schemas, index, text }
    }

    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        self.schemas.validate(value, self.index).map_err(|error| format!("{error:#}"))
    }

    #[track_caller]
    fn takes(&self, value: &Value) {
        self.check(value).unwrap_or_else(|error| panic!("{error}\n{value:#}"));
    }
}

#[test]
fn real_reports_are_as_the_schema_says() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let schema = Schema::printed(&pod, "report");
    assert_eq!(schema.text, pod.run(Who::App, &["schema"]).expect(0).report());
    let conf = resolv_conf(&pod, "nameserver 10.77.0.1\n");
    let check = |who, more: &[&str]| {
        let flags = [&["check", "--output", "json", "--resolv-conf", &conf], more].concat();
        let report = pod.run(who, &flags).report();
        schema.takes(&report);
        known(&schema.text, &report);
        report
    };
    for who in Who::ALL {
        assert_eq!(check(who, &[])["verdict"], "ok");
        assert_eq!(check(who, &["--only", "dns"])["verdict"], "fail");
    }
    assert_eq!(check(Who::App, &["--require", "inbound"])["verdict"], "unknown");
    assert_eq!(check(Who::App, &["--mesh", "linkerd"])["verdict"], "fail");
    assert_eq!(check(Who::App, &["--severity", "dns-silent=warn"])["verdict"], "ok");
    sh("ip link set eth0 down");
    let report = check(Who::App, &[]);
    assert!(!report["notReached"].as_array().expect("layers").is_empty(), "{report:#}");
}

/// Nothing is in a report of which the schema does not tell.
#[track_caller]
fn known(schema: &Value, report: &Value) {
    let told = |of: &Value| of["properties"].as_object().expect("properties").clone();
    let keys = |of: &Value| of.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let missing =
        |of: &Value, value: &Value| keys(value).into_iter().find(|key| !told(of).contains_key(key));
    assert_eq!(missing(schema, report), None);
    for finding in report["findings"].as_array().expect("findings") {
        assert_eq!(missing(&schema["$defs"]["Finding"], finding), None);
    }
}

#[test]
fn what_is_no_report_is_refused() {
    let pod = World::V4.start();
    let schema = Schema::printed(&pod, "report");
    let report = pod.run(Who::App, &["check", "--output", "json"]).report();
    schema.takes(&report);
    for (place, value) in [
        ("/verdict", json!("good")),
        ("/exitCode", json!(300)),
        ("/exitCode", json!("30")),
        ("/findings/0/code", json!("no-such-code")),
        ("/findings/0/severity", json!("FAIL")),
        ("/findings/0/layer", json!("mesh")),
        ("/findings/0/evidence", json!([])),
        ("/cause/code", json!(null)),
        ("/families/0", json!("IPv4")),
        ("/findings", json!({})),
    ] {
        let mut changed = report.clone();
        *changed.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = value;
        assert!(schema.check(&changed).is_err(), "{place}");
    }
    for key in ["schemaVersion", "verdict", "exitCode", "findings", "cause", "attempts"] {
        let mut changed = report.clone();
        changed.as_object_mut().expect("an object").remove(key);
        assert!(schema.check(&changed).is_err(), "{key}");
    }
}

#[test]
fn the_configurations_schema_takes_what_podprobe_takes() {
    let pod = World::V4.start();
    let schema = Schema::printed(&pod, "config");
    let file = pod.file("podprobe.yaml").display().to_string();
    let plan = ["check", "--plan", "--config", &file];
    let both = |text: &str| {
        std::fs::write(&file, text).expect("write");
        let yaml: Value = yaml_serde::from_str(text).expect("YAML");
        (pod.run(Who::App, &plan).code == 0, schema.check(&yaml).is_ok())
    };
    for good in [
        "",
        "outbound-port: 25001",
        "outbound-port: '25001'",
        "exclude-outbound-ports: [80, '443']",
        "exclude-outbound-ports: 80",
        "exclude-outbound-ports:",
        "exclude-outbound-ports: '80,443'",
        "dns-capture: true\ndns-port: 15053",
        "dns-capture: udp\ndns-port: 15053",
        "passthrough: false",
        "proxy-gid: []",
        "families: [ipv4]",
        "deadline: 10s\nmode: warn\nmesh: istio\noutput: junit\nlog-level: debug",
        "output-file: [tap=/tmp/a, json=/tmp/b]",
        "severity: {dns-silent: warn, dns-lossy: fail}",
        "severity: [dns-silent=warn]",
        "severity: dns-silent=ok",
        "severity:",
        "redirect-exit-code: 126",
    ] {
        assert_eq!(both(good), (true, true), "{good}");
    }
    for bad in [
        "exlude-outbound-ports: 80",
        "outbound-port: [1]",
        "outbound-port: 1.5",
        "outbound-port: true",
        "mesh: isto",
        "mode: never",
        "output: xml",
        "severity: {dns-silnt: warn}",
        "severity: {dns-silent: unknown}",
        "severity: {proof-required: ok}",
        "families: {a: b}",
        "config: other.yaml",
        "plan: true",
        "[]",
        "mesh",
    ] {
        assert_eq!(both(bad), (false, false), "{bad}");
    }
}

#[test]
fn every_key_of_the_configuration_says_what_it_is() {
    let pod = World::V4.start();
    let schema = Schema::printed(&pod, "config");
    let properties = schema.text["properties"].as_object().expect("properties");
    assert!(properties.len() > 40, "{}", properties.len());
    let silent = properties
        .iter()
        .find(|(_, property)| property["description"].as_str().unwrap_or_default().is_empty());
    assert!(silent.is_none(), "{silent:?}");
}
