//! The head of an HTTP/1.1 response: a GET, and no more is read than who answers and how.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{outcome::Answer, target::Place};
use crate::net::stream::Stream;

/// The longest head that is read; servers send a few hundred bytes.
const LONGEST: usize = 32 * 1024;
/// The most headers, as servers limit them.
const MOST_HEADERS: usize = 100;

/// Asks, and reads until the head is whole.
///
/// # Errors
/// One clause: what came in its place.
pub(super) async fn get(stream: &mut Stream, place: &Place, path: &str) -> Result<Answer, String> {
    let default = if matches!(stream, Stream::Plain(_)) { 80 } else { 443 };
    let host = if place.port == default { place.host.to_string() } else { place.to_string() };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: podprobe/{}\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    let sent = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| ended(&error))?;
    let mut received = Vec::new();
    loop {
        let mut piece = [0; 2048];
        match stream.read(&mut piece).await {
            Ok(0) if received.is_empty() => return Err("is closed without an answer".to_owned()),
            Ok(0) => return Err("is closed within the answer's head".to_owned()),
            Ok(length) => received.extend_from_slice(&piece[..length]),
            Err(error) => return Err(ended(&error)),
        }
        if let Some(answer) = head(&mut received)? {
            return Ok(answer);
        }
    }
}

/// What a failed read or write means.
pub(super) fn ended(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "is reset".to_owned(),
        io::ErrorKind::UnexpectedEof => "is closed without an answer".to_owned(),
        _ => format!("fails: {error}"),
    }
}

/// The final response's head, once it is whole; interim ones (1xx) are dropped.
fn head(received: &mut Vec<u8>) -> Result<Option<Answer>, String> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(received) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if received.len() < LONGEST => return Ok(None),
            Ok(httparse::Status::Partial) => return Err("brings a head without end".to_owned()),
            Err(error) => return Err(format!("brings no HTTP ({error}): {}", shown(received))),
        };
        let status = response.code.unwrap_or_default();
        if (100..200).contains(&status) && status != 101 {
            received.drain(..length);
            continue;
        }
        let has = |name: &str, value: Option<&[u8]>| {
            response.headers.iter().any(|header| {
                header.name.eq_ignore_ascii_case(name)
                    && value.is_none_or(|value| header.value.eq_ignore_ascii_case(value))
            })
        };
        let envoy = has("server", Some(b"envoy")) && !has("x-envoy-upstream-service-time", None);
        return Ok(Some(Answer::Http { status, envoy, tls: None }));
    }
}

/// The beginning of what came, escaped.
pub(super) fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(24)];
    format!("\"{}\"", start.escape_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Option<Answer>, String> {
        head(&mut text.as_bytes().to_vec())
    }

    #[test]
    fn interim_responses_are_passed_over() {
        let text = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        let answer = Answer::Http { status: 204, envoy: false, tls: None };
        assert_eq!(read(text), Ok(Some(answer)));
        assert_eq!(read("HTTP/1.1 200 OK\r\nserver:"), Ok(None));
    }

    #[test]
    fn envoys_own_answer_is_known_by_the_upstream_that_it_lacks() {
        let envoy = |text: &str| match read(text) {
            Ok(Some(Answer::Http { envoy, .. })) => envoy,
            other => panic!("{other:?}"),
        };
        let own = "HTTP/1.1 503 Service Unavailable\r\nserver: envoy\r\n";
        assert!(envoy(&format!("{own}\r\n")));
        assert!(!envoy(&format!("{own}x-envoy-upstream-service-time: 3\r\n\r\n")));
    }

    #[test]
    fn what_is_no_http_is_shown() {
        let told = read("SSH-2.0-OpenSSH_9.2\r\n").expect_err("no HTTP");
        assert!(told.contains("SSH-2.0-OpenSSH"), "{told}");
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = head(&mut bytes);
        }

        #[test]
        fn a_damaged_head_never_panics(at in 0_usize..40, value: u8) {
            let mut bytes = b"HTTP/1.1 200 OK\r\nserver: envoy\r\ncontent-length: 0\r\n\r\n".to_vec();
            bytes[at] = value;
            let _ = head(&mut bytes);
        }
    }
}
