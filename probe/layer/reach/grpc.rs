//! The gRPC health service (grpc `health/v1/health.proto`): one call over HTTP/2, its one-field
//! messages by hand.

use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    http::is_envoy,
    outcome::Answer,
    target::{Place, Tls},
    trouble::Trouble,
};
use crate::{layer::exchange::ended, net::errno_unless_end};

/// What is called.
const METHOD: &str = "/grpc.health.v1.Health/Check";
/// The serving status that is right (`HealthCheckResponse.ServingStatus`).
pub(super) const SERVING: u64 = 1;
/// No health message is longer.
const LONGEST: usize = 1024;
/// Of the server's own words, so many characters are told.
const WORDS: usize = 200;

/// Asks whether the service serves.
///
/// # Errors
/// One clause: what came in the answer's place.
pub(crate) async fn check<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    place: &Place,
    tls: Option<&Tls>,
    service: &str,
) -> Result<Answer, String> {
    let (sender, connection) =
        h2::client::handshake(stream).await.map_err(|error| broken(&error))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let uri = Uri::builder().scheme(scheme).authority(place.to_string()).path_and_query(METHOD);
    let request = Request::post(uri.build().map_err(|error| format!("fails: {error}"))?)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .map_err(|error| format!("fails: {error}"))?;
    tokio::select! {
        answer = exchange(sender, request, service) => answer,
        over = connection => Err(match over {
            Ok(()) => ended(None),
            Err(error) => broken(&error),
        }),
    }
}

async fn exchange(
    sender: h2::client::SendRequest<Bytes>,
    request: Request<()>,
    service: &str,
) -> Result<Answer, String> {
    let told = |error: h2::Error| broken(&error);
    let mut sender = sender.ready().await.map_err(told)?;
    let (response, mut body) = sender.send_request(request, false).map_err(told)?;
    body.send_data(message(service).into(), true).map_err(told)?;
    let response = response.await.map_err(told)?;
    if response.status() != 200 {
        return Err(format!("is answered with HTTP status {}", response.status().as_u16()));
    }
    let text = |headers: &HeaderMap, name: &str| {
        headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = response.headers();
    let envoy = text(headers, "server").is_some_and(|server| is_envoy(&server))
        && !headers.contains_key("x-envoy-upstream-service-time");
    let mut status = text(headers, "grpc-status");
    // An answer that Envoy makes itself has no body: its headers are all.
    let words = text(headers, "grpc-message").filter(|_| envoy);
    let trouble = words.and_then(|words| Trouble::read(words.as_bytes())).map(Box::new);
    let mut body = response.into_body();
    let mut received = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(told)?;
        received.extend_from_slice(&piece);
        // What is not given back counts against the window; the connection ends here anyway.
        let _ = body.flow_control().release_capacity(piece.len());
        if received.len() > LONGEST {
            return Err("brings more than a health message".to_owned());
        }
    }
    if let Some(trailers) = body.trailers().await.map_err(told)? {
        status = status.or(text(&trailers, "grpc-status"));
    }
    Ok(Answer::Grpc { serving: serving(&received), status, envoy, trouble, tls: None })
}

fn broken(error: &h2::Error) -> String {
    if let Some(error) = error.get_io() {
        return ended(errno_unless_end(error).as_deref());
    }
    // A server may give its reason for going away in 16 KiB.
    let mut why: String = error.to_string().chars().take(WORDS).collect();
    if why.chars().count() == WORDS {
        why.push('…');
    }
    format!("brings no gRPC: {why}")
}

/// The request in gRPC's frame: no compression, the length, then field 1, the service's name.
fn message(service: &str) -> Vec<u8> {
    let mut field = Vec::new();
    if !service.is_empty() {
        field.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            field.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
            length >>= 7;
        }
        field.push(u8::try_from(length).unwrap_or_default());
        field.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(field.len()).unwrap_or_default();
    [&[0][..], &length.to_be_bytes(), &field].concat()
}

/// Field 1 of the response: 0, which is unknown, where it is left out.
pub(crate) fn serving(received: &[u8]) -> Option<u64> {
    let (frame, mut rest) = received.split_first_chunk::<5>()?;
    let length = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
    if frame[0] != 0 || usize::try_from(length) != Ok(rest.len()) {
        return None;
    }
    let mut found = 0;
    while let Some(tag) = varint(&mut rest) {
        let value = match tag & 7 {
            0 => varint(&mut rest)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
                continue;
            }
            _ => return None,
        };
        if tag >> 3 == 1 {
            found = value;
        }
    }
    Some(found)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_status_is_field_one() {
        assert_eq!(serving(&[0, 0, 0, 0, 2, 0x08, 1]), Some(SERVING));
        assert_eq!(serving(&[0, 0, 0, 0, 2, 0x08, 2]), Some(2));
        assert_eq!(serving(&[0, 0, 0, 0, 0]), Some(0));
        assert_eq!(serving(&[0, 0, 0, 0, 5, 0x08, 1]), None);
        assert_eq!(serving(b"HTTP"), None);
    }

    #[test]
    fn a_service_is_field_one_and_none_is_an_empty_message() {
        assert_eq!(message(""), [0, 0, 0, 0, 0]);
        assert_eq!(message("db"), [0, 0, 0, 0, 4, 0x0a, 2, b'd', b'b']);
        assert_eq!(message(&"x".repeat(200))[5..8], [0x0a, 0xc8, 1]);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = serving(&bytes);
        }
    }
}
