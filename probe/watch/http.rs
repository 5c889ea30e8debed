//! What a watch tells over HTTP: to the kubelet, to Prometheus, to a person with a browser.

use std::{sync::Arc, time::Instant};

use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
    },
};
use tokio::net::TcpListener;

use super::{document, metrics, process::Process, state::Shared};
use crate::{
    net::web::{self, Ends},
    peer::limit::{Limits, Of},
    secret::masked,
};

/// Requests a second from one source, after a burst of four times as many: a page asks for five, once, and
/// then for two, and reports of many targets take milliseconds of the thread that looks.
const RATE: u32 = 100;
/// A request's head is no longer.
const MOST_HEAD: usize = 16 * 1024;
/// The page takes nothing from elsewhere, and nobody may put it into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// `OpenMetrics` 1.0.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const JSON: &str = "application/json";
const SCRIPT: &str = "text/javascript";
const TEXT: &str = "text/plain; charset=utf-8";

/// Serves one listener for ever.
pub(super) async fn serve(state: Shared, listener: TcpListener) {
    // Of the peer's limits, those of connections and requests: a prober must not be kept out by a flood.
    let limits = Arc::new(Limits::new(RATE));
    let room = limits.connections.clone();
    let shares = limits.clone();
    let share = move |source| shares.share(source, Of::Connections);
    let answer = move |request: Request<Incoming>, ends: Ends| {
        let admitted = limits.admits(ends.from.ip(), Instant::now());
        std::future::ready(if admitted {
            answer(&state, request.method(), request.uri().path())
        } else {
            respond(StatusCode::TOO_MANY_REQUESTS, TEXT, "too many requests from this source\n")
        })
    };
    web::serve(listener, room, share, MOST_HEAD, answer).await;
}

/// The answer to one request.
fn answer(state: &Shared, method: &Method, path: &str) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(method) {
        return respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n");
    }
    match path {
        "/startupz" => startup(state),
        "/livez" => alive(state),
        "/readyz" => ready(state),
        "/metrics" => {
            let process = Process::look();
            let text = metrics::exposition(&state.lock(), process.as_ref());
            respond(StatusCode::OK, OPENMETRICS, harmless(&text))
        }
        "/report.json" => {
            // One text for all who ask: who reads slowly keeps it, and there may be many.
            match state.lock().shown() {
                Some(report) => respond(StatusCode::OK, JSON, report),
                None => respond(StatusCode::SERVICE_UNAVAILABLE, JSON, "null\n"),
            }
        }
        "/history.json" => {
            respond(StatusCode::OK, JSON, harmless(&document::history(&state.lock())))
        }
        "/" => respond(StatusCode::OK, "text/html; charset=utf-8", include_str!("page.html")),
        "/page.css" => respond(StatusCode::OK, "text/css", include_str!("page.css")),
        "/page.js" => respond(StatusCode::OK, SCRIPT, include_str!("page.js")),
        "/pictures.js" => respond(StatusCode::OK, SCRIPT, include_str!("pictures.js")),
        "/sections.js" => respond(StatusCode::OK, SCRIPT, include_str!("sections.js")),
        _ => respond(StatusCode::NOT_FOUND, TEXT, "no such path\n"),
    }
}

fn startup(state: &Shared) -> Response<Full<Bytes>> {
    let state = state.lock();
    if state.started() {
        return respond(StatusCode::OK, TEXT, "everything held\n");
    }
    let cause = state.report.as_ref().and_then(|report| report.cause.as_ref());
    let why = cause.map_or_else(
        || "nothing was looked at yet".to_owned(),
        |cause| format!("{}: {}", cause.code, cause.reason),
    );
    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, harmless(&format!("did not hold yet: {why}\n")))
}

fn alive(state: &Shared) -> Response<Full<Bytes>> {
    let state = state.lock();
    if state.alive(Instant::now()) {
        return respond(StatusCode::OK, TEXT, "watching\n");
    }
    let since = state.beat.elapsed().as_secs();
    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("no look has ended for {since} s\n"))
}

fn ready(state: &Shared) -> Response<Full<Bytes>> {
    if !state.lock().started() {
        return startup(state);
    }
    let state = state.lock();
    if state.ready() {
        return respond(StatusCode::OK, TEXT, "ready\n");
    }
    if state.stopping {
        return respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, "stopping\n");
    }
    let names: Vec<&str> = state.unready().into_iter().map(crate::finding::Layer::name).collect();
    let cause = state.report.as_ref().and_then(|report| report.cause.as_ref());
    let why = cause.map(|cause| format!(": {}: {}", cause.code, cause.reason)).unwrap_or_default();
    let text = format!("broken: {}{why}\n", names.join(", "));
    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, harmless(&text))
}

/// Text without secrets.
fn harmless(text: &str) -> String {
    masked(text).into_owned()
}

fn respond(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
