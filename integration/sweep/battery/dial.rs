//! The client's side of a flow.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::{Gid, setfsgid};
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::end::End;
use super::flow::{Flow, Needs, Owner};
use crate::world::{Pod, as_owner};

/// Source ports below those that the kernel hands out and above those of all meshes: neither a connection of
/// podprobe's nor one of an earlier round is met again in conntrack.
const PORTS: std::ops::Range<u16> = 23_000..32_000;

/// Opens the sockets of all flows in one pod.
#[derive(Default)]
pub struct Dialer {
    opened: Cell<u16>,
    round: Cell<u16>,
}

impl Dialer {
    /// Source ports that two flows share differ from those of the last round.
    pub fn next_round(&self) {
        self.round.set((self.round.get() + 1) % 100);
    }

    /// Starts the flow; the future is its end.
    pub fn dial(
        &self,
        pod: &Pod,
        flow: &Flow,
        patience: Duration,
    ) -> impl Future<Output = End> + use<> {
        let port =
            flow.source_port.map_or_else(|| self.next_port(), |port| port + self.round.get() * 10);
        let socket =
            open(pod, flow).and_then(|socket| prepare(&socket, flow, port).map(|()| socket));
        let (udp, to, from_node) = (flow.udp, flow.to, flow.sender.is_none());
        async move {
            let talk = async {
                let socket = socket?;
                if udp { ask(socket, to).await } else { connect(socket, to).await }
            };
            match timeout(patience, talk).await {
                Ok(Ok(words)) => answered(words, from_node),
                Ok(Err(error)) => End::Error(error.kind()),
                Err(_) => End::Silent,
            }
        }
    }

    fn next_port(&self) -> u16 {
        let opened = self.opened.get();
        self.opened.set((opened + 1) % (PORTS.end - PORTS.start));
        PORTS.start + opened
    }
}

/// Listeners say what they are: `pod …`, `transparent …` or `node …`.
fn answered(words: String, from_node: bool) -> End {
    match words.split_once(' ') {
        Some(("pod", listener)) => End::Pod(listener.into()),
        Some(("transparent", listener)) => End::Transparent(listener.into()),
        Some(("node", listener)) if !from_node => End::Node(listener.into()),
        _ => End::Node(words),
    }
}

fn open(pod: &Pod, flow: &Flow) -> io::Result<Socket> {
    let kind = if flow.udp { Type::DGRAM } else { Type::STREAM };
    let domain = Domain::for_address(flow.to);
    match flow.sender {
        Some(owner) => owned(owner, || Socket::new(domain, kind, None)),
        None => pod.node.run(move || Socket::new(domain, kind, None)),
    }
}

/// Makes a socket of this owner's.
pub fn owned<T>(owner: Owner, make: impl FnOnce() -> T) -> T {
    let before = setfsgid(Gid::from_raw(owner.gid));
    let result = as_owner(owner.uid, make);
    setfsgid(before);
    result
}

fn prepare(socket: &Socket, flow: &Flow, port: u16) -> io::Result<()> {
    let v4 = flow.to.is_ipv4();
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    // Without the error queue an ICMP error does not end a connection attempt that is being made.
    if v4 {
        socket.set_ttl_v4(1)?;
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
    } else {
        socket.set_unicast_hops_v6(1)?;
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
    }
    if let Some(mark) = flow.sender.and_then(|owner| owner.mark) {
        socket.set_mark(mark)?;
    }
    if flow.needs == Needs::Transparency {
        set_transparent(socket)?;
    }
    if !flow.udp {
        // A reset at the end leaves nothing behind.
        socket.set_linger(Some(Duration::ZERO))?;
    }
    let any: IpAddr = if v4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    socket.bind(&SocketAddr::from((flow.source.unwrap_or(any), port)).into())
}

/// Lets a socket have an address that is not the pod's; IPv6 sockets share IPv4's switch.
pub fn set_transparent(socket: &Socket) -> io::Result<()> {
    socket.set_ip_transparent_v4(true)
}

/// What the listener says.
async fn connect(socket: Socket, to: SocketAddr) -> io::Result<String> {
    let stream = TcpSocket::from_std_stream(socket.into()).connect(to).await?;
    read(&stream).await
}

async fn read(stream: &TcpStream) -> io::Result<String> {
    let mut buffer = [0; 200];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => return Ok(String::from_utf8_lossy(&buffer[..count]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn ask(socket: Socket, to: SocketAddr) -> io::Result<String> {
    let socket = UdpSocket::from_std(socket.into())?;
    socket.connect(to).await?;
    socket.send(b"who").await?;
    let mut buffer = [0; 200];
    let count = socket.recv(&mut buffer).await?;
    Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
}
