//! Beside a proxy that already runs: nothing is bound, nothing is sent to it, and still it is known who took what.

/// Where the kernel refuses to tell who holds a connection.
mod refused;

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use podprobe::net::{netlink::Netlink, sock_diag::other_end};
use std::io::Read;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::world::{Backend, Output, Pod, Rules, Who, World, as_owner, sh};

pub const ENVOY: u32 = 1337;
const ZTUNNEL: u32 = 0;
pub const SIDECAR: [u16; 2] = [15001, 15006];
const IN_POD: [u16; 4] = [15001, 15006, 15008, 15053];

/// What a stand-in for a proxy does with a connection.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Reads until the other side closes.
    Reads,
    /// Closes at once.
    Closes,
    /// Resets at once.
    Resets,
    /// Leaves it in the backlog.
    Hangs,
}

/// Listeners of a running proxy, on every address of both families as Envoy and ztunnel have them.
pub struct Proxy {
    /// Bytes that it was sent.
    read: Arc<AtomicUsize>,
    /// Those that nobody accepts from.
    _kept: Vec<TcpListener>,
}

impl Proxy {
    pub fn start(owner: u32, ports: &[u16], manner: Manner) -> Proxy {
        let read = Arc::new(AtomicUsize::new(0));
        let mut kept = Vec::new();
        for port in ports {
            let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port));
            let listener =
                as_owner(owner, || TcpListener::bind(everywhere)).expect("the port is free");
            if matches!(manner, Manner::Hangs) {
                kept.push(listener);
                continue;
            }
            let read = Arc::clone(&read);
            // Who accepts owns what is accepted.
            thread::spawn(move || {
                as_owner(owner, || {
                    for accepted in listener.incoming().flatten() {
                        serve(accepted, manner, &read);
                    }
                });
            });
        }
        Proxy { read, _kept: kept }
    }

    /// Bytes that it was sent so far.
    pub fn read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }
}

fn serve(mut accepted: TcpStream, manner: Manner, read: &AtomicUsize) {
    match manner {
        Manner::Reads => {
            accepted.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
            let count = accepted.read(&mut [0; 64]).unwrap_or(0);
            read.fetch_add(count, Ordering::Relaxed);
        }
        Manner::Resets => {
            let socket = socket2::Socket::from(accepted);
            socket.set_linger(Some(Duration::ZERO)).expect("linger");
        }
        Manner::Closes | Manner::Hangs => {}
    }
}

/// A DNS server on the mesh's port: it answers every query with the query.
fn dns(owner: u32) {
    let bind = || UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 15053)).expect("the port is free");
    let socket = as_owner(owner, bind);
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let _ = socket.send_to(&query[..length], from);
        }
    });
}

fn proofs(run: &Output) -> u64 {
    run.report()["proofs"].as_u64().expect("a number of proofs")
}

#[test]
fn beside_a_running_sidecar_each_identity_proves_its_half() {
    for backend in Backend::ALL {
        let pod = Pod::with(World::DUAL, backend, &Rules::istio());
        let envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
        for who in Who::ALL {
            let run = pod.run(who, &["check", "--output", "json"]).expect(0);
            assert!(proofs(&run) > 10, "{backend:?} {who:?}: {run}");
        }
        assert_eq!(envoy.read(), 0, "podprobe sent bytes to the proxy");
    }
}

#[test]
fn whatever_the_proxy_does_with_a_connection_it_is_known_who_took_it() {
    for manner in [Manner::Closes, Manner::Hangs] {
        let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
        let _envoy = Proxy::start(ENVOY, &SIDECAR, manner);
        for who in Who::ALL {
            pod.run(who, &["check"]).expect(0);
        }
    }
}

#[test]
fn a_proxy_that_resets_at_once_is_never_taken_for_an_escape() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Resets);
    let run = pod.run(Who::App, &["check", "--output", "json"]);
    let fails = run.codes("fail");
    assert!(
        !fails.iter().any(|code| code.contains("escaped") || code.contains("missing")),
        "{run}"
    );
}

#[test]
fn beside_a_running_sidecar_rules_that_are_gone_are_missed() {
    let pod = World::DUAL.start();
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    for who in Who::ALL {
        let run = pod.run(who, &["check", "--output", "json"]).expect(30);
        assert_eq!(run.cause(), "redirect-missing", "{who:?}: {run}");
    }
}

#[test]
fn beside_a_running_sidecar_swapped_and_wrong_ports_are_named() {
    let rules = Rules::istio().replace("15001", "1500x").replace("15006", "15001");
    let pod = Pod::with(World::V4, Backend::IptablesNft, &rules.replace("1500x", "15006"));
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    let run = pod.run(Who::App, &["check", "--output", "json"]).expect(30);
    assert_eq!(run.cause(), "outbound-wrong-port", "{run}");
    let run = pod.run(Who::Root, &["check", "--output", "json"]).expect(30);
    assert_eq!(run.cause(), "ports-swapped", "{run}");
}

#[test]
fn ambient_is_proved_beside_ztunnel_by_whatever_user() {
    for backend in Backend::ALL {
        let pod = Pod::with(World::DUAL, backend, &Rules::ambient());
        let ztunnel = Proxy::start(ZTUNNEL, &IN_POD, Manner::Reads);
        dns(ZTUNNEL);
        for who in [Who::Proxy, Who::App, Who::Root, Who::Ids(0, 0)] {
            let run =
                pod.run(who, &["check", "--mesh", "istio-ambient", "--output", "json"]).expect(0);
            assert!(proofs(&run) > 10, "{backend:?} {who:?}: {run}");
        }
        assert_eq!(ztunnel.read.load(Ordering::Relaxed), 0, "podprobe sent bytes to ztunnel");
    }
}

#[test]
fn ambient_rules_without_ztunnel_say_that_nobody_listens_and_leave_its_ports_alone() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::ambient());
    let run =
        pod.run(Who::App, &["check", "--mesh", "istio-ambient", "--output", "json"]).expect(30);
    assert_eq!(run.cause(), "proxy-absent", "{run}");
}

#[test]
fn ztunnels_listeners_without_rules_are_no_proof() {
    // As after a reboot of the node: listeners and annotation are there, the rules are not.
    let pod = World::DUAL.start();
    let _ztunnel = Proxy::start(ZTUNNEL, &IN_POD, Manner::Reads);
    let run =
        pod.run(Who::App, &["check", "--mesh", "istio-ambient", "--output", "json"]).expect(30);
    assert_eq!(run.cause(), "redirect-missing", "{run}");
}

#[test]
fn live_by_demand_binds_nothing_and_a_stranger_on_the_port_is_named() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let run = pod.run(Who::App, &["check", "--listeners", "live", "--output", "json"]).expect(30);
    assert_eq!(run.cause(), "proxy-absent", "{run}");
    let _stranger = Proxy::start(4711, &SIDECAR, Manner::Reads);
    let run = pod.run(Who::App, &["check", "--listeners", "live", "--output", "json"]).expect(30);
    assert_eq!(run.cause(), "traffic-diverted", "{run}");
    assert!(run.report().to_string().contains("uid 4711"), "{run}");
}

#[test]
fn beside_a_running_sidecar_the_applications_own_server_is_where_it_should_be() {
    // As `kubectl debug` finds a pod: the application serves on a port that podprobe dials.
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    let _application = Proxy::start(1000, &[80, 8080], Manner::Reads);
    for who in Who::ALL {
        pod.run(who, &["check"]).expect(0);
    }
}

#[test]
fn beside_ztunnel_a_query_without_answer_proves_nothing_about_dns() {
    let rules = Rules::ambient().without("--mark 0x539/0xfff -m udp --dport 53 -j REDIRECT");
    let pod = Pod::with(World::V4.silent_node(), Backend::IptablesNft, &rules);
    let _ztunnel = Proxy::start(ZTUNNEL, &IN_POD, Manner::Reads);
    let check = ["check", "--mesh", "istio-ambient", "--require", "dns", "--output", "json"];
    let run = pod.run(Who::App, &check).expect(5);
    assert!(run.report()["cause"]["reason"].to_string().contains("application UDP to"), "{run}");
    let gate = pod.launch(Who::App, &["gate", "--mesh", "istio-ambient", "--require", "dns"]);
    let gate = gate.start();
    assert!(gate.still_runs_after(Duration::from_millis(300)), "ztunnel may answer later");
    gate.signal(nix::sys::signal::Signal::SIGTERM);
    gate.wait().expect(143);
}

#[test]
fn beside_a_running_sidecar_nothing_says_which_service_was_called() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    let check = |require| {
        let check = pod.launch(Who::App, &["check", "--require", require]);
        check.env("KUBERNETES_SERVICE_HOST", "10.96.0.1").run()
    };
    check("outbound").expect(0);
    check("service").expect(5);
}

#[test]
fn a_proxy_that_listens_in_one_family_alone_is_absent_in_the_other() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let bind = |port: u16| TcpListener::bind(("0.0.0.0", port)).expect("the port is free");
    let _envoy = as_owner(ENVOY, || SIDECAR.map(bind));
    let run = pod.run(Who::App, &["check", "--output", "json"]).expect(30);
    assert_eq!(run.cause(), "proxy-absent", "{run}");
    assert_eq!(run.report()["findings"][2]["family"], "ipv6", "{run}");
}

#[test]
fn what_is_left_of_an_earlier_connection_is_told_from_an_open_one() {
    let _pod = World::V4.start();
    let listener = TcpListener::bind("127.0.0.1:15001").expect("listen");
    let theirs = listener.local_addr().expect("an address");
    let mut netlink = Netlink::open(NETLINK_SOCK_DIAG).expect("sock_diag");
    let mut open = |ours| {
        other_end(&mut netlink, ours, theirs).expect("an answer").map(|(_, is_open)| is_open)
    };
    let client = TcpStream::connect(theirs).expect("connect");
    let ours = client.local_addr().expect("an address");
    assert_eq!(open(ours), Some(true), "nobody has accepted it yet");
    let (server, _) = listener.accept().expect("a connection");
    assert_eq!(open(ours), Some(true));
    drop(server);
    assert_eq!(open(ours), Some(false), "this side has not closed");
    drop(client);
    assert_eq!(open(ours), None, "who closed first keeps it for a minute: it is nobody's");
}

#[test]
fn a_busy_application_beside_it_hides_no_connection() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Closes);
    // Every port that the kernel gives out has been at the proxy's port a moment ago.
    sh("echo 40000 40063 >/proc/sys/net/ipv4/ip_local_port_range");
    for port in 40_000..40_064 {
        for (from, to) in [("0.0.0.0", "192.0.2.77:80"), ("::", "[2001:db8::77]:80")] {
            let to: SocketAddr = to.parse().expect("an address");
            let socket =
                socket2::Socket::new(socket2::Domain::for_address(to), socket2::Type::STREAM, None)
                    .expect("a socket");
            let from = SocketAddr::new(from.parse().expect("an address"), port);
            socket.set_only_v6(from.is_ipv6()).ok();
            socket.bind(&from.into()).expect("a free port");
            socket.connect(&to.into()).expect("captured");
        }
    }
    for _ in 0..5 {
        let run = pod.run(Who::App, &["check", "redirect", "--output", "json"]).expect(0);
        assert!(proofs(&run) > 10, "{run}");
    }
}

/// A refusal tells nothing where nobody listens: so podprobe does.
#[test]
fn a_port_that_leads_to_where_nobody_listens_is_diverted() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    sh("iptables-nft -t nat -I OUTPUT -o lo -p tcp --dport 8080 -j REDIRECT --to-ports 9999");
    let run = pod.run(Who::App, &["check", "redirect", "--output", "json"]).expect(30);
    assert_eq!(run.cause(), "traffic-diverted", "{run}");
}
