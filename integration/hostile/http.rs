//! Requests that are none, that are two, or that never end.

use std::io::Write;
use std::net::Shutdown;

use super::{Pod, Victim, WAIT, connect, heard, status};

/// What a request is tried with by somebody who wants a proxy before it to see another one.
const SMUGGLED: [&str; 12] = [
    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "Content-Length: 44\r\nContent-Length: 44\r\n\r\n",
    "Content-Length: 0, 44\r\n\r\n",
    "Content-Length: +0\r\n\r\n",
    "Content-Length: 99999999999999999999999\r\n\r\n",
    "Content-Length : 0\r\n\r\n",
    "X: a\r\n Content-Length: 44\r\n\r\n",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n",
];

/// Beginnings that are no HTTP/1.1, or barely.
const FOREIGN: [&[u8]; 18] = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/0.9\r\n\r\n",
    b"GET / HTTP/3.0\r\nHost: h\r\n\r\n",
    b"get /livez HTTP/1.1\r\nHost: h\r\n\r\n",
    b"BREW /livez HTTP/1.1\r\nHost: h\r\n\r\n",
    b"TRACE /livez HTTP/1.1\r\nHost: h\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    b"CONNECT 10.77.0.1:80 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET http://10.77.0.1/latest/meta-data HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /\xff\xfe\x00 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xc3\x28\r\nX: \x00\r\n\r\n",
    b"GET /%2e%2e/%2e%2e/etc/passwd%00 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\nHost: h\n\n",
    b"\r\n\r\n\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n",
];

/// Says this from the node, and nothing more; what is answered.
fn said(pod: &Pod, victim: &Victim, bytes: Vec<u8>) -> Vec<u8> {
    let at = victim.at;
    pod.node.run(move || {
        let mut stream = connect(at, None, WAIT).expect("connect");
        stream.set_read_timeout(Some(WAIT)).expect("a timeout");
        // Who refuses early need not have read it all.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        heard(&mut stream)
    })
}

/// How many final answers are in it.
fn answers(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    text.matches("HTTP/1.1 ").count() - text.matches("HTTP/1.1 100 ").count()
}

#[test]
fn no_request_hides_another_one() {
    for (pod, victim) in Victim::each() {
        for method in ["GET", "POST"] {
            for headers in SMUGGLED {
                let path = victim.good;
                let second = format!("GET {path} HTTP/1.1\r\nHost: hidden\r\n\r\n");
                let whole = format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{headers}{second}");
                let heard = said(&pod, &victim, whole.into_bytes());
                let text = String::from_utf8_lossy(&heard);
                assert!(answers(&heard) <= 1, "{} {method} {headers:?}: {text}", victim.name);
            }
        }
        victim.is_well(&pod, "smuggled requests");
    }
}

#[test]
fn two_lengths_are_no_length() {
    for (pod, victim) in Victim::each() {
        for headers in ["Content-Length: 0\r\nContent-Length: 44", "Content-Length: 0, 44"] {
            let whole = format!("POST {} HTTP/1.1\r\nHost: h\r\n{headers}\r\n\r\n", victim.good);
            let heard = said(&pod, &victim, whole.into_bytes());
            assert_eq!(status(&heard), Some(400), "{} {headers}", victim.name);
        }
    }
}

#[test]
fn what_is_no_request_does_no_harm() {
    for (pod, victim) in Victim::each() {
        for bytes in FOREIGN {
            let heard = said(&pod, &victim, bytes.to_vec());
            let shown = String::from_utf8_lossy(bytes);
            assert!(answers(&heard) <= 1, "{} {shown}", victim.name);
            assert!(!heard.starts_with(b"HTTP/1.1 101"), "{} {shown}", victim.name);
        }
        victim.is_well(&pod, "what is no request");
    }
}

#[test]
fn numbers_are_no_larger_than_they_may_be() {
    let (pod, victim) = Victim::each().into_iter().next().expect("the peer");
    for number in [
        "65537",
        "-1",
        "+1x",
        "0x10",
        "1e3",
        "18446744073709551616",
        "99999999999999999999999999",
        "",
    ] {
        let request = format!("GET /v1/bytes/{number} HTTP/1.1\r\nHost: h\r\n\r\n");
        let heard = said(&pod, &victim, request.into_bytes());
        assert_eq!(status(&heard), Some(400), "{number}");
    }
    victim.is_well(&pod, "large numbers");
}

#[test]
fn a_thousand_requests_in_a_row_get_one_answer() {
    for (pod, victim) in Victim::each() {
        let one = format!("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", victim.good);
        let heard = said(&pod, &victim, one.repeat(1000).into_bytes());
        assert_eq!(answers(&heard), 1, "{}", victim.name);
        victim.is_well(&pod, "pipelined requests");
    }
}

/// How much of an endless request is taken before the connection ends.
fn endless(pod: &Pod, victim: &Victim, head: &str, piece: &str, most: usize) -> usize {
    let (at, head, piece) = (victim.at, head.to_owned(), piece.to_owned());
    pod.node.run(move || {
        let mut stream = connect(at, None, WAIT).expect("connect");
        stream.set_write_timeout(Some(WAIT)).expect("a timeout");
        let mut sent = 0;
        let _ = stream.write_all(head.as_bytes());
        while sent < most && stream.write_all(piece.as_bytes()).is_ok() {
            sent += piece.len();
        }
        sent
    })
}

#[test]
fn what_never_ends_is_cut_off() {
    const MOST: usize = 256 << 20;
    let header = format!("X-{}: {}\r\n", "a".repeat(20), "b".repeat(4000));
    let chunk = format!("1000\r\n{}\r\n", "c".repeat(4096));
    let plain = "d".repeat(4096);
    for (pod, victim) in Victim::each() {
        let good = victim.good;
        for (what, head, piece) in [
            ("an endless line", "GET /".to_owned(), &plain),
            ("endless headers", format!("GET {good} HTTP/1.1\r\n"), &header),
            (
                "an endless body",
                format!("POST /v1/bytes HTTP/1.1\r\nHost: h\r\nContent-Length: {MOST}\r\n\r\n"),
                &plain,
            ),
            (
                "endless chunks",
                "POST /v1/dial HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    .to_owned(),
                &chunk,
            ),
            (
                "an endless trailer",
                "POST /v1/bytes HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
                    .to_owned(),
                &header,
            ),
            (
                "a body for GET",
                format!("GET {good} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
                &chunk,
            ),
        ] {
            let sent = endless(&pod, &victim, &head, piece, MOST);
            assert!(sent < MOST, "{}: {sent} octets of {what} were taken", victim.name);
            victim.is_well(&pod, what);
        }
    }
}
