//! The profiles of `manifests/seccomp`, loaded by libseccomp, as runc and crun do it: under each its mode
//! says what it says without, and what is none of its business is refused.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::peer::inbound::serving;
use crate::world::{Backend, Launch, Output, Pod, Rules, Who, World, until};

const MODES: [&str; 5] = ["gate", "check", "watch", "peer", "node"];
const START: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/integration/seccomp/start");
const PROFILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/seccomp");

/// Whom each mode is for.
const RUNS: [(Who, &[&str]); 7] = [
    (Who::Proxy, &["gate", "--require", "inbound"]),
    (Who::App, &["gate", "--require", "outbound"]),
    (Who::Root, &["gate", "--require", "inbound,outbound"]),
    (Who::NetAdmin, &["gate", "--require", "inbound,outbound,arriving"]),
    (Who::App, &["check", "all", "--skip", "node", "-t", "tcp://10.77.0.1:80"]),
    (Who::NetAdmin, &["check", "redirect"]),
    (Who::NetRaw, &["check", "link", "--extra", "address-conflict"]),
];

/// podprobe, about to be started under the profile of its mode.
pub(super) fn confined<'p>(pod: &'p Pod, who: Who, line: &[&str]) -> Launch<'p> {
    let place = copied(pod);
    let place = place.display();
    pod.launch(who, line).by(format!("/usr/bin/python3 {place}/start confine {place}/seccomp"))
}

/// What starts podprobe, and the profiles, where every user may read them.
pub(super) fn copied(pod: &Pod) -> PathBuf {
    let place = pod.file("seccomp");
    fs::create_dir_all(&place).expect("a directory");
    let copied = Command::new("cp").arg("-r").arg(START).arg(PROFILES).arg(&place).status();
    assert!(copied.expect("cp").success(), "copy the profiles");
    place
}

fn verdict(run: &Output) -> (i32, Vec<String>, Vec<String>, Vec<String>) {
    (run.code, run.codes("fail"), run.codes("unknown"), run.codes("warn"))
}

/// Both must say the same; without the filter it is known to be right.
fn compare(pod: &Pod, who: Who, line: &[&str]) -> Output {
    let line = [line, &["--output", "json"]].concat();
    let free = pod.run(who, &line);
    let run = confined(pod, who, &line).run();
    assert_eq!(verdict(&free), verdict(&run), "{who:?}: {free}\n{run}");
    assert_eq!(free.report()["proved"], run.report()["proved"], "{who:?}: {run}");
    run
}

#[test]
#[ignore = "needs python3-seccomp: make test-beside"]
fn a_look_sees_the_same_under_its_profile() {
    let whole = Rules::istio();
    let broken = whole.without("--dport 15008").without("-A PREROUTING");
    for (backend, rules, holds) in [
        (Backend::IptablesNft, &whole, true),
        (Backend::Nft, &whole, true),
        (Backend::IptablesNft, &broken, false),
    ] {
        let pod = Pod::with(World::DUAL, backend, rules);
        for (who, line) in RUNS {
            let more: &[&str] = if line[0] == "gate" { &["--deadline", "2s"] } else { &[] };
            let run = compare(&pod, who, &[line, more].concat());
            if line[0] == "gate" && holds {
                assert_eq!(run.code, 0, "{who:?}: {run}");
            }
            if who == Who::NetAdmin && !holds {
                assert_eq!(run.code, 30, "{run}");
            }
        }
    }
}

#[test]
#[ignore = "needs python3-seccomp: make test-beside"]
fn the_filter_is_there_and_in_force() {
    let pod = World::V4.start();
    let run = confined(&pod, Who::App, &["check", "--show-pod"]).run().expect(0);
    let words = |line: &str| line.split_whitespace().eq(["seccomp", "filter"]);
    assert!(run.stdout.lines().any(words), "{run}");
}

#[test]
#[ignore = "needs python3-seccomp: make test-beside"]
fn a_watch_and_a_peer_serve_under_theirs() {
    let pod = World::DUAL.start();
    let line = ["watch", "--mesh", "none"];
    let watch = confined(&pod, Who::App, &line).env("PODPROBE_EVERY", "all=100ms").start();
    let place = "127.0.0.1:9464";
    let asked = || {
        use std::io::{Read, Write};
        let mut stream = TcpStream::connect(place).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    };
    until("the watch finds everything well", || {
        asked().is_some_and(|text| text.contains("\npodprobe_ready 1"))
    });
    confined(&pod, Who::App, &["ready"]).run().expect(0);
    crate::world::sh("ip route del default");
    until("the watch sees the break", || {
        asked().is_some_and(|text| text.contains("\npodprobe_ready 0"))
    });
    assert!(asked().is_some_and(|text| text.contains("process_resident_memory_bytes")));
    watch.signal(Signal::SIGTERM);
    watch.signal(Signal::SIGTERM);
    watch.wait().expect(143);

    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let peer = confined(&pod, Who::App, &["peer", "--listen", "10.77.0.2:7000"]).start();
    until("the peer listens", || TcpStream::connect("10.77.0.2:7000").is_ok());
    peer.signal(Signal::SIGTERM);
    peer.wait().expect(143);
    // What a pod proves by a peer, it proves under the filter.
    let _peer = serving(&pod, &pod.node, "10.77.0.1:7000,[fd77::1]:7000", &[]);
    let ask = ["check", "inbound", "--peer", "10.77.0.1:7000,[fd77::1]:7000"];
    compare(&pod, Who::App, &ask);
}

#[test]
#[ignore = "needs python3-seccomp: make test-beside"]
fn what_is_none_of_its_business_is_refused() {
    let pod = World::V4.start();
    let place = pod.file("seccomp");
    confined(&pod, Who::App, &["version"]).run().expect(0);
    let tries = include_str!("../seccomp/refused.py");
    let script = pod.file("refused.py");
    fs::write(&script, tries).expect("a script");
    for mode in MODES {
        let profile: PathBuf = place.join(format!("seccomp/{mode}.json"));
        let run = Command::new("/usr/bin/python3")
            .arg(&script)
            .arg(place.join("start"))
            .arg(profile)
            .output();
        let run = run.expect("python3");
        let (said, complained) =
            (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{mode}: {said}{complained}");
        let told: Value =
            serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}{complained}"));
        let calls = told.as_object().expect("calls");
        assert!(calls.len() > 15, "{mode}: {told}");
        for (call, outcome) in calls {
            assert_eq!(outcome, "EPERM", "{mode}: {call}");
        }
    }
}
