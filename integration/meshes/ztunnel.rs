//! Istio ambient beside a stand-in for ztunnel, which takes every connection and answers every query.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use super::Mesh;
use crate::world::{Backend, Pod, Rules, Who, World};

const AMBIENT: Mesh = Mesh { name: "istio-ambient", proxy: Who::Proxy, flags: &[] };

/// ztunnel `ARCHITECTURE.md`, "Ports": HBONE and plaintext in both families at once, DNS on localhost.
const TCP: [&str; 5] = ["[::]:15001", "[::]:15006", "[::]:15008", "127.0.0.1:15053", "[::1]:15053"];
const UDP: [&str; 2] = ["127.0.0.1:15053", "[::1]:15053"];

/// Its sockets, which belong to whoever started it in the pod's namespace; they close with it.
struct Ztunnel {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ztunnel {
    /// Listens where ztunnel does.
    fn start() -> Ztunnel {
        let listeners = TCP.map(|at| {
            let listener = TcpListener::bind(at).unwrap_or_else(|error| panic!("{at}: {error}"));
            listener.set_nonblocking(true).expect("non-blocking");
            listener
        });
        let resolvers = UDP.map(|at| {
            let socket = UdpSocket::bind(at).unwrap_or_else(|error| panic!("{at}: {error}"));
            socket.set_nonblocking(true).expect("non-blocking");
            socket
        });
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = spawn(move || serve(&listeners, &resolvers, &stopped));
        Ztunnel { stop, thread: Some(thread) }
    }
}

impl Drop for Ztunnel {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of its own has been printed; a second one would hide the test's.
            drop(thread.join());
        }
    }
}

/// The sockets are in the pod's namespace, wherever this thread is.
fn serve(listeners: &[TcpListener], resolvers: &[UdpSocket], stop: &AtomicBool) {
    let mut taken: Vec<TcpStream> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        for listener in listeners {
            while let Ok((connection, _)) = listener.accept() {
                connection.set_nonblocking(true).expect("non-blocking");
                taken.push(connection);
            }
        }
        taken.retain(|connection| !matches!(connection.peek(&mut [0]), Ok(0)));
        for resolver in resolvers {
            answer(resolver);
        }
        sleep(Duration::from_millis(1));
    }
}

/// Sends each query back as a response without records (RFC 1035 §4.1.1: the bit QR).
fn answer(resolver: &UdpSocket) {
    let mut message = [0; 512];
    while let Ok((length, client)) = resolver.recv_from(&mut message) {
        message[2] |= 0x80;
        resolver.send_to(&message[..length], client).expect("an answer");
    }
}

#[test]
fn beside_ztunnel_intact_rules_hold() {
    for world in [World::V4, World::DUAL, World::DUAL.silent_node()] {
        for backend in Backend::ALL {
            let pod = Pod::with(world, backend, &Rules::ambient());
            let _ztunnel = Ztunnel::start();
            for who in AMBIENT.everybody() {
                AMBIENT.passes(&pod, who, &[]);
            }
        }
    }
}

#[test]
fn beside_ztunnel_each_broken_rule_is_named() {
    let whole = Rules::ambient();
    let pod = World::DUAL.start();
    let _ztunnel = Ztunnel::start();
    for (rules, cause) in [
        (whole.only_v4(), "redirect-family-missing"),
        (whole.only_v6(), "redirect-family-missing"),
        (whole.replace("ports 15001", "ports 15006"), "outbound-wrong-port"),
        (whole.replace("ports 15001", "ports 15099"), "capture-refused"),
        (whole.without("-p tcp --dport 53 -m mark"), "dns-wrong-port"),
        (whole.without("--mark 0x539/0xfff -m udp --dport 53 -j REDIRECT"), "dns-escaped"),
        (whole.without_setup("-6 rule"), "marked-route-missing"),
    ] {
        pod.load(Backend::IptablesNft, &rules);
        for who in AMBIENT.everybody() {
            AMBIENT.sees(&pod, who, &[cause]);
        }
    }
}
