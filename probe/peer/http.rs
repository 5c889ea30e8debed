//! Requests over HTTP/1.1.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use tokio::net::TcpListener;

use super::{
    Peer,
    dial::{is_own, may_ask},
    limit::Of,
    protocol::{Answer, MOST_BYTES, MOST_OCTETS, Request, VERSION},
};
use crate::net::web::{self, Ends};

/// Serves one listener for ever.
pub(super) async fn serve(peer: Arc<Peer>, listener: TcpListener) {
    let room = peer.limits.connections.clone();
    let limits = peer.clone();
    let share = move |source| limits.limits.share(source, Of::Connections);
    let answer = move |request, ends| {
        let peer = peer.clone();
        async move { answer(&peer, request, ends).await }
    };
    web::serve(listener, room, share, 2 * MOST_OCTETS, answer).await;
}

/// The answer to one request.
pub(crate) async fn answer(
    peer: &Peer,
    request: hyper::Request<Incoming>,
    Ends { from, own }: Ends,
) -> Response<Full<Bytes>> {
    if !may_ask(from.ip(), own) || is_own(from.ip()) {
        return refusal(StatusCode::FORBIDDEN, "this address is not dialled");
    }
    if !peer.limits.admits(from.ip(), Instant::now()) {
        return refusal(StatusCode::TOO_MANY_REQUESTS, "too many requests from this source");
    }
    let bearer = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    match (&method, path.as_str()) {
        (&Method::POST, "/v1/dial") => match body(request, MOST_OCTETS).await {
            Ok(octets) => dial(peer, &octets, bearer, from).await,
            Err(response) => response,
        },
        (&Method::GET, "/v1/you") => {
            let request = Request { version: VERSION, token: bearer, ..Request::default() };
            document(&peer.answer(&request, from).await)
        }
        (&Method::POST, "/v1/bytes") => match body(request, MOST_BYTES).await {
            Ok(octets) => plain(octets.len().to_string()),
            Err(response) => response,
        },
        (&Method::GET | &Method::POST, path) if path.starts_with("/v1/bytes/") => {
            match (path["/v1/bytes/".len()..].parse(), body(request, MOST_BYTES).await) {
                (_, Err(response)) => response,
                (Ok(size), Ok(_)) if size <= MOST_BYTES => plain(vec![b'.'; size]),
                _ => refusal(StatusCode::BAD_REQUEST, "at most 65536 bytes"),
            }
        }
        _ => refusal(StatusCode::NOT_FOUND, "no such path"),
    }
}

async fn dial(
    peer: &Peer,
    octets: &[u8],
    bearer: Option<String>,
    from: SocketAddr,
) -> Response<Full<Bytes>> {
    match Request::parse(octets) {
        Ok(mut request) => {
            request.token = bearer.or(request.token);
            document(&peer.answer(&request, from).await)
        }
        Err(problem) => refusal(StatusCode::BAD_REQUEST, &problem),
    }
}

async fn body(
    request: hyper::Request<Incoming>,
    most: usize,
) -> Result<Bytes, Response<Full<Bytes>>> {
    let collected = Limited::new(request.into_body(), most).collect().await;
    let too_large = |_| refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is cut off or too large");
    collected.map(http_body_util::Collected::to_bytes).map_err(too_large)
}

fn document(answer: &Answer) -> Response<Full<Bytes>> {
    let status = if answer.refused.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    with_status(status, serde_json::to_vec(answer).unwrap_or_default(), "application/json")
}

fn refusal(status: StatusCode, reason: &str) -> Response<Full<Bytes>> {
    let octets = serde_json::to_vec(&Answer::refusal(reason)).unwrap_or_default();
    with_status(status, octets, "application/json")
}

fn plain(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    with_status(StatusCode::OK, body, "text/plain")
}

fn with_status(
    status: StatusCode,
    body: impl Into<Bytes>,
    kind: &'static str,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
