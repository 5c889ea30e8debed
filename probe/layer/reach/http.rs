//! A GET, and no more is read of the response than who answers and how.

use std::time::Duration;

use super::{outcome::Answer, target::Place, trouble::Trouble};
use crate::net::{
    http::{self, Request},
    stream::Stream,
};

/// How much of an error's body is read: Envoy's words are shorter.
const WORDS: usize = 512;

/// Asks, and reads until the head is whole.
///
/// # Errors
/// One clause: what came in its place.
pub(super) async fn get(
    stream: &mut Stream,
    place: &Place,
    path: &str,
    patience: Duration,
) -> Result<Answer, String> {
    let default = if matches!(stream, Stream::Plain(_)) { 80 } else { 443 };
    let host = if place.port == default { place.host.to_string() } else { place.to_string() };
    let headers = &[("Accept", "*/*")];
    let request = Request {
        method: "GET",
        path,
        host: &host,
        headers,
        body: &[],
        most_body: 0,
        most_error: WORDS,
    };
    match http::ask(stream, &request, patience).await {
        Ok(answer) => {
            let envoy = is_envoys_own(&answer);
            let trouble = envoy.then(|| Trouble::read(&answer.body)).flatten().map(Box::new);
            Ok(Answer::Http { status: answer.status, envoy, trouble, tls: None })
        }
        Err(failure) => Err(failure.told()),
    }
}

/// Whether Envoy answers itself: it would tell the time of whoever had answered behind it.
fn is_envoys_own(answer: &http::Answer) -> bool {
    answer.header("server").is_some_and(is_envoy)
        && answer.header("x-envoy-upstream-service-time").is_none()
}

/// Whether a `server` header is Envoy's, or what Istio calls it inbound.
pub(super) fn is_envoy(server: &str) -> bool {
    ["envoy", "istio-envoy"].iter().any(|name| server.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoys_own_answer_is_known_by_the_upstream_that_it_lacks() {
        let own = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let (words, headers) = (String::new(), headers.collect());
            is_envoys_own(&http::Answer { status: 503, words, headers, body: Vec::new() })
        };
        assert!(own(&[("date", "today"), ("server", "envoy")]));
        assert!(!own(&[("server", "envoy"), ("x-envoy-upstream-service-time", "3")]));
        assert!(own(&[("server", "istio-envoy")]));
        assert!(!own(&[("server", "nginx")]));
    }
}
