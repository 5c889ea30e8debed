//! The cluster's servers, all on the node: nameserver, API server, and two targets. Each has a manner.

use std::future::Future;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::dns::responder::{bytes, cluster, kind, name, with_code};
use crate::world::Node;
use crate::world::server::SERVER_HELLO;

use super::manners::{Api, Dns, Manners, Web};

/// The nameserver's address, as every cluster has it.
pub const DNS: &str = "10.96.0.10";
/// The API server's.
pub const API: &str = "10.96.0.1";
/// Where both targets stand.
pub const TARGET: &str = "10.99.0.9";

/// One thread that serves, ended with the world.
pub struct Servers {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked says so itself.
            let _ = thread.join();
        }
    }
}

/// Sockets that were made where the servers stand.
struct Sockets {
    udp: Option<UdpSocket>,
    other: Option<UdpSocket>,
    dns: Option<TcpListener>,
    api: Option<TcpListener>,
    web: Option<TcpListener>,
    plain: Option<TcpListener>,
}

impl Sockets {
    fn open(manners: Manners) -> Sockets {
        let udp = |ip: &str| {
            let socket = UdpSocket::bind((ip, 53)).expect("bind UDP 53");
            socket.set_nonblocking(true).expect("no blocking");
            socket
        };
        let tcp = |ip: &str, port: u16| {
            let listener = TcpListener::bind((ip, port)).expect("listen");
            listener.set_nonblocking(true).expect("no blocking");
            listener
        };
        let over_udp = !matches!(manners.dns, Dns::Closed | Dns::OverTcpAlone | Dns::Drip);
        Sockets {
            udp: over_udp.then(|| udp(DNS)),
            other: (manners.dns == Dns::OtherSource).then(|| udp("10.77.0.1")),
            dns: (manners.dns != Dns::Closed).then(|| tcp(DNS, 53)),
            api: (manners.api != Api::Closed).then(|| tcp(API, 443)),
            web: (manners.web != Web::Closed).then(|| tcp(TARGET, 8080)),
            plain: manners.plain.then(|| tcp(TARGET, 5432)),
        }
    }
}

impl Servers {
    /// All of them, on the node.
    pub fn on(node: &Node, manners: Manners) -> Servers {
        let sockets = node.run(move || Sockets::open(manners));
        let (end, over) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                serve(sockets, manners);
                // The other side is dropped: that ends it.
                let _ = over.await;
            });
        });
        Servers { end: Some(end), thread: Some(thread) }
    }
}

/// Starts a task for each socket.
fn serve(sockets: Sockets, manners: Manners) {
    if let Some(udp) = sockets.udp {
        tokio::spawn(datagrams(udp, sockets.other, manners.dns));
    }
    connections(sockets.dns, move |stream| query(stream, manners.dns));
    connections(sockets.api, move |stream| hello(stream, manners.api));
    connections(sockets.web, move |stream| page(stream, manners.web));
    connections(sockets.plain, |mut stream| async move {
        heard(&mut stream).await;
    });
}

/// Serves each connection in a task of its own.
fn connections<F: Future<Output = ()> + Send + 'static>(
    listener: Option<TcpListener>,
    serve: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) {
    let Some(listener) = listener else { return };
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let serve = Arc::new(serve);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
}

async fn datagrams(udp: UdpSocket, other: Option<UdpSocket>, manner: Dns) {
    let udp = tokio::net::UdpSocket::from_std(udp).expect("a socket");
    let other = other.map(|other| tokio::net::UdpSocket::from_std(other).expect("a socket"));
    let mut buffer = [0; 4096];
    // Who does not listen is told by ICMP: that is not the server's end.
    loop {
        let Ok((length, from)) = udp.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = answer(&buffer[..length], manner) {
            let _ = other.as_ref().unwrap_or(&udp).send_to(&answer, from).await;
        }
    }
}

/// What goes back, if anything.
fn answer(query: &[u8], manner: Dns) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    match manner {
        Dns::Silent => None,
        Dns::ServFail => bytes(&with_code(&query, ResponseCode::ServFail)),
        Dns::Refused => bytes(&with_code(&query, ResponseCode::Refused)),
        Dns::OtherZone if name(&query).ends_with("cluster.local.") => {
            bytes(&with_code(&query, ResponseCode::NXDomain))
        }
        Dns::Garbage => Some(b"HTTP/1.0 400 Bad Request\r\n\r\n".to_vec()),
        Dns::OtherQuestion => {
            let mut other = query.clone();
            other.queries[0].set_query_type(match kind(&query) {
                hickory_proto::rr::RecordType::TXT => hickory_proto::rr::RecordType::MX,
                _ => hickory_proto::rr::RecordType::TXT,
            });
            bytes(&cluster(&other))
        }
        _ => bytes(&cluster(&query)),
    }
}

async fn query(mut stream: TcpStream, manner: Dns) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).await.is_ok() {
        let mut query = vec![0; u16::from_be_bytes(length).into()];
        if stream.read_exact(&mut query).await.is_err() {
            return;
        }
        let Some(answer) = answer(&query, manner) else { continue };
        let length = u16::try_from(answer.len()).expect("a short answer").to_be_bytes();
        let answer = [&length[..], &answer].concat();
        if manner == Dns::Drip {
            return drip(&mut stream, &answer).await;
        }
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn hello(mut stream: TcpStream, manner: Api) {
    match manner {
        Api::Closes => {
            heard(&mut stream).await;
        }
        Api::Hangs => while heard(&mut stream).await > 0 {},
        Api::Good | Api::Closed => says(stream, SERVER_HELLO).await,
        Api::Plain => says(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
    }
}

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn page(mut stream: TcpStream, manner: Web) {
    match manner {
        Web::Good | Web::Closed => says(stream, PAGE).await,
        Web::Closes => {
            heard(&mut stream).await;
        }
        Web::Hangs => while heard(&mut stream).await > 0 {},
        Web::Fails => says(stream, b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").await,
        Web::Garbage => says(stream, b"\x00\x01\x02\x03 SSH-2.0-nobody\r\n").await,
        Web::Drip => drip(&mut stream, PAGE).await,
        Web::Flood => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ").await;
            while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
        }
    }
}

async fn says(mut stream: TcpStream, what: &[u8]) {
    if heard(&mut stream).await > 0 {
        // A client may have had enough.
        let _ = stream.write_all(what).await;
    }
}

/// One byte a second, until the client has had enough.
async fn drip(stream: &mut TcpStream, what: &[u8]) {
    let _ = SockRef::from(&*stream).set_tcp_nodelay(true);
    for byte in what {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

async fn heard(stream: &mut TcpStream) -> usize {
    stream.read(&mut [0; 4096]).await.unwrap_or(0)
}
