//! Waits until the battery's sockets are really gone.
//!
//! A child that another thread is starting has a copy of every descriptor until it becomes its program: a
//! listener may outlive its owner for an instant, and podprobe would find its port taken.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// A listening TCP socket in /proc/net/tcp (`TCP_LISTEN`).
const LISTENING: &str = "0A";

/// Returns when nobody listens any more in the pod.
pub fn wait() {
    let start = Instant::now();
    while listeners() > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "listeners of the battery are still there"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Listening and datagram sockets in the calling thread's network namespace.
fn listeners() -> usize {
    let table = |name: &str| {
        fs::read_to_string(format!("/proc/thread-self/net/{name}")).expect("a table of sockets")
    };
    let tcp = |line: &&str| line.split_whitespace().nth(3) == Some(LISTENING);
    let count = |name: &str| table(name).lines().skip(1).filter(tcp).count();
    let datagrams = |name: &str| table(name).lines().skip(1).count();
    count("tcp") + count("tcp6") + datagrams("udp") + datagrams("udp6")
}
