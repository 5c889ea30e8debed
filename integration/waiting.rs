//! Time: rules that come late, rules that go, signals, deadlines.

use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::dns::{Responder, Stand, bytes, cluster};
use crate::world::server::{Server, hangs};
use crate::world::{Backend, Pod, Rules, Who, World, sh};

#[test]
fn the_gate_waits_for_rules_and_says_how_long() {
    let pod = World::DUAL.start();
    let gate = pod.launch(Who::App, &["gate"]).start();
    sleep(Duration::from_secs(1));
    pod.load(Backend::IptablesNft, &Rules::istio());
    let run = gate.wait().expect(0);
    assert!(run.elapsed >= Duration::from_secs(1) && run.elapsed < Duration::from_secs(4), "{run}");
    assert!(run.stdout.starts_with("ok ") && run.stdout.contains(" after "), "{run}");
    assert!(run.stdout.contains("attempts"), "{run}");
    assert!(run.stdout.contains("; missing before: redirect-missing;"), "{run}");
}

#[test]
fn the_json_report_has_attempts_and_time() {
    let pod = World::DUAL.start();
    let gate = pod.launch(Who::Proxy, &["gate", "--output", "json"]).start();
    sleep(Duration::from_secs(1));
    pod.load(Backend::Nft, &Rules::istio());
    let run = gate.wait().expect(0);
    let report = run.report();
    assert!(report["attempts"].as_u64() > Some(1), "{run}");
    assert!(report["elapsedMs"].as_f64() >= Some(1000.0), "{run}");
    assert!(report["cause"].is_null(), "{run}");
    assert!(report["readyMs"].as_f64() >= Some(1000.0), "{run}");
    let late = run.findings("network-late");
    assert_eq!(late.len(), 1, "{run}");
    assert!(
        late[0]["reason"]
            .as_str()
            .unwrap_or_default()
            .contains("until then redirect-missing: nothing in"),
        "{run}"
    );
}

#[test]
fn a_gate_that_passes_at_once_is_not_late() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let run = pod.run(Who::App, &["gate", "--output", "json"]).expect(0);
    assert!(run.findings("network-late").is_empty(), "{run}");
    let report = run.report();
    assert_eq!(report["readyMs"], report["elapsedMs"], "{run}");
}

#[test]
fn check_looks_once() {
    let pod = World::DUAL.start();
    for who in Who::ALL {
        let run = pod.run(who, &["check", "--output", "json"]).expect(30);
        assert_eq!(run.report()["attempts"].as_u64(), Some(1), "{run}");
    }
}

#[test]
fn the_deadline_is_kept() {
    for world in [World::DUAL, World::DUAL.silent_node()] {
        let pod = world.start();
        for who in Who::ALL {
            let run = pod.run(who, &["gate", "--deadline", "700ms"]).expect(30);
            let late = run.elapsed.saturating_sub(Duration::from_millis(700));
            assert!(
                run.elapsed >= Duration::from_millis(650) && late < Duration::from_secs(2),
                "{run}"
            );
        }
    }
}

#[test]
fn sigterm_still_gives_the_report_and_the_termination_message() {
    let pod = World::DUAL.start();
    let run = interrupted(&pod, Signal::SIGTERM).expect(143);
    assert!(run.stdout.contains("cause: redirect-missing: "), "{run}");
    let message = std::fs::read_to_string(pod.file("message")).expect("a termination message");
    assert!(message.starts_with("redirect-missing: "), "{message}");
}

#[test]
fn sigint_still_gives_the_report() {
    let pod = World::DUAL.start();
    let run = interrupted(&pod, Signal::SIGINT).expect(130);
    assert!(run.stdout.contains("cause: redirect-missing: "), "{run}");
}

#[test]
fn a_signal_is_heeded_although_the_first_hop_is_silent() {
    let pod = World::DUAL.silent_node().start();
    let run = interrupted(&pod, Signal::SIGTERM).expect(143);
    assert!(run.elapsed < Duration::from_secs(2), "{run}");
}

#[test]
fn rules_that_hold_are_watched_as_long_as_asked() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let run = pod.run(Who::App, &["gate", "--stable-for", "600ms"]).expect(0);
    assert!(run.elapsed >= Duration::from_millis(600), "{run}");
}

#[test]
fn rules_that_go_while_being_watched_end_with_90() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let gate = pod.launch(Who::App, &["gate", "--stable-for", "10s"]).start();
    assert!(gate.still_runs_after(Duration::from_millis(500)), "nothing was watched");
    sh("iptables-nft -t nat -F OUTPUT; ip6tables-nft -t nat -F OUTPUT");
    gate.wait().expect(90);
}

#[test]
fn what_breaks_below_while_being_watched_is_named_and_not_its_consequence() {
    // The kernel tells of a lost carrier within a second: until then nothing that is sent comes back.
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    let gate = pod.launch(Who::Root, &["gate", "--stable-for", "10s", "--output", "json"]).start();
    assert!(gate.still_runs_after(Duration::from_millis(500)), "nothing was watched");
    pod.node.sh("ip link set host down");
    let run = gate.wait().expect(90);
    let named = ["link-down", "host-side-broken", "route-gateway-no-neighbour"];
    assert!(named.contains(&run.cause().as_str()), "{run}");
}

#[test]
fn rules_that_break_and_heal_in_the_wait_pass_in_the_end() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio().only_v4());
    let gate = pod.launch(Who::Root, &["gate", "--output", "json"]).start();
    assert!(gate.still_runs_after(Duration::from_millis(400)), "IPv6 is not captured yet");
    pod.load(Backend::IptablesNft, &Rules::istio());
    let run = gate.wait().expect(0);
    assert!(run.codes("fail").is_empty(), "{run}");
}

/// A gate that waits for rules which never come, until the signal.
fn interrupted(pod: &Pod, signal: Signal) -> crate::world::Output {
    let path = pod.file("message");
    std::fs::write(&path, "").expect("an empty message");
    sh(&format!("chmod 666 {}", path.display()));
    let path = path.display().to_string();
    let gate = pod.launch(Who::App, &["gate", "--termination-message", &path]).start();
    assert!(gate.still_runs_after(Duration::from_millis(600)), "the gate does not wait");
    gate.signal(signal);
    gate.wait()
}

#[test]
fn stable_for_beyond_the_deadline_still_pauses_between_looks() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let flags = ["gate", "--output", "json", "--deadline", "0s", "--stable-for", "1s"];
    let run = pod.run(Who::App, &flags).expect(0);
    let attempts = run.report()["attempts"].as_u64().unwrap();
    assert!((2..20).contains(&attempts), "{run}");
}

#[test]
fn the_gate_waits_for_tproxy_whose_routes_came_first() {
    let pod = World::V4.start();
    sh("ip rule add fwmark 1337 lookup 133; ip route add local 0.0.0.0/0 dev lo table 133");
    let flags = ["gate", "--mesh", "istio-tproxy", "--require", "inbound", "--deadline", "10s"];
    let gate = pod.launch(Who::Ids(0, 1337), &flags).start();
    assert!(gate.still_runs_after(Duration::from_millis(300)), "the rules may come");
    pod.load(Backend::IptablesNft, &Rules::istio_tproxy());
    gate.wait().expect(0);
}

/// A look that ends while it waits for a target: whatever it saw before stands in the report.
fn cut_at_its_target(pod: &Pod, more: &[&str]) -> crate::world::Output {
    let (tell, told) = std::sync::mpsc::channel();
    let _server = Server::on(&pod.node, "10.77.0.1:80", move |stream| {
        tell.send(()).expect("the test waits");
        hangs(stream);
    });
    let path = pod.file("resolv.conf");
    std::fs::write(&path, "search a.svc.cluster.local svc.cluster.local\nnameserver 10.77.0.1\n")
        .expect("write resolv.conf");
    let path = path.display().to_string();
    let flags = ["--mesh", "none", "--output", "json", "--resolv-conf", &path];
    let target = ["-t", "http://10.77.0.1?timeout=15s"];
    let running = pod.launch(Who::App, &[more, &flags, &target].concat()).start();
    told.recv_timeout(Duration::from_secs(15)).expect("the target is tried");
    running.signal(Signal::SIGTERM);
    running.wait().expect(143)
}

#[test]
fn a_first_look_that_is_cut_tells_what_it_saw() {
    for command in ["check", "gate"] {
        let pod = World::DUAL.start();
        let _dns =
            Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&cluster(query)));
        let run = cut_at_its_target(&pod, &[command, "--only", "link,dns,reach"]);
        let report = run.report();
        assert!(run.codes("ok").contains(&"dns-holds".to_owned()), "{run}");
        assert_eq!(report["notReached"], serde_json::json!(["reach"]), "{run}");
        // What was not reached may be broken.
        assert_eq!(report["verdict"], "unknown", "{run}");
        assert!(report["cause"].is_null(), "{run}");
    }
}

#[test]
fn a_first_look_that_is_cut_tells_what_is_broken() {
    let pod = World::DUAL.start();
    let run = cut_at_its_target(&pod, &["check", "--only", "dns,reach"]);
    assert_eq!(run.cause(), "dns-refused-by-server", "{run}");
    assert_eq!(run.report()["verdict"], "fail", "{run}");
}
