//! A connection that somebody outside makes in earnest: the kubelet's own probe, at a port that is
//! otherwise unused.

mod judge;
mod observe;

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::promise::is_local;
use crate::capture::Capture;

pub use judge::judge_awaited;
pub use observe::{leave_alone, wait_for};

/// Ports of Istio's agent, to which the injector rewrites probes (istio `pkg/kube/inject/app_probe.go`).
const AGENT_PORTS: [u16; 2] = [15020, 15021];
/// The agent's path for a rewritten probe.
const AGENT_PATH: &str = "/app-health/";

/// What came while the probe was waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Awaited {
    /// The port that the probe names.
    pub port: u16,
    /// A proxy runs, and passes on what it takes.
    pub live: bool,
    /// How long it was waited.
    pub waited_ms: u64,
    /// Listeners that could not be opened: the port and the errno's name.
    pub closed: Vec<(u16, String)>,
    /// The last connections, in their order.
    pub visits: Vec<Visit>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Visit {
    /// Who connected.
    pub from: SocketAddr,
    /// The accepted socket's own address.
    pub at: SocketAddr,
    /// The port of the listener that accepted.
    pub listener: u16,
    /// The original destination, where the kernel told it.
    pub original: Option<SocketAddr>,
    /// The first line that was sent, if it is text.
    pub request: Option<String>,
    /// Connections from outside that a running proxy or agent held at that moment: where, and from
    /// whom.
    pub behind: Vec<(SocketAddr, SocketAddr)>,
}

/// What a connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// It was captured as promised: who connected, and where it was taken.
    Arrived(SocketAddr, SocketAddr),
    /// It was captured at this other port.
    WrongPort(u16),
    /// It came to the port itself.
    Escaped,
    /// The mesh's agent was asked in its place.
    Rewritten,
    /// The mesh lets the node's own probes pass.
    Exempt,
    /// It concerns another port, or comes from inside.
    Nothing,
}

impl Awaited {
    /// What a connection says about the promise.
    pub(super) fn says(&self, capture: &Capture, pod: &[IpAddr], visit: &Visit) -> Says {
        let inside = is_local(visit.from.ip(), pod);
        let meant = visit.original.unwrap_or(visit.at);
        if inside {
            return if self.live { self.passed_on(capture, visit) } else { Says::Nothing };
        }
        if AGENT_PORTS.contains(&meant.port()) || visit.asks_the_agent() {
            return Says::Rewritten;
        }
        if meant.port() != self.port {
            return Says::Nothing;
        }
        let exempt = capture.probe_sources.contains(&visit.from.ip());
        match visit.listener {
            port if port == capture.inbound_port => Says::Arrived(visit.from, visit.at),
            port if port == self.port && exempt => Says::Exempt,
            port if port == self.port => Says::Escaped,
            port => Says::WrongPort(port),
        }
    }

    /// What came from a running proxy, or from its agent: whoever holds a connection from outside.
    fn passed_on(&self, capture: &Capture, visit: &Visit) -> Says {
        let at = |port: u16| visit.behind.iter().find(|(at, _)| at.port() == port);
        if visit.listener != self.port {
            return Says::Nothing;
        }
        match (at(capture.inbound_port), AGENT_PORTS.iter().find_map(|port| at(*port))) {
            (None, Some(_)) => Says::Rewritten,
            (Some((at, from)), None) => Says::Arrived(*from, *at),
            // A scrape of the agent may be open beside it.
            (Some(_), Some(_)) | (None, None) => Says::Nothing,
        }
    }
}

impl Visit {
    fn asks_the_agent(&self) -> bool {
        self.request.as_deref().is_some_and(|line| line.contains(AGENT_PATH))
    }
}
