//! Ports that somebody else listens on: podprobe neither steals nor blames the rules.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};

use socket2::{Domain, Socket, Type};

use crate::world::{Backend, Output, Pod, Rules, Who, World, as_owner, sh};

/// Envoy's uid in a sidecar.
const ENVOY: u32 = 1337;
/// Somebody whose ports these are not.
const STRANGER: u32 = 4711;

#[test]
fn a_stranger_on_both_ports_is_no_redirect_failure() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let _stranger = listening(STRANGER, &[15001, 15006]);
    for who in Who::ALL {
        let run = pod.run(who, &["check", "--output", "json"]);
        assert_eq!(run.code, 5, "nothing can be proved: {who:?}: {run}");
        assert!(run.codes("fail").is_empty(), "{who:?}: {run}");
        names_owner(&run, STRANGER);
    }
}

#[test]
fn a_proxy_that_must_not_be_left_alone_is_in_the_way() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let _envoy = listening(ENVOY, &[15001, 15006]);
    for who in Who::ALL {
        let run = pod.run(who, &["check", "--listeners", "bind", "--output", "json"]).expect(5);
        names_owner(&run, ENVOY);
    }
}

#[test]
fn nothing_is_left_at_any_port_when_the_look_is_over() {
    for rules in [Some(Rules::istio()), None] {
        let pod = World::DUAL.start();
        if let Some(rules) = &rules {
            pod.load(Backend::IptablesNft, rules);
        }
        for who in [&Who::ALL[..], &[Who::NetAdmin]].concat() {
            let run = pod.run(who, &["check", "redirect", "--output", "json"]);
            run.expect(if rules.is_some() { 0 } else { 30 });
            assert_eq!(sh("ss -Htan"), "", "{who:?}");
        }
        // The application's, which does not say that it shares its port with what is over (`SO_REUSEADDR`).
        let program = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let everywhere = std::net::SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080));
        program.bind(&everywhere.into()).expect("nobody has port 8080");
    }
}

#[test]
fn the_gate_neither_waits_forever_nor_passes_beside_a_stranger() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let _stranger = listening(STRANGER, &[15001, 15006]);
    for who in Who::ALL {
        pod.run(who, &["gate", "--deadline", "500ms"]).expect(5);
    }
}

#[test]
fn a_taken_outbound_port_leaves_the_inbound_proof_to_the_proxy() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let _somebody = listening(4711, &[15001]);
    let run = pod.run(Who::App, &["check", "--output", "json"]);
    assert_eq!(run.code, 5, "{run}");
    names_owner(&run, 4711);
    let run = pod.run(Who::Proxy, &["check", "--output", "json"]).expect(0);
    names_owner(&run, 4711);
}

#[test]
fn a_taken_inbound_port_leaves_the_outbound_proof_to_the_application() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let _somebody = listening(4711, &[15006]);
    let run = pod.run(Who::Proxy, &["check", "--output", "json"]);
    assert_ne!(run.code, 30, "{run}");
    names_owner(&run, 4711);
    pod.run(Who::App, &["check"]).expect(0);
}

#[test]
fn a_taken_port_never_turns_into_a_redirect_failure_without_rules() {
    // Without rules the connections leave the pod whoever listens inside: that is a proof.
    let pod = World::DUAL.start();
    let _stranger = listening(STRANGER, &[15001, 15006]);
    for who in Who::ALL {
        let run = pod.run(who, &["check", "--output", "json"]);
        assert!(matches!(run.code, 5 | 30), "{who:?}: {run}");
        names_owner(&run, STRANGER);
    }
}

#[test]
fn proved_dns_does_not_stand_for_the_traffic_that_a_stranger_takes() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio_dns());
    let _stranger = listening(STRANGER, &[15001, 15006]);
    for who in [Who::App, Who::Root] {
        let run = pod.run(who, &["check", "--dns-capture", "true", "--output", "json"]).expect(5);
        assert!(run.reason("proof-required").contains("outbound"), "{who:?}: {run}");
        names_owner(&run, STRANGER);
    }
}

#[test]
fn a_taken_dns_port_is_named() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio_dns());
    let bind = || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 15053)).expect("bind");
    let _resolver = as_owner(ENVOY, bind);
    let run = pod.run(Who::App, &["check", "--dns-capture", "true", "--output", "json"]);
    assert_ne!(run.code, 30, "{run}");
    assert!(run.codes("unknown").contains(&"listener-port-taken".into()), "{run}");
}

#[test]
fn the_running_proxy_keeps_its_connections() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    let envoy = listening(ENVOY, &[15001]);
    pod.run(Who::App, &["check"]);
    // Its own connection must reach it, also after podprobe was there.
    let dialled = TcpStream::connect("192.0.2.1:80").expect("captured");
    let ours = dialled.local_addr().expect("an address").port();
    let accept = || envoy[0].accept().expect("accept").1.port();
    assert!((0..64).any(|_| accept() == ours), "the connection went elsewhere");
}

/// Listeners on the unspecified addresses, both families in one socket, owned by this uid.
fn listening(owner: u32, ports: &[u16]) -> Vec<TcpListener> {
    let listen = |port: &u16| TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port)).expect("bind");
    as_owner(owner, || ports.iter().map(listen).collect())
}

#[track_caller]
fn names_owner(run: &Output, uid: u32) {
    assert!(run.codes("unknown").contains(&"listener-port-taken".into()), "{run}");
    let report = run.report();
    let found = report["findings"].as_array().expect("findings");
    let taken: Vec<_> =
        found.iter().filter(|finding| finding["code"] == "listener-port-taken").collect();
    let said = taken
        .iter()
        .any(|finding| finding["reason"].as_str().is_some_and(|r| r.contains(&uid.to_string())));
    assert!(said, "the owner, uid {uid}, is not named: {run}");
}
