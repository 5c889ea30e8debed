//! Real programs that go with the test.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Node, Pod, sh};

/// A program on some machine, ended with the test.
pub struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    /// Starts it; its standard input stays open.
    pub fn on(node: &Node, line: &[&str]) -> Daemon {
        let line: Vec<String> = line.iter().map(ToString::to_string).collect();
        let child = node.run(move || {
            let mut command = Command::new(&line[0]);
            command.args(&line[1..]).stdin(Stdio::piped()).stdout(Stdio::null());
            let started = command.stderr(Stdio::null()).spawn();
            started.unwrap_or_else(|error| panic!("start {}: {error}", line[0]))
        });
        Daemon(child)
    }
}

/// OpenSSL's own server, so that the client is understood by somebody who did not write it.
pub struct OpenSsl(#[expect(dead_code, reason = "ends with the server")] Daemon);

impl OpenSsl {
    /// With so many names in its certificate, a hundred of which take two packets, and further flags.
    pub fn on(pod: &Pod, node: &Node, at: &str, names: usize, flags: &[&str]) -> OpenSsl {
        let base = pod.file(&format!("openssl-{}", at.replace(['[', ']', ':'], "-")));
        let (key, certificate) = (base.with_extension("key"), base.with_extension("crt"));
        let (key, certificate) = (key.display().to_string(), certificate.display().to_string());
        let list: Vec<String> = (0..names).map(|n| format!("DNS:name-{n}.example")).collect();
        sh(&format!(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
             -subj /CN=server -addext subjectAltName={} -keyout {key} -out {certificate} 2>&1",
            list.join(",")
        ));
        let line = ["openssl", "s_server", "-quiet", "-accept", at, "-key", &key];
        let daemon =
            Daemon::on(node, &[&line[..], &["-cert", certificate.as_str()], flags].concat());
        let port = at.rsplit(':').next().expect("a port");
        let listens = || !node.sh(&format!("ss -Htln 'sport = :{port}'")).is_empty();
        until("openssl's listener", listens);
        OpenSsl(daemon)
    }
}

/// Waits until this holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what} does not come about");
        thread::sleep(Duration::from_millis(5));
    }
}
