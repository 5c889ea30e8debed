//! `GET /readyz` with the mounted service account: whether it is the cluster's API server, and
//! whether it is ready to serve.

use std::{net::SocketAddr, time::Duration};

use super::outcome::Ready;
use crate::{layer::redirect::Play, plan::ApiPlan};

/// Without TLS, nobody can be asked.
#[cfg(not(feature = "tls"))]
#[expect(clippy::unused_async, reason = "the same as the one that asks")]
pub(super) async fn ask(
    _plan: &ApiPlan,
    _host: &str,
    _to: SocketAddr,
    _play: &Play,
    _patience: Duration,
) -> Ready {
    Ready::NotBuilt
}

/// Asks over a connection of its own. The token goes only to who has a certificate of the cluster.
#[cfg(feature = "tls")]
pub(super) async fn ask(
    api: &ApiPlan,
    host: &str,
    to: SocketAddr,
    play: &Play,
    patience: Duration,
) -> Ready {
    use crate::net::{client, http, stream::Stream, tls};

    let shaker = match tls::Client::new(Some(&api.ca)) {
        Ok(shaker) => shaker,
        Err(failure) => return Ready::Tls(failure),
    };
    let stream = match client::connect(to, play, patience).await {
        Ok(stream) => stream,
        Err(failure) => return Ready::Unconnected(failure),
    };
    let session = shaker.connect(stream, host, None, patience).await;
    let mut stream = match session.and_then(tls::Session::proven) {
        Ok(stream) => Stream::Tls(Box::new(stream)),
        Err(failure) => return Ready::Tls(failure),
    };
    let token = token(&api.token).map(|token| format!("Bearer {token}"));
    let authorization = token.as_deref().map(|value| ("Authorization", value));
    let headers: Vec<(&str, &str)> = authorization.into_iter().collect();
    let host = host_header(host, to.port());
    let request = http::Request {
        method: "GET",
        path: "/readyz",
        host: &host,
        headers: &headers,
        body: &[],
        most_body: 4096,
        most_error: 0,
    };
    match http::ask(&mut stream, &request, patience).await {
        Ok(answer) => Ready::Answered {
            status: answer.status,
            said: telling(&answer.body),
            words: answer.words,
            token: token.is_some(),
        },
        Err(failure) => Ready::Http(failure),
    }
}

/// What is in the file, if that can stand in a header.
#[cfg(feature = "tls")]
fn token(path: &std::path::Path) -> Option<String> {
    let text = crate::pod::file::text(path).ok()?;
    let token = text.trim();
    let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| token.to_owned())
}

#[cfg(feature = "tls")]
fn host_header(host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == 443 { host } else { format!("{host}:{port}") }
}

/// The names of the checks that fail, each on a line that begins with `[-]` (kubernetes
/// `staging/src/k8s.io/apiserver/pkg/server/healthz`), else the beginning of what is said.
#[cfg(feature = "tls")]
pub(crate) fn telling(body: &[u8]) -> String {
    use crate::layer::exchange::escaped;

    let lines = body.split(|byte| *byte == b'\n');
    let failing = lines.filter_map(|line| line.strip_prefix(b"[-]"));
    let failing: Vec<&[u8]> = failing.map(<[u8]>::trim_ascii).collect();
    if failing.is_empty() { escaped(body.trim_ascii()) } else { escaped(&failing.join(&b"; "[..])) }
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::*;

    #[test]
    fn of_many_checks_the_failing_ones_are_told() {
        let body = b"[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\nreadyz check failed\n";
        assert_eq!(telling(body), "etcd failed: reason withheld");
        assert_eq!(telling(b"ok\n"), "ok");
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        assert_eq!(host_header("fd96::1", 443), "[fd96::1]");
        assert_eq!(host_header("api.example.com", 6443), "api.example.com:6443");
    }
}
