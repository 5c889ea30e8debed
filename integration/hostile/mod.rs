//! What strangers do to whoever listens for long: a peer, and a watch.
//!
//! They stand on the node, with as many addresses as they like; the victim stands in the pod.

/// Many connections: silent, slow, half-open.
mod flood;
/// What is no request, or two.
mod http;
/// A peer that is asked to do what it must not.
mod peer;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};

use crate::world::{Pod, Running, Who, World, sh};

const WAIT: Duration = Duration::from_secs(5);
/// What the kubelet waits for an answer, where nobody says otherwise.
const KUBELET: Duration = Duration::from_secs(1);
/// Manifests give a peer 32 MiB, the smallest. A test's build takes more than what is released.
const MOST_KIB: u64 = 32 * 1024;

/// Who listens in the pod, and ends with the test.
struct Victim {
    running: Running,
    at: SocketAddr,
    /// What it answers with 200.
    good: &'static str,
    name: &'static str,
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.running.signal(Signal::SIGKILL);
    }
}

impl Victim {
    /// Each of those that listen for long, in a pod of its own.
    fn each() -> [(Pod, Victim); 2] {
        [Victim::peer as fn(&Pod) -> Victim, Victim::watch].map(|start| {
            let pod = World::DUAL.start();
            let victim = start(&pod);
            (pod, victim)
        })
    }

    fn peer(pod: &Pod) -> Victim {
        let line = ["peer", "--listen", "10.77.0.2:7000", "--rate", "1000"];
        Victim::start(pod, "peer", &line, "10.77.0.2:7000", "/v1/you")
    }

    fn watch(pod: &Pod) -> Victim {
        let line = ["watch", "--mesh", "none"];
        Victim::start(pod, "watch", &line, "10.77.0.2:9464", "/livez")
    }

    fn start(pod: &Pod, name: &'static str, line: &[&str], at: &str, good: &'static str) -> Victim {
        let running = pod.launch(Who::App, line).start();
        let at = at.parse().expect("an address");
        let victim = Victim { running, at, good, name };
        let start = Instant::now();
        while victim.asked(pod, None, WAIT) != Some(200) {
            assert!(start.elapsed() < WAIT, "{name} does not answer");
        }
        victim
    }

    /// The status that somebody in earnest gets from this address within this time.
    fn asked(&self, pod: &Pod, from: Option<IpAddr>, patience: Duration) -> Option<u16> {
        let (at, request) = (self.at, format!("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", self.good));
        let answer = pod.node.run(move || {
            let mut stream = connect(at, from, patience)?;
            stream.set_read_timeout(Some(patience)).ok()?;
            stream.write_all(request.as_bytes()).ok()?;
            Some(heard(&mut stream))
        });
        status(&answer?)
    }

    /// Ends the test where the victim does not serve as before, or took more memory than it may have.
    #[track_caller]
    fn is_well(&self, pod: &Pod, after: &str) {
        assert_eq!(self.asked(pod, None, WAIT), Some(200), "{} after {after}", self.name);
        let peak = self.running.peak_kib();
        println!("{:6} {peak:6} KiB at most, after {after}", self.name);
        assert!(peak < MOST_KIB, "{} took {peak} KiB after {after}", self.name);
    }
}

/// A connection from this address of the calling thread's machine.
fn connect(to: SocketAddr, from: Option<IpAddr>, patience: Duration) -> Option<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).ok()?;
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into()).ok()?;
    }
    socket.connect_timeout(&to.into(), patience).ok()?;
    Some(socket.into())
}

/// Everything until the other side ends it, or is silent for too long.
fn heard(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset ends an answer as well.
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn status(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answer);
    text.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()
}

/// Addresses of strangers, which the node has from now on.
fn strangers(pod: &Pod, count: u8) -> Vec<IpAddr> {
    let all: Vec<IpAddr> = (1..=count).map(|n| IpAddr::from([10, 88, 1, n])).collect();
    pod.node.run(move || {
        let add = |n| format!("ip address replace 10.88.1.{n}/32 dev world\n");
        sh(&(1..=count).map(add).collect::<String>());
    });
    all
}
