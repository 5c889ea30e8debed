//! The far side: what it does for a pod, and what it does for nobody.
//!
//! The peer runs in the pod's namespace and is asked from the node's: who is on which side makes no difference.

mod abuse;
pub mod inbound;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::world::{Pod, Running, Who, World};

const WAIT: Duration = Duration::from_secs(5);
const SAYING: &str = "00112233445566778899aabbccddeeff";

/// A running peer, which ends with the test.
struct Serving(Running);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGKILL);
    }
}

/// A peer in the pod, once it listens.
fn peer(pod: &Pod, more: &[&str]) -> (Serving, SocketAddr) {
    let at = "10.77.0.2:7000";
    let mut arguments = vec!["peer", "--listen", at];
    arguments.extend(more);
    let running = pod.launch(Who::App, &arguments).start();
    let start = Instant::now();
    while TcpStream::connect(at).is_err() {
        assert!(start.elapsed() < WAIT, "the peer does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    (Serving(running), at.parse().expect("an address"))
}

/// One HTTP request from the node; the status and the body.
pub fn ask(pod: &Pod, at: SocketAddr, head: &str, body: &str) -> (u16, String) {
    let text = format!("{head}\r\nHost: peer\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    pod.node.run(move || {
        let mut stream = TcpStream::connect(at).expect("connect to the peer");
        stream.set_read_timeout(Some(WAIT)).expect("a timeout");
        // A refusal may come before everything is written.
        let _ = stream.write_all(text.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, body.to_owned())
    })
}

fn dial(pod: &Pod, at: SocketAddr, ports: &[u16]) -> (u16, Value) {
    let dial: Vec<Value> = ports.iter().map(|p| json!({"port": p, "say": SAYING})).collect();
    let (status, body) =
        ask(pod, at, "POST /v1/dial HTTP/1.1", &json!({"version": 1, "dial": dial}).to_string());
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

/// A listener on the node.
fn listener(pod: &Pod, at: &str) -> TcpListener {
    let at = at.to_owned();
    pod.node.run(move || TcpListener::bind(at).expect("listen on the node"))
}

#[test]
fn it_dials_back_and_says_the_token() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &[]);
    let listener = listener(&pod, "10.77.0.1:8080");
    let (status, answer) = dial(&pod, at, &[8080, 8081]);
    assert_eq!(status, 200, "{answer}");
    assert!(answer["you"].as_str().is_some_and(|you| you.starts_with("10.77.0.1:")), "{answer}");
    assert!(answer["dialled"][0]["failure"].is_null(), "{answer}");
    assert!(answer["dialled"][1]["failure"]["refused"].is_object(), "{answer}");
    let (mut stream, from) = listener.accept().expect("a connection");
    let mut said = [0; 16];
    stream.read_exact(&mut said).expect("the token");
    assert_eq!(said.map(|octet| format!("{octet:02x}")).concat(), SAYING);
    assert_eq!(from.ip(), IpAddr::from([10, 77, 0, 2]));
}

#[test]
fn who_is_silent_is_told_apart_from_who_refuses() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &["--dial-timeout", "100ms"]);
    pod.node.sh("nft add table inet drops; nft 'add chain inet drops in { type filter hook input priority 0; }'
                 nft add rule inet drops in tcp dport 9090 drop");
    let (_, answer) = dial(&pod, at, &[9090]);
    assert_eq!(answer["dialled"][0]["failure"]["silent"]["waitedMs"], 100, "{answer}");
}

#[test]
fn a_datagram_is_answered_after_a_cookie() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &[]);
    let listener = listener(&pod, "10.77.0.1:8080");
    let (first, second) = pod.node.run(move || {
        let socket = UdpSocket::bind("10.77.0.1:0").expect("a socket");
        socket.connect(at).expect("connect");
        socket.set_read_timeout(Some(WAIT)).expect("a timeout");
        let exchange = |request: Value| {
            let request = request.to_string();
            socket.send(request.as_bytes()).expect("send");
            let mut answer = [0; 2000];
            let length = socket.recv(&mut answer).expect("an answer");
            let answer: Value = serde_json::from_slice(&answer[..length]).expect("JSON");
            (request.len(), length, answer)
        };
        let dial = json!([{"port": 8080, "say": SAYING}]);
        let first = exchange(json!({"version": 1, "dial": dial, "padding": " ".repeat(64)}));
        let cookie = first.2["cookie"].clone();
        (first, exchange(json!({"version": 1, "dial": dial, "cookie": cookie})))
    });
    let (asked, answered, answer) = first;
    assert!(answered <= asked, "{answered} octets to an unproven source for {asked}");
    assert!(answer["dialled"].is_null() && answer["you"].is_null(), "{answer}");
    assert!(
        second.2["you"].as_str().is_some_and(|you| you.starts_with("10.77.0.1:")),
        "{second:?}"
    );
    assert!(second.2["dialled"][0]["failure"].is_null(), "{second:?}");
    listener.accept().expect("a connection");
}

#[test]
fn packet_sizes_can_be_tried_both_ways() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &[]);
    let (status, body) = ask(&pod, at, "GET /v1/bytes/20000 HTTP/1.1", "");
    assert_eq!((status, body.len()), (200, 20_000));
    let (status, body) = ask(&pod, at, "POST /v1/bytes HTTP/1.1", &"x".repeat(30_000));
    assert_eq!((status, body.as_str()), (200, "30000"));
}

#[test]
fn it_serves_ipv6_and_ends_with_its_signal() {
    let pod = World::DUAL.start();
    let running = pod.launch(Who::App, &["peer", "--listen", "[fd77::2]:7000"]).start();
    let at: SocketAddr = "[fd77::2]:7000".parse().expect("an address");
    let start = Instant::now();
    while TcpStream::connect(at).is_err() {
        assert!(start.elapsed() < WAIT, "the peer does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (_, answer) = dial(&pod, at, &[]);
    assert!(answer["you"].as_str().is_some_and(|you| you.starts_with("[fd77::1]:")), "{answer}");
    running.signal(Signal::SIGTERM);
    running.wait().expect(143);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let pod = World::V4.start();
    let _held = TcpListener::bind("10.77.0.2:7000").expect("listen");
    let run = pod.run(Who::App, &["peer", "--listen", "10.77.0.2:7000"]).expect(1);
    assert!(run.stderr.contains("listen on 10.77.0.2:7000 over TCP"), "{run}");
}
