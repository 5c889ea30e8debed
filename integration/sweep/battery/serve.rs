//! Listeners in the pod and on the node; each tells its port, and the destination that it was asked for.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::Cast;
use super::dial::{owned, set_transparent};
use super::flow::Owner;
use super::net::Net;
use crate::sweep::subject::Subject;
use crate::world::Pod;

/// Ports of the application: its own, one that foreign rules lead to, and a DNS server's.
const APP_PORTS: [u16; 3] = [8080, 9090, 53];

/// Opens all listeners; they are served, and closed, by the runtime that this is called in.
pub fn start(pod: &Pod, subject: &Subject, cast: &Cast) {
    for net in &subject.nets {
        for port in APP_PORTS {
            tcp(cast.app, *net, port, false);
        }
        let [_, inbound_port, dns_port] = subject.ports;
        for port in proxy_ports(subject) {
            tcp(cast.proxy, *net, port, cast.transparent && port == inbound_port);
        }
        udp(cast.app, *net, 8080);
        udp(cast.app, *net, 53);
        if dns_port != 0 {
            udp(cast.proxy, *net, dns_port);
        }
        node(pod, *net);
    }
}

fn proxy_ports(subject: &Subject) -> Vec<u16> {
    let mut ports: Vec<u16> = subject.ports.into_iter().filter(|port| *port != 0).collect();
    ports.extend(subject.tunnel);
    ports.extend(&subject.exclude_inbound);
    ports
}

fn tcp(owner: Owner, net: Net, port: u16, transparent: bool) {
    let socket = owned(owner, || socket(net.is_v4(), Type::STREAM));
    if transparent {
        set_transparent(&socket).expect("a transparent listener");
    }
    serve_tcp("pod", owner, port, listen(&socket, net, port));
}

fn node(pod: &Pod, net: Net) {
    for port in [80, 53] {
        let made = pod.node.run(move || socket(net.is_v4(), Type::STREAM));
        serve_tcp("node", Owner::ROOT, port, listen(&made, net, port));
    }
    let made = pod.node.run(move || socket(net.is_v4(), Type::DGRAM));
    serve_udp("node", Owner::ROOT, bound(made, (net.node, 53).into()));
}

fn socket(v4: bool, kind: Type) -> Socket {
    let domain = if v4 { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, kind, None).expect("a socket");
    socket.set_nonblocking(true).expect("O_NONBLOCK");
    socket.set_reuse_address(true).expect("SO_REUSEADDR");
    if !v4 {
        socket.set_only_v6(true).expect("IPV6_V6ONLY");
    }
    socket
}

/// Listens on every address.
fn listen(socket: &Socket, net: Net, port: u16) -> TcpListener {
    let any: IpAddr =
        if net.is_v4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    bind(socket, (any, port).into());
    socket.listen(1024).expect("listen");
    let listener = socket.try_clone().expect("a descriptor");
    TcpListener::from_std(listener.into()).expect("a listener")
}

/// The last battery's listener may still be held by a child that another thread is starting.
fn bind(socket: &Socket, at: SocketAddr) {
    let start = Instant::now();
    while let Err(error) = socket.bind(&at.into()) {
        assert!(start.elapsed() < Duration::from_secs(5), "{at}: {error}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn serve_tcp(place: &'static str, owner: Owner, port: u16, listener: TcpListener) {
    tokio::spawn(async move {
        loop {
            // What an accepted socket sends is its owner's as well.
            let accepted = poll_fn(|cx| owned(owner, || listener.poll_accept(cx))).await;
            let Ok((stream, _)) = accepted else { continue };
            tokio::spawn(async move { answer(place, port, &stream).await });
        }
    });
}

async fn answer(place: &str, port: u16, stream: &TcpStream) -> io::Result<()> {
    let own = stream.local_addr()?;
    let place = if own.port() == port { place } else { "transparent" };
    let socket = SockRef::from(stream);
    let asked = if own.is_ipv4() { socket.original_dst_v4() } else { socket.original_dst_v6() };
    let asked = asked.ok().and_then(|address| address.as_socket()).unwrap_or(own);
    stream.writable().await?;
    // Where nothing is redirected, nobody may have changed the address either.
    let moved = place == "transparent" && own != asked;
    let moved = if moved { format!(" at {own}") } else { String::new() };
    stream.try_write(format!("{place} {port} for {asked}{moved}").as_bytes())?;
    // The client reads, and resets the connection.
    stream.readable().await
}

/// One socket per address: a reply must come from the address that was asked.
fn udp(owner: Owner, net: Net, port: u16) {
    for address in [net.localhost, net.pod] {
        let socket = owned(owner, || socket(net.is_v4(), Type::DGRAM));
        serve_udp("pod", owner, bound(socket, (address, port).into()));
    }
}

fn bound(socket: Socket, at: SocketAddr) -> UdpSocket {
    bind(&socket, at);
    UdpSocket::from_std(socket.into()).expect("a datagram socket")
}

fn serve_udp(place: &'static str, owner: Owner, socket: UdpSocket) {
    tokio::spawn(async move {
        let at = socket.local_addr().expect("an address");
        let mut buffer = [0; 16];
        loop {
            // An ICMP error to an earlier reply is nobody's concern.
            let Ok((_, client)) = socket.recv_from(&mut buffer).await else { continue };
            let words = format!("{place} {} at {}", at.port(), at.ip());
            let _ = owned(owner, || socket.try_send_to(words.as_bytes(), client));
        }
    });
}
