//! What other programs rely on: exit codes, environment, streams, recordings.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::{Backend, Pod, Rules, Who, World};

fn intact() -> Pod {
    Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio())
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2() {
    let pod = World::V4.start();
    let senseless: &[&[&str]] = &[
        &["gate", "--no-such-flag"],
        &["gate", "--outbound-port", "70000"],
        &["gate", "--outbound-port", "0"],
        &["gate", "--deadline", "soon"],
        &["gate", "--mesh", "nosuch"],
        &["gate", "--families", "ipv5"],
        &["gate", "--exclude-outbound-cidrs", "10.0.0.0/33"],
        &["gate", "--exclude-outbound-ports", "http"],
        &["gate", "--require", "nosuch"],
        &["gate", "--dns-capture", "maybe"],
        &["check", "nosuchlayer"],
        &["check", "--output", "xml"],
        &["explain", "no-such-code"],
        &["nosuchcommand"],
        &[],
    ];
    for arguments in senseless {
        let run = pod.run(Who::App, arguments).expect(2);
        assert!(!run.stderr.is_empty() && run.stdout.is_empty(), "{run}");
    }
}

#[test]
fn a_required_proof_that_cannot_be_made_ends_with_5() {
    let pod = intact();
    pod.run(Who::App, &["check", "--require", "inbound"]).expect(5);
    pod.run(Who::Proxy, &["check", "--require", "outbound"]).expect(5);
    pod.run(Who::Proxy, &["check", "--require", "inbound"]).expect(0);
    pod.run(Who::App, &["check", "--require", "outbound"]).expect(0);
    pod.run(Who::Root, &["check", "--require", "outbound,inbound"]).expect(0);
    // Port 53 of the proxy on loopback hints at rules for queries, and is none.
    pod.load(Backend::IptablesNft, &Rules::istio_dns());
    let dns = ["check", "--dns-capture", "true", "--require", "dns"];
    pod.run(Who::Proxy, &dns).expect(5);
    pod.run(Who::App, &dns).expect(0);
}

#[test]
fn what_is_broken_comes_before_what_cannot_be_seen() {
    let pod = World::V4.start();
    pod.run(Who::App, &["check", "--require", "inbound"]).expect(30);
}

#[test]
fn warn_mode_reports_and_does_not_block() {
    let pod = World::DUAL.start();
    let run = pod.run(Who::App, &["check", "--mode", "warn", "--output", "json"]).expect(0);
    assert_eq!(run.cause(), "redirect-missing", "{run}");
    pod.run(Who::App, &["gate", "--mode", "warn", "--deadline", "200ms"]).expect(0);
}

#[test]
fn off_mode_does_nothing() {
    let pod = World::DUAL.start();
    for command in ["gate", "check"] {
        let run = pod.run(Who::App, &[command, "--mode", "off"]).expect(0);
        assert!(run.elapsed.as_millis() < 1000, "{run}");
    }
    assert_eq!(pod.node.packets(), (0, 0));
}

#[test]
fn the_exit_code_of_redirect_failures_can_be_chosen() {
    let pod = World::V4.start();
    pod.run(Who::App, &["check", "--redirect-exit-code", "126"]).expect(126);
}

#[test]
fn every_flag_has_its_environment_variable() {
    let pod = World::V4.start();
    for command in ["gate", "check"] {
        let run = pod.run(Who::App, &[command, "--help"]).expect(0);
        let flags: Vec<_> = flags(&run.stdout)
            .filter(|flag| !matches!(flag.as_str(), "help" | "version"))
            .collect();
        assert!(flags.len() > 20, "only {flags:?}: {run}");
        let silent = flags.iter().filter(|flag| {
            let variable = format!("[env: PODPROBE_{}=", flag.replace('-', "_").to_uppercase());
            !run.stdout.contains(&variable)
        });
        let silent: Vec<_> = silent.collect();
        assert!(silent.is_empty(), "without a variable: {silent:?}");
    }
}

#[test]
fn the_environment_drives_like_flags_and_flags_win() {
    let rules = Rules::istio().replace("15001", "16001").replace("15006", "16006");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    for who in Who::ALL {
        let by_environment = |arguments: &[&str]| {
            let launch = pod.launch(who, arguments).env("PODPROBE_OUTBOUND_PORT", "16001");
            launch.env("PODPROBE_INBOUND_PORT", "16006").env("PODPROBE_DEADLINE", "2s").run()
        };
        by_environment(&["gate"]).expect(0);
        by_environment(&["check", "--outbound-port", "15001", "--inbound-port", "15006"])
            .expect(30);
    }
}

#[test]
fn an_empty_list_in_the_environment_is_an_empty_list() {
    let pod = intact();
    let launch = pod.launch(Who::App, &["gate"]).env("PODPROBE_EXCLUDE_OUTBOUND_PORTS", "");
    launch.env("PODPROBE_EXCLUDE_OUTBOUND_CIDRS", "").run().expect(0);
}

#[test]
fn the_report_is_on_stdout_and_the_logs_are_on_stderr() {
    let pod = World::DUAL.start();
    let run = pod.run(Who::Root, &["check", "--output", "json", "--log-level", "debug"]).expect(30);
    run.report();
    assert!(!run.stderr.is_empty(), "{run}");
    let run =
        pod.run(Who::Root, &["check", "--log-level", "debug", "--log-format", "json"]).expect(30);
    for line in run.stderr.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let run = pod.run(Who::Root, &["check", "--output", "jsonl"]).expect(30);
    for line in run.stdout.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn the_text_fits_into_a_hundred_columns() {
    let pod = World::DUAL.start();
    for who in Who::ALL {
        for arguments in [
            &["check"][..],
            &["check", "--dns-capture", "true"],
            &["check", "--show-pod"],
            &["explain"],
        ] {
            let run = pod.run(who, arguments);
            // A command is one line, however long: it is there to be pasted.
            let mut text = run.stdout.lines().filter(|line| !line.starts_with("next: "));
            assert_eq!(text.find(|line| line.chars().count() > 100), None, "{run}");
        }
    }
}

#[test]
fn a_report_goes_to_a_file_in_another_form_as_well() {
    let pod = World::V4.start();
    let path = pod.file("report.json");
    let to = format!("json={}", path.display());
    let run = pod.run(Who::App, &["check", "--output-file", &to]).expect(30);
    assert!(run.stdout.contains("cause: "), "{run}");
    let report: Value =
        serde_json::from_slice(&std::fs::read(path).expect("a report")).expect("JSON");
    assert_eq!(report["exitCode"], 30);
}

#[test]
fn a_recording_gives_the_same_report_again() {
    let broken = [
        Rules::istio(),
        Rules::istio().only_v4(),
        Rules::istio().replace("owner 1337", "owner 2102"),
    ];
    for (number, rules) in broken.iter().enumerate() {
        let pod = Pod::with(World::DUAL, Backend::IptablesNft, rules);
        for who in Who::ALL {
            let file = pod.file(&format!("{number}-{who:?}.json")).display().to_string();
            let then = pod.run(who, &["check", "--record", &file, "--output", "json"]);
            // Replayed elsewhere, by somebody else: in a pod without rules.
            let elsewhere = World::V4.start();
            let now = elsewhere.run(Who::App, &["check", "--replay", &file, "--output", "json"]);
            assert_eq!(timeless(&then.stdout), timeless(&now.stdout), "{who:?}");
            assert_eq!(then.code, now.code, "{now}");
        }
    }
}

#[test]
fn a_recording_without_an_end_is_refused() {
    let run = World::V4.start().run(Who::App, &["check", "--replay", "/dev/zero"]).expect(2);
    assert!(run.stderr.contains("more than 67108864 bytes"), "{run}");
}

#[test]
fn explain_knows_every_code_of_every_report() {
    let rules = [
        Rules::istio(),
        Rules::istio().only_v4(),
        Rules::istio().replace("owner 1337", "owner 2102"),
    ];
    let mut codes = BTreeSet::new();
    for rules in rules {
        let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
        for who in Who::ALL {
            let run = pod.run(who, &["check", "--dns-capture", "true", "--output", "json"]);
            for severity in ["ok", "warn", "unknown", "fail"] {
                codes.extend(run.codes(severity));
            }
        }
    }
    assert!(codes.len() >= 3, "{codes:?}");
    let pod = World::V4.start();
    for code in codes {
        let run = pod.run(Who::App, &["explain", &code]).expect(0);
        assert!(run.stdout.starts_with(&code), "{run}");
    }
}

#[test]
fn the_plan_sends_nothing() {
    let pod = World::DUAL.start();
    let run = pod.run(Who::App, &["check", "--plan"]).expect(0);
    assert!(run.stdout.contains("192.0.2."), "{run}");
    assert!(
        run.stdout.contains("192.0.2.1:9 ") && run.stdout.contains("unless eth0 knows 10.77.0.1")
    );
    assert_eq!(pod.node.packets(), (0, 0));
}

/// The long flags at the start of help lines.
fn flags(help: &str) -> impl Iterator<Item = String> {
    help.lines().filter_map(|line| {
        let (_, rest) = line.split_once("--").filter(|(before, _)| before.trim().len() <= 3)?;
        let name: String =
            rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        Some(name)
    })
}

/// The report's text without the lines or values that say when, and how long it took.
fn timeless(report: &str) -> String {
    let mut value: Value =
        serde_json::from_str(report).unwrap_or_else(|error| panic!("{error}: {report}"));
    let object = value.as_object_mut().expect("an object");
    object.retain(|key, _| {
        !key.ends_with("Ms") && !key.to_lowercase().contains("time") && !key.ends_with("At")
    });
    serde_json::to_string_pretty(&value).expect("JSON")
}
