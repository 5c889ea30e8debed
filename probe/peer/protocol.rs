//! The documents that go between a pod and its peer: JSON, version 1.
//!
//! Over HTTP: `POST /v1/dial` with a [`Request`], answered by an [`Answer`]; `GET /v1/you` answers
//! likewise without dialling; `GET /v1/bytes/N` gives N bytes, `POST /v1/bytes` takes them, and `POST
//! /v1/bytes/N` does both, to try packet sizes. Over UDP: one [`Request`] a datagram, answered by one [`Answer`]. The first
//! answer to a source has only a cookie, and is no larger than the request: it must come back in
//! the next one, so that nobody can ask in another's name (as in DTLS, RFC 9147 section 5.1).

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::layer::{attempt::Failure, redirect::Transport};

/// The version of these documents.
pub const VERSION: u32 = 1;
/// The most ports that one request may name.
pub const MOST_PORTS: usize = 16;
/// The most octets of a request or an answer.
pub const MOST_OCTETS: usize = 8 * 1024;
/// The most octets that are given or taken to try packet sizes.
pub const MOST_BYTES: usize = 64 * 1024;
/// The octets of what a connection says: a token of the redirect layer.
pub const SAYING: usize = 16;

/// A pod's request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// The shared secret, where the peer wants one. Over HTTP it may be a bearer token instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What the peer answered to the first datagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// The connections to open.
    #[serde(default)]
    pub dial: Vec<Dial>,
    /// Anything: makes a datagram as large as one wants to try, or as the answer must be.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub padding: String,
}

/// One connection to open, to the address that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dial {
    /// The port.
    pub port: u16,
    /// By a connection, or by one datagram.
    #[serde(default = "tcp")]
    pub transport: Transport,
    /// What to send there: [`SAYING`] octets in hexadecimal digits.
    pub say: String,
}

fn tcp() -> Transport {
    Transport::Tcp
}

/// A peer's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// [`VERSION`].
    pub version: u32,
    /// The address and port that the request came from, as the peer saw them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub you: String,
    /// To be sent back in the next datagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// What became of each connection, in the order of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dialled: Vec<Dialled>,
    /// Why the request was refused, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What became of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dialled {
    /// The port.
    pub port: u16,
    /// The peer's own end, where there was a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SocketAddr>,
    /// Why there was no connection; absent where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why it was not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_tried: Option<String>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// One sentence: what is wrong with it.
    pub fn parse(octets: &[u8]) -> Result<Request, String> {
        if octets.len() > MOST_OCTETS {
            return Err(format!("more than {MOST_OCTETS} octets"));
        }
        let request: Request =
            serde_json::from_slice(octets).map_err(|error| format!("not a request: {error}"))?;
        if request.version != VERSION {
            return Err(format!("version {}, but this peer speaks {VERSION}", request.version));
        }
        if request.dial.len() > MOST_PORTS {
            return Err(format!("{} ports, at most {MOST_PORTS}", request.dial.len()));
        }
        match request.dial.iter().find(|dial| octets_of(&dial.say).is_none()) {
            Some(dial) => Err(format!("port {}: say needs {} hex digits", dial.port, 2 * SAYING)),
            None => Ok(request),
        }
    }
}

impl Answer {
    /// The refusal of a request.
    #[must_use]
    pub fn refusal(reason: impl Into<String>) -> Answer {
        Answer { version: VERSION, refused: Some(reason.into()), ..Answer::default() }
    }

    /// The same with its words as they may stand in a report: short, and without control characters.
    fn harmless(mut self) -> Answer {
        let own_words = |dialled: &mut Dialled| {
            if let Some(Failure::Failed { operation, errno, .. }) = &mut dialled.failure {
                plain(operation);
                plain(errno);
            }
            dialled.not_tried.as_mut().map(plain);
        };
        self.dialled.truncate(MOST_PORTS);
        self.dialled.iter_mut().for_each(own_words);
        self.refused.as_mut().map(plain);
        self
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// One sentence: what is wrong with it.
    pub fn parse(octets: &[u8]) -> Result<Answer, String> {
        let answer: Answer =
            serde_json::from_slice(octets).map_err(|error| format!("not an answer: {error}"))?;
        match answer.version {
            VERSION => Ok(answer.harmless()),
            other => Err(format!("version {other}, but this podprobe speaks {VERSION}")),
        }
    }
}

/// A request over HTTP, of this many octets where it can be so short, for an answer that is no shorter.
#[must_use]
pub fn exchange_of_bytes(length: usize) -> Vec<u8> {
    let head = |body: usize| {
        format!(
            "POST /v1/bytes/{} HTTP/1.1\r\nHost: podprobe\r\nConnection: close\r\nContent-Length: {body:05}\r\n\r\n",
            length.min(MOST_BYTES)
        )
    };
    let body = length.min(MOST_BYTES).saturating_sub(head(0).len());
    let mut request = head(body).into_bytes();
    request.resize(request.len() + body, b'.');
    request
}

/// Whether an answer over HTTP has all its octets.
#[must_use]
pub fn is_whole(answer: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(answer) else { return false };
    let length = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    length.is_some_and(|length| answer.len() - head >= length)
}

/// A request in one datagram of this many octets, where it can be so short: it is answered by a cookie.
#[must_use]
pub fn padded(length: usize) -> Vec<u8> {
    let of = |padding: usize| {
        let padding = " ".repeat(padding);
        let request = Request { version: VERSION, padding, ..Request::default() };
        serde_json::to_vec(&request).unwrap_or_default()
    };
    of(1 + length.saturating_sub(of(1).len()))
}

fn plain(words: &mut String) {
    *words = words.chars().filter(|c| !c.is_control()).take(200).collect();
}

/// The octets of a saying.
#[must_use]
pub fn octets_of(say: &str) -> Option<[u8; SAYING]> {
    let digits = say.len() == 2 * SAYING && say.bytes().all(|digit| digit.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(say, 16).ok().map(u128::to_be_bytes)).flatten()
}

/// A saying of these octets.
#[must_use]
pub fn saying(octets: &[u8; SAYING]) -> String {
    format!("{:032x}", u128::from_be_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_with_too_many_ports_or_another_version_is_refused() {
        let dial = vec![
            Dial { port: 1, transport: Transport::Tcp, say: saying(&[7; SAYING]) };
            MOST_PORTS + 1
        ];
        let refused = |request: &Request| {
            Request::parse(&serde_json::to_vec(request).expect("JSON")).expect_err("refused")
        };
        let request = Request { version: VERSION, dial, ..Request::default() };
        assert_eq!(refused(&request), "17 ports, at most 16");
        let request = Request { version: 2, ..Request::default() };
        assert_eq!(refused(&request), "version 2, but this peer speaks 1");
    }

    #[test]
    fn a_saying_of_another_length_is_refused() {
        let text = r#"{"version":1,"dial":[{"port":80,"say":"474554202f"}]}"#;
        let refused = Request::parse(text.as_bytes()).expect_err("refused");
        assert_eq!(refused, "port 80: say needs 32 hex digits");
    }

    #[test]
    fn what_is_to_fill_packets_is_as_long_as_it_shall_be() {
        for length in [200, 1400, 4380, 40_000] {
            assert_eq!(exchange_of_bytes(length).len(), length);
            assert_eq!(padded(length).len(), length);
        }
        assert!(Request::parse(&padded(1472)).is_ok());
    }

    proptest! {
        #[test]
        fn sayings_come_back(octets in any::<[u8; SAYING]>()) {
            prop_assert_eq!(octets_of(&saying(&octets)), Some(octets));
        }

        #[test]
        fn foreign_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Request::parse(&octets).is_err());
            let _ = is_whole(&octets);
            prop_assert!(Answer::parse(&octets).is_err());
        }
    }
}
