//! Connecting to each address of the API server, side by side, and hearing what answers.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::{
    future::join_all,
    stream::{FuturesUnordered, StreamExt},
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{
    answer, lost,
    outcome::{Named, Outcome, Seen, Server},
    ready,
};
use crate::{
    layer::{
        attempt::Failure,
        dns::Resolver,
        egress::Egress,
        ladder::climb,
        redirect::{Play, Transport},
    },
    net::{client, dial::millis, errno_name, hello, netlink::Netlink, sock_diag},
    plan::{ApiServer, Plan},
    pod::{Environment, Pod},
};

/// When tries begin: each one has a port of its own, so that another way may be taken. A lost
/// packet of one would be sent again after one second.
const TRIES: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1500)];
/// When no answer is expected any more.
const PATIENCE: Duration = Duration::from_millis(2500);
/// The least that is waited, however near the deadline is: farther than any API server in use.
const LEAST_PATIENCE: Duration = Duration::from_millis(300);
/// What a server says first is shorter, or its beginning tells enough.
const LONGEST: usize = 512;

/// Looks where the API server is said to be and connects there; waits for each step no longer than
/// `patience`.
pub async fn observe(
    plan: &Plan,
    pod: &Pod,
    environment: &Environment,
    patience: Duration,
) -> Seen {
    let until = Instant::now() + patience;
    let mut named = named(plan, environment);
    let resolver = Resolver::new(plan, pod, patience);
    let families = plan.families_out(pod);
    for one in named.iter_mut().filter(|one| one.host.parse::<IpAddr>().is_err()) {
        one.resolved = Some(resolver.look_up(&one.host, &families).await);
    }
    let left = until.saturating_duration_since(Instant::now());
    let patience = left.clamp(LEAST_PATIENCE, PATIENCE);
    let egress = Egress::new(plan, pod);
    let each = named.iter().flat_map(|one| {
        let address = move |ip| (one, SocketAddr::new(ip, one.port));
        one.addresses().into_iter().map(address)
    });
    let servers = each.map(|(one, address)| look(plan, &egress, one, address, patience));
    let servers = join_all(servers).await;
    Seen { named, servers }
}

/// What would be connected to, a line each.
#[must_use]
pub fn planned(plan: &Plan, environment: &Environment) -> String {
    let line = |one: &Named| {
        let host =
            if one.host.contains(':') { format!("[{}]", one.host) } else { one.host.clone() };
        let to = format!("{host}:{}", one.port);
        let also = if plan.api.readyz { ", then GET /readyz" } else { "" };
        format!("service     hello TCP {to:<28} with the usual hop limit{also}\n")
    };
    named(plan, environment).iter().map(line).collect()
}

/// Those of the command line, else that of the environment.
fn named(plan: &Plan, environment: &Environment) -> Vec<Named> {
    let one = |host: &str, port: u16, by: &str| {
        let (host, by) = (host.to_owned(), by.to_owned());
        Named { host, port, by, resolved: None }
    };
    let declared =
        plan.api.servers.iter().map(|ApiServer { host, port }| one(host, *port, "--api-server"));
    let declared: Vec<Named> = declared.collect();
    if !declared.is_empty() {
        return declared;
    }
    let port = environment.service_port.as_ref().and_then(|port| port.trim().parse().ok());
    let host = environment.service_host.iter().map(|host| host.trim());
    host.map(|host| one(host, port.unwrap_or(443), "KUBERNETES_SERVICE_HOST")).collect()
}

/// Who has to be the proxy and cannot connects all the same: what comes through the mesh is worth
/// a word, and with a certificate that holds it is proof.
async fn look(
    plan: &Plan,
    egress: &Egress<'_>,
    named: &Named,
    address: SocketAddr,
    patience: Duration,
) -> Server {
    let (sender, masked) = match egress.play(address, Transport::Tcp) {
        Play::Cannot { reason } => (&Play::Own, Some(reason.clone())),
        sender => (sender, None),
    };
    let start = Instant::now();
    let before = lost::unsent();
    let (connection, lost) = connect(address, sender, patience).await;
    let outcome = match connection {
        Ok(stream) => speak(&stream, &hello::client_hello(named.sni(), 0), patience).await,
        Err(failure) => Outcome::Unconnected(failure),
    };
    let elapsed_ms = millis(start.elapsed());
    let silent = matches!(outcome, Outcome::Unconnected(Failure::Silent { .. }));
    let (mut unsent, mut translated, mut ladder, mut answer) = (None, None, None, None);
    if silent && masked.is_none() {
        unsent = before.zip(lost::unsent()).map(|(before, now)| now.saturating_sub(before));
        translated = translation(address, sender);
        ladder = Some(climb(address, Transport::Tcp, sender, &[]).await);
    }
    if outcome.is_tls() && plan.api.readyz {
        answer = Some(ready::ask(&plan.api, &named.host, address, sender, patience).await);
    }
    let host = named.host.clone();
    Server {
        host,
        address,
        masked,
        outcome,
        lost,
        elapsed_ms,
        translated,
        unsent,
        ladder,
        ready: answer,
    }
}

impl Named {
    /// The name to ask for by SNI: an address is none (RFC 6066 §3).
    fn sni(&self) -> Option<&str> {
        self.resolved.as_ref().map(|_| self.host.trim_end_matches('.'))
    }
}

/// The first try that comes to anything counts; and how many before it were lost.
async fn connect(
    to: SocketAddr,
    play: &Play,
    patience: Duration,
) -> (Result<TcpStream, Failure>, u32) {
    let tries = TRIES.iter().filter(|delay| **delay < patience).enumerate();
    let mut tries: FuturesUnordered<_> = tries
        .map(async |(n, delay)| {
            sleep(*delay).await;
            (client::connect(to, play, patience.saturating_sub(*delay)).await, n)
        })
        .collect();
    while let Some((result, n)) = tries.next().await {
        if !matches!(result, Err(Failure::Silent { .. })) {
            return (result, u32::try_from(n).unwrap_or(u32::MAX));
        }
    }
    (Err(Failure::Silent { waited_ms: millis(patience) }), 0)
}

/// Says hello and hears the beginning of the answer.
async fn speak(stream: &TcpStream, hello: &[u8], patience: Duration) -> Outcome {
    let mut received = Vec::new();
    let ended = timeout(patience, exchange(stream, hello, &mut received)).await;
    match ended {
        _ if !received.is_empty() => answer::heard(&received),
        Ok(Ok(())) => Outcome::Closed { errno: None },
        Ok(Err(error)) => Outcome::Closed { errno: Some(errno_name(&error)) },
        Err(_) => Outcome::Hangs { waited_ms: millis(patience) },
    }
}

/// Until enough is there, or the other side ends the connection.
async fn exchange(stream: &TcpStream, hello: &[u8], received: &mut Vec<u8>) -> io::Result<()> {
    // It fits the empty send buffer, so it is written at once.
    stream.try_write(hello)?;
    while received.len() < answer::ENOUGH {
        stream.readable().await?;
        let mut piece = [0; LONGEST];
        match stream.try_read(&mut piece) {
            Ok(0) => break,
            Ok(length) => received.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where the kernel sends a connection to this address, if that is elsewhere: a program at the
/// socket's control group rewrites it, and what it wrote is what `sock_diag` tells.
fn translation(to: SocketAddr, play: &Play) -> Option<SocketAddr> {
    let socket = client::open(to, Transport::Tcp, play, None).ok()?;
    // It does not block: the answer, if one comes, does not matter.
    let _ = socket.connect(&to.into());
    let ours = socket.local_addr().ok()?.as_socket()?;
    let mut netlink = Netlink::open(NETLINK_SOCK_DIAG).ok()?;
    let peer = sock_diag::connecting_to(&mut netlink, ours).ok()??;
    (peer.ip() != to.ip() || peer.port() != to.port()).then_some(peer)
}
