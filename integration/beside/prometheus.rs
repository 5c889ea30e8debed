//! A real Prometheus scrapes watch, takes the rules, and tells of a node that breaks and is mended.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::monitoring::{EXPORTED, read};
use crate::world::{Pod, World, sh};

/// A program of the pod's own namespace, ended with the test.
struct Program(Child);

impl Program {
    fn start(program: &str, words: &[&str]) -> Program {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn();
        Program(
            child.unwrap_or_else(|error| {
                panic!("{program}: {error}; `make test-beside` installs it")
            }),
        )
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until this holds; Prometheus takes its time on a machine that has much to do.
fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what} does not come about");
        thread::sleep(Duration::from_millis(50));
    }
}

/// What Prometheus' API answers, if it does already.
fn ask(path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect("127.0.0.1:9090").ok()?;
    write!(stream, "GET /api/v1/{path} HTTP/1.0\r\nhost: prometheus\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some(serde_json::from_str::<Value>(body).ok()?["data"].clone())
}

/// The value of the one series that a query gives.
fn value(query: &str) -> Option<String> {
    let answer = ask(&format!("query?query={query}"))?;
    Some(answer["result"][0]["value"][1].as_str()?.to_owned())
}

/// The alert of this name, once it fires.
fn firing(name: &str) -> Option<Value> {
    let alerts = ask("alerts")?["alerts"].as_array()?.clone();
    alerts
        .into_iter()
        .find(|alert| alert["labels"]["alertname"] == name && alert["state"] == "firing")
}

/// The rules as they are, but patient for seconds in place of minutes.
fn prometheus(pod: &Pod) -> Program {
    let rules = read("monitoring/rules.yaml")
        .replace("for: 2m", "for: 2s")
        .replace("interval: 30s", "interval: 1s");
    fs::write(pod.file("rules.yaml"), rules).expect("write the rules");
    let config = "
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
scrape_configs:
  - job_name: podprobe-canary
    static_configs:
      - targets: ['127.0.0.1:9464']
        labels: {node: n1, namespace: podprobe, pod: c1}
";
    fs::write(pod.file("prometheus.yaml"), config).expect("write the configuration");
    let word = |flag: &str, file: &str| format!("--{flag}={}", pod.file(file).display());
    let (config, storage) =
        (word("config.file", "prometheus.yaml"), word("storage.tsdb.path", "data"));
    Program::start("prometheus", &[&config, &storage, "--web.listen-address=127.0.0.1:9090"])
}

#[test]
#[ignore = "needs prometheus: make test-beside"]
fn a_node_that_breaks_fires_the_alert_and_one_that_is_mended_ends_it() {
    let pod = World::V4.start();
    let words = ["watch", "link", "route", "--mesh", "none", "--every", "link=500ms,route=500ms"];
    let _watch = Program::start(&pod.program().display().to_string(), &words);
    let _prometheus = prometheus(&pod);

    until("a scrape of a node that holds", || value("podprobe_verdict").as_deref() == Some("0"));
    until("the node is counted", || {
        value("cluster:podprobe_broken_nodes:count").as_deref() == Some("0")
    });
    assert_eq!(firing("PodprobeNodeBroken"), None);
    let names = ask("label/__name__/values").expect("names");
    let names: Vec<&str> =
        names.as_array().expect("names").iter().filter_map(Value::as_str).collect();
    for name in
        names.iter().filter(|name| name.starts_with("podprobe_") || name.starts_with("process_"))
    {
        assert!(EXPORTED.contains(name), "{name} is in no list");
    }
    assert!(names.contains(&"podprobe_network_ready_seconds"), "{names:?}");

    sh("ip route del default");
    until("the alert", || firing("PodprobeNodeBroken").is_some());
    let alert = firing("PodprobeNodeBroken").expect("it fires");
    assert_eq!(alert["labels"]["layer"], "route", "{alert}");
    assert_eq!(alert["annotations"]["summary"], "route is broken on node n1");
    let description = alert["annotations"]["description"].as_str().expect("text");
    assert!(description.starts_with("route-no-default"), "the code: {description}");
    assert!(description.contains(" in pod podprobe/c1, since 20"), "{description}");
    assert!(firing("PodprobeFleetBroken").is_none(), "one node is no fleet");

    sh("ip route add default via 10.77.0.1");
    until("its end", || firing("PodprobeNodeBroken").is_none());
    assert_ne!(value("sum(podprobe_drifts_total)").as_deref(), Some("0"), "it held, and broke");
}
