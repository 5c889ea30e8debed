//! A watch that runs in a pod, and what it says over HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::world::{Output, Pod, Running, Who};

/// Where a watch answers.
pub const AT: &str = "127.0.0.1:9464";
/// How long anything may take to come true.
const PATIENCE: Duration = Duration::from_secs(15);

/// An answer over HTTP.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// One request; none where nobody answers.
pub fn get(path: &str) -> Option<Answer> {
    ask(&format!("GET {path} HTTP/1.1\r\nHost: {AT}\r\n\r\n"))
}

/// Any request.
pub fn ask(request: &str) -> Option<Answer> {
    let at: SocketAddr = AT.parse().expect("an address");
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// A watch; it ends with the test.
pub struct Watch(Option<Running>);

impl Watch {
    /// Starts one and waits until it answers; rounds are a hundred times as fast as usual.
    pub fn start(pod: &Pod, who: Who, arguments: &[&str]) -> Watch {
        let mut all = vec!["watch"];
        all.extend(arguments);
        let launch = pod.launch(who, &all).env("PODPROBE_EVERY", "all=300ms,mtu=1s");
        let watch = Watch(Some(launch.env("PODPROBE_DRAIN", "0s").start()));
        until("the watch answers", || get("/livez").is_some());
        watch
    }

    /// Ends it by this signal, and gives what it has printed.
    pub fn end(mut self, signal: Signal) -> Output {
        let running = self.0.take().expect("it runs");
        running.signal(signal);
        running.wait()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.0.as_ref().expect("it runs").signal(signal);
    }
}

/// The value of a series, as the exposition writes it; none where it is not there.
pub fn metric(series: &str) -> Option<f64> {
    let text = get("/metrics").expect("metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().expect("a number"))
}

/// `/report.json` or `/history.json`.
pub fn json(path: &str) -> Value {
    serde_json::from_str(&get(path).expect("an answer").body).expect("JSON")
}

/// The code of the report's cause; empty where everything holds.
pub fn cause() -> String {
    json("/report.json")["cause"]["code"].as_str().unwrap_or_default().to_owned()
}

/// Waits until everything held once.
pub fn started() {
    until("everything holds", || get("/startupz").is_some_and(|answer| answer.status == 200));
}

/// Waits for a status of `/readyz`, and gives its words.
pub fn ready(status: u16) -> String {
    until(&format!("/readyz says {status}"), || {
        get("/readyz").is_some_and(|answer| answer.status == status)
    });
    get("/readyz").expect("an answer").body
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            running.stop();
        }
    }
}

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(20));
    }
}
