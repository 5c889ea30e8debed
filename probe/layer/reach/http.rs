//! A GET, and no more is read of the response than who answers and how.

use std::time::Duration;

use super::{outcome::Answer, target::Place};
use crate::net::{
    http::{self, Request},
    stream::Stream,
};

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
    let request = Request { method: "GET", path, host: &host, headers, body: &[], most_body: 0 };
    match http::ask(stream, &request, patience).await {
        Ok(answer) => {
            Ok(Answer::Http { status: answer.status, envoy: is_envoys_own(&answer), tls: None })
        }
        Err(failure) => Err(failure.told()),
    }
}

/// Whether Envoy answers itself: it would tell the time of whoever had answered behind it.
fn is_envoys_own(answer: &http::Answer) -> bool {
    answer.header("server").is_some_and(|server| server.eq_ignore_ascii_case("envoy"))
        && answer.header("x-envoy-upstream-service-time").is_none()
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
        assert!(!own(&[("server", "nginx")]));
    }
}
