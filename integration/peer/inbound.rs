//! What arrives from outside, because a peer on the node was asked to send it: without any privilege in
//! the pod.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use super::{TcpStream, WAIT};
use crate::world::{
    Backend, Daemon, Node, Output, Pod, Rules, Who, World, as_owner, starter, until,
};

const PEERS: &str = "10.77.0.1:7000,[fd77::1]:7000";

/// A peer on this machine, once it listens.
pub fn serving(pod: &Pod, node: &Node, listen: &str, flags: &[&str]) -> Daemon {
    let (starter, program) = (starter(), pod.program().display().to_string());
    let mut line: Vec<&str> = starter.split_whitespace().collect();
    line.extend([&program, "peer", "--listen", listen]);
    line.extend(flags);
    let daemon = Daemon::on(node, &line);
    let last: SocketAddr =
        listen.rsplit(',').next().and_then(|at| at.parse().ok()).expect("an address");
    until("the peer's listener", || {
        node.run(move || TcpStream::connect_timeout(&last, WAIT).is_ok())
    });
    daemon
}

fn inbound(pod: &Pod, who: Who, flags: &[&str]) -> Output {
    let line = ["check", "inbound", "--peer", PEERS, "--output", "json"];
    pod.run(who, &[&line[..], flags].concat())
}

fn proved(run: &Output, proof: &str) -> u64 {
    run.report()["proved"][proof].as_u64().unwrap_or_default()
}

/// Accepts for ever, as this user.
fn serve(owner: u32, port: u16) {
    let everywhere = SocketAddr::from(([0_u16; 8], port));
    let listener = as_owner(owner, || TcpListener::bind(everywhere)).expect("a free port");
    thread::spawn(move || as_owner(owner, || listener.incoming().flatten().collect::<Vec<_>>()));
}

#[test]
fn what_arrives_is_proved_without_any_privilege() {
    let pod = World::DUAL.start();
    let _peer = serving(&pod, &pod.node, PEERS, &[]);
    for backend in Backend::ALL {
        pod.load(backend, &Rules::istio());
        for who in [Who::App, Who::Proxy] {
            let run = inbound(&pod, who, &[]).expect(0);
            assert!(proved(&run, "arriving") >= 8, "{backend:?}: {run}");
            assert!(proved(&run, "arriving-exclusion") >= 6, "{backend:?}: {run}");
            assert!(run.findings("probe-failed").is_empty(), "{backend:?}: {run}");
        }
    }
}

#[test]
fn each_inbound_rule_is_missed() {
    let whole = Rules::istio;
    let cases = [
        (
            whole()
                .without("REROUTING -p tcp -j ISTIO_INBOUND")
                .without("prerouting meta l4proto tcp"),
            "inbound-escaped",
        ),
        (whole().without("15021"), "exclusion-captured"),
        (whole().replace("15006", "15053"), "inbound-wrong-port"),
        (whole().replace("15006", "15099"), "capture-refused"),
    ];
    let pod = World::DUAL.start();
    let _peer = serving(&pod, &pod.node, PEERS, &["--rate", "100"]);
    for backend in Backend::ALL {
        for (rules, code) in &cases {
            pod.load(backend, rules);
            let run = inbound(&pod, Who::App, &[]).expect(30);
            for family in ["ipv4", "ipv6"] {
                let findings = run.findings(code);
                let told = findings.iter().any(|finding| {
                    finding["family"] == family
                        && finding["reason"].to_string().contains("from outside to")
                });
                assert!(told, "{backend:?}: no {code} in {family}: {run}");
            }
        }
    }
}

#[test]
fn beside_a_running_proxy_the_kernel_is_asked_who_took_it() {
    let pod = World::V4.start();
    let _peer = serving(&pod, &pod.node, "10.77.0.1:7000", &[]);
    for port in [15001, 15006] {
        serve(1337, port);
    }
    pod.load(Backend::IptablesNft, &Rules::istio().only_v4());
    let run = inbound(&pod, Who::App, &[]).expect(0);
    assert!(proved(&run, "arriving") >= 4, "{run}");
    pod.load(
        Backend::IptablesNft,
        &Rules::istio().only_v4().without("REROUTING -p tcp -j ISTIO_INBOUND"),
    );
    let run = inbound(&pod, Who::App, &[]).expect(30);
    assert_eq!(run.report()["cause"]["code"], "inbound-escaped", "{run}");
}

#[test]
fn what_a_policy_on_the_way_stops_is_no_broken_rule() {
    let pod = World::DUAL.start();
    let _peer = serving(&pod, &pod.node, PEERS, &["--dial-timeout", "200ms"]);
    pod.load(Backend::IptablesNft, &Rules::istio());
    let syn = "tcp flags & (syn | ack) == syn";
    for verdict in ["drop", "reject with tcp reset", "reject with icmpx admin-prohibited"] {
        pod.node.filter("output", &format!("{syn} {verdict}"));
        let run = inbound(&pod, Who::App, &[]).expect(5);
        assert!(run.codes("fail").iter().all(|code| code == "proof-required"), "{verdict}: {run}");
        let failed = run.findings("probe-failed");
        let reason =
            failed.first().map(|finding| finding["reason"].to_string()).unwrap_or_default();
        assert!(reason.contains("connect from the peer"), "{verdict}: {run}");
        pod.node.sh("nft flush chain inet t output");
    }
    inbound(&pod, Who::App, &[]).expect(0);
}

#[test]
fn a_policy_that_resets_one_port_is_not_the_pod_that_refuses() {
    let pod = World::V4.start();
    let _peer = serving(&pod, &pod.node, "10.77.0.1:7000", &[]);
    pod.load(Backend::IptablesNft, &Rules::istio().only_v4());
    let syn = "tcp flags & (syn | ack) == syn";
    pod.node.filter("output", &format!("tcp dport 8080 {syn} reject with tcp reset"));
    let run = inbound(&pod, Who::App, &[]).expect(0);
    assert!(proved(&run, "arriving") >= 3, "{run}");
    let failed = run.findings("probe-failed");
    assert!(matches!(&failed[..], [one] if one["reason"].to_string().contains(":8080")), "{run}");
}

#[test]
fn a_gate_waits_for_a_peer_that_comes_late() {
    let pod = World::V4.start();
    pod.load(Backend::IptablesNft, &Rules::istio().only_v4());
    let peer = ["--peer", "10.77.0.1:7000", "--require", "arriving", "--deadline", "20s"];
    let gate = pod.launch(Who::App, &[&["gate"], &peer[..]].concat()).start();
    assert!(gate.still_runs_after(Duration::from_millis(500)), "it did not wait");
    let _peer = serving(&pod, &pod.node, "10.77.0.1:7000", &[]);
    gate.wait().expect(0);
}

#[test]
fn a_translated_source_is_told_and_nobody_else_is_blamed() {
    let pod = World::V4.start();
    let outside = pod.node.outside();
    pod.node.sh("nft 'add table ip masq; add chain ip masq post { type nat hook postrouting priority 100; }'
                 nft add rule ip masq post oifname world masquerade");
    let _peer = serving(&pod, &outside, "10.88.0.1:7000", &[]);
    pod.load(Backend::IptablesNft, &Rules::istio().only_v4());
    let line = ["check", "inbound", "--peer", "10.88.0.1:7000", "--output", "json"];
    let run = pod.run(Who::App, &line).expect(5);
    let found = run.findings("source-translated");
    assert!(matches!(&found[..], [one] if one["evidence"]["own"] == "10.77.0.2"), "{run}");
    assert_eq!(proved(&run, "arriving"), 0, "{run}");
    pod.node.sh("nft delete table ip masq");
    let run = pod.run(Who::App, &line).expect(0);
    assert!(run.findings("source-translated").is_empty(), "{run}");
}

#[test]
fn who_is_not_captured_asks_over_tcp_where_datagrams_are_lost() {
    let pod = World::V4.start();
    let _peer = serving(&pod, &pod.node, "10.77.0.1:7000", &[]);
    pod.node.filter("input", "udp dport 7000 drop");
    pod.load(Backend::IptablesNft, &Rules::istio().only_v4());
    inbound(&pod, Who::Proxy, &[]).expect(0);
    // The application's connections are captured: the peer would never see them.
    let run = inbound(&pod, Who::App, &[]).expect(5);
    assert!(run.to_string().contains("the peer 10.77.0.1:7000 gets no answer"), "{run}");
}

#[test]
fn a_secret_is_needed_where_the_peer_wants_one() {
    let pod = World::V4.start();
    let (right, wrong) = (pod.file("right"), pod.file("wrong"));
    std::fs::write(&right, "open sesame\n").expect("write");
    std::fs::write(&wrong, "open barley\n").expect("write");
    let (right, wrong) = (right.display().to_string(), wrong.display().to_string());
    let _peer = serving(&pod, &pod.node, "10.77.0.1:7000", &["--token-file", &right]);
    pod.load(Backend::IptablesNft, &Rules::istio().only_v4());
    inbound(&pod, Who::App, &["--peer-token-file", &right]).expect(0);
    for flags in [&["--peer-token-file", wrong.as_str()][..], &[]] {
        let run = inbound(&pod, Who::App, flags).expect(5);
        assert!(run.to_string().contains("the token is missing or wrong"), "{run}");
    }
}

#[test]
fn a_peer_that_is_not_there_is_told() {
    let pod = World::V4.start();
    pod.load(Backend::IptablesNft, &Rules::istio().only_v4());
    let run = inbound(&pod, Who::App, &[]).expect(5);
    let told = run.findings("probe-failed").iter().any(|finding| {
        finding["reason"].to_string().contains("the peer 10.77.0.1:7000 is refused by 10.77.0.1")
            && finding["hint"].to_string().contains("podprobe peer")
    });
    assert!(told, "{run}");
    let gate = ["gate", "--peer", "10.77.0.1:7000", "--deadline", "500ms", "--output", "json"];
    let run = pod.run(Who::App, &gate).expect(5);
    assert_eq!(run.cause(), "proof-required", "who names a peer wants its word: {run}");
    let run = inbound(&pod, Who::App, &["--peer-token-file", "/nowhere"]).expect(2);
    assert!(run.stderr.contains("read the token from /nowhere"), "{run}");
}
