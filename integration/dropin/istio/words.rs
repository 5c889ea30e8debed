//! What it prints, word by word, and how it ends.

use std::net::TcpListener;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{ISTIO_1_20, LISTENING, NOT_READY, START, golden, injected, intact, words};
use crate::world::{Backend, Pod, Rules, Who, World};
use Who::{Ids, Proxy};

#[test]
fn rules_that_hold_pass_in_istio_s_words() {
    let run = intact().run(Proxy, &injected(&[])).expect(0);
    let passed = "TIME\tinfo\tValidation passed, iptables rules established\n";
    let proved = "TIME\tinfo\tproved #\n";
    assert_eq!(golden(&run), [START, LISTENING, passed, proved].concat(), "{run}");
    let proofs = run.stdout.split("proved ").nth(1).expect("what was proved");
    assert!(["inbound ", "loop ", "tunnel "].iter().all(|proof| proofs.contains(proof)), "{run}");
    let unseen = "; outbound capture not observable: running as 1337:1337";
    assert!(proofs.contains(unseen), "{run}");
    assert_eq!(run.stderr, "");
}

#[test]
fn json_has_istio_s_keys_in_istio_s_order() {
    let run = intact().run(Proxy, &injected(&["--log_as_json"])).expect(0);
    let messages: Vec<String> = run.stdout.lines().map(json_message).collect();
    assert_eq!(messages[1], "Listening on 127.0.0.1:15001", "{run}");
    assert_eq!(messages[3], "Validation passed, iptables rules established", "{run}");
    assert!(messages[4].starts_with("proved "), "{run}");
}

fn json_message(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let message = value["msg"].as_str().expect("a message").to_owned();
    let (time, msg) = (&value["time"], &value["msg"]);
    assert_eq!(line, format!(r#"{{"level":{},"time":{time},"msg":{msg}}}"#, value["level"]));
    message
}

#[test]
fn no_rules_end_with_126_and_istio_s_block() {
    let pod = World::V4.start();
    let run = pod.run(Proxy, &injected(&[])).expect(126);
    let told = "TIME\twarn\twaiting: redirect-missing: …\nTIME\terror\tredirect-missing: …\n\
                TIME\terror\thint: …\nTIME\tinfo\tbroken after #\n";
    assert_eq!(golden(&run), [START, LISTENING, told, NOT_READY].concat(), "{run}");
    assert!(run.elapsed >= Duration::from_millis(550), "{run}");
    assert_eq!(run.stderr, "");
}

#[test]
fn a_wrong_port_is_named_before_the_block() {
    let rules = Rules::istio().replace("15006", "15016");
    let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
    let run = pod.run(Proxy, &injected(&[])).expect(126);
    let first = run.stdout.lines().find(|line| line.contains("\terror\t")).expect("an error");
    assert!(first.contains("capture-refused: ") || first.contains("inbound-wrong-port: "), "{run}");
    assert!(golden(&run).ends_with(NOT_READY), "{run}");
}

#[test]
fn an_unknown_flag_is_tolerated_and_told() {
    let flags = ["--brand-new", "value", "-X5"];
    let run = intact().run(Proxy, &injected(&flags)).expect(0);
    for said in ["unknown flag: --brand-new", "unknown shorthand flag: 'X' in -X5"] {
        assert!(run.stdout.contains(&format!("\twarn\t{said} (ignored")), "{run}");
    }
}

#[test]
fn bad_command_lines_are_istio_s_errors() {
    let pod = World::V4.start();
    let bad_time =
        "invalid argument \"soon\" for \"--probe-timeout\" flag: time: invalid duration \"soon\"";
    for (flags, error) in [
        (&["--bogus", "--strict-flags"][..], "unknown flag: --bogus"),
        (&["--strict-flags", "-Xfoo"], "unknown shorthand flag: 'X' in -Xfoo"),
        (&["--probe-timeout=soon"], bad_time),
        (&["-p"], "flag needs an argument: 'p' in -p"),
        (&["--log_output_level=default:loud"], "invalid output level 'default:loud'"),
        (&["--log_output_level", "a:b:c"], "invalid output level format 'a:b:c'"),
    ] {
        let run = pod.run(Proxy, &injected(flags)).expect(255);
        assert_eq!(run.stderr, format!("Error: {error}\n"), "{run}");
        assert_eq!(golden(&run), format!("TIME\terror\t{error}\n"), "{run}");
    }
}

#[test]
fn what_cannot_be_meant_ends_with_1() {
    let pod = intact();
    let cidr = "ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR";
    let run = pod.launch(Proxy, &injected(&[])).env(cidr, "10.0.0.1/8").run().expect(1);
    let error = "expected valid IPv4 loopback address in CIDR 10.0.0.1/8; found 10.0.0.1";
    assert_eq!(golden(&run), format!("TIME\terror\t{error}\n"), "{run}");
    pod.launch(Proxy, &injected(&[])).env(cidr, "127.0.0.0/8").run().expect(0);
    pod.run(Proxy, &injected(&["-p", "http"])).expect(1);
}

#[test]
fn programming_is_refused_loudly() {
    let pod = World::V4.start();
    let plain = words("istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -b *");
    for (flags, said) in [
        (&[][..], "pilot.cni.enabled=true"),
        (&["--run-validation"], "pilot.cni.enabled=true"),
        (&["--force-apply"], "--force-apply asks to program rules"),
        (&["--run-validation", "--skip-rule-apply", "--cleanup-only"], "--cleanup-only asks"),
        (&["--skip-rule-apply"], "give --run-validation"),
    ] {
        let run = pod.run(Proxy, &[&plain[..], flags].concat()).expect(1);
        assert!(run.stdout.contains("\terror\t") && run.stdout.contains(said), "{run}");
    }
}

#[test]
fn help_is_no_failure() {
    let run = World::V4.start().run(Proxy, &["istio-iptables", "--help"]).expect(0);
    assert!(run.stdout.contains("-p, --envoy-port"), "{run}");
}

#[test]
fn flags_of_the_root_command_may_stand_in_front() {
    let pod = intact();
    for front in [&["--log_as_json"][..], &["--log_output_level", "default:info", "--log_as_json"]]
    {
        let run = pod.run(Proxy, &[front, &injected(&[])].concat()).expect(0);
        assert!(run.stdout.lines().all(|line| line.starts_with("{\"level\":")), "{run}");
    }
    pod.run(Proxy, &["--log_output_level", "loud", "istio-iptables"]).expect(255);
}

#[test]
fn beside_a_running_proxy_nothing_claims_to_listen() {
    let pod = intact();
    let taken = ["0.0.0.0:15001", "0.0.0.0:15006"].map(TcpListener::bind);
    let run = pod.run(Ids(1337, 1337), &injected(&["-u", "1337,0"]));
    drop(taken);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.stdout.contains("\tinfo\tA proxy runs: 127.0.0.1:15006 is left to it"), "{run}");
    assert!(!run.stdout.contains("Listening on"), "{run}");
}

#[test]
fn sigterm_ends_with_143_and_the_reason() {
    let pod = World::V4.start();
    let flags = [&words(ISTIO_1_20)[..], &["--probe-timeout=15s"]].concat();
    let running = pod.launch(Proxy, &flags).start();
    assert!(running.still_runs_after(Duration::from_millis(500)), "it does not wait");
    running.signal(Signal::SIGTERM);
    let run = running.wait().expect(143);
    let told = "TIME\twarn\twaiting: redirect-missing: …\nTIME\terror\tredirect-missing: …\n\
                TIME\terror\tended by signal 15 after #; workload is not ready for Istio.\n";
    assert_eq!(golden(&run), [START, LISTENING, told].concat(), "{run}");
}

#[test]
fn the_wait_ends_when_rules_come_and_tells_a_cause_once() {
    let pod = World::V4.start();
    let flags = [&words(ISTIO_1_20)[..], &["--probe-timeout=10s"]].concat();
    let running = pod.launch(Proxy, &flags).start();
    assert!(running.still_runs_after(Duration::from_millis(1500)), "it does not wait");
    pod.load(Backend::IptablesNft, &Rules::istio());
    let run = running.wait().expect(0);
    assert_eq!(run.stdout.matches("waiting: redirect-missing").count(), 1, "{run}");
    assert!(run.elapsed < Duration::from_secs(4), "{run}");
}

#[test]
fn log_levels_silence_and_reveal() {
    let pod = intact();
    for silent in ["none", "all:none", "default:none,other:debug"] {
        let run = pod.run(Proxy, &injected(&["--log_output_level", silent])).expect(0);
        assert_eq!(run.stdout, "", "{run}");
    }
    let run = pod.run(Proxy, &injected(&["--log_output_level", "brand-new:none", "-c", "net1"]));
    assert!(run.stdout.contains("Validation passed") && !run.stdout.contains("net1"), "{run}");
    let run = pod.run(Proxy, &injected(&["--log_output_level=debug", "-c", "net1"])).expect(0);
    assert!(run.stdout.contains("\tdebug\t--istio-exclude-interfaces net1: "), "{run}");
    let run = pod.run(Proxy, &injected(&["--log_target=stderr"])).expect(0);
    assert!(run.stdout.is_empty() && run.stderr.contains("Validation passed"), "{run}");
}
