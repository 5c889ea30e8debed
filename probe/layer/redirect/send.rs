//! The sending side: one probe under one identity, and what became of it.

use std::{io, time::Duration};

use socket2::Socket;
use tokio::{net::UdpSocket, time::timeout};

use super::{
    flow::{Flow, Proof, Transport},
    live::DNS_QUERY,
    outcome::Outcome,
    serve::{Arrival, Arrivals, TOKEN},
    vantage::Play,
};
use crate::net::{
    dial::{self, failure, millis},
    error_queue, half_open,
    owner::as_owner,
};

/// How long our own listener may take to read a token: generous, for a throttled container.
pub(super) const ARRIVAL_PATIENCE: Duration = Duration::from_secs(1);

/// An answer is sent before the sender learns of the arrival: on loopback it is there at once.
const ANSWER_PATIENCE: Duration = Duration::from_millis(10);

/// What is done first.
const OPENING: &str = "open a socket";

/// What became of a flow, and the source port it had.
pub(super) struct Sent {
    pub(super) outcome: Outcome,
    pub(super) source_port: Option<u16>,
}

impl Sent {
    /// Whether there was no socket to send it from.
    pub(super) fn has_no_socket(&self) -> bool {
        matches!(&self.outcome, Outcome::Failed { operation, .. } if operation == OPENING)
    }

    /// An outcome of a flow that got no socket.
    pub(super) fn without_port(outcome: Outcome) -> Sent {
        Sent { outcome, source_port: None }
    }
}

/// Sends one flow, from `source_port` if that is given.
pub(super) async fn send(
    index: usize,
    flow: &Flow,
    play: &Play,
    source_port: Option<u16>,
    attended: bool,
    arrivals: &Arrivals,
) -> Sent {
    let own_port = arrivals.live() && flow.transport == Transport::Tcp;
    let socket = match open(flow, play, (source_port, own_port), arrivals.mark) {
        Ok(socket) => socket,
        Err(error) => return Sent::without_port(failure(OPENING, &error, None)),
    };
    match flow.transport {
        Transport::Tcp => Sent::without_port(tcp(index, flow, socket, attended, arrivals).await),
        Transport::Udp => match udp(index, flow, socket, arrivals).await {
            Ok(sent) => sent,
            Err(error) => Sent::without_port(failure("connect", &error, None)),
        },
    }
}

fn open(
    flow: &Flow,
    play: &Play,
    (source_port, own_port): (Option<u16>, bool),
    mark: Option<u32>,
) -> io::Result<Socket> {
    let create = || dial::socket(flow.destination, flow.transport);
    let socket = match play {
        Play::As { uid, gid } => as_owner(*uid, *gid, create)?,
        Play::Marked { .. } | Play::Own | Play::Cannot { .. } => create()?,
    };
    let keeps_source = flow.proof == Proof::Return;
    if keeps_source {
        // One flag for both families, as for listeners.
        socket.set_ip_transparent_v4(true)?;
    }
    match (play, mark) {
        (Play::Marked { mark }, _) => socket.set_mark(*mark)?,
        (_, Some(mark)) if keeps_source => socket.set_mark(mark)?,
        _ => {}
    }
    // Redirected to one port, connections from one source port would collide, and conntrack would
    // give one of them another: a port of its own keeps each recognisable.
    let source_port = source_port.or(own_port.then_some(0));
    match (flow.source, source_port) {
        (Some(source), port) => dial::bind(&socket, source, port.unwrap_or(0))?,
        (None, Some(port)) => dial::bind(&socket, flow.family.unspecified(), port)?,
        (None, None) => {}
    }
    Ok(socket)
}

async fn tcp(
    index: usize,
    flow: &Flow,
    socket: Socket,
    attended: bool,
    arrivals: &Arrivals,
) -> Outcome {
    // A running proxy that accepted it would dial the destination at once, byte or no byte.
    if arrivals.live() {
        half_open::keep(&socket);
    }
    let connected = match dial::connect(socket, flow.destination, arrivals.patience).await {
        Ok(connected) => connected,
        Err(outcome) => return outcome,
    };
    if let Some(witness) = &arrivals.witness
        && let Some(outcome) = witness.told(&connected, flow, attended).await
    {
        half_open::abandon(connected);
        return outcome;
    }
    // The token fits an empty send buffer, so it is written at once.
    if let Err(error) = connected.try_write(&arrivals.token(index)) {
        return failure("send", &error, None);
    }
    arrival(index, arrivals, ARRIVAL_PATIENCE).await.unwrap_or_else(|| arrivals.unknown())
}

/// Waits until one of our listeners has the flow's token.
pub(super) async fn arrival(
    index: usize,
    arrivals: &Arrivals,
    patience: Duration,
) -> Option<Outcome> {
    timeout(patience, arrivals.wait(index)).await.ok().map(Arrival::outcome)
}

async fn udp(index: usize, flow: &Flow, socket: Socket, arrivals: &Arrivals) -> io::Result<Sent> {
    socket.connect(&flow.destination.into())?;
    let source_port = socket.local_addr()?.as_socket().map(|local| local.port());
    let token = arrivals.token(index);
    let question = arrivals.live() && flow.destination.port() == 53;
    let payload = if question { &DNS_QUERY[..] } else { &token };
    if let Err(error) = socket.send(payload) {
        let outcome = failure("send", &error, error_queue::offender(&socket));
        return Ok(Sent { outcome, source_port });
    }
    let socket = UdpSocket::from_std(socket.into())?;
    let mut answer = [0; TOKEN];
    let outcome = tokio::select! {
        biased;
        Some(outcome) = arrival(index, arrivals, arrivals.patience) => outcome,
        received = socket.recv(&mut answer) => match received {
            Err(error) => failure("send", &error, error_queue::offender(&socket)),
            Ok(_) => Outcome::AcceptedElsewhere,
        },
        () = tokio::time::sleep(arrivals.patience) => Outcome::Silent { waited_ms: millis(arrivals.patience) },
    };
    let outcome = with_answer(outcome, &socket, arrivals).await;
    Ok(Sent { outcome, source_port })
}

/// For a query that reached the DNS dummy: whether the answer found its way back.
async fn with_answer(outcome: Outcome, socket: &UdpSocket, arrivals: &Arrivals) -> Outcome {
    match outcome {
        Outcome::Arrived { at, listener, original, at_destination: false, .. }
            if arrivals.answers =>
        {
            let received = timeout(ANSWER_PATIENCE, socket.recv(&mut [0; TOKEN])).await;
            let answered = Some(matches!(received, Ok(Ok(_))));
            Outcome::Arrived { at, listener, original, at_destination: false, answered }
        }
        other => other,
    }
}
