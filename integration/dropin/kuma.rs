//! As `kumactl install transparent-proxy-validator`: what it prints, line by line, and how it ends.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::golden::assert_lines;
use crate::world::{Backend, Output, Pod, Rules, Who, World, sh};

/// The injected container's user and group.
const WHO: Who = Who::Ids(5678, 5678);
/// What is injected where no `ConfigMap` has the configuration.
const INJECTED: [&str; 5] = [
    "install",
    "transparent-proxy-validator",
    "--config-file=/tmp/.kumactl",
    "--ip-family-mode=dualstack",
    "--validation-server-port=15006",
];
/// What the injector writes into the annotation, shortened.
const CONFIG: &str = "
cniMode: true
ipFamilyMode: dualstack
kumaDPUser: \"5678\"
redirect:
  dns: {captureAll: true, enabled: true, port: 15053, resolvConfigPath: /etc/resolv.conf}
  inbound: {enabled: true, port: 15006}
  outbound: {enabled: true, port: 15001}
";
const STARTING: [&str; 4] = [
    "*Z\tINFO\ttransparentproxy.validator.ipv4\tstarting iptables validation",
    "*Z\tINFO\ttransparentproxy.validator.ipv4\tserver is listening\t{\"address\": \"127.0.0.1:15006\"}",
    "*Z\tINFO\ttransparentproxy.validator.ipv6\tstarting iptables validation",
    "*Z\tINFO\ttransparentproxy.validator.ipv6\tserver is listening\t{\"address\": \"[::1]:15006\"}",
];
const UNSEEN: &str = "*Z\tINFO\ttransparentproxy.validator\tnot proved\t{\"subject\": \"application flows\", \
    \"reason\": \"*running as 5678:5678*\"}";

fn intact() -> Pod {
    Pod::with(World::DUAL, Backend::IptablesNft, &Rules::kuma())
}

fn injected<'a>(more: &[&'a str]) -> Vec<&'a str> {
    INJECTED.iter().chain(more).copied().collect()
}

/// A run with a configuration in a file.
fn configured(pod: &Pod, who: Who, config: &str) -> Output {
    let path = pod.file("config.yaml");
    fs::write(&path, config).expect("a configuration");
    let flag = format!("--transparent-proxy-config={}", path.display());
    interrupted(pod, who, &[INJECTED[0], INJECTED[1], INJECTED[2], &flag])
}

/// A run that is ended as soon as it has looked more than once.
fn interrupted(pod: &Pod, who: Who, arguments: &[&str]) -> Output {
    let running = pod.launch(who, arguments).start();
    if running.still_runs_after(Duration::from_millis(900)) {
        running.signal(Signal::SIGTERM);
    }
    running.wait()
}

#[test]
fn rules_that_hold_are_valid_in_both_families() {
    let run = intact().run(WHO, &INJECTED).expect(0);
    let valid = |family: &str| {
        let logger = format!("*Z\tINFO\ttransparentproxy.validator.{family}\t");
        logger + "validation successful, iptables rules applied correctly"
    };
    let ended = "*Z\tINFO\ttransparentproxy.validator\tvalidation ended\t{\"proofs\": *, \
        \"proved\": \"inbound *, loop *, passthrough *\", \"attempts\": 1}";
    let (v4, v6) = (valid("ipv4"), valid("ipv6"));
    assert_lines(&run.stdout, &[&STARTING[..], &[UNSEEN, &v4, &v6, ended]].concat());
    assert_eq!(run.stderr, "");
}

#[test]
fn no_rules_end_with_1_after_ten_seconds() {
    let pod = World::DUAL.start();
    let path = pod.file("message");
    fs::write(&path, "").expect("an empty message");
    sh(&format!("chmod 666 {}", path.display()));
    let flag = format!("--termination-message={}", path.display());
    let run = pod.run(WHO, &injected(&[&flag])).expect(1);
    let waiting = "*Z\tINFO\ttransparentproxy.validator\tfailed to connect to the server, retrying\t\
        {\"error\": \"redirect-missing: *\"}";
    let broken = |family: &str| {
        let logger = format!("*Z\tINFO\ttransparentproxy.validator.{family}\tvalidation failed\t");
        logger + "{\"code\": \"redirect-missing\", \"reason\": \"*\", \"hint\": \"*\"}"
    };
    let (v4, v6) = (broken("ipv4"), broken("ipv6"));
    let ended = "*Z\tINFO\ttransparentproxy.validator\tvalidation ended\t*";
    assert_lines(&run.stdout, &[&STARTING[..], &[waiting, UNSEEN, &v4, &v6, ended]].concat());
    assert_lines(&run.stderr, &["Error: validation failed: redirect-missing: * (*)"]);
    let seconds = run.elapsed.as_secs();
    assert!((10..13).contains(&seconds), "{run}");
    let message = fs::read_to_string(path).expect("a message");
    assert!(message.starts_with("redirect-missing: "), "{message}");
    assert!(message.contains("\"exitCode\":1,"), "{message}");
}

#[test]
fn the_family_mode_chooses_the_families() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::kuma().only_v4());
    let command = &INJECTED[..2];
    let run = pod.run(WHO, &[command, &["--ip-family-mode", "ipv4"]].concat()).expect(0);
    assert!(!run.stdout.contains("ipv6"), "{run}");
    let run = interrupted(&pod, WHO, command).expect(1);
    assert!(
        run.stdout
            .contains("validator.ipv6\tvalidation failed\t{\"code\": \"redirect-family-missing\""),
        "{run}"
    );
    assert!(!run.stdout.contains("validator.ipv4\tvalidation failed"), "{run}");
}

#[test]
fn another_port_is_named() {
    let run = interrupted(
        &intact(),
        WHO,
        &[&INJECTED[..2], &["--validation-server-port", "15010"]].concat(),
    );
    let run = run.expect(1);
    assert!(run.stdout.contains("\"code\": \"inbound-wrong-port\""), "{run}");
    assert!(run.stdout.contains("15006") && run.stdout.contains("15010"), "{run}");
}

#[test]
fn rules_that_come_late_are_waited_for() {
    let pod = World::DUAL.start();
    let running = pod.launch(WHO, &INJECTED).start();
    assert!(running.still_runs_after(Duration::from_millis(700)), "it does not wait");
    pod.load(Backend::IptablesNft, &Rules::kuma());
    let run = running.wait().expect(0);
    assert!(run.elapsed < Duration::from_secs(5), "{run}");
}

#[test]
fn a_signal_ends_it_with_1_and_the_reason() {
    let run = interrupted(&World::DUAL.start(), WHO, &INJECTED).expect(1);
    assert_lines(
        &run.stderr,
        &["Error: validation failed: ended by signal 15; redirect-missing: *"],
    );
}

#[test]
fn the_configuration_is_the_promise() {
    configured(&intact(), WHO, CONFIG).expect(0);
    let excluded =
        CONFIG.replace("{enabled: true, port: 15001}", "{excludePorts: [5432], port: 15001}");
    let run = configured(&intact(), WHO, &excluded).expect(1);
    assert!(run.stdout.contains("\"code\": \"exclusion-captured\""), "{run}");
    let moved = CONFIG.replace("15006", "15007");
    let run = configured(&intact(), WHO, &moved).expect(1);
    assert!(run.stdout.contains("\"code\": \"inbound-wrong-port\""), "{run}");
    let user = CONFIG.replace("5678", "5679");
    let rules = Rules::kuma().replace("5678", "5679");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    configured(&pod, Who::Ids(5679, 5679), &user).expect(0);
}

#[test]
fn an_application_proves_the_other_half_of_the_configuration() {
    let run = configured(&intact(), Who::App, CONFIG).expect(0);
    assert!(run.stdout.contains("\"proved\": \"outbound "), "{run}");
    let run = configured(&intact(), Who::App, &CONFIG.replace("15001", "15002")).expect(1);
    assert!(run.stdout.contains("\"code\": \"outbound-wrong-port\""), "{run}");
    let silent = CONFIG.replace("dns: {captureAll: true, enabled: true", "dns: {enabled: false");
    let run = configured(&intact(), Who::App, &silent).expect(1);
    assert!(run.stdout.contains("\"code\": \"dns-captured\""), "{run}");
}

#[test]
fn another_user_of_the_sidecar_needs_no_declaration() {
    let rules = Rules::kuma().replace("5678", "1234");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    let run = pod.run(Who::Ids(1234, 1234), &INJECTED).expect(0);
    assert!(
        run.stdout.contains("\tthe rules are for the user of this container\t{\"uid\": 1234}"),
        "{run}"
    );
    interrupted(&pod, WHO, &INJECTED).expect(1);
    interrupted(&intact(), Who::Ids(1234, 1234), &INJECTED).expect(0);
}

#[test]
fn ports_that_annotations_may_exclude_are_no_failure() {
    let chain = "-A KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT";
    let skipping = format!("-A KUMA_MESH_OUTBOUND -p tcp --dport 443 -j RETURN\n{chain}");
    let rules = Rules::kuma().replace(chain, &skipping);
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    for who in [WHO, Who::App] {
        pod.run(who, &INJECTED).expect(0);
    }
}

#[test]
fn bad_values_end_with_1_in_pflags_words() {
    let pod = World::DUAL.start();
    let refused = |flag: &str, line: &str| {
        let run = pod.run(WHO, &[INJECTED[0], INJECTED[1], flag]).expect(1);
        assert_lines(&run.stderr, &[line]);
        assert_eq!(run.stdout, "");
    };
    refused(
        "--ip-family-mode=both",
        "Error: invalid argument \"both\" for \"--ip-family-mode\" flag: must be one of 'dualstack' or 'ipv4'",
    );
    refused(
        "--validation-server-port=x",
        "Error: invalid argument \"x\" for \"--validation-server-port\" flag: *",
    );
    refused("--log-level=loud", "Error: unknown log level \"loud\"");
    refused(
        "--transparent-proxy-config=/nowhere/config.yaml",
        "Error: failed to load transparent proxy configuration from provided input: read /nowhere/config.yaml: *",
    );
}

#[test]
fn the_environment_may_shorten_the_wait() {
    let pod = World::DUAL.start();
    let run = pod.launch(WHO, &INJECTED).env("PODPROBE_DEADLINE", "300ms").run().expect(1);
    assert!(run.elapsed < Duration::from_secs(3), "{run}");
    let run = pod.launch(WHO, &INJECTED).env("PODPROBE_DEADLINE", "soon").run().expect(1);
    assert_lines(&run.stderr, &["Error: invalid value 'soon' for '--deadline <DURATION>': *"]);
}

#[test]
fn flags_of_newer_versions_are_passed_over_and_told() {
    let run = intact().run(WHO, &injected(&["--new", "10s", "--no-config", "word"])).expect(0);
    assert!(
        run.stdout
            .contains("\tignoring a flag that podprobe does not know\t{\"flag\": \"--new 10s\"}"),
        "{run}"
    );
}

#[test]
fn flags_of_the_root_command_may_stand_in_front() {
    let line = ["--config-file", "/tmp/.kumactl", INJECTED[0], "--log-level=info", INJECTED[1]];
    intact().run(WHO, &line).expect(0);
}

#[test]
fn help_is_no_failure() {
    let run = World::DUAL.start().run(WHO, &[INJECTED[0], INJECTED[1], "--help"]).expect(0);
    for flag in ["--ip-family-mode", "--validation-server-port", "--transparent-proxy-config"] {
        assert!(run.stdout.contains(flag), "{run}");
    }
}
