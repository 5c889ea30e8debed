//! The page before a server whose answers the test chooses.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::world::Server;

/// Where it stands.
pub const ADDRESS: &str = "127.0.0.1:9465";
/// A time that nothing depends on.
const AT: &str = "2026-11-22T03:12:05Z";
/// The page's own files, without the headers that would keep a script of somebody else's out: the page
/// must not need them.
const FILES: [(&str, &str, &str); 5] = [
    ("/", "text/html", include_str!("../../probe/watch/page.html")),
    ("/page.css", "text/css", include_str!("../../probe/watch/page.css")),
    ("/page.js", "text/javascript", include_str!("../../probe/watch/page.js")),
    ("/sections.js", "text/javascript", include_str!("../../probe/watch/sections.js")),
    ("/pictures.js", "text/javascript", include_str!("../../probe/watch/pictures.js")),
];

/// The report and the history that are served.
#[derive(Clone)]
pub struct Sample(Arc<Mutex<(Value, Value)>>);

impl Sample {
    /// What a pod with a flow that went out says, everywhere with this sentence.
    pub fn broken(sentence: &str) -> Sample {
        Sample(Arc::new(Mutex::new((report(sentence), history(sentence)))))
    }

    /// Serves it in the calling thread's network.
    pub fn serve(&self) -> Server {
        let sample = self.clone();
        Server::here(ADDRESS, move |stream| sample.answer(stream))
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap_or(0);
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let (report, history) = self.0.lock().expect("a sample").clone();
        let (kind, body) = match path {
            "/report.json" => ("application/json", report.to_string()),
            "/history.json" => ("application/json", history.to_string()),
            _ => {
                let file = FILES.iter().find(|(name, ..)| *name == path);
                file.map_or(("text/plain", String::new()), |(_, kind, text)| (kind, (*text).into()))
            }
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        // The browser opens connections that it may not use.
        let _ = stream.write_all((head + &body).as_bytes());
    }
}

fn report(sentence: &str) -> Value {
    json!({
        "verdict": "fail", "mesh": sentence, "uid": 65532, "addresses": ["10.77.0.2"],
        "cause": {"code": "outbound-escaped", "layer": "redirect", "reason": sentence,
                  "hint": sentence, "likely": true, "explains": ["dns-bypassed"]},
        "findings": [
            {"code": "outbound-escaped", "severity": "fail", "layer": "redirect", "subject": sentence,
             "reason": sentence, "evidence": {"seen": sentence}, "hint": sentence},
            {"code": "default-route-odd", "severity": "warn", "layer": "route", "subject": "route",
             "family": "ipv6", "reason": sentence, "evidence": {}, "hint": sentence}],
        "notReached": ["dns"], "notAsked": ["mtu"],
        "flows": [flow(80, "fail", &["eth0", "10.244.1.1"], "went out by eth0 to 10.244.1.1"),
                  flow(443, "fail", &["eth0", "10.244.1.1"], "went out by eth0 to 10.244.1.1"),
                  flow(8080, "fail", &[], sentence), flow(53, "unknown", &[], sentence),
                  flow(90, "ok", &["15001"], "arrived at 127.0.0.1:15001"),
                  flow(91, "ok", &["15001"], "arrived at 127.0.0.1:15001")],
    })
}

fn flow(port: u16, result: &str, end: &[&str], went: &str) -> Value {
    let to = format!("192.0.2.1:{port}");
    let path = [&["app 65532", to.as_str()], end].concat();
    json!({"proof": "outbound", "sender": "app", "uid": 65532, "transport": "tcp", "family": "ipv4",
           "to": to, "promised": "captured on 15001", "expected": 15001, "went": went,
           "result": result, "path": path})
}

fn history(sentence: &str) -> Value {
    let layer = |name: &str, result: &str, looked: Option<u32>| {
        json!({"layer": name, "intervalMs": 30000, "sinceLookMs": looked, "lookMs": 31.9,
               "result": result, "since": "2026-11-22T03:04:00Z"})
    };
    json!({
        "now": AT, "startedAt": "2026-11-21T22:00:00Z", "pod": sentence, "version": "0.1.0",
        "mesh": sentence, "readyMs": 812.0, "started": true, "ready": false,
        "layers": [layer("link", "ok", Some(200_000)), layer("route", "warn", Some(4000)),
                   layer("redirect", "fail", Some(4000)), layer("dns", "not-reached", Some(4000)),
                   layer("service", "unknown", Some(4000)), layer("mtu", "not-looked", None)],
        "minutes": [{"at": "2026-11-22T03:03:00Z", "worst": {"link": "ok", "redirect": "ok"}},
                    {"at": "2026-11-22T03:04:00Z", "worst": {"link": "ok", "redirect": "fail"}}],
        "changes": [{"at": "2026-11-22T03:04:00Z", "layer": "redirect", "from": "ok", "to": "fail",
                     "code": "outbound-escaped", "text": sentence}],
    })
}
