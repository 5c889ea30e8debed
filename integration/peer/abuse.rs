//! What somebody who means no good can make of a peer: nothing but a few connections to himself.

use socket2::{Domain, Socket, Type};

use super::{
    SAYING, SocketAddr, TcpStream, UdpSocket, WAIT, Write, ask, dial, json, listener, peer,
};
use crate::world::World;

#[test]
fn only_the_asking_address_is_dialled() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &[]);
    // Whatever a request names, there is no word for another host in it.
    for extra in ["host", "address", "to"] {
        let mut dial = json!({"port": 8080, "say": SAYING});
        dial[extra] = json!("10.77.0.3");
        let body = json!({"version": 1, "dial": [dial]}).to_string();
        let (status, body) = ask(&pod, at, "POST /v1/dial HTTP/1.1", &body);
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("unknown field"), "{body}");
    }
}

#[test]
fn ports_off_the_list_are_not_dialled() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &["--allow-ports", "8000-8100"]);
    let listener = listener(&pod, "10.77.0.1:22");
    listener.set_nonblocking(true).expect("non-blocking");
    let (status, answer) = dial(&pod, at, &[22]);
    assert_eq!(status, 200);
    assert_eq!(answer["dialled"][0]["notTried"], "the port is not on the peer's list", "{answer}");
    assert!(listener.accept().is_err(), "port 22 was dialled");
}

#[test]
fn a_source_has_a_rate() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &["--rate", "1"]);
    let statuses: Vec<u16> = (0..8).map(|_| dial(&pod, at, &[]).0).collect();
    assert_eq!(statuses[0], 200, "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 3, "{statuses:?}");
}

#[test]
fn more_ports_than_allowed_and_large_bodies_are_refused() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &[]);
    let ports: Vec<u16> = (8000..8017).collect();
    let (status, answer) = dial(&pod, at, &ports);
    assert_eq!(status, 400);
    assert_eq!(answer["refused"], "17 ports, at most 16", "{answer}");
    let (status, _) = ask(&pod, at, "POST /v1/dial HTTP/1.1", &"x".repeat(20_000));
    assert_eq!(status, 413);
    let (status, _) = ask(&pod, at, "GET /v1/bytes/70000 HTTP/1.1", "");
    assert_eq!(status, 400);
}

#[test]
fn what_is_no_request_gets_no_service_and_does_no_harm() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &["--rate", "100"]);
    for (head, body, expected) in [
        ("POST /v1/dial HTTP/1.1", "", 400),
        ("POST /v1/dial HTTP/1.1", "[]", 400),
        ("POST /v1/dial HTTP/1.1", r#"{"version":7}"#, 400),
        ("GET /v1/dial HTTP/1.1", "", 404),
        ("GET http://10.77.0.3/ HTTP/1.1", "", 404),
        ("CONNECT 10.77.0.3:80 HTTP/1.1", "", 404),
        ("GET /../../etc/passwd HTTP/1.1", "", 404),
        ("nonsense", "", 400),
    ] {
        let (status, answer) = ask(&pod, at, head, body);
        assert_eq!(status, expected, "{head}: {answer}");
    }
    assert_eq!(dial(&pod, at, &[]).0, 200);
}

#[test]
fn without_the_token_nothing_is_done() {
    let pod = World::DUAL.start();
    let file = pod.file("token");
    std::fs::write(&file, "open sesame\n").expect("write the token");
    let (_peer, at) = peer(&pod, &["--token-file", &file.display().to_string()]);
    let (status, answer) = dial(&pod, at, &[8080]);
    assert_eq!(status, 403);
    assert_eq!(answer["refused"], "the token is missing or wrong", "{answer}");
    assert!(answer["dialled"].is_null() && answer["you"].is_null(), "{answer}");
    let head = "GET /v1/you HTTP/1.1\r\nAuthorization: Bearer open sesame";
    assert_eq!(ask(&pod, at, head, "").0, 200);
}

#[test]
fn a_forged_or_borrowed_cookie_gets_a_new_one_and_no_more() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &[]);
    let listener = listener(&pod, "10.77.0.1:8080");
    listener.set_nonblocking(true).expect("non-blocking");
    let answers = pod.node.run(move || {
        let socket = || {
            let socket = UdpSocket::bind("10.77.0.1:0").expect("a socket");
            socket.connect(at).expect("connect");
            socket.set_read_timeout(Some(WAIT)).expect("a timeout");
            socket
        };
        let exchange = |socket: &UdpSocket, cookie: &serde_json::Value| {
            let dial = json!([{"port": 8080, "say": SAYING}]);
            let request = json!({"version": 1, "dial": dial, "cookie": cookie});
            socket.send(request.to_string().as_bytes()).expect("send");
            let mut answer = [0; 2000];
            let length = socket.recv(&mut answer).expect("an answer");
            serde_json::from_slice::<serde_json::Value>(&answer[..length]).expect("JSON")
        };
        let (one, other) = (socket(), socket());
        let cookie = exchange(&one, &json!(null))["cookie"].clone();
        [exchange(&other, &cookie), exchange(&other, &json!("0000000000000000"))]
    });
    for answer in answers {
        assert!(answer["cookie"].is_string() && answer["dialled"].is_null(), "{answer}");
    }
    assert!(listener.accept().is_err(), "somebody was dialled without proof");
}

#[test]
fn an_unproven_source_gets_no_more_than_it_sent() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &[]);
    let answered = pod.node.run(move || {
        let socket = UdpSocket::bind("10.77.0.1:0").expect("a socket");
        socket.connect(at).expect("connect");
        // Too small for a cookie, then nonsense: neither is answered; the last one is.
        socket.send(br#"{"version":1}"#).expect("send");
        socket.send(&[b'x'; 900]).expect("send");
        let padding = " ".repeat(64);
        let sent = json!({"version": 1, "padding": padding}).to_string();
        socket.send(sent.as_bytes()).expect("send");
        socket.set_read_timeout(Some(WAIT)).expect("a timeout");
        let mut answer = [0; 2000];
        let length = socket.recv(&mut answer).expect("an answer");
        socket.set_nonblocking(true).expect("non-blocking");
        (sent.len(), length, socket.recv(&mut answer).is_ok())
    });
    let (sent, received, more) = answered;
    assert!(received <= sent && !more, "{sent} octets sent, {received} received, more: {more}");
}

#[test]
fn slow_connections_do_not_keep_others_out() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &["--rate", "100"]);
    let held = pod.node.run(move || -> Vec<TcpStream> {
        // Another source than the one that asks below, which has a share of its own.
        let other: SocketAddr = "10.88.0.2:0".parse().expect("an address");
        let open = |_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.bind(&other.into()).expect("bind");
            socket.connect(&at.into()).expect("connect");
            let mut stream = TcpStream::from(socket);
            // Who has too many is cut off at once.
            let _ = stream.write_all(b"POST /v1/dial HTTP/1.1\r\nContent-Le");
            stream
        };
        (0..200).map(open).collect()
    });
    assert_eq!(dial(&pod, at, &[]).0, 200);
    drop(held);
}

#[test]
fn an_answer_is_never_answered() {
    let pod = World::DUAL.start();
    let (_peer, at) = peer(&pod, &[]);
    let answered = |datagram: &'static str| {
        pod.node.run(move || {
            let socket = UdpSocket::bind("10.77.0.1:0").expect("a socket");
            socket.connect(at).expect("connect");
            socket.set_read_timeout(Some(WAIT / 10)).expect("a timeout");
            socket.send(datagram.as_bytes()).expect("send");
            socket.recv(&mut [0; 2000]).is_ok()
        })
    };
    assert!(answered(r#"{"version":1,"cookie":"0123456789abcdef","padding":" "}"#));
    assert!(
        !answered(r#"{"version":1,"cookie":"0123456789abcdef"}"#),
        "two peers would go on for ever"
    );
}
