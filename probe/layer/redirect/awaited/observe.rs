//! Waiting for the probe: listeners at the capture ports, at the port itself and at the agent's, and an
//! answer once the proof is made.

use std::{
    io,
    net::{IpAddr, Shutdown, SocketAddr},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{AGENT_PORTS, Awaited, Says, Visit};
use crate::{
    capture::{Capture, Interception},
    layer::redirect::{promise::is_local, running_proxy},
    net::{
        dial::millis,
        errno_name,
        listen::{self, original_destination},
        netlink::Netlink,
        signal::Ends,
        sock_diag::connections,
    },
    plan::Plan,
    pod::{Cap, Pod},
};

/// What a passed HTTP probe is told. Any status from 200 to 399 is success to the kubelet.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
/// How long a visitor may take to ask, and to go.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of a request that are read: its first line is enough.
const REQUEST_BYTES: usize = 512;
/// Connections that are remembered.
const REMEMBERED: usize = 8;
/// Connections that may be asked at once.
const ASKED: usize = 32;
/// Pause after accept(2) failed, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

/// Waits for the probe of `port` until it arrived as promised, at most for `patience`.
pub async fn wait_for(port: u16, plan: &Plan, pod: &Pod, patience: Duration) -> Awaited {
    let started = Instant::now();
    let live = running_proxy(plan, pod).is_some();
    let mut awaited = Awaited { port, live, waited_ms: 0, closed: Vec::new(), visits: Vec::new() };
    let listeners = open(plan, pod, &mut awaited);
    let own = plan.addresses(pod).pod;
    let _ = timeout(patience, serve(&listeners, &plan.capture, &own, &mut awaited)).await;
    awaited.waited_ms = millis(started.elapsed());
    awaited
}

/// A native sidecar stays, or it would be started again: waits until it is told to end.
///
/// # Errors
/// One sentence when signal handlers cannot be installed.
pub async fn leave_alone() -> Result<(), String> {
    Ends::install()?.next().await;
    Ok(())
}

/// Beside a running proxy, only the port itself is ours.
fn open(plan: &Plan, pod: &Pod, awaited: &mut Awaited) -> Vec<(u16, TcpListener)> {
    let capture = &plan.capture;
    let transparent = capture.interception == Interception::Tproxy
        && (pod.identity.has(Cap::NetAdmin) || pod.identity.has(Cap::NetRaw));
    let mut ports = vec![awaited.port];
    if !awaited.live {
        ports.extend(capture.listen_ports());
        // Nobody misses them: where the agent runs, it has them already.
        ports.extend(AGENT_PORTS);
    }
    let mut listeners = Vec::new();
    for family in plan.addresses(pod).families {
        for port in &ports {
            let at = SocketAddr::new(family.unspecified(), *port);
            let hands = transparent && *port == capture.inbound_port;
            let socket = if hands { listen::transparent(at) } else { listen::tcp(at) };
            match socket.and_then(|socket| TcpListener::from_std(socket.into())) {
                Ok(listener) => listeners.push((*port, listener)),
                Err(_) if AGENT_PORTS.contains(port) => {}
                Err(error) => awaited.closed.push((*port, errno_name(&error))),
            }
        }
    }
    listeners
}

/// Asks every visitor, until one is the probe, arrived as promised and answered.
async fn serve(
    listeners: &[(u16, TcpListener)],
    capture: &Capture,
    own: &[IpAddr],
    awaited: &mut Awaited,
) {
    let accept = |index: usize| async move {
        let (port, listener) = &listeners[index];
        let accepted = listener.accept().await.ok();
        if accepted.is_none() {
            sleep(ACCEPT_PAUSE).await;
        }
        (index, accepted.map(|(stream, from)| (stream, from, *port)))
    };
    let mut accepting: FuturesUnordered<_> = (0..listeners.len()).map(accept).collect();
    let mut asking = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some((index, accepted)) = accepting.next(), if asking.len() < ASKED => {
                accepting.push(accept(index));
                if let Some((stream, from, port)) = accepted {
                    asking.push(ask(stream, from, port, capture, own));
                }
            }
            Some((stream, visit)) = asking.next(), if !asking.is_empty() => {
                let says = awaited.says(capture, own, &visit);
                if says != Says::Nothing {
                    awaited.visits.push(visit);
                    let many = awaited.visits.len().saturating_sub(REMEMBERED);
                    awaited.visits.drain(..many);
                }
                if matches!(says, Says::Arrived(..)) && answer(&stream).await {
                    return;
                }
            }
            // No listener could be opened: there is nothing to wait for.
            else => return,
        }
    }
}

/// What a visitor wants. A probe of the kind `tcpSocket` says nothing, and goes.
async fn ask(
    stream: TcpStream,
    from: SocketAddr,
    listener: u16,
    capture: &Capture,
    own: &[IpAddr],
) -> (TcpStream, Visit) {
    let at = stream.local_addr().unwrap_or(SocketAddr::new(from.ip(), listener));
    let original = original_destination(&stream).ok().flatten();
    let mut request = [0; REQUEST_BYTES];
    let read = timeout(PATIENCE, async {
        stream.readable().await?;
        stream.try_read(&mut request)
    });
    let count = read.await.ok().and_then(Result::ok).unwrap_or(0);
    let text = String::from_utf8_lossy(&request[..count]);
    // Without the query, which may have a token in it: the line goes into the report.
    let line = text.lines().next().and_then(|line| line.split('?').next());
    let line = line.map(|line| line.chars().filter(|c| !c.is_control()).collect());
    let behind = if is_local(from.ip(), own) { held_behind(capture, own) } else { Vec::new() };
    let visit = Visit { from, at, listener, original, request: line, behind };
    (stream, visit)
}

/// Connections from outside at the inbound port and at the agent's.
fn held_behind(capture: &Capture, own: &[IpAddr]) -> Vec<(SocketAddr, SocketAddr)> {
    let Ok(mut netlink) = Netlink::open(NETLINK_SOCK_DIAG) else { return Vec::new() };
    let both = [false, true].map(|ipv6| connections(&mut netlink, ipv6).unwrap_or_default());
    let is_of_interest = |(at, from): &(SocketAddr, SocketAddr)| {
        (at.port() == capture.inbound_port || AGENT_PORTS.contains(&at.port()))
            && !is_local(from.ip(), own)
    };
    both.concat().into_iter().filter(is_of_interest).take(REMEMBERED).collect()
}

/// Answers, and tells whether the visitor took it: it goes in peace, or was gone before.
async fn answer(stream: &TcpStream) -> bool {
    if stream.try_write(ANSWER).is_err() {
        // A `tcpSocket` probe has what it wanted.
        return true;
    }
    // The end of the answer, for those who do not count its bytes.
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
    let mut rest = [0; REQUEST_BYTES];
    let gone = timeout(PATIENCE, async {
        loop {
            stream.readable().await?;
            match stream.try_read(&mut rest) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    });
    // One that stays has the answer as well.
    gone.await.is_ok_and(|gone| gone.is_ok()) || stream.take_error().is_ok_and(|e| e.is_none())
}
