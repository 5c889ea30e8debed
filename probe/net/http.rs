//! One HTTP/1.1 request over an open connection: the answer's status, headers and first bytes.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use super::{dial::millis, errno_unless_end};
use crate::layer::exchange::{HttpFailure, escaped};

/// No server's head is longer; nginx and Envoy take 60 KiB at most.
const LONGEST_HEAD: usize = 64 * 1024;
/// More header lines than any server sends.
const MOST_HEADERS: usize = 128;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Such as `GET`.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The `Host` header: with its port, unless that is the scheme's own.
    pub host: &'a str,
    /// Further headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// What goes with it.
    pub body: &'a [u8],
    /// How many bytes of the body are kept.
    pub most_body: usize,
    /// The same of an answer with status 400 or more, if that is more.
    pub most_error: usize,
}

/// An answer, as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The words beside it, which may be missing.
    pub words: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's beginning, without the framing of chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, which is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Asks, and reads the answer's head, and its body until its end or until enough is there. What
/// comes after `patience` of a body is left out.
///
/// # Errors
/// Why there is no head of an answer.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &Request<'_>,
    patience: Duration,
) -> Result<Answer, HttpFailure> {
    let deadline = Instant::now() + patience;
    let silent = |_| HttpFailure::Silent { waited_ms: millis(patience) };
    let sent = async {
        stream.write_all(written(request).as_bytes()).await?;
        stream.write_all(request.body).await?;
        stream.flush().await
    };
    // Who refuses early may have closed his side: the answer matters more than the error.
    let sent = timeout_at(deadline, sent).await.map_err(silent)?;
    let mut received = Vec::new();
    let (mut answer, head) = loop {
        if let Some(parsed) = parse(&received)? {
            break parsed;
        }
        if received.len() > LONGEST_HEAD {
            return Err(HttpFailure::NotHttp { said: escaped(&received) });
        }
        match (timeout_at(deadline, stream.read_buf(&mut received)).await.map_err(silent)?, &sent) {
            (Ok(0), Ok(())) => return Err(ended(None, &received)),
            (Ok(0), Err(error)) => return Err(ended(Some(error), &received)),
            (Ok(_), _) => {}
            (Err(error), _) => return Err(ended(Some(&error), &received)),
        }
    };
    received.drain(..head);
    let body = Body::of(request, &answer);
    let error = if answer.status >= 400 { request.most_error } else { 0 };
    let kept = request.most_body.max(error);
    let most = LONGEST_HEAD.saturating_add(kept.saturating_mul(2));
    // A body that breaks off is shown as far as it came, and framing cannot go on for ever.
    while received.len() < most
        && !body.is_complete(&received, kept)
        && matches!(timeout_at(deadline, stream.read_buf(&mut received)).await, Ok(Ok(1..)))
    {}
    answer.body = body.without_framing(received);
    answer.body.truncate(kept);
    Ok(answer)
}

fn written(request: &Request<'_>) -> String {
    let Request { method, path, host, headers, body, .. } = request;
    let length = (!body.is_empty()).then(|| format!("Content-Length: {}\r\n", body.len()));
    let more = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let more = more.chain(length);
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: podprobe/{}\r\nConnection: close\r\n{}\r\n",
        env!("CARGO_PKG_VERSION"),
        more.collect::<String>()
    )
}

fn ended(error: Option<&io::Error>, received: &[u8]) -> HttpFailure {
    HttpFailure::Ended { errno: error.and_then(errno_unless_end), said: escaped(received) }
}

/// The final answer's head and its length with everything before it; none while it is incomplete.
fn parse(received: &[u8]) -> Result<Option<(Answer, usize)>, HttpFailure> {
    let mut start = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let head = match response.parse(&received[start..]) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(HttpFailure::NotHttp { said: escaped(received) }),
        };
        start += head;
        let status = response.code.unwrap_or_default();
        // 1xx comes before the answer; after 101 nothing else would.
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = response.headers.iter();
        let headers = headers.map(|h| (h.name.to_ascii_lowercase(), text(h.value))).collect();
        let words = response.reason.unwrap_or_default().to_owned();
        return Ok(Some((Answer { status, words, headers, body: Vec::new() }, start)));
    }
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Length(usize),
    Chunks,
    UntilTheEnd,
}

impl Body {
    fn of(request: &Request<'_>, answer: &Answer) -> Body {
        if request.method == "HEAD" || matches!(answer.status, 101 | 204 | 304) {
            return Body::Length(0);
        }
        let chunked = |value: &str| value.to_ascii_lowercase().ends_with("chunked");
        if answer.header("transfer-encoding").is_some_and(chunked) {
            return Body::Chunks;
        }
        let length = answer.header("content-length").and_then(|value| value.trim().parse().ok());
        length.map_or(Body::UntilTheEnd, Body::Length)
    }

    fn is_complete(self, received: &[u8], enough: usize) -> bool {
        match self {
            Body::Length(length) => received.len() >= length.min(enough),
            Body::UntilTheEnd => received.len() >= enough,
            Body::Chunks => {
                let (body, complete) = unchunked(received);
                complete || body.len() >= enough
            }
        }
    }

    fn without_framing(self, mut received: Vec<u8>) -> Vec<u8> {
        match self {
            Body::Length(length) => received.truncate(length),
            Body::UntilTheEnd => {}
            Body::Chunks => received = unchunked(&received).0,
        }
        received
    }
}

/// What the chunks have (RFC 9112 §7.1), and whether more cannot come.
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let (head, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((head, size))) => (head, size),
            Ok(httparse::Status::Partial) => return (body, false),
            Err(_) => return (body, true),
        };
        if size == 0 {
            return (body, true);
        }
        rest = &rest[head..];
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if rest.len() < size.saturating_add(2) {
            body.extend_from_slice(&rest[..rest.len().min(size)]);
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn asked(replies: &'static [u8], most_body: usize) -> Result<Answer, HttpFailure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (mut here, mut there) = tokio::io::duplex(1024);
            let request = Request {
                method: "GET",
                path: "/readyz",
                host: "h",
                headers: &[],
                body: &[],
                most_body,
                most_error: 4,
            };
            let serve = async {
                let mut heard = Vec::new();
                while !heard.ends_with(b"\r\n\r\n") {
                    there.read_buf(&mut heard).await.expect("a request");
                }
                there.write_all(replies).await.expect("an answer");
                drop(there);
            };
            tokio::join!(ask(&mut here, &request, PATIENCE), serve).0
        })
    }

    #[test]
    fn an_answer_comes_without_the_framing_of_chunks_or_what_went_before() {
        let answer = asked(
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\
              Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n",
            100,
        );
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.words.as_str()), (200, "OK"));
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        assert_eq!(answer.body, b"abcde");
    }

    #[test]
    fn a_body_is_read_to_its_length_its_limit_or_its_end() {
        let body = |text, most| asked(text, most).expect("an answer").body;
        assert_eq!(body(b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nokay", 100), b"ok");
        assert_eq!(body(b"HTTP/1.0 200 OK\r\n\r\nokay", 100), b"okay");
        assert_eq!(body(b"HTTP/1.0 200 OK\r\n\r\nokay", 3), b"oka");
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbroken", 100), b"broken");
        assert_eq!(body(b"HTTP/1.1 503 \r\nContent-Length: 9\r\n\r\nno server", 0), b"no s");
    }

    #[test]
    fn what_is_no_http_is_shown() {
        let said = r"SSH-2.0-OpenSSH_9.2\r\n".to_owned();
        let ssh = asked(b"SSH-2.0-OpenSSH_9.2\r\n", 0);
        assert_eq!(ssh, Err(HttpFailure::NotHttp { said }));
        let broken = HttpFailure::Ended { errno: None, said: "HTTP/1.1 2".to_owned() };
        assert_eq!(asked(b"HTTP/1.1 2", 0), Err(broken));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>, enough in 0usize..64) {
            if let Ok(Some((_, head))) = parse(&bytes) {
                prop_assert!(head <= bytes.len());
            }
            for body in [Body::Chunks, Body::UntilTheEnd, Body::Length(enough)] {
                let _ = body.is_complete(&bytes, enough);
                prop_assert!(body.without_framing(bytes.clone()).len() <= bytes.len());
            }
        }

        #[test]
        fn foreign_chunks_never_panic(text in "[0-9a-fA-F;\r\n]{0,40}") {
            prop_assert!(unchunked(text.as_bytes()).0.len() <= text.len());
        }
    }
}
