//! Headless Chromium in the pod's own network, driven by chromedriver over its HTTP protocol (WebDriver).

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::world::Pod;

/// The page asks every five seconds; a slow machine takes its time.
const PATIENCE: Duration = Duration::from_secs(40);
/// No picture from a graphics card, no sandbox for root, and nothing that asks for anything by itself.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A browser with one window.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its driver's process group, whatever state either is in.
        let group = Pid::from_raw(i32::try_from(self.driver.id()).expect("a process id"));
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// Starts in the calling thread's network, its files in the pod's directory.
    pub fn start(pod: &Pod) -> Browser {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let driver = Command::new("chromedriver")
            .args([format!("--port={port}"), "--log-level=OFF".into()])
            .env("HOME", pod.file("home"))
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver (Debian: chromium-driver): `.ci/tools chromium chromedriver`");
        let mut browser = Browser { driver, port, session: String::new() };
        let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        wait("chromedriver's listener", || listens().then_some(())).expect("it listens");
        let mut flags: Vec<String> = FLAGS.map(String::from).to_vec();
        flags.push(format!("--user-data-dir={}", pod.file("profile").display()));
        let wanted =
            json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": flags}}}});
        let session = browser.ask("/session", &wanted)["sessionId"].clone();
        session.as_str().expect("a session").clone_into(&mut browser.session);
        browser
    }

    /// Goes to this address.
    pub fn open(&self, address: &str) {
        self.command("url", &json!({ "url": address }));
    }

    /// What a script on the page returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The page's text as a person sees it.
    pub fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page says this.
    #[track_caller]
    pub fn says(&self, words: &str) {
        let said = wait(words, || self.text().contains(words).then_some(()));
        assert!(said.is_some(), "the page never says `{words}`:\n{}", self.text());
    }

    /// Pixels of the window, and `light` or `dark`.
    pub fn shape(&self, width: u32, height: u32, scheme: &str) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": true});
        self.protocol("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.protocol("Emulation.setEmulatedMedia", &scheme);
    }

    /// A command of Chromium's own protocol.
    fn protocol(&self, command: &str, parameters: &Value) {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        self.ask(&format!("/session/{}/{name}", self.session), body)
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).expect("a request");
        let body = body_of(&mut BufReader::new(stream));
        let value = serde_json::from_slice::<Value>(&body).expect("JSON")["value"].clone();
        assert!(value["error"].is_null(), "{path}: {}", value["message"]);
        value
    }
}

/// The body of an answer; chromedriver keeps the connection.
fn body_of(answer: &mut impl BufRead) -> Vec<u8> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line).expect("an answer");
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().expect("a length"),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body).expect("the whole answer");
    body
}

/// Asks again until there is an answer, or patience ends.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if start.elapsed() > PATIENCE {
            eprintln!("{what} does not come about");
            return None;
        }
        thread::sleep(Duration::from_millis(50));
    }
}
