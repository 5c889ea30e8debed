//! Servers that speak TLS, or do as if.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::place::Place;

/// How often a server looks whether its test is over.
const TICK: Duration = Duration::from_millis(5);

/// A server that does the same with each connection, and goes with the test.
pub struct Server {
    over: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Server {
    /// Beyond the node.
    pub fn on(
        place: &Place,
        address: &'static str,
        serve: impl Fn(TcpStream, usize) + Send + Sync + 'static,
    ) -> Server {
        Server::with_window(place, address, 1 << 20, serve)
    }

    /// The same with room for so many bytes, or as few as the kernel allows.
    pub fn with_window(
        place: &Place,
        address: &'static str,
        window: usize,
        serve: impl Fn(TcpStream, usize) + Send + Sync + 'static,
    ) -> Server {
        let listener: TcpListener = place.far.run(move || {
            let address: SocketAddr = address.parse().expect("an address");
            let socket =
                Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
            socket.set_recv_buffer_size(window).expect("a window");
            socket.bind(&address.into()).expect("bind");
            socket.listen(8).expect("listen");
            let listener = TcpListener::from(socket);
            listener.set_nonblocking(true).expect("no blocking");
            listener
        });
        let (over, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let ended = over.clone();
        thread::spawn(move || {
            let mut count = 0;
            while !ended.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(TICK);
                    continue;
                };
                stream.set_nonblocking(false).expect("blocking");
                let serve = serve.clone();
                thread::spawn(move || serve(stream, count));
                count += 1;
            }
        });
        Server { over }
    }
}

/// Reads a record, as a server does before it answers.
pub fn record(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).ok()?;
    let mut body = vec![0; u16::from_be_bytes([header[3], header[4]]).into()];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

/// A flight of TLS 1.2 with this many bytes of certificates, which ends as it should.
pub fn flight(bytes: u16) -> Vec<u8> {
    let certificate = [&[11, 0][..], &bytes.to_be_bytes(), &vec![7; bytes.into()]].concat();
    let messages = [&[2, 0, 0, 2, 3, 3][..], &certificate, &[14, 0, 0, 0]].concat();
    let length = u16::try_from(messages.len()).expect("one record").to_be_bytes();
    [&[22, 3, 3][..], &length, &messages].concat()
}

/// Answers with this many bytes of certificates.
pub fn answer(mut stream: TcpStream, bytes: u16) {
    if record(&mut stream).is_some() {
        // Who has seen enough goes away.
        let _ = stream.write_all(&flight(bytes));
        let _ = stream.read(&mut [0]);
    }
}

/// OpenSSL's server with a certificate that takes two packets.
pub struct OpenSsl(Child);

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl OpenSsl {
    /// Beyond the node.
    pub fn on(place: &Place, address: &'static str) -> OpenSsl {
        let [key, certificate] = ["key.pem", "cert.pem"].map(|f| place.pod.file(f));
        let names: Vec<String> = (0..100).map(|n| format!("DNS:name-{n}.example")).collect();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"])
            .arg("-addext")
            .arg(format!("subjectAltName={}", names.join(",")))
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let child = place.far.run(move || {
            Command::new("openssl")
                .args(["s_server", "-quiet", "-accept", address, "-key"])
                .arg(key)
                .arg("-cert")
                .arg(certificate)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("openssl s_server")
        });
        let server = OpenSsl(child);
        let start = Instant::now();
        let port = address.rsplit(':').next().expect("a port").to_owned();
        while place.far.sh(&format!("ss -Htln 'sport = :{port}'")).is_empty() {
            assert!(start.elapsed() < Duration::from_secs(5), "openssl does not listen");
            thread::sleep(TICK);
        }
        server
    }
}
