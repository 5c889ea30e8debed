//! Servers that go with the test: such as answer, and such as accept and then do not serve.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Node;

/// How often a server looks whether its test is over.
const TICK: Duration = Duration::from_millis(5);
/// No test waits longer for a client.
const IDLE: Duration = Duration::from_secs(10);

/// A server that does the same with each connection.
pub struct Server {
    over: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Server {
    /// Stands on this machine, and serves each connection in a thread of its own.
    pub fn on(node: &Node, at: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
        let at: SocketAddr = at.parse().expect("an address");
        let listener = node.run(move || TcpListener::bind(at).expect("listen"));
        Server::with(listener, serve)
    }

    /// Serves in the pod itself.
    pub fn here(at: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
        Server::with(TcpListener::bind(at).expect("listen"), serve)
    }

    /// Serves on this listener.
    pub fn with(
        listener: TcpListener,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> Server {
        let over = Arc::new(AtomicBool::new(false));
        let (ends, serve) = (Arc::clone(&over), Arc::new(serve));
        listener.set_nonblocking(true).expect("no blocking");
        thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(TICK);
                    continue;
                };
                stream.set_nonblocking(false).expect("blocking");
                stream.set_read_timeout(Some(IDLE)).expect("a timeout");
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
        });
        Server { over }
    }
}

/// Reads the first message, says this, and ends the connection.
pub fn says(what: &'static [u8]) -> impl Fn(TcpStream) + Send + Sync {
    move |mut stream| {
        if heard(&mut stream) > 0 {
            // A client may have had enough.
            let _ = stream.write_all(what);
        }
    }
}

/// Reads the first message and ends the connection.
pub fn closes(mut stream: TcpStream) {
    heard(&mut stream);
}

/// Reads the first message and resets the connection.
pub fn resets(mut stream: TcpStream) {
    heard(&mut stream);
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
}

/// Reads and never answers.
pub fn hangs(mut stream: TcpStream) {
    while heard(&mut stream) > 0 {}
}

fn heard(stream: &mut TcpStream) -> usize {
    stream.read(&mut [0; 4096]).unwrap_or(0)
}

/// The beginning of a TLS 1.3 server's answer: a record with a `ServerHello`, as far as a client has to
/// read to know it.
pub const SERVER_HELLO: &[u8] = &[0x16, 3, 3, 0, 4, 2, 0, 0, 0];
/// A fatal alert: no version in common.
pub const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 70];
