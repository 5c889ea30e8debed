//! What a peer is asked to do that it must not: to talk to others, and to talk more than it hears.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use serde_json::{Value, json};

use super::{Victim, WAIT, strangers};
use crate::world::{Pod, World};

const SAYING: &str = "00112233445566778899aabbccddeeff";

/// What the peer answers to this datagram, from a socket of the node at this address.
fn exchanged(pod: &Pod, victim: &Victim, from: &str, datagrams: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let (at, from) = (victim.at, from.to_owned());
    pod.node.run(move || {
        let socket = UdpSocket::bind(from).expect("a socket");
        socket.connect(at).expect("connect");
        for datagram in &datagrams {
            socket.send(datagram).expect("send");
        }
        // The last one is always answered: what came before it was answered before.
        let last = json!({"version": 1, "padding": " ".repeat(64)}).to_string();
        socket.send(last.as_bytes()).expect("send");
        socket.set_read_timeout(Some(WAIT)).expect("a timeout");
        let mut answers = Vec::new();
        let mut buffer = [0; 9000];
        let length = socket.recv(&mut buffer).expect("an answer");
        answers.push(buffer[..length].to_vec());
        socket.set_nonblocking(true).expect("no blocking");
        loop {
            match socket.recv(&mut buffer) {
                Ok(length) => answers.push(buffer[..length].to_vec()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return answers,
                Err(error) => panic!("{error}"),
            }
        }
    })
}

#[test]
fn an_unproven_source_gets_less_than_it_sends_whatever_it_sends() {
    let pod = World::DUAL.start();
    let victim = Victim::peer(&pod);
    let dial: Vec<Value> = (8000..8016).map(|port| json!({"port": port, "say": SAYING})).collect();
    let request = |more: &str| json!({"version": 1, "dial": dial, "cookie": more}).to_string();
    let mut datagrams: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"{".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        request("").into_bytes(),
        request("0000000000000000").into_bytes(),
        request(&"0".repeat(7000)).into_bytes(),
        json!({"version": 9}).to_string().into_bytes(),
        b"[".repeat(8000),
        b" ".repeat(8193),
        b"GET /v1/bytes/65536 HTTP/1.1\r\n\r\n".to_vec(),
    ];
    datagrams.push(br#"{"version":1,"version":1}"#.to_vec());
    let sent: usize = datagrams.iter().map(Vec::len).sum();
    let answers = exchanged(&pod, &victim, "10.77.0.1:0", datagrams);
    for answer in &answers {
        let answer: Value = serde_json::from_slice(answer).expect("JSON");
        assert!(answer["cookie"].is_string() && answer["dialled"].is_null(), "{answer}");
        assert!(answer["refused"].is_null() && answer["you"].is_null(), "{answer}");
    }
    let received: usize = answers.iter().map(Vec::len).sum();
    assert!(received < sent / 4, "{sent} octets sent, {received} received");
    victim.is_well(&pod, "foreign datagrams");
}

#[test]
fn a_cookie_is_worth_nothing_from_elsewhere() {
    let pod = World::DUAL.start();
    let victim = Victim::peer(&pod);
    strangers(&pod, 1);
    // The stranger's port, where the peer would dial if it believed the cookie.
    let listener = pod.node.run(|| TcpListener::bind("10.88.1.1:8080").expect("listen"));
    listener.set_nonblocking(true).expect("no blocking");
    let hello = exchanged(&pod, &victim, "10.77.0.1:5555", Vec::new());
    let hello: Value = serde_json::from_slice(&hello[0]).expect("JSON");
    let cookie = hello["cookie"].as_str().expect("a cookie");
    let dial = json!([{"port": 8080, "say": SAYING}]);
    let request = json!({"version": 1, "dial": dial, "cookie": cookie}).to_string();
    // The same words, by another address and by another port.
    for from in ["10.88.1.1:5555", "10.77.0.1:5556"] {
        for answer in exchanged(&pod, &victim, from, vec![request.clone().into_bytes()]) {
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            assert!(
                answer["cookie"].is_string() && answer["dialled"].is_null(),
                "{from}: {answer}"
            );
        }
    }
    assert!(listener.accept().is_err(), "somebody was dialled in another's name");
}

#[test]
fn a_request_names_nobody_whom_the_peer_would_dial_or_ask() {
    let pod = World::DUAL.start();
    let victim = Victim::peer(&pod);
    let third = pod.node.outside();
    let at: SocketAddr = "10.88.0.1:8080".parse().expect("an address");
    let listener = third.run(move || TcpListener::bind(at).expect("listen"));
    listener.set_nonblocking(true).expect("no blocking");
    let dial = json!([{"port": 8080, "say": SAYING}]);
    let body = json!({"version": 1, "dial": dial}).to_string();
    for head in [
        "POST http://10.88.0.1:8080/v1/dial HTTP/1.1\r\nHost: 10.88.0.1:8080",
        "POST /v1/dial HTTP/1.1\r\nHost: 10.88.0.1\r\nX-Forwarded-For: 10.88.0.1\r\nForwarded: for=10.88.0.1",
        "POST /v1/dial HTTP/1.1\r\nHost: h\r\nX-Real-IP: 10.88.0.1\r\nTrue-Client-IP: 10.88.0.1",
        "CONNECT 10.88.0.1:8080 HTTP/1.1\r\nHost: 10.88.0.1:8080",
    ] {
        crate::peer::ask(&pod, victim.at, head, &body);
    }
    // PROXY protocol: who stands behind a load balancer might believe it.
    let head = "PROXY TCP4 10.88.0.1 10.77.0.2 1 7000\r\nPOST /v1/dial HTTP/1.1\r\nHost: h";
    let (status, _) = crate::peer::ask(&pod, victim.at, head, &body);
    assert_eq!(status, 400);
    assert!(listener.accept().is_err(), "a third host was dialled");
    victim.is_well(&pod, "requests in another's name");
}
