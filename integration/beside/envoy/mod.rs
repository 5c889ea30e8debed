//! A real Envoy as the running proxy: what podprobe says beside it, and what Envoy notices of that.

/// What the proxy answers in the place of a target.
mod answers;
/// What becomes of the proxy's own work meanwhile.
mod harmless;
/// The rules, intact and broken, from each identity.
mod rules;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::world::{Pod, sh, until};

const CONFIGURATION: &str = include_str!("../envoy.yaml");

/// Envoy in the pod of the calling thread, ended with the test.
pub struct Envoy {
    child: Child,
    directory: PathBuf,
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Envoy {
    /// As the sidecar of REDIRECT mode: 1337:1337, without capabilities.
    pub fn sidecar(pod: &Pod) -> Envoy {
        Envoy::start(pod, "--reuid 1337 --regid 1337 --bounding-set -all", false)
    }

    /// As the sidecar of TPROXY mode: 0:1337 with `NET_ADMIN`, its inbound listener transparent.
    pub fn transparent(pod: &Pod) -> Envoy {
        Envoy::start(pod, "--regid 1337 --bounding-set -all,+net_admin", true)
    }

    fn start(pod: &Pod, identity: &str, transparent: bool) -> Envoy {
        let directory = pod.file("").components().collect::<PathBuf>();
        let at = directory.display();
        sh(&format!(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
             -subj /CN=sidecar -addext subjectAltName=DNS:sidecar.example \
             -keyout {at}/proxy.key -out {at}/proxy.crt 2>&1; chmod 644 {at}/proxy.key"
        ));
        let text = CONFIGURATION
            .replace("DIRECTORY", &at.to_string())
            .replace("TRANSPARENT", &transparent.to_string());
        let file = pod.file("envoy.yaml");
        std::fs::write(&file, text).expect("a file");
        let program = std::env::var("ENVOY").unwrap_or_else(|_| "envoy".to_owned());
        // By descriptor: it may lie where the proxy's user cannot look.
        let script = format!(
            "program=$(command -v {program}) || exit 127; exec 3<\"$program\"; \
             exec setpriv {identity} --clear-groups --no-new-privs --inh-caps -all --ambient-caps -all \
             /proc/self/fd/3 --config-path {} --concurrency 1 --disable-hot-restart --log-level off",
            file.display()
        );
        let mut command = Command::new("sh");
        command.args(["-ec", &script]).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().expect("sh");
        let mut envoy = Envoy { child, directory };
        let mut ended = None;
        until("Envoy's readiness", || {
            ended = envoy.child.try_wait().expect("a process");
            ended.is_some() || envoy.ask("/ready").is_some_and(|answer| answer.contains("\nLIVE\n"))
        });
        assert!(
            ended.is_none(),
            "Envoy ended ({ended:?}): is it at $ENVOY, or on PATH? See .ci/wheels"
        );
        until("Envoy's listeners", || envoy.stat("listener_manager.total_listeners_active") > 0);
        envoy
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("Envoy lives");
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("Envoy lives");
        self.child.wait().expect("its end");
    }

    fn ask(&self, path: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.directory.join("admin.sock")).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// One of its counters or gauges, exactly so called; one that it has not is 0.
    pub fn stat(&self, name: &str) -> u64 {
        let answer = self.ask(&format!("/stats?filter=^{name}$")).expect("Envoy's admin answers");
        let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map_or(0, |value| value.trim().parse().expect("a number"))
    }

    /// What it has noticed so far: connections that it accepted, and bytes in them.
    pub fn noticed(&self) -> Noticed {
        let of = |end: &str| {
            self.stat(&format!("listener.outbound.{end}"))
                + self.stat(&format!("listener.inbound.{end}"))
        };
        let bytes = ["outbound", "inbound"]
            .map(|name| self.stat(&format!("tcp.{name}.downstream_cx_rx_bytes_total")));
        let dialled = ["passthrough", "application"]
            .map(|name| self.stat(&format!("cluster.{name}.upstream_cx_total")));
        Noticed {
            accepted: of("downstream_cx_total"),
            bytes: bytes.iter().sum(),
            dialled: dialled.iter().sum(),
        }
    }
}

/// What Envoy has noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// Connections that it accepted on 15001 and 15006.
    pub accepted: u64,
    /// Bytes that came in them.
    pub bytes: u64,
    /// Connections that it opened for their sake.
    pub dialled: u64,
}

impl Noticed {
    /// Nothing.
    pub const NOTHING: Noticed = Noticed { accepted: 0, bytes: 0, dialled: 0 };
}
