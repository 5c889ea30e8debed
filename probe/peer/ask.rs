//! Asking a peer, from inside the pod.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use socket2::Socket;
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout_at},
};

use super::protocol::{Answer, MOST_OCTETS, Request, VERSION};
use crate::{
    layer::{
        attempt::Failure,
        redirect::{Offender, PeerSeen, Play, Transport},
    },
    net::{client, dial::millis, error_queue, http},
};

/// How often a datagram is sent again that was not answered.
const TRIES: u32 = 3;
/// How long a peer may take that dials nobody.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long it may take to dial: its own patience, and the way.
const DIALLING: Duration = Duration::from_millis(1500);

/// A peer that answers.
pub struct Asking {
    peer: SocketAddr,
    own: IpAddr,
    way: Way,
    token: Option<String>,
}

/// How it is asked: a mesh that captures TCP leaves datagrams alone.
enum Way {
    Datagrams { socket: UdpSocket, cookie: String },
    Connections { play: Play },
}

impl Asking {
    /// Says hello to the peer from this own address: over UDP, and if that is not answered over TCP;
    /// `plays` are for the one and for the other.
    pub async fn open(
        peer: SocketAddr,
        own: IpAddr,
        [udp, tcp]: &[Play; 2],
        token: Option<String>,
    ) -> (Option<Asking>, PeerSeen) {
        let mut seen = PeerSeen { peer, own, over: Transport::Udp, you: None, problem: None };
        let problem = match by_datagrams(peer, own, udp).await {
            Ok(way) => return (Some(Asking { peer, own, way, token }), seen),
            Err(problem) => problem,
        };
        if matches!(tcp, Play::Cannot { .. }) {
            seen.problem = Some(problem);
            return (None, seen);
        }
        let asking = Asking { peer, own, way: Way::Connections { play: tcp.clone() }, token };
        let hello = Request { version: VERSION, ..Request::default() };
        match asking.ask(&hello).await {
            Ok(answer) => {
                seen.over = Transport::Tcp;
                seen.you = answer.you.parse().ok();
                (Some(asking), seen)
            }
            Err(over_tcp) => {
                seen.problem = Some(format!("{problem} over UDP, and over TCP {over_tcp}"));
                (None, seen)
            }
        }
    }

    /// Asks in earnest.
    ///
    /// # Errors
    /// Why there is no answer: the end of a sentence that begins with the peer.
    pub async fn ask(&self, request: &Request) -> Result<Answer, String> {
        let request = Request { token: self.token.clone(), ..request.clone() };
        let answer = match &self.way {
            Way::Datagrams { socket, cookie } => {
                let request = Request { cookie: Some(cookie.clone()), ..request };
                exchange(socket, &request, DIALLING, |answer| answers(answer, &request)).await?
            }
            Way::Connections { play } => self.by_connection(play, &request).await?,
        };
        match answer.refused {
            Some(reason) => Err(format!("refuses: {reason}")),
            None => Ok(answer),
        }
    }

    async fn by_connection(&self, play: &Play, request: &Request) -> Result<Answer, String> {
        let socket =
            bound(self.peer, self.own, Transport::Tcp, play).map_err(|error| unopened(&error))?;
        let connected = client::connect_socket(socket, self.peer, PATIENCE * TRIES).await;
        let mut stream = connected.map_err(|failure| failure.told())?;
        let request = http::Request {
            method: "POST",
            path: "/v1/dial",
            host: &self.peer.to_string(),
            headers: &[("Content-Type", "application/json")],
            body: &serde_json::to_vec(request).unwrap_or_default(),
            most_body: MOST_OCTETS,
            most_error: 0,
        };
        let answer = http::ask(&mut stream, &request, DIALLING).await;
        let answer = answer.map_err(|failure| failure.told())?;
        Answer::parse(&answer.body).map_err(|problem| format!("answers what is {problem}"))
    }
}

/// First for a cookie: without one the answer would be larger than the question.
async fn by_datagrams(peer: SocketAddr, own: IpAddr, play: &Play) -> Result<Way, String> {
    let socket = bound(peer, own, Transport::Udp, play).and_then(|socket| {
        socket.connect(&peer.into())?;
        UdpSocket::from_std(socket.into())
    });
    let socket = socket.map_err(|error| unopened(&error))?;
    let padding = " ".repeat(64);
    let hello = Request { version: VERSION, padding, ..Request::default() };
    let cookie =
        exchange(&socket, &hello, PATIENCE, |answer| answer.cookie.is_some()).await?.cookie;
    let cookie = cookie.ok_or_else(|| "answers without a cookie".to_owned())?;
    Ok(Way::Datagrams { socket, cookie })
}

/// A socket whose packets come from this own address: the peer dials whom it hears.
fn bound(peer: SocketAddr, own: IpAddr, over: Transport, play: &Play) -> io::Result<Socket> {
    let socket = client::open(peer, over, play, None)?;
    socket.bind(&SocketAddr::new(own, 0).into())?;
    Ok(socket)
}

fn unopened(error: &io::Error) -> String {
    Failure::of("open a socket", error, None).told()
}

/// Whether this is the answer to that request, and not a late one to an earlier.
fn answers(answer: &Answer, request: &Request) -> bool {
    let ports = answer.dialled.iter().map(|dialled| dialled.port);
    answer.cookie.is_none()
        && (answer.refused.is_some() || ports.eq(request.dial.iter().map(|dial| dial.port)))
}

/// Sends until an answer comes that belongs to it.
async fn exchange(
    socket: &UdpSocket,
    request: &Request,
    patience: Duration,
    belongs: impl Fn(&Answer) -> bool,
) -> Result<Answer, String> {
    let octets = serde_json::to_vec(request).unwrap_or_default();
    let mut buffer = vec![0; MOST_OCTETS];
    for _ in 0..TRIES {
        socket.send(&octets).await.map_err(|error| refused("send", &error, socket))?;
        let until = Instant::now() + patience;
        while let Ok(received) = timeout_at(until, socket.recv(&mut buffer)).await {
            let length = received.map_err(|error| refused("receive", &error, socket))?;
            match Answer::parse(&buffer[..length]) {
                Ok(answer) if belongs(&answer) => return Ok(answer),
                Ok(_) => {}
                Err(problem) => return Err(format!("answers what is {problem}")),
            }
        }
    }
    Err(Failure::Silent { waited_ms: millis(patience * TRIES) }.told())
}

fn refused(operation: &str, error: &io::Error, socket: &UdpSocket) -> String {
    let by: Option<Offender> = error_queue::offender(socket);
    Failure::of(operation, error, by).told()
}
