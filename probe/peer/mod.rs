//! The far side: dials back to whoever asks, and to nobody else.
//!
//! What a pod cannot see from inside, somebody outside can: whether a connection that arrives is
//! redirected, from which address the pod's packets come, and how large they may be. A peer
//! answers one small JSON document with another, over HTTP and, for pods whose TCP the mesh
//! captures, over UDP (`protocol`). It is meant to be left running, so it must be useless to
//! anybody else: it dials the address that asked and no other, ports of an allow-list only, within
//! a rate for each source, and its answers to an unproven source are no larger than the question.

pub mod ask;
mod dial;
pub(crate) mod http;
pub(crate) mod limit;
pub mod protocol;
mod udp;

use std::{io, net::SocketAddr, ops::RangeInclusive, path::Path, sync::Arc, time::Duration};

use socket2::{Protocol, Type};

use crate::net::{errno_name, listen, signal::Ends};
use limit::Limits;

/// What a peer was told to do.
#[derive(Clone, Debug)]
pub struct PeerPlan {
    /// Where it listens, over TCP and UDP.
    pub listen: Vec<SocketAddr>,
    /// The secret that a request must have, where there is one.
    pub token: Option<String>,
    /// The ports that it dials.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Requests a second from one source, after a burst of four times as many.
    pub rate: u32,
    /// How long one dial may take.
    pub timeout: Duration,
}

/// A running peer.
pub(crate) struct Peer {
    plan: PeerPlan,
    limits: Limits,
}

impl Peer {
    /// A peer that nobody has asked yet.
    pub(crate) fn new(plan: PeerPlan) -> Peer {
        let limits = Limits::new(plan.rate);
        Peer { plan, limits }
    }
}

/// The secret that the two sides share, from a file.
///
/// # Errors
/// One sentence: it cannot be read, or is empty, which would let everybody in.
pub fn secret(file: &Path) -> Result<String, String> {
    let told = |problem: &str| format!("read the token from {}: {problem}", file.display());
    let text = crate::pod::file::text(file).map_err(|error| told(&error.to_string()))?;
    match text.trim() {
        "" => Err(told("it is empty")),
        token => Ok(token.to_owned()),
    }
}

/// Serves until SIGTERM or SIGINT; gives the signal's number.
///
/// # Errors
/// One sentence: an address that cannot be listened on.
pub async fn serve(plan: PeerPlan) -> Result<i32, String> {
    let mut ends = Ends::install()?;
    let listen = plan.listen.clone();
    let peer = Arc::new(Peer::new(plan));
    for at in listen {
        let failed = |what: &'static str| {
            move |error: io::Error| format!("listen on {at} over {what}: {}", errno_name(&error))
        };
        let tcp = match listen::service(at, Type::STREAM, Protocol::TCP) {
            // `:PORT` asks for all there are, and a machine may be without IPv6.
            Err(error) if at.ip().is_unspecified() && listen::has_no_family(&error) => continue,
            bound => bound.map_err(failed("TCP"))?,
        };
        let tcp = tokio::net::TcpListener::from_std(tcp.into()).map_err(failed("TCP"))?;
        let udp = listen::service(at, Type::DGRAM, Protocol::UDP).map_err(failed("UDP"))?;
        let udp = tokio::net::UdpSocket::from_std(udp.into()).map_err(failed("UDP"))?;
        tracing::info!("listening on {at} over TCP and UDP");
        tokio::spawn(http::serve(peer.clone(), tcp));
        tokio::spawn(udp::serve(peer.clone(), udp));
    }
    Ok(ends.next().await)
}
