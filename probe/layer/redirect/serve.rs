//! The accepting side: reads each probe's token and its original destination.

use std::{
    cell::{OnceCell, RefCell},
    io,
    net::SocketAddr,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use socket2::Socket;
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Notify,
    time::{sleep, timeout},
};

use super::{flow::Transport, outcome::Outcome, witness::Witness};
use crate::net::{errno_name, listen::original_destination};

/// A token: the run's number and the flow's index.
pub(super) const TOKEN: usize = 16;
/// Strangers that send nothing are dropped after this.
const READ_PATIENCE: Duration = Duration::from_secs(1);
/// Accepted connections that may wait for their token at once, on each listener.
const WAITING: usize = 64;
/// Pause after accept(2) failed, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

/// A listener, and whether it stands at a flow's destination or at a capture port.
pub(super) struct Listening {
    socket: Listener,
    at_destination: bool,
    port: u16,
}

enum Listener {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Listening {
    /// Registers a non-blocking socket with the runtime.
    pub(super) fn new(
        socket: Socket,
        transport: Transport,
        at_destination: bool,
    ) -> io::Result<Listening> {
        let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        let socket = match transport {
            Transport::Tcp => Listener::Tcp(TcpListener::from_std(socket.into())?),
            Transport::Udp => Listener::Udp(UdpSocket::from_std(socket.into())?),
        };
        Ok(Listening { socket, at_destination, port })
    }

    fn arrival(&self, at: SocketAddr, original: Option<SocketAddr>) -> Arrival {
        Arrival { at, listener: self.port, original, at_destination: self.at_destination }
    }
}

/// A probe that reached one of our listeners.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// The accepted socket's own address.
    pub(super) at: SocketAddr,
    /// The port of the listener that accepted: not that of `at` if TPROXY handed it over.
    pub(super) listener: u16,
    /// The original destination, where the kernel told it.
    pub(super) original: Option<SocketAddr>,
    /// The listener stood at the flow's destination.
    pub(super) at_destination: bool,
}

impl Arrival {
    /// As an outcome.
    pub(super) fn outcome(self) -> Outcome {
        let Arrival { at, listener, original, at_destination } = self;
        Outcome::Arrived { at, listener, original, at_destination, answered: None }
    }
}

/// Where the listeners leave word for the senders.
pub(super) struct Arrivals {
    nonce: u64,
    slots: Vec<(RefCell<Option<Arrival>>, Notify)>,
    /// Whether UDP probes are answered.
    pub(super) answers: bool,
    /// Who tells what a running proxy took; absent where our own listeners tell.
    pub(super) witness: Option<Witness>,
    /// The mark of what the proxy sends with the client's address, unless it has one anyhow.
    pub(super) mark: Option<u32>,
    /// How long a packet may stay unanswered. Capture is known within microseconds; where the
    /// first hop sends ICMP, so is escape.
    pub(super) patience: Duration,
    /// The call that failed for a connection which came here, and its errno's name: who accepted what is not known
    /// then.
    starved: OnceCell<(&'static str, String)>,
}

impl Arrivals {
    pub(super) fn new(nonce: u64, flows: usize, patience: Duration) -> Arrivals {
        let slots = (0..flows).map(|_| (RefCell::new(None), Notify::new())).collect();
        Arrivals {
            nonce,
            slots,
            answers: false,
            witness: None,
            mark: None,
            patience,
            starved: OnceCell::new(),
        }
    }

    /// Whether a proxy runs: what we do not listen for may be its.
    pub(super) fn live(&self) -> bool {
        self.witness.is_some()
    }

    /// What became of a connection that came about, and of which nobody here knows.
    pub(super) fn unknown(&self) -> Outcome {
        match self.starved.get() {
            Some((operation, errno)) => {
                Outcome::Failed { operation: (*operation).into(), errno: errno.clone(), by: None }
            }
            None => Outcome::AcceptedElsewhere,
        }
    }

    /// The token of a flow.
    pub(super) fn token(&self, index: usize) -> [u8; TOKEN] {
        let mut token = [0; TOKEN];
        token[..8].copy_from_slice(&self.nonce.to_be_bytes());
        token[8..].copy_from_slice(&(index as u64).to_be_bytes());
        token
    }

    /// Waits until the flow has arrived.
    pub(super) async fn wait(&self, index: usize) -> Arrival {
        loop {
            if let Some(arrival) = *self.slots[index].0.borrow() {
                return arrival;
            }
            self.slots[index].1.notified().await;
        }
    }

    fn starve(&self, operation: &'static str, error: &io::Error) {
        self.starved.get_or_init(|| (operation, errno_name(error)));
    }

    fn leave(&self, token: &[u8], arrival: Arrival) -> bool {
        let flow = self.slots.iter().enumerate().find(|(i, _)| self.token(*i) == token);
        let Some((_, (slot, notify))) = flow else { return false };
        *slot.borrow_mut() = Some(arrival);
        notify.notify_one();
        true
    }
}

/// Serves one listener for ever.
pub(super) async fn serve(listener: &Listening, arrivals: &Arrivals) {
    match &listener.socket {
        Listener::Tcp(socket) => serve_tcp(socket, listener, arrivals).await,
        Listener::Udp(socket) => serve_udp(socket, listener, arrivals).await,
    }
}

async fn serve_tcp(socket: &TcpListener, listener: &Listening, arrivals: &Arrivals) {
    let mut reading = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(()) = reading.next(), if !reading.is_empty() => {}
            accepted = socket.accept(),
                if reading.len() < WAITING => match accepted {
                    Ok((socket, _)) => reading.push(read_token(socket, listener, arrivals)),
                    Err(error) => {
                        // Who closes before it is accepted lacks nothing.
                        if error.kind() != io::ErrorKind::ConnectionAborted {
                            arrivals.starve("accept", &error);
                        }
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
        }
    }
}

/// Reads the token of an accepted connection; a stranger's is dropped.
async fn read_token(stream: TcpStream, listener: &Listening, arrivals: &Arrivals) {
    // A reset at the end. Who closes in the usual way keeps the port for a minute (TIME_WAIT), and a program
    // that starts after us and does not ask for SO_REUSEADDR could not have it.
    let _ = stream.set_zero_linger();
    let Ok(at) = stream.local_addr() else { return };
    let original = match original_destination(&stream) {
        Ok(original) => original,
        Err(error) => return arrivals.starve("ask for the original destination", &error),
    };
    let mut token = [0; TOKEN];
    match timeout(READ_PATIENCE, fill(&stream, &mut token)).await {
        Ok(Ok(())) => {
            arrivals.leave(&token, listener.arrival(at, original));
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            arrivals.starve("read", &error);
        }
        _ => {}
    }
}

/// Fills the buffer; the stream may end before that (`UnexpectedEof`).
async fn fill(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        stream.readable().await?;
        match stream.try_read(&mut buffer[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn serve_udp(socket: &UdpSocket, listener: &Listening, arrivals: &Arrivals) {
    let Ok(at) = socket.local_addr() else { return std::future::pending().await };
    loop {
        let mut token = [0; TOKEN + 1];
        match socket.recv_from(&mut token).await {
            Ok((TOKEN, from)) => {
                let arrival = listener.arrival(at, None);
                if arrivals.leave(&token[..TOKEN], arrival) && arrivals.answers {
                    // Best effort: an answer that is lost is what the sender then reports.
                    let _ = socket.try_send_to(&token[..TOKEN], from);
                }
            }
            Ok(_) => {}
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}
