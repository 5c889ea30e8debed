//! One attempt: a connection or a datagram, and what its protocol demands of the other side.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::Interest,
    net::{TcpStream, UdpSocket},
    time::{Instant, sleep, timeout_at},
};

use super::{
    grpc, http,
    outcome::{Answer, Certificate, Outcome},
    target::{Kind, Place, Tls},
};
use crate::{
    layer::{
        attempt::Failure,
        dns::{self, Question},
        redirect::{Play, Transport},
    },
    net::{client, dial::millis, error_queue, ping, stream::Stream},
    pod,
};

/// A socket in error that tells none: looked at again after this.
const SPURIOUS: Duration = Duration::from_millis(5);
/// How much of an answer is kept.
const KEPT: usize = 32;

/// What attempts of one look share.
pub(super) struct Tools {
    /// Absent where no target needs it; or why it cannot be had.
    #[cfg(feature = "tls")]
    pub(super) handshaker: Option<Result<super::tls::Handshaker, String>>,
}

/// Who sends it where, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct To<'a> {
    pub(super) address: SocketAddr,
    pub(super) play: &'a Play,
    pub(super) patience: Duration,
}

/// Tries once. DNS has patience of its own.
pub(super) async fn once(
    tools: &Tools,
    kind: &Kind,
    question: Option<&(Vec<Question>, pod::Transport)>,
    to: To<'_>,
) -> Outcome {
    match kind {
        Kind::Tcp(_) => match client::connect(to.address, to.play, to.patience).await {
            Ok(_) => Outcome::Answered(Answer::Connected),
            Err(failure) => Outcome::Not(failure),
        },
        // Boxed: thousands of plain connections need not have room for these.
        Kind::Tls(..) | Kind::Http { .. } | Kind::Grpc { .. } => {
            Box::pin(conversation(tools, kind, to)).await
        }
        Kind::Udp { send, answer, .. } => datagram(to, send, answer).await,
        Kind::Icmp(_) => echo(to).await,
        Kind::Dns { .. } => Box::pin(asked(question, to)).await,
    }
}

/// Walks the names until one has what is asked for.
async fn asked(question: Option<&(Vec<Question>, pod::Transport)>, to: To<'_>) -> Outcome {
    let mut last = dns::Outcome::Silent { tries: 0, waited_ms: 0 };
    let Some((questions, transport)) = question else { return Outcome::Dns(last) };
    for question in questions {
        last =
            dns::ask(to.address, *transport, to.play, question, false, to.patience).await.outcome;
        match &last {
            dns::Outcome::Reply(reply) if !dns::has(reply, question) => {}
            _ => break,
        }
    }
    Outcome::Dns(last)
}

/// A connection and what is said over it, all within the patience.
async fn conversation(tools: &Tools, kind: &Kind, to: To<'_>) -> Outcome {
    let deadline = Instant::now() + to.patience;
    let stream = match client::connect(to.address, to.play, to.patience).await {
        Ok(stream) => stream,
        Err(failure) => return Outcome::Not(failure),
    };
    let mut step = "";
    match timeout_at(deadline, over(tools, kind, stream, &mut step)).await {
        Ok(Ok(answer)) => Outcome::Answered(answer),
        Ok(Err(what)) => Outcome::Broken { step: step.to_owned(), what },
        Err(_) => {
            let what = format!("gets no answer in {} ms", millis(to.patience));
            Outcome::Broken { step: step.to_owned(), what }
        }
    }
}

async fn over(
    tools: &Tools,
    kind: &Kind,
    stream: TcpStream,
    step: &mut &'static str,
) -> Result<Answer, String> {
    *step = "the TLS handshake";
    match kind {
        Kind::Tls(place, tls) => {
            let (_, certificate) = secure(tools, stream, place, Some(tls), None).await?;
            Ok(Answer::Tls(certificate.unwrap_or_default()))
        }
        Kind::Http { place, tls, path, .. } => {
            let alpn = Some(&b"http/1.1"[..]);
            let (mut stream, seen) = secure(tools, stream, place, tls.as_ref(), alpn).await?;
            *step = "the HTTP request";
            Ok(match http::get(&mut stream, place, path).await? {
                Answer::Http { status, envoy, .. } => Answer::Http { status, envoy, tls: seen },
                other => other,
            })
        }
        Kind::Grpc { place, tls, service } => {
            let alpn = Some(&b"h2"[..]);
            let (stream, seen) = secure(tools, stream, place, tls.as_ref(), alpn).await?;
            *step = "the gRPC call";
            Ok(match grpc::check(stream, place, tls.as_ref(), service).await? {
                Answer::Grpc { serving, status, envoy, .. } => {
                    Answer::Grpc { serving, status, envoy, tls: seen }
                }
                other => other,
            })
        }
        _ => Ok(Answer::Connected),
    }
}

/// The connection inside TLS, where the target has it.
#[cfg(feature = "tls")]
async fn secure(
    tools: &Tools,
    stream: TcpStream,
    place: &Place,
    tls: Option<&Tls>,
    protocol: Option<&[u8]>,
) -> Result<(Stream, Option<Certificate>), String> {
    let (Some(tls), Some(handshaker)) = (tls, &tools.handshaker) else {
        return Ok((Stream::Plain(stream), None));
    };
    let handshaker = handshaker.as_ref().map_err(|why| format!("cannot begin: {why}"))?;
    let (stream, certificate) = handshaker.shake(stream, &place.host, tls, protocol).await?;
    Ok((Stream::Tls(Box::new(stream)), Some(certificate)))
}

/// The grammar has refused what needs TLS.
#[cfg(not(feature = "tls"))]
#[expect(clippy::unused_async, reason = "as its sibling with TLS")]
async fn secure(
    _: &Tools,
    stream: TcpStream,
    _: &Place,
    tls: Option<&Tls>,
    _: Option<&[u8]>,
) -> Result<(Stream, Option<Certificate>), String> {
    match tls {
        Some(_) => Err("cannot begin: built without TLS".to_owned()),
        None => Ok((Stream::Plain(stream), None)),
    }
}

async fn datagram(to: To<'_>, send: &[u8], wanted: &[u8]) -> Outcome {
    if let Play::Cannot { reason } = to.play {
        return Outcome::Not(Failure::Masked { reason: reason.clone() });
    }
    let opened = client::open(to.address, Transport::Udp, to.play, None);
    let socket = match opened.and_then(|socket| {
        socket.connect(&to.address.into())?;
        Ok(socket)
    }) {
        Ok(socket) => socket,
        Err(error) => return Outcome::Not(Failure::of("connect", &error, None)),
    };
    exchange(to, socket, send, |answer| answer.starts_with(wanted)).await
}

async fn echo(to: To<'_>) -> Outcome {
    let ip = to.address.ip();
    let socket = match ping::open(ip) {
        Ok(socket) => socket,
        Err(error) => return Outcome::Not(Failure::of("open a ping socket", &error, None)),
    };
    if let Err(error) = socket.connect(&to.address.into()) {
        return Outcome::Not(Failure::of("connect", &error, None));
    }
    let is_reply = |answer: &[u8]| ping::is_reply(ip, answer);
    match exchange(to, socket, &ping::request(ip), is_reply).await {
        Outcome::Answered(_) => Outcome::Answered(Answer::Echo),
        other => other,
    }
}

/// Sends one datagram over a connected socket, and waits for what is wanted.
async fn exchange(
    to: To<'_>,
    socket: socket2::Socket,
    send: &[u8],
    wanted: impl Fn(&[u8]) -> bool,
) -> Outcome {
    let failed = |operation, error: &io::Error, by| Outcome::Not(Failure::of(operation, error, by));
    if let Err(error) = socket.send(send) {
        return failed("send", &error, error_queue::offender(&socket));
    }
    let socket = match UdpSocket::from_std(socket.into()) {
        Ok(socket) => socket,
        Err(error) => return failed("register the socket", &error, None),
    };
    let mut other = None;
    let deadline = Instant::now() + to.patience;
    let received = timeout_at(deadline, async {
        let mut buffer = [0; 2048];
        loop {
            let ready = match socket.ready(Interest::READABLE | Interest::ERROR).await {
                Ok(ready) => ready,
                Err(error) => return failed("wait", &error, None),
            };
            match socket.try_recv(&mut buffer) {
                Ok(length) => {
                    let kept = buffer[..length.min(KEPT)].to_vec();
                    if wanted(&buffer[..length]) {
                        return Outcome::Answered(Answer::Datagram(kept));
                    }
                    other = Some(kept);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if ready.is_error() {
                        match (socket.take_error(), error_queue::offender(&socket)) {
                            (Ok(Some(error)) | Err(error), by) => {
                                return failed("receive", &error, by);
                            }
                            (Ok(None), Some(by)) => {
                                return Outcome::Not(Failure::Refused { by: Some(by) });
                            }
                            (Ok(None), None) => sleep(SPURIOUS).await,
                        }
                    }
                }
                Err(error) => return failed("receive", &error, error_queue::offender(&socket)),
            }
        }
    });
    match (received.await, other) {
        (Ok(outcome), _) => outcome,
        (Err(_), Some(bytes)) => Outcome::Broken {
            step: "the datagram".to_owned(),
            what: format!("brings another answer: {}", http::shown(&bytes)),
        },
        (Err(_), None) => Outcome::Not(Failure::Silent { waited_ms: millis(to.patience) }),
    }
}
