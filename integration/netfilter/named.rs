//! Findings of the redirect layer that name a rule.

use serde_json::Value;

use crate::world::{Backend, Output, Pod, Rules, Who, World, sh};

fn check(pod: &Pod, flags: &[&str]) -> Output {
    pod.run(Who::NetAdmin, &[&["check", "--output", "json"], flags].concat())
}

/// The one finding of a code.
fn finding(run: &Output, code: &str) -> Value {
    let findings = run.findings(code);
    assert_eq!(findings.len(), 1, "{code}: {run}");
    findings[0].clone()
}

fn reason(finding: &Value) -> &str {
    finding["reason"].as_str().expect("a reason")
}

#[test]
fn a_missing_rule_is_named_by_its_chain_and_text_in_every_back_end() {
    for backend in Backend::ALL {
        let rules = Rules::istio().without("-j ISTIO_REDIRECT").without("jump istio-redirect");
        let pod = Pod::with(World::V4, backend, &rules);
        let run = check(&pod, &[]).expect(30);
        let finding = finding(&run, "outbound-escaped");
        let absent = finding["evidence"]["absentRule"]["text"].as_str().expect("a rule");
        let wanted = match backend {
            Backend::Nft => "-A istio-output -j istio-redirect",
            _ => "-A ISTIO_OUTPUT -j ISTIO_REDIRECT",
        };
        assert_eq!(absent, wanted, "{backend:?}");
        assert!(reason(&finding).contains(" ends without `-j "), "{run}");
    }
}

#[test]
fn a_foreign_rule_is_named_with_its_position() {
    for (backend, table) in [(Backend::IptablesNft, "nft"), (Backend::IptablesLegacy, "legacy")] {
        let pod = Pod::with(World::V4, backend, &Rules::istio());
        let lock = pod.file("xtables.lock");
        sh(&format!(
            "XTABLES_LOCKFILE={} iptables-{table} -t nat -I OUTPUT -p tcp --dport 443 -j ACCEPT",
            lock.display()
        ));
        let run = check(&pod, &[]).expect(30);
        let finding = finding(&run, "outbound-escaped");
        let told = "rule 1 of nat OUTPUT (`-p tcp --dport 443 -j ACCEPT`) takes it";
        assert!(reason(&finding).ends_with(told), "{run}");
        let rule = &finding["evidence"]["rule"];
        assert_eq!((&rule["position"], rule["backend"].as_str()), (&1.into(), Some(table)));
    }
}

#[test]
fn counters_tell_which_rules_a_failed_flow_met() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    sh("iptables-nft -t nat -I OUTPUT -p tcp --dport 443 -j ACCEPT");
    let run = check(&pod, &[]).expect(30);
    let finding = finding(&run, "outbound-escaped");
    let counted = finding["evidence"]["counted"].as_array().expect("counters").clone();
    let texts: Vec<&str> = counted.iter().filter_map(|c| c["rule"]["text"].as_str()).collect();
    assert_eq!(texts, ["-A OUTPUT -p tcp --dport 443 -j ACCEPT"], "{run}");
}

#[test]
fn a_rule_that_cannot_be_read_is_held_against_its_counter() {
    let odd = "-m statistic --mode random --probability 1.0 -j ACCEPT";
    for (rule, takes) in [(format!("-p tcp {odd}"), true), (format!("-p udp {odd}"), false)] {
        let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
        sh(&format!("iptables-nft -t nat -I OUTPUT ! -o lo {rule}"));
        let run = check(&pod, &[]);
        assert_eq!(run.code == 30, takes, "{run}");
        let told = run.report()["findings"].to_string();
        let named =
            "rule 1 of nat OUTPUT (`! -o lo -p tcp unreadable(statistic) -j ACCEPT`) takes it";
        assert_eq!(told.contains(named), takes, "{run}");
    }
}

#[test]
fn a_policy_that_drops_is_named() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    sh(
        "iptables-nft -A OUTPUT ! -p tcp -j ACCEPT; iptables-nft -A OUTPUT -o lo -j ACCEPT; iptables-nft -P OUTPUT DROP",
    );
    let run = check(&pod, &[]).expect(30);
    let told = run.report()["findings"].to_string();
    assert!(told.contains("the policy of filter OUTPUT drops it"), "{run}");
}

#[test]
fn a_pod_in_which_everything_holds_has_its_rules_left_unread() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    let file = pod.file("recording.json");
    let path = file.display().to_string();
    check(&pod, &["--record", &path]).expect(0);
    let text = std::fs::read_to_string(&file).expect("a recording");
    let recording: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(recording["seen"]["rules"], Value::Null);
}

#[test]
fn a_recording_names_the_rule_again_elsewhere() {
    let rules = Rules::istio().without("-s 127.0.0.6/32");
    let pod = Pod::with(World::V4, Backend::IptablesLegacy, &rules);
    let file = pod.file("recording.json");
    let path = file.display().to_string();
    let run = check(&pod, &["--record", &path]).expect(30);
    let there = finding(&run, "passthrough-captured");
    let again = pod.run(Who::App, &["check", "--output", "json", "--replay", &path]).expect(30);
    assert_eq!(finding(&again, "passthrough-captured"), there);
    assert!(reason(&there).contains("lacks `-s 127.0.0.6/32 -o lo -j RETURN`"), "{run}");
}

#[test]
fn without_the_capability_nothing_is_said_of_rules() {
    let pod =
        Pod::with(World::V4, Backend::IptablesNft, &Rules::istio().without("-j ISTIO_REDIRECT"));
    let run = pod.run(Who::Root, &["check", "--output", "json"]).expect(30);
    let finding = finding(&run, "outbound-escaped");
    assert_eq!(finding["evidence"]["absentRule"], Value::Null);
    assert!(!reason(&finding).contains("ISTIO_OUTPUT"), "{run}");
}

#[test]
fn a_rule_that_rewrites_packets_is_named_as_one_that_cannot_be_read() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    sh("nft add table inet odd
        nft add chain inet odd out '{ type filter hook output priority 10 ; }'
        nft add rule inet odd out tcp dport 15001 tcp dport set 15006");
    let run = check(&pod, &[]).expect(30);
    let told = run.report()["findings"].to_string();
    assert!(
        told.contains("rule 1 of odd out (`-p tcp --dport 15001 unreadable(payload)`)"),
        "{run}"
    );
}
