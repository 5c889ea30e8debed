//! What became of the connections to the API server: plain data, errors included as facts.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::layer::{
    attempt::Failure,
    dns::Resolved,
    exchange::{HttpFailure, TlsFailure},
    ladder::Ladder,
};

/// What became of one connection and the `ClientHello` sent over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// A TLS handshake record came back.
    ServerHello,
    /// A TLS alert came back: its peer speaks TLS, and does not want this handshake.
    Alert {
        /// Its number (RFC 8446 §6).
        description: u8,
    },
    /// Something else came back.
    NotTls {
        /// Its beginning, escaped.
        said: String,
    },
    /// Accepted, then closed without a byte.
    Closed {
        /// The errno's name, if it was a reset and no orderly end.
        errno: Option<String>,
    },
    /// Accepted, then not a byte.
    Hangs {
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// There was no connection.
    Unconnected(Failure),
}

impl Outcome {
    /// Whether the other side speaks TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Outcome::ServerHello | Outcome::Alert { .. })
    }
}

/// What became of `GET /readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Ready {
    /// An answer from somebody whose certificate the cluster's authority has signed.
    Answered {
        /// The status code.
        status: u16,
        /// The words beside it.
        words: String,
        /// The body's lines about what fails, or its beginning; escaped.
        said: String,
        /// Whether the service account's token was sent.
        token: bool,
    },
    /// There was no second connection.
    Unconnected(Failure),
    /// No TLS session.
    Tls(TlsFailure),
    /// A TLS session, and no HTTP answer.
    Http(HttpFailure),
    /// This podprobe was built without TLS.
    NotBuilt,
}

/// Where the API server is said to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// An address, or a name.
    pub host: String,
    /// The port.
    pub port: u16,
    /// By whom: a variable or a flag.
    pub by: String,
    /// What DNS says to the name; absent for an address.
    pub resolved: Option<Resolved>,
}

impl Named {
    /// The host's addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        match (&self.resolved, self.host.parse()) {
            (Some(Resolved::Addresses(addresses)), _) => addresses.clone(),
            (None, Ok(address)) => vec![address],
            _ => Vec::new(),
        }
    }
}

/// One address of the API server and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// The host that it was named by.
    pub host: String,
    /// Its address.
    pub address: SocketAddr,
    /// Why the connection may have been taken by the mesh on its way, if it may.
    pub masked: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// How many earlier tries to connect were lost before the one that came to something.
    pub lost: u32,
    /// From the first try until the outcome.
    pub elapsed_ms: u64,
    /// Where the kernel sends the packets instead, if somebody translates the address at the socket
    /// (Cilium's socket load balancer does); looked at where there is no answer.
    pub translated: Option<SocketAddr>,
    /// How many TCP segments this pod could not send again meanwhile, for whomever; looked at where
    /// there is no answer.
    pub unsent: Option<u64>,
    /// How far packets come, where there is no answer.
    pub ladder: Option<Ladder>,
    /// What became of `GET /readyz`, where that was asked for and somebody speaks TLS.
    pub ready: Option<Ready>,
}

/// Everything the service layer saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Where the API server is said to be; empty where nobody says it.
    pub named: Vec<Named>,
    /// Its addresses, in the order of the names.
    pub servers: Vec<Server>,
}
