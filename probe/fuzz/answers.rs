//! What servers answer, whoever they are.

use std::time::Duration;

use tokio::io::{join, sink};

use super::at_once;
use crate::{
    layer::{
        dns::{
            Question, Record, has,
            message::{Decoded, decode, encode},
        },
        reach::Trouble,
        service::answer::heard,
    },
    net::{hello, http},
    peer::protocol::is_whole,
};

/// Longer than any input takes: only what waits for more would meet it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a body that are kept.
const KEPT: usize = 512;

/// The answer to a question, whose id the first two bytes are meant to have.
pub(super) fn dns(bytes: &[u8]) {
    for record in [Record::A, Record::Aaaa, Record::Txt, Record::Ns] {
        let question = Question { name: "db.example.".to_owned(), record };
        let id = bytes.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
        let Decoded::Reply(reply) = decode(bytes, id, &question) else { continue };
        assert!(bytes[2] & 0x80 != 0, "a query is no reply");
        assert!(!has(&reply, &question) || reply.rcode == 0, "{reply:?}");
        assert_ne!(reply.rcode_name(), "");
        let foreign = decode(bytes, !id, &question);
        assert_eq!(foreign, Decoded::Other("a response with another id"));
        let (_, query) = encode(&question, false).expect("a query");
        assert!(!matches!(decode(&query, id, &question), Decoded::Reply(_)));
    }
}

/// HTTP/1.1, the first bytes of TLS, and what is read out of bodies.
pub(super) fn http(bytes: &[u8]) {
    for (method, most_error) in [("GET", 2 * KEPT), ("HEAD", 0)] {
        let request = http::Request {
            method,
            path: "/",
            host: "db.example",
            headers: &[],
            body: &[],
            most_body: KEPT,
            most_error,
        };
        let mut stream = join(bytes, sink());
        match at_once(http::ask(&mut stream, &request, PATIENCE)) {
            Ok(answer) => {
                assert!(answer.body.len() <= KEPT.max(most_error), "{}", answer.body.len());
                assert!(answer.body.len() <= bytes.len());
                assert!(bytes.len() >= 12, "no head is so short");
                let lower = |(name, _): &(String, String)| *name == name.to_ascii_lowercase();
                assert!(answer.headers.iter().all(lower), "{answer:?}");
                let _ = Trouble::read(&answer.body).map(|trouble| trouble.told());
            }
            Err(failure) => {
                let told = failure.told();
                assert!(told.len() < 600 && !told.chars().any(char::is_control), "{told}");
            }
        }
    }
    let _ = (is_whole(bytes), hello::is_whole(bytes, false), hello::is_whole(bytes, true));
    if !bytes.is_empty() {
        let tls = heard(bytes).is_tls();
        assert!(!tls || [0x15, 0x16].contains(&bytes[0]));
    }
    #[cfg(feature = "tls")]
    assert!(crate::layer::service::ready::telling(bytes).len() < 600);
}

/// HTTP/2 from a gRPC server; and a health message alone.
pub(super) fn grpc(bytes: &[u8]) {
    use crate::layer::reach::{Host, Place, grpc};

    let place = Place { host: Host::Name("db.example".to_owned()), port: 50051 };
    let answer = at_once(grpc::check(join(bytes, sink()), &place, None, "db"));
    if let Err(told) = answer {
        assert!(told.len() < 600, "{told}");
    }
    let _ = grpc::serving(bytes);
}

/// A certificate's end.
pub(super) fn certificate(bytes: &[u8]) {
    #[cfg(feature = "tls")]
    if let Some(end) = crate::layer::reach::der::not_after(bytes) {
        // From the year 0 until the last day of 9999, or what February's 31st stands for.
        assert!((-62_167_219_200..253_402_300_800).contains(&end), "{end}");
    }
    #[cfg(not(feature = "tls"))]
    let _ = bytes;
}
