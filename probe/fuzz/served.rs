//! What clients send to podprobe, and what a peer answers it.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::at_once;
use crate::{
    net::web::{self, Ends},
    peer::{
        Peer, PeerPlan, http,
        protocol::{Answer, MOST_BYTES, MOST_OCTETS, Request},
    },
};

/// A client that says these bytes, closes its side, and keeps what it is told.
struct Client<'a> {
    says: &'a [u8],
    told: Vec<u8>,
}

impl AsyncRead for &mut Client<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.says).poll_read(context, buffer)
    }
}

impl AsyncWrite for &mut Client<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.told.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A request over HTTP to a peer that has a token and dials no port at all.
pub(super) fn http(bytes: &[u8]) {
    let plan = PeerPlan {
        listen: Vec::new(),
        token: bytes.first().filter(|byte| **byte == b'P').map(|_| "open sesame".to_owned()),
        ports: Vec::new(),
        rate: 1000,
        timeout: Duration::from_millis(1),
    };
    let peer = Arc::new(Peer::new(plan));
    // An address that nobody has (RFC 5737), so that it is not this machine's own.
    let from = SocketAddr::from(([192, 0, 2, 9], 40_000));
    let ends = Ends { from, own: [192, 0, 2, 1].into() };
    let mut client = Client { says: bytes, told: Vec::new() };
    let answer = move |request, ends| {
        let peer = peer.clone();
        async move { http::answer(&peer, request, ends).await }
    };
    at_once(web::connection(&mut client, ends, 2 * MOST_OCTETS, answer));
    let told = client.told;
    assert!(told.len() <= MOST_BYTES + 512, "{} bytes", told.len());
    assert!(told.is_empty() || told.starts_with(b"HTTP/1."), "{}", told.escape_ascii());
    // One request a connection: nothing can be smuggled behind it.
    assert!(behind(&told).is_empty(), "{}", told.escape_ascii());
}

/// What follows the first answer.
fn behind(mut told: &[u8]) -> &[u8] {
    while !told.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut answer = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = answer.parse(told) else { return told };
        told = &told[head..];
        // 1xx is no answer yet.
        if answer.code.is_none_or(|code| code / 100 != 1) {
            let length = answer.headers.iter().find(|h| h.name == "content-length");
            let length =
                length.and_then(|h| str::from_utf8(h.value).ok()?.parse().ok()).unwrap_or(0);
            // HEAD has none of it.
            return told.get(length..).unwrap_or(told);
        }
    }
    told
}

/// Both documents of the peer's protocol.
pub(super) fn peer(bytes: &[u8]) {
    if let Ok(request) = Request::parse(bytes) {
        assert!(bytes.len() <= MOST_OCTETS);
        let again = serde_json::to_vec(&request).expect("JSON");
        // Short forms may be written in more words than one datagram has.
        if again.len() <= MOST_OCTETS {
            assert_eq!(Request::parse(&again), Ok(request));
        }
    }
    if let Ok(answer) = Answer::parse(bytes) {
        let again = serde_json::to_vec(&answer).expect("JSON");
        assert_eq!(Answer::parse(&again).as_ref(), Ok(&answer));
        let plain = |words: &String| !words.chars().any(char::is_control) && words.len() <= 800;
        assert!(answer.refused.as_ref().is_none_or(plain), "{answer:?}");
        for dialled in &answer.dialled {
            assert!(dialled.not_tried.as_ref().is_none_or(plain), "{dialled:?}");
            if let Some(failure) = &dialled.failure {
                let told = failure.told();
                assert!(!told.chars().any(char::is_control) && told.len() < 2000, "{told}");
            }
        }
    }
}
