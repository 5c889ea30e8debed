//! The kubelet's own probe as the proof: `gate --await-inbound`, with the node in the kubelet's place.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};

use super::outside_finding;
use crate::world::{Backend, Pod, Rules, Who, World, as_owner, sh};

const PORT: &str = "9393";
const POD: [&str; 2] = ["10.77.0.2:9393", "[fd77::2]:9393"];
/// How long a probe keeps trying before it is given up.
const IN_VAIN: Duration = Duration::from_secs(8);

/// Probes again and again, as the kubelet does, until it is told 200 or the time is over; the answer's first
/// line, if that was it.
fn probe(
    pod: &Pod,
    to: &str,
    path: &'static str,
    from: Option<IpAddr>,
    time: Duration,
) -> Option<String> {
    let to: SocketAddr = to.parse().expect("an address");
    pod.node.run(move || {
        let start = Instant::now();
        while start.elapsed() < time {
            if let Ok(answer) = get(to, path, from)
                && answer.starts_with("HTTP/1.1 200 ")
            {
                return Some(answer);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    })
}

fn get(to: SocketAddr, path: &str, from: Option<IpAddr>) -> io::Result<String> {
    let mut stream = connect(to, from)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    // At once, as the kubelet does: `write!` sends a piece for each part.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&to.into(), Duration::from_millis(500))?;
    Ok(socket.into())
}

#[test]
fn a_probe_that_is_captured_passes_and_the_sidecar_stays() {
    for backend in Backend::ALL {
        let pod = Pod::with(World::DUAL, backend, &Rules::istio());
        for (who, to) in [(Who::Proxy, POD[0]), (Who::App, POD[1])] {
            let gate = pod.launch(who, &["gate", "--await-inbound", PORT]).start();
            let answer = probe(&pod, to, "/", None, IN_VAIN).expect("a passed probe");
            assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
            assert!(gate.still_runs_after(Duration::from_millis(300)), "a sidecar stays");
            // Its ports are free for the proxy.
            TcpListener::bind("0.0.0.0:15006").expect("a port that nobody has");
            gate.signal(Signal::SIGTERM);
            let run = gate.wait().expect(0);
            assert!(run.stdout.starts_with("ok "), "{run}");
        }
    }
}

#[test]
fn a_probe_without_http_passes_as_well_and_is_a_required_proof() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let flags = ["gate", "--await-inbound", PORT, "--require", "arriving", "--output", "json"];
    let gate = pod.launch(Who::Proxy, &flags).start();
    let to: SocketAddr = POD[0].parse().expect("an address");
    pod.node.run(move || {
        // The looks before take connections too: more than one may be needed.
        for _ in 0..50 {
            drop(connect(to, None));
            thread::sleep(Duration::from_millis(20));
        }
    });
    gate.signal(Signal::SIGTERM);
    let run = gate.wait().expect(0);
    let arrived = run.findings("probe-arrived");
    assert_eq!(arrived.len(), 1, "{run}");
    assert!(arrived[0]["reason"].to_string().contains("10.77.0.1:"), "{run}");
    assert!(super::proved(&run, "arriving") == 1, "{run}");
}

#[test]
fn a_probe_that_escapes_is_not_answered_until_the_rules_come() {
    let broken = Rules::istio().without("REROUTING -p tcp -j ISTIO_INBOUND");
    let broken = broken.without("prerouting meta l4proto tcp");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &broken);
    let flags = ["gate", "--await-inbound", PORT, "--deadline", "1500ms", "--output", "json"];
    let gate = pod.launch(Who::Proxy, &flags).start();
    let answer = probe(&pod, POD[0], "/", None, Duration::from_millis(1200));
    assert_eq!(answer, None, "a probe that was not captured passed");
    let run = gate.wait().expect(30);
    assert_eq!(run.cause(), "inbound-escaped", "{run}");
    assert!(
        run.report()["cause"]["reason"].to_string().contains("from outside (10.77.0.1:"),
        "{run}"
    );
    assert!(outside_finding(&run, "inbound-escaped", "ipv4").is_none(), "nothing was injected");

    let gate = pod.launch(Who::Proxy, &["gate", "--await-inbound", PORT]).start();
    assert_eq!(probe(&pod, POD[0], "/", None, Duration::from_millis(400)), None);
    sh("iptables-nft -t nat -A PREROUTING -p tcp -j ISTIO_INBOUND");
    probe(&pod, POD[0], "/", None, IN_VAIN).expect("a passed probe");
    gate.signal(Signal::SIGTERM);
    gate.wait().expect(0);
}

#[test]
fn a_rewritten_probe_is_named() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let flags = ["gate", "--await-inbound", PORT, "--deadline", "1500ms", "--output", "json"];
    let gate = pod.launch(Who::Proxy, &flags).start();
    let path = "/app-health/podprobe/startupz";
    let answer = probe(&pod, "10.77.0.2:15020", path, None, Duration::from_millis(1200));
    assert_eq!(answer, None, "a probe that was not captured passed");
    let run = gate.wait().expect(5);
    assert!(run.codes("unknown").contains(&"probe-rewritten".to_owned()), "{run}");
    let cause = run.report()["cause"].clone();
    assert!(cause["reason"].to_string().contains("/app-health/podprobe/startupz"), "{run}");
    assert!(cause["hint"].to_string().contains("rewriteAppHTTPProbers"), "{run}");
}

#[test]
fn a_probe_that_never_comes_is_no_pass() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let flags = ["gate", "--await-inbound", PORT, "--deadline", "700ms", "--output", "json"];
    let run = pod.run(Who::App, &flags).expect(5);
    assert!(run.codes("unknown").contains(&"probe-not-seen".to_owned()), "{run}");
}

#[test]
fn a_probe_that_lands_on_another_port_is_named() {
    let rules = Rules::istio().replace(
        "-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT",
        "-A ISTIO_INBOUND -p tcp -j ISTIO_REDIRECT",
    );
    let pod = Pod::with(World::V4, Backend::IptablesNft, &rules);
    let flags = ["gate", "--await-inbound", PORT, "--deadline", "1500ms", "--output", "json"];
    let gate = pod.launch(Who::Proxy, &flags).start();
    assert_eq!(probe(&pod, POD[0], "/", None, Duration::from_millis(1200)), None);
    let run = gate.wait().expect(30);
    assert_eq!(run.cause(), "inbound-wrong-port", "{run}");
}

#[test]
fn ambient_exempts_the_probe_and_so_it_proves_nothing() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::ambient());
    pod.node.sh("ip address add 169.254.7.127/32 dev lo");
    let mesh = ["--mesh", "istio-ambient", "--listeners", "bind", "--deadline", "1500ms"];
    let flags = [&["gate", "--await-inbound", PORT, "--output", "json"], &mesh[..]].concat();
    let gate = pod.launch(Who::App, &flags).start();
    let kubelet = Some("169.254.7.127".parse().expect("an address"));
    assert_eq!(probe(&pod, POD[0], "/", kubelet, Duration::from_millis(1200)), None);
    let run = gate.wait().expect(5);
    assert!(run.codes("unknown").contains(&"probe-exempt".to_owned()), "{run}");
}

/// Takes connections at a port, as the proxy or its agent, and passes each on to the probed port from
/// 127.0.0.6.
fn pass_on(at: &'static str) {
    let listener = as_owner(1337, || TcpListener::bind(at)).expect("a free port");
    thread::spawn(move || {
        as_owner(1337, || {
            // podprobe's own connections are among them, and none may wait for another.
            for client in listener.incoming().flatten() {
                thread::spawn(move || as_owner(1337, || pass(client)));
            }
        });
    });
}

fn pass(mut client: TcpStream) {
    let to = POD[0].parse().expect("an address");
    let from = Some("127.0.0.6".parse().expect("an address"));
    let Ok(mut server) = connect(to, from) else { return };
    let mut request = [0; 512];
    let count = client.read(&mut request).unwrap_or(0);
    let mut answer = Vec::new();
    server.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let _ = server.write_all(&request[..count]);
    let _ = server.read_to_end(&mut answer);
    let _ = client.write_all(&answer);
}

#[test]
fn what_a_running_proxy_passes_on_is_told_from_what_its_agent_does() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let _outbound = as_owner(1337, || TcpListener::bind("0.0.0.0:15001")).expect("a free port");
    pass_on("0.0.0.0:15006");
    pass_on("0.0.0.0:15020");
    let gate = pod.launch(Who::Proxy, &["gate", "--await-inbound", PORT]).start();
    probe(&pod, POD[0], "/", None, IN_VAIN).expect("a passed probe");
    // The answer comes before the report, and a signal between them is one that ended the gate.
    assert!(gate.still_runs_after(Duration::from_millis(500)));
    gate.signal(Signal::SIGTERM);
    gate.wait().expect(0);

    let flags = ["gate", "--await-inbound", PORT, "--deadline", "1500ms", "--output", "json"];
    let gate = pod.launch(Who::Proxy, &flags).start();
    let path = "/app-health/podprobe/startupz";
    assert_eq!(probe(&pod, "10.77.0.2:15020", path, None, Duration::from_millis(1200)), None);
    let run = gate.wait().expect(5);
    assert!(run.codes("unknown").contains(&"probe-rewritten".to_owned()), "{run}");
}

#[test]
fn a_port_that_proves_nothing_is_refused() {
    let pod = World::V4.start();
    for flags in [
        &["check", "--await-inbound", PORT][..],
        &["gate", "--await-inbound", "15021"],
        &["gate", "--await-inbound", "15006"],
        &["gate", "--await-inbound", "15008"],
        &["gate", "--await-inbound", PORT, "--mesh", "none"],
        &["gate", "--await-inbound", PORT, "--skip", "redirect"],
    ] {
        let run = pod.run(Who::App, flags).expect(2);
        assert!(run.stderr.contains("--await-inbound"), "{run}");
    }
}
