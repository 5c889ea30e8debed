//! One attempt: a connection or a datagram, and what its protocol demands of the other side.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
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
        exchange::escaped,
        redirect::{Play, Transport},
    },
    net::{client, datagram, dial::millis, ping, stream::Stream},
    pod,
};

/// How much of an answer is kept.
const KEPT: usize = 32;

/// What attempts of one look share.
pub(super) struct Tools {
    /// Absent where no target needs it; or why it cannot be had.
    #[cfg(feature = "tls")]
    pub(super) shaker: Option<Result<crate::net::tls::Client, String>>,
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
        Kind::Udp { send, answer, .. } => one_datagram(to, send, answer).await,
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
    match timeout_at(deadline, over(tools, kind, stream, to.patience, &mut step)).await {
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
    patience: Duration,
    step: &mut &'static str,
) -> Result<Answer, String> {
    *step = "the TLS handshake";
    match kind {
        Kind::Tls(place, tls) => {
            let (_, certificate) = secure(tools, stream, place, Some(tls), None, patience).await?;
            Ok(Answer::Tls(certificate.unwrap_or_default()))
        }
        Kind::Http { place, tls, path, .. } => {
            let alpn = Some("http/1.1");
            let (mut stream, seen) =
                secure(tools, stream, place, tls.as_ref(), alpn, patience).await?;
            *step = "the HTTP request";
            Ok(match http::get(&mut stream, place, path, patience).await? {
                Answer::Http { status, envoy, trouble, .. } => {
                    Answer::Http { status, envoy, trouble, tls: seen }
                }
                other => other,
            })
        }
        Kind::Grpc { place, tls, service } => {
            let (stream, seen) =
                secure(tools, stream, place, tls.as_ref(), Some("h2"), patience).await?;
            *step = "the gRPC call";
            Ok(match grpc::check(stream, place, tls.as_ref(), service).await? {
                Answer::Grpc { serving, status, envoy, trouble, .. } => {
                    Answer::Grpc { serving, status, envoy, trouble, tls: seen }
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
    protocol: Option<&str>,
    patience: Duration,
) -> Result<(Stream, Option<Certificate>), String> {
    let (Some(tls), Some(shaker)) = (tls, &tools.shaker) else {
        return Ok((Stream::Plain(stream), None));
    };
    let shaker = shaker.as_ref().map_err(String::clone)?;
    let (stream, certificate) =
        super::tls::shake(shaker, stream, place, tls, protocol, patience).await?;
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
    _: Option<&str>,
    _: Duration,
) -> Result<(Stream, Option<Certificate>), String> {
    match tls {
        Some(_) => Err("cannot begin: built without TLS".to_owned()),
        None => Ok((Stream::Plain(stream), None)),
    }
}

async fn one_datagram(to: To<'_>, send: &[u8], wanted: &[u8]) -> Outcome {
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
    let socket = match datagram::send(socket, send, None) {
        Ok(socket) => socket,
        Err(failure) => return Outcome::Not(failure),
    };
    let mut other = None;
    let deadline = Instant::now() + to.patience;
    let mut buffer = [0; 2048];
    loop {
        match timeout_at(deadline, datagram::receive(&socket, &mut buffer)).await {
            Ok(Ok((length, _))) if wanted(&buffer[..length]) => {
                return Outcome::Answered(Answer::Datagram(buffer[..length.min(KEPT)].to_vec()));
            }
            Ok(Ok((length, _))) => other = Some(buffer[..length.min(KEPT)].to_vec()),
            Ok(Err(failure)) => return Outcome::Not(failure),
            Err(_) => break,
        }
    }
    match other {
        Some(bytes) => Outcome::Broken {
            step: "the datagram".to_owned(),
            what: format!("brings another answer: \"{}\"", escaped(&bytes)),
        },
        None => Outcome::Not(Failure::Silent { waited_ms: millis(to.patience) }),
    }
}
