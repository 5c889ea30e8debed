//! What a configuration file may say, and what is said of one that may not.

use proptest::prelude::*;

use super::*;

fn keys() -> Vec<Key> {
    let key = |(name, takes): (&str, Takes)| Key { name: name.to_owned(), takes };
    let names = [
        ("outbound-port", Takes::One),
        ("exclude-outbound-ports", Takes::Many),
        ("exclude-outbound-cidrs", Takes::Many),
        ("dns-capture", Takes::One),
        ("mesh", Takes::One),
        ("plan", Takes::Nothing),
        ("severity", Takes::Pairs),
    ];
    names.map(key).to_vec()
}

fn parsed(text: &str) -> Result<Vec<(String, String)>, String> {
    let settings = parse(text, &keys(), &|_, _| Ok(()))?;
    Ok(settings.into_iter().map(|setting| (setting.key, setting.value)).collect())
}

#[track_caller]
fn says(text: &str, wanted: &[(&str, &str)]) {
    let got = parsed(text).unwrap_or_else(|problem| panic!("{text:?}: {problem}"));
    let got: Vec<(&str, &str)> = got.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(got, wanted, "{text:?}");
}

#[track_caller]
fn refused(text: &str, with: &str) {
    match parsed(text) {
        Err(problem) => assert_eq!(problem, with, "{text:?}"),
        Ok(settings) => panic!("{text:?} is {settings:?}"),
    }
}

#[test]
fn values_are_what_the_flag_would_be_given() {
    says("outbound-port: 25001\nmesh: kuma\n", &[("outbound-port", "25001"), ("mesh", "kuma")]);
    says("dns-capture: true", &[("dns-capture", "true")]);
    says("exclude-outbound-ports: [80, 443]", &[("exclude-outbound-ports", "80,443")]);
    says("exclude-outbound-ports:\n- 80\n- '443'", &[("exclude-outbound-ports", "80,443")]);
    says("exclude-outbound-ports: 80,443", &[("exclude-outbound-ports", "80,443")]);
    says("exclude-outbound-ports: 80", &[("exclude-outbound-ports", "80")]);
    for empty in ["[]", "''", "", "~"] {
        says(&format!("exclude-outbound-ports: {empty}"), &[("exclude-outbound-ports", "")]);
    }
    says("exclude-outbound-cidrs: ['fd00::/8']", &[("exclude-outbound-cidrs", "fd00::/8")]);
}

#[test]
fn a_mapping_is_a_list_of_names_with_values() {
    for text in
        ["severity: {a: warn, b: ok}", "severity:\n  a: warn\n  b: ok", "severity: [a=warn, b=ok]"]
    {
        says(text, &[("severity", "a=warn,b=ok")]);
    }
    says("severity: {}", &[("severity", "")]);
    refused("mesh: {a: warn}", "line 1: mesh: invalid type: map, expected one value");
    refused("severity:\n  a: [warn]", "line 2: severity.a: a list, but it takes one value");
}

#[test]
fn json_is_yaml_with_or_without_tabs() {
    says("{\"outbound-port\": 25001}", &[("outbound-port", "25001")]);
    says("{\n\t\"exclude-outbound-ports\": [\n\t\t1\n\t]\n}", &[("exclude-outbound-ports", "1")]);
}

#[test]
fn a_file_that_says_nothing_is_no_mistake() {
    for nothing in ["", "\n\n", "# outbound-port: 1\n", "---\n", "{}", "null", "  # a\n\n # b"] {
        says(nothing, &[]);
    }
    says("%YAML 1.2\n---\noutbound-port: 1\n...\n", &[("outbound-port", "1")]);
    says("\u{feff}outbound-port: 1\r\n", &[("outbound-port", "1")]);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    for (typed, meant) in [
        ("exlude-outbound-ports", "exclude-outbound-ports"),
        ("exclude_outbound_ports", "exclude-outbound-ports"),
        ("excludeOutboundPorts", "exclude-outbound-ports"),
        ("PODPROBE_EXCLUDE_OUTBOUND_CIDRS", "exclude-outbound-cidrs"),
        ("exclude-outbound-cidr", "exclude-outbound-cidrs"),
        ("Mesh", "mesh"),
        ("severities", "severity"),
    ] {
        let problem = format!("line 3: unknown key {typed:?}: did you mean {meant}?");
        refused(&format!("# a\nmesh: istio\n{typed}: 1\n"), &problem);
    }
    for strange in ["targets", "listeners", "<<", "1", "true"] {
        let problem = "`podprobe gate --help` lists the flags";
        refused(&format!("{strange}: 1"), &format!("line 1: unknown key {strange:?}: {problem}"));
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_key_and_line() {
    refused("\noutbound-port: [1]", "line 2: outbound-port: a list, but it takes one value");
    refused("outbound-port:", "line 1: outbound-port: no value");
    refused(
        "outbound-port:\n  a: 1",
        "line 2: outbound-port: invalid type: map, expected one value",
    );
    refused(
        "exclude-outbound-ports: {a: 1}",
        "line 1: exclude-outbound-ports: invalid type: map, expected a list of values, or one",
    );
    refused(
        "exclude-outbound-ports:\n- 1\n- [2]",
        "line 3: exclude-outbound-ports[1]: a list, but it takes one value",
    );
    refused(
        "outbound-port: 1.5",
        "line 1: outbound-port: invalid type: floating point `1.5`, expected one value",
    );
    refused(
        "- mesh",
        "line 1: invalid type: sequence, expected keys with values, such as `outbound-port: 15001`",
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    refused("mesh: a\nmesh: b", "line 2: mesh is there twice");
    refused("plan: true", "line 1: plan belongs on the command line, not into a file");
    refused("mesh: a\n---\nmesh: b", "more than one YAML document");
    let star = parsed("exclude-outbound-cidrs: *").expect_err("no alias");
    assert!(star.starts_with("line 1: ") && star.ends_with("; write * in quotes"), "{star}");
}

#[test]
fn a_bad_value_is_named_with_its_key_and_line() {
    let check = |key: &Key, value: &str| {
        if value == "80,x" { Err(format!("{} has an x", key.name)) } else { Ok(()) }
    };
    let problem = parse("mesh: a\nexclude-outbound-ports: [80, x]", &keys(), &check);
    let wanted = "line 2: exclude-outbound-ports: exclude-outbound-ports has an x";
    assert_eq!(problem, Err(wanted.to_owned()));
}

/// Each took seconds to hours, or gigabytes, before there was a limit.
#[test]
fn files_made_to_be_slow_are_refused() {
    let long = "x".repeat(MOST_BYTES / 2);
    let slow = [
        "[".repeat(MOST_BYTES),
        "{a: ".repeat(MOST_BYTES / 4),
        "%TAG !a! b\n".repeat(50_000),
        format!("exclude-outbound-ports: [&a {long}{}]", ",*a".repeat(100_000)),
        format!("{long}: 1"),
        format!("mesh: &a [x,x,x,x]\noutbound-port: &b [{}]", ["*a"; 999].join(",")),
        "- ".repeat(MOST_BYTES / 2),
    ];
    for text in slow {
        let problem = parsed(&text).expect_err("a refusal");
        assert!(problem.chars().count() < 2 * MOST_SAID, "{problem}");
    }
}

proptest! {
    #[test]
    fn foreign_text_never_panics(text in "\\PC*") {
        let _ = parsed(&text);
    }

    #[test]
    fn yaml_like_text_never_panics(text in "([a-z]{1,3}|mesh|plan|[-:?,*&!|>'\"%@{}\\[\\]#~]| |\n|\t|\r){0,60}") {
        let _ = parsed(&text);
    }

    #[test]
    fn a_list_survives_in_each_way_to_write_it(ports in prop::collection::vec(1_u16.., 1..9)) {
        let texts: Vec<String> = ports.iter().map(u16::to_string).collect();
        let wanted = Ok(vec![("exclude-outbound-ports".to_owned(), texts.join(","))]);
        let key = "exclude-outbound-ports";
        prop_assert_eq!(&parsed(&format!("{key}: [{}]", texts.join(", "))), &wanted);
        prop_assert_eq!(&parsed(&format!("{key}:\n- {}", texts.join("\n- "))), &wanted);
        prop_assert_eq!(&parsed(&format!("{key}: {}", texts.join(","))), &wanted);
    }
}
