//! Asking one nameserver one question, over sockets that learn who refused.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::Interest,
    net::{TcpStream, UdpSocket},
    time::{sleep, timeout_at},
};

use super::{
    message::{Decoded, Question, decode, encode},
    outcome::Outcome,
};
use crate::{
    layer::redirect::{Offender, Play},
    net::{dial::millis, errno_name, error_queue, owner::as_owner},
    pod::Transport,
};

/// When a question is asked again over UDP, each time from another port and with another id.
const TRIES: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1500)];
/// When no answer is expected any more. A lost SYN is sent again after one second.
const PATIENCE: Duration = Duration::from_millis(2500);
/// The largest message: its length stands in two octets over TCP (RFC 7766).
const LARGEST: usize = u16::MAX as usize;
/// How long the first hop may take: it is the node.
const HOP_PATIENCE: Duration = Duration::from_millis(200);
/// A socket in error that tells none: looked at again after this.
const SPURIOUS: Duration = Duration::from_millis(5);

/// An answer, or the lack of one.
pub struct Ended {
    /// What became of it.
    pub outcome: Outcome,
    /// How many earlier tries were lost.
    pub lost: u32,
    /// From the first try until the outcome.
    pub elapsed_ms: u64,
}

/// Asks over one transport until there is an answer, a refusal, or no patience left.
pub async fn ask(
    to: SocketAddr,
    transport: Transport,
    play: &Play,
    question: &Question,
    edns: bool,
) -> Ended {
    let start = Instant::now();
    let (outcome, lost) = match transport {
        Transport::Udp => udp(to, play, question, edns).await,
        Transport::Tcp => (tcp(to, play, question, edns).await, 0),
    };
    Ended { outcome, lost, elapsed_ms: millis(start.elapsed()) }
}

/// The first try that comes to anything counts. The last one is unconnected: it alone can see an
/// answer from somebody who was not asked.
async fn udp(to: SocketAddr, play: &Play, question: &Question, edns: bool) -> (Outcome, u32) {
    let last = TRIES.len() - 1;
    let mut tries: FuturesUnordered<_> = TRIES
        .iter()
        .enumerate()
        .map(async |(n, delay)| {
            sleep(*delay).await;
            let patience = PATIENCE.saturating_sub(*delay);
            let how = How { edns, connected: n != last, hops: None, patience };
            (one_udp(to, play, question, &how).await, n)
        })
        .collect();
    let mut unusable = None;
    while let Some((outcome, n)) = tries.next().await {
        match outcome {
            Outcome::Silent { .. } => {}
            Outcome::Unusable { .. } => unusable = Some(outcome),
            outcome => return (outcome, u32::try_from(n).unwrap_or(u32::MAX)),
        }
    }
    let tries = u32::try_from(TRIES.len()).unwrap_or(u32::MAX);
    (unusable.unwrap_or(Outcome::Silent { tries, waited_ms: millis(PATIENCE) }), 0)
}

/// How one datagram is sent and waited for.
struct How {
    edns: bool,
    connected: bool,
    /// The hop limit, if not the usual one.
    hops: Option<u32>,
    patience: Duration,
}

/// Sends a query that ends at the first hop, whose ICMP message tells that it came so far.
pub(super) async fn first_hop(to: SocketAddr, play: &Play, question: &Question) -> Outcome {
    let how = How { edns: false, connected: true, hops: Some(1), patience: HOP_PATIENCE };
    one_udp(to, play, question, &how).await
}

async fn one_udp(to: SocketAddr, play: &Play, question: &Question, how: &How) -> Outcome {
    let deadline = tokio::time::Instant::now() + how.patience;
    let (id, query) = match encode(question, how.edns) {
        Ok(encoded) => encoded,
        Err(reason) => {
            return Outcome::Failed { operation: "encode".into(), errno: reason, by: None };
        }
    };
    let socket = match open(to, Transport::Udp, play) {
        Ok(socket) => socket,
        Err(error) => return failure("open a socket", &error, None),
    };
    let limited = match (how.hops, to) {
        (None, _) => Ok(()),
        (Some(hops), SocketAddr::V4(_)) => socket.set_ttl_v4(hops),
        (Some(hops), SocketAddr::V6(_)) => socket.set_unicast_hops_v6(hops),
    };
    if let Err(error) = limited {
        return failure("set the hop limit", &error, None);
    }
    if how.connected
        && let Err(error) = socket.connect(&to.into())
    {
        return failure("connect", &error, None);
    }
    let sent = if how.connected { socket.send(&query) } else { socket.send_to(&query, &to.into()) };
    if let Err(error) = sent {
        return failure("send", &error, error_queue::offender(&socket));
    }
    let socket = match UdpSocket::from_std(socket.into()) {
        Ok(socket) => socket,
        Err(error) => return failure("register the socket", &error, None),
    };
    let mut unusable = None;
    match timeout_at(deadline, answer(&socket, to, id, question, &mut unusable)).await {
        Ok(outcome) => outcome,
        Err(_) => match unusable {
            Some(what) => Outcome::Unusable { what },
            None => Outcome::Silent { tries: 1, waited_ms: millis(how.patience) },
        },
    }
}

/// Waits for a datagram that is the answer, or for an error.
async fn answer(
    socket: &UdpSocket,
    to: SocketAddr,
    id: u16,
    question: &Question,
    unusable: &mut Option<String>,
) -> Outcome {
    let mut buffer = vec![0; LARGEST];
    loop {
        let ready = match socket.ready(Interest::READABLE | Interest::ERROR).await {
            Ok(ready) => ready,
            Err(error) => return failure("wait", &error, None),
        };
        match socket.try_recv_from(&mut buffer) {
            Ok((length, from)) => match decode(&buffer[..length], id, question) {
                Decoded::Reply(_) if !same(from, to) => return Outcome::WrongSource { from },
                Decoded::Reply(reply) => return Outcome::Reply(reply),
                Decoded::Other(what) => *unusable = Some(format!("{what} from {from}")),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if ready.is_error() {
                    match (socket.take_error(), error_queue::offender(socket)) {
                        (Ok(Some(error)) | Err(error), by) => {
                            return failure("receive", &error, by);
                        }
                        (Ok(None), Some(by)) => return Outcome::Refused { by: Some(by) },
                        (Ok(None), None) => sleep(SPURIOUS).await,
                    }
                }
            }
            Err(error) => return failure("receive", &error, error_queue::offender(socket)),
        }
    }
}

/// The scope of a link-local address is no part of who it is.
fn same(from: SocketAddr, to: SocketAddr) -> bool {
    (from.ip(), from.port()) == (to.ip(), to.port())
}

async fn tcp(to: SocketAddr, play: &Play, question: &Question, edns: bool) -> Outcome {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    match timeout_at(deadline, over_stream(to, play, question, edns)).await {
        Ok(Ok(outcome) | Err(outcome)) => outcome,
        Err(_) => Outcome::Silent { tries: 1, waited_ms: millis(PATIENCE) },
    }
}

async fn over_stream(
    to: SocketAddr,
    play: &Play,
    question: &Question,
    edns: bool,
) -> Result<Outcome, Outcome> {
    let (id, query) = encode(question, edns).map_err(|errno| Outcome::Failed {
        operation: "encode".into(),
        errno,
        by: None,
    })?;
    let opened = open(to, Transport::Tcp, play);
    let socket = opened.map_err(|error| failure("open a socket", &error, None))?;
    let stream = connect(socket, to).await?;
    let length = u16::try_from(query.len()).unwrap_or(u16::MAX).to_be_bytes();
    let failed = |operation| {
        let stream = &stream;
        move |error: io::Error| failure(operation, &error, error_queue::offender(stream))
    };
    // Both fit the empty send buffer, so they are written at once.
    stream.try_write(&[&length[..], &query].concat()).map_err(failed("send"))?;
    let mut received = Vec::new();
    loop {
        if let Some((length, message)) = received.split_first_chunk::<2>()
            && message.len() >= usize::from(u16::from_be_bytes(*length))
        {
            let message = &message[..usize::from(u16::from_be_bytes(*length))];
            return Ok(match decode(message, id, question) {
                Decoded::Reply(reply) => Outcome::Reply(reply),
                Decoded::Other(what) => Outcome::Unusable { what: what.to_owned() },
            });
        }
        stream.readable().await.map_err(failed("wait"))?;
        let mut piece = [0; 4096];
        match stream.try_read(&mut piece) {
            Ok(0) => {
                let what = "the end of the connection without an answer".to_owned();
                return Err(Outcome::Unusable { what });
            }
            Ok(length) => received.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(failed("receive")(error)),
        }
    }
}

async fn connect(socket: Socket, to: SocketAddr) -> Result<TcpStream, Outcome> {
    if let Err(error) = socket.connect(&to.into())
        && error.raw_os_error() != Some(Errno::EINPROGRESS as i32)
    {
        return Err(failure("connect", &error, error_queue::offender(&socket)));
    }
    let stream = TcpStream::from_std(socket.into())
        .map_err(|error| failure("register the socket", &error, None))?;
    // Without an answer, the caller's patience ends this.
    let waited = stream.writable().await;
    match (waited.and_then(|()| stream.take_error()), stream.peer_addr()) {
        (Ok(Some(error)) | Err(error), _) | (Ok(None), Err(error)) => {
            Err(failure("connect", &error, error_queue::offender(&stream)))
        }
        (Ok(None), Ok(_)) => Ok(stream),
    }
}

/// A socket with the hop limit of any program: these are real queries.
fn open(to: SocketAddr, transport: Transport, play: &Play) -> io::Result<Socket> {
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let create = || Socket::new(Domain::for_address(to), kind.nonblocking(), Some(protocol));
    let socket = match play {
        Play::As { uid, gid } => as_owner(*uid, *gid, create)?,
        Play::Own | Play::Marked { .. } | Play::Cannot { .. } => create()?,
    };
    if let Play::Marked { mark } = play {
        socket.set_mark(*mark)?;
    }
    error_queue::enable(&socket, to.is_ipv6())?;
    if transport == Transport::Udp {
        // An unconnected socket may be read before it has sent: it needs an address.
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        socket.bind(&SocketAddr::new(any, 0).into())?;
    }
    Ok(socket)
}

fn failure(operation: &str, error: &io::Error, by: Option<Offender>) -> Outcome {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED | Errno::ECONNRESET) => Outcome::Refused { by },
        _ => Outcome::Failed { operation: operation.to_owned(), errno: errno_name(error), by },
    }
}
