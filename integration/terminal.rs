//! What a person sees who looks by hand: layers as they come, flows as paths, one next command.

use crate::world::{Backend, Output, Pod, Rules, Who, World};

fn watched(pod: &Pod, arguments: &[&str]) -> Output {
    let line = [&["check"], arguments].concat();
    pod.launch(Who::App, &line).env("LANG", "C.UTF-8").env("NO_COLOR", "1").watched().run()
}

/// The text as it stands at the end: a rewritten line is what was written last.
fn settled(output: &Output) -> Vec<String> {
    let text = output.stdout.replace("\r\n", "\n");
    let last = |line: &str| line.rsplit('\r').next().unwrap_or_default().replace("\x1b[K", "");
    text.lines().map(last).collect()
}

fn wide(lines: &[String]) -> Vec<&String> {
    let command = |line: &&String| line.starts_with("next: ");
    lines.iter().filter(|line| !command(line) && line.chars().count() > 100).collect()
}

#[test]
fn on_a_terminal_layers_come_one_by_one_and_the_cause_last() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio().only_v4());
    let run = watched(&pod, &[]).expect(30);
    let lines = settled(&run);
    assert_eq!(wide(&lines), Vec::<&String>::new(), "{run}");
    let at = |part: &str| {
        let found: Vec<usize> = (0..lines.len()).filter(|i| lines[*i].contains(part)).collect();
        assert_eq!(found.len(), 1, "{part}: {run}");
        found[0]
    };
    let order = [
        "podprobe check, mesh istio",
        " ok       link",
        " ok       route",
        " FAIL     redirect  redirect-family-missing",
        "cause: redirect-family-missing",
        "hint: ",
        "next: kubectl -n istio-system logs",
        "broken after",
    ];
    assert!(order.map(at).is_sorted(), "{run}");
    assert!(!run.stdout.contains("more: "), "{run}");
    let path = "⇢ expected 15001, went out by eth0 to fd77::1";
    assert!(run.stdout.contains(path), "{run}");
}

#[test]
fn elsewhere_the_report_is_one_text() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let run = pod.run(Who::App, &["check"]).expect(0);
    assert!(!run.stdout.contains('\r') && !run.stdout.contains('\x1b'), "{run}");
    drop(pod);
    let pod = World::DUAL.start();
    let run = pod.run(Who::App, &["check"]).expect(30);
    assert!(
        run.stdout.contains("more: podprobe explain redirect-missing\nnext: kubectl "),
        "{run}"
    );
    let gate = pod.run(Who::App, &["gate", "--deadline", "1s"]).expect(30);
    assert!(!gate.stdout.contains("next: "), "{gate}");
}

#[test]
fn verbose_shows_every_flow_within_the_width() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let run = pod.run(Who::App, &["check", "-v"]).expect(0);
    let lines: Vec<String> = run.stdout.lines().map(String::from).collect();
    assert_eq!(wide(&lines), Vec::<&String>::new(), "{run}");
    let held =
        lines.iter().filter(|line| line.contains("app 65532 → ") && line.ends_with("⇢ 15001"));
    let report = pod.run(Who::App, &["check", "-v", "--output", "json"]).expect(0).report();
    let flows = report["flows"].as_array().expect("flows");
    let captured = |flow: &&serde_json::Value| flow["path"][2] == "15001";
    assert_eq!(held.count(), flows.iter().filter(captured).count(), "{run}");
    let ok = flows.iter().filter(|flow| flow["result"] == "ok").count();
    assert_eq!(report["proofs"].as_u64(), u64::try_from(ok).ok());
    let quiet = pod.run(Who::App, &["check", "--output", "json"]).expect(0).report();
    assert!(quiet.get("flows").is_none());
}

#[test]
fn where_the_locale_has_no_arrows_a_terminal_gets_none() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let launch = pod.launch(Who::App, &["check", "-v"]).env("LC_ALL", "C").env("NO_COLOR", "1");
    let run = launch.watched().run().expect(0);
    assert!(run.stdout.is_ascii() && run.stdout.contains("app 65532 -> "), "{run}");
}

#[test]
fn a_layer_that_takes_its_time_has_a_live_line() {
    let pod = World::V4.start();
    let conf = pod.file("resolv.conf");
    std::fs::write(&conf, "nameserver 192.0.2.9\n").expect("write resolv.conf");
    let conf = conf.display().to_string();
    let more = ["--only", "link,dns", "--mesh", "none", "--resolv-conf", &conf];
    let run = watched(&pod, &more).expect(40);
    assert!(run.stdout.contains("\r\x1b[Klooking at dns … "), "{run}");
    assert!(!settled(&run).iter().any(|line| line.contains("looking at")), "{run}");
}
