//! Asking a watch from beside it: the exec probe of an image that has no shell and no curl.

use std::{net::SocketAddr, time::Duration};

use crate::{
    layer::redirect::Play,
    net::{client, http},
};

/// How long the answer may take: the kubelet's own patience is a second.
const PATIENCE: Duration = Duration::from_millis(800);
/// Bytes of the answer that are read.
const MOST: usize = 4096;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether traffic may come.
    Ready,
    /// Whether everything held once.
    Startup,
    /// Whether it gets further.
    Live,
}

/// Asks the first address that takes a connection; whether the answer is yes, and its words.
///
/// # Errors
/// One sentence: there was no answer.
pub async fn ask(at: &[SocketAddr], question: Question) -> Result<(bool, String), String> {
    let mut problem = "ask the watch: no address was named".to_owned();
    for to in at {
        match client::connect(*to, &Play::Own, PATIENCE).await {
            Ok(mut stream) => {
                let host = to.to_string();
                let request = http::Request {
                    method: "GET",
                    path: path(question),
                    host: &host,
                    headers: &[],
                    body: &[],
                    most_body: MOST,
                    most_error: 0,
                };
                let answer = http::ask(&mut stream, &request, PATIENCE).await;
                let answer = answer
                    .map_err(|failure| format!("ask the watch at {to}: {}", failure.told()))?;
                let words = String::from_utf8_lossy(&answer.body).into_owned();
                return Ok((answer.status == 200, words));
            }
            Err(failure) => problem = format!("ask the watch at {to}: {}", failure.told()),
        }
    }
    Err(problem)
}

fn path(question: Question) -> &'static str {
    match question {
        Question::Ready => "/readyz",
        Question::Startup => "/startupz",
        Question::Live => "/livez",
    }
}
