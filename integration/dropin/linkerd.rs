//! As `linkerd2-network-validator`: what it prints, line by line, and how it ends.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::golden::assert_lines;
use crate::world::{Backend, Launch, Pod, Rules, Who, World, sh};

/// The injected container's user and group.
const WHO: Who = Who::Ids(65534, 65534);
/// The injected arguments, with the chart's defaults.
const INJECTED: [&str; 11] = [
    "linkerd-network-validator",
    "--log-format",
    "plain",
    "--log-level",
    "debug",
    "--connect-addr",
    "1.1.1.1:20001",
    "--listen-addr",
    "0.0.0.0:4140",
    "--timeout",
    "600ms",
];
const LISTENING: &str =
    "*Z  INFO linkerd_network_validator: Listening for connections on 0.0.0.0:4140";
const CONNECTING: &str = "*Z  INFO linkerd_network_validator: Connecting to addresses that nobody has, in \
    place of 1.1.1.1:20001: nothing gets beyond the first hop";
const UNSEEN: &str =
    "*Z  INFO linkerd_network_validator: Not proved: proxy flows: *running as 65534:65534*";
const FAILED: &str = "*Z ERROR linkerd_network_validator: Failed to validate networking configuration. \
    Please ensure iptables rules are rewriting traffic as expected. timeout=600ms";

fn intact(world: World) -> Pod {
    Pod::with(world, Backend::IptablesNft, &Rules::linkerd())
}

fn injected<'a>(more: &[&'a str]) -> Vec<&'a str> {
    INJECTED.iter().chain(more).copied().collect()
}

/// Other values in place of injected ones.
fn changed<'a>(flag: &str, value: &'a str) -> Vec<&'a str> {
    let mut arguments = injected(&[]);
    let at = arguments.iter().position(|word| *word == flag).expect("an injected flag");
    arguments[at + 1] = value;
    arguments
}

#[test]
fn rules_that_hold_are_validated() {
    let pod = intact(World::V4);
    let run = pod.run(WHO, &INJECTED).expect(0);
    let validated = "*Z  INFO linkerd_network_validator: Validated proofs=* \
        proved=outbound *, loopback *, exclusion *, dns * attempts=1";
    assert_lines(&run.stdout, &[LISTENING, CONNECTING, UNSEEN, validated]);
    assert_eq!(run.stderr, "");
}

#[test]
fn the_json_log_has_upstreams_fields() {
    let pod = intact(World::V4);
    let run = pod.run(WHO, &changed("--log-format", "json")).expect(0);
    let start = "{\"timestamp\":\"*Z\",\"level\":\"INFO\",\"fields\":{\"message\":";
    let end = "},\"target\":\"linkerd_network_validator\"}";
    let wanted = [
        format!("{start}\"Listening for connections on 0.0.0.0:4140\"{end}"),
        format!("{start}\"Connecting to *\"{end}"),
        format!("{start}\"Not proved: *\"{end}"),
        format!("{start}\"Validated\",\"proofs\":*,\"proved\":\"outbound *\",\"attempts\":1{end}"),
    ];
    assert_lines(&run.stdout, &wanted.each_ref().map(String::as_str));
}

#[test]
fn the_injected_command_is_enough() {
    let pod = intact(World::V4);
    let run = by_name(&pod, &INJECTED[1..]).run().expect(0);
    assert!(run.stdout.contains(" Validated proofs="), "{run}");
    let pod = World::V4.start();
    let run = by_name(&pod, &["--timeout", "100ms"]).run().expect(95);
    assert!(run.stdout.contains("timeout=100ms"), "{run}");
}

/// A run by a link with the name of Linkerd's program, where its chart expects it.
fn by_name<'p>(pod: &'p Pod, arguments: &[&str]) -> Launch<'p> {
    let link = pod.file("linkerd2-network-validator");
    let (program, link) = (pod.program().display(), link.display());
    let stage = format!(
        "ln -sf {program} {link}
         for word; do shift; [ \"$word\" != {program} ] || word={link}; set -- \"$@\" \"$word\"; done"
    );
    pod.launch(WHO, arguments).stage(stage)
}

#[test]
fn no_rules_end_with_95_and_the_reason() {
    let pod = World::V4.start();
    let path = message(&pod);
    let run =
        pod.launch(WHO, &INJECTED).env("PODPROBE_TERMINATION_MESSAGE", &path).run().expect(95);
    let waiting =
        "*Z  INFO linkerd_network_validator: Not validated yet, trying again: redirect-missing: *";
    let cause =
        "*Z ERROR linkerd_network_validator: redirect-missing: * hint=* exit_code=95 attempts=*";
    assert_lines(&run.stdout, &[LISTENING, CONNECTING, waiting, UNSEEN, FAILED, cause]);
    assert!(run.elapsed >= Duration::from_millis(600), "{run}");
    let message = fs::read_to_string(path).expect("a message");
    assert!(message.starts_with("redirect-missing: "), "{message}");
    assert!(message.contains("\"exitCode\":95"), "{message}");
}

#[test]
fn nothing_gets_beyond_the_first_hop() {
    let pod = World::V4.start();
    pod.run(WHO, &INJECTED).expect(95);
    let (seen, far) = pod.node.packets();
    assert!(seen > 0 && far == 0, "{far} of {seen} packets could travel on");
}

#[test]
fn another_port_is_named() {
    let pod = intact(World::V4);
    let run = pod.run(WHO, &changed("--listen-addr", "0.0.0.0:4150")).expect(95);
    assert!(run.stdout.contains(" outbound-wrong-port: "), "{run}");
    assert!(run.stdout.contains("4140") && run.stdout.contains("4150"), "{run}");
}

#[test]
fn rules_that_come_late_are_waited_for() {
    let pod = World::V4.start();
    let running = pod.launch(WHO, &changed("--timeout", "10s")).start();
    assert!(running.still_runs_after(Duration::from_millis(500)), "it does not wait");
    pod.load(Backend::IptablesNft, &Rules::linkerd());
    let run = running.wait().expect(0);
    assert!(run.elapsed < Duration::from_secs(5), "{run}");
}

#[test]
fn ipv6_is_asked_for_by_the_listening_address() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::linkerd().only_v4());
    pod.run(WHO, &INJECTED).expect(0);
    let run = pod.run(WHO, &changed("--listen-addr", "[::]:4140")).expect(95);
    assert!(run.stdout.contains(" redirect-family-missing: "), "{run}");
    pod.load(Backend::IptablesNft, &Rules::linkerd());
    pod.run(WHO, &changed("--listen-addr", "[::]:4140")).expect(0);
}

#[test]
fn ports_that_pods_may_skip_are_no_failure() {
    for ports in ["443,6443", "80,8080,3306", "9999"] {
        let rules = Rules::linkerd().replace("--dports 4567,4568", &format!("--dports {ports}"));
        let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
        in_cluster(pod.launch(WHO, &INJECTED)).run().expect(0);
    }
}

#[test]
fn services_that_bypass_the_proxy_are_a_failure() {
    let chain = "-A PROXY_INIT_OUTPUT -p tcp -j REDIRECT";
    let bypass = format!("-A PROXY_INIT_OUTPUT -d 10.96.0.0/12 -j RETURN\n{chain}");
    let rules = Rules::linkerd().only_v4().replace(chain, &bypass);
    let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
    let run = in_cluster(pod.launch(WHO, &INJECTED)).run().expect(95);
    assert!(run.stdout.contains("10.96.0.1"), "{run}");
}

/// With the API server's service, as every pod has it.
fn in_cluster(launch: Launch<'_>) -> Launch<'_> {
    launch.env("KUBERNETES_SERVICE_HOST", "10.96.0.1").env("KUBERNETES_SERVICE_PORT", "443")
}

#[test]
fn what_a_new_pod_would_meet_again_is_not_95() {
    let pod = intact(World::V4);
    sh("ip route del default");
    let run = pod.run(WHO, &INJECTED).expect(1);
    assert!(run.stdout.contains(" route-no-default: "), "{run}");
    assert!(!run.stdout.contains("iptables rules"), "{run}");
}

#[test]
fn signals_end_it_with_95() {
    for (signal, name) in [(Signal::SIGTERM, "SIGTERM"), (Signal::SIGINT, "SIGINT")] {
        let pod = World::V4.start();
        let running = pod.launch(WHO, &changed("--timeout", "10s")).start();
        assert!(running.still_runs_after(Duration::from_millis(500)), "it does not wait");
        running.signal(signal);
        let run = running.wait().expect(95);
        assert!(
            run.stdout.contains(&format!("ERROR linkerd_network_validator: Killed by {name}\n")),
            "{run}"
        );
    }
}

#[test]
fn bad_values_end_with_2() {
    let pod = World::V4.start();
    for (flag, value) in [
        ("--timeout", "10"),
        ("--log-format", "xml"),
        ("--log-level", "linkerd=loud"),
        ("--connect-addr", "1.1.1.1"),
        ("--listen-addr", "0.0.0.0:0"),
    ] {
        let run = pod.run(WHO, &changed(flag, value)).expect(2);
        let line = format!("error: invalid value '{value}' for '{flag} <*");
        assert_lines(run.stderr.lines().next().unwrap_or_default(), &[&line]);
        assert_eq!(run.stdout, "");
    }
    pod.run(WHO, &injected(&["word"])).expect(2);
    pod.run(WHO, &injected(&["--listen-addr"])).expect(2);
}

#[test]
fn the_environment_counts_where_no_flag_does() {
    let pod = intact(World::V4);
    let name = "LINKERD_NETWORK_VALIDATOR_LOG_FORMAT";
    let bare = pod.launch(WHO, &INJECTED[..1]).env(name, "json");
    let run = bare.env("LINKERD_NETWORK_VALIDATOR_LOG_LEVEL", "warn,linkerd=debug").run().expect(0);
    assert!(run.stdout.starts_with("{\"timestamp\""), "{run}");
    let run = pod.launch(WHO, &INJECTED).env(name, "json").run().expect(0);
    assert!(run.stdout.contains(" INFO linkerd_network_validator: "), "{run}");
    let run = pod.launch(WHO, &INJECTED[..1]).env(name, "xml").run().expect(2);
    assert!(run.stderr.contains("'--log-format <FORMAT>'"), "{run}");
}

#[test]
fn the_level_chooses_the_lines() {
    let pod = World::V4.start();
    let run = pod.run(WHO, &changed("--log-level", "error")).expect(95);
    assert_lines(&run.stdout, &[FAILED, "*Z ERROR linkerd_network_validator: redirect-missing: *"]);
    let run = pod.run(WHO, &changed("--log-level", "off")).expect(95);
    assert_eq!(run.stdout, "");
}

#[test]
fn flags_of_newer_versions_are_passed_over_and_told() {
    let pod = intact(World::V4);
    let run = pod.run(WHO, &injected(&["--new", "10s", "--newer=x", "-z"])).expect(0);
    for flag in ["--new 10s", "--newer=x", "-z"] {
        let line = format!(" WARN linkerd_network_validator: Ignoring {flag}: ");
        assert!(run.stdout.contains(&line), "{run}");
    }
}

#[test]
fn help_and_version_are_no_failures() {
    let pod = World::V4.start();
    let run = pod.run(WHO, &[INJECTED[0], "--help"]).expect(0);
    for flag in ["--log-level", "--log-format", "--timeout", "--listen-addr", "--connect-addr"] {
        assert!(run.stdout.contains(flag), "{run}");
    }
    let run = pod.run(WHO, &[INJECTED[0], "--version"]).expect(0);
    assert!(run.stdout.starts_with("linkerd-network-validator "), "{run}");
}

/// A file for the termination message.
fn message(pod: &Pod) -> String {
    let path: PathBuf = pod.file("message");
    fs::write(&path, "").expect("an empty message");
    sh(&format!("chmod 666 {}", path.display()));
    path.display().to_string()
}
