//! What a person names to be reached: plain data, as [`super::grammar`] reads it.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize, Serializer};

use crate::{
    layer::dns::Record,
    pod::{Family, Transport},
};

/// One target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// As it was named, or its URL without parameters.
    pub name: String,
    /// Where it is and what it must say.
    pub kind: Kind,
    /// For how long it must stay blocked, in milliseconds; absent for a target that must answer.
    pub blocked: Option<u64>,
    /// In which families.
    pub families: Families,
    /// How long one attempt may take, in milliseconds, where the target says so.
    pub timeout_ms: Option<u64>,
    /// How often it is tried, where the target says so.
    pub attempts: Option<u32>,
    /// The address to connect to in the host's place.
    pub via: Option<IpAddr>,
    /// What takes longer is worth a warning, in milliseconds.
    pub slow_ms: Option<u64>,
}

/// Where a target is and what it must say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Kind {
    /// A connection.
    Tcp(Place),
    /// A TLS handshake.
    Tls(Place, Tls),
    /// An answer to a GET.
    Http {
        /// Where.
        place: Place,
        /// For `https`.
        tls: Option<Tls>,
        /// Path and query, from the slash on. A recording has no query: there may be a token in it.
        #[serde(serialize_with = "without_query")]
        path: String,
        /// The statuses that are right; none stands for 200 to 399.
        status: Vec<u16>,
    },
    /// An answer to DNS queries.
    Dns {
        /// The server; absent for those of resolv.conf.
        server: Option<Place>,
        /// The name.
        name: String,
        /// The records.
        records: Vec<Record>,
        /// Over what.
        transports: Vec<Transport>,
    },
    /// An answer to a datagram.
    Udp {
        /// Where.
        place: Place,
        /// The datagram. A recording has zeros: it may be a password, as SNMP has it.
        #[serde(serialize_with = "as_zeros")]
        send: Vec<u8>,
        /// What the answer must begin with; likewise.
        #[serde(serialize_with = "as_zeros")]
        answer: Vec<u8>,
    },
    /// An answer to an echo request.
    Icmp(Host),
    /// `SERVING`, said by the gRPC health service.
    Grpc {
        /// Where.
        place: Place,
        /// For `grpcs`.
        tls: Option<Tls>,
        /// The service asked about; empty for the whole server.
        service: String,
    },
}

fn without_query<S: Serializer>(path: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match path.split_once('?') {
        Some((path, _)) => serializer.collect_str(&format_args!("{path}?***")),
        None => serializer.serialize_str(path),
    }
}

fn as_zeros<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(bytes.iter().map(|_| 0))
}

/// What a TLS target must show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// The name sent and checked, where it is not the host.
    pub sni: Option<String>,
    /// Days that the certificate must still be valid.
    pub min_days: u32,
    /// Whether the chain counts, where there is a CA file to check it against.
    pub unverified: bool,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// An address, or a name that has some.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Host {
    /// Literally.
    Address(IpAddr),
    /// To be looked up.
    Name(String),
}

/// In which families a target must be as it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Families {
    /// In each that both the pod and the target have.
    #[default]
    Shared,
    /// In both, whatever pod and target have.
    Both,
    /// In one of those that they share.
    Any,
    /// In this one.
    Only(Family),
}

impl Target {
    /// The host whose address is needed; none where the servers of resolv.conf are asked.
    #[must_use]
    pub fn host(&self) -> Option<&Host> {
        match &self.kind {
            Kind::Icmp(host) => Some(host),
            kind => kind.place().map(|place| &place.host),
        }
    }

    /// The port; 0 for a protocol without ports.
    #[must_use]
    pub fn port(&self) -> u16 {
        match &self.kind {
            Kind::Dns { server: None, .. } => 53,
            kind => kind.place().map_or(0, |place| place.port),
        }
    }
}

impl Kind {
    /// Host and port, where both are named.
    fn place(&self) -> Option<&Place> {
        match self {
            Kind::Tcp(place)
            | Kind::Tls(place, _)
            | Kind::Http { place, .. }
            | Kind::Udp { place, .. }
            | Kind::Grpc { place, .. }
            | Kind::Dns { server: Some(place), .. } => Some(place),
            Kind::Icmp(_) | Kind::Dns { server: None, .. } => None,
        }
    }

    /// What TLS must show, of a target that speaks it.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        match self {
            Kind::Tls(_, tls)
            | Kind::Http { tls: Some(tls), .. }
            | Kind::Grpc { tls: Some(tls), .. } => Some(tls),
            _ => None,
        }
    }

    /// The protocol as its scheme names it.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Kind::Tcp(_) => "tcp",
            Kind::Tls(..) => "tls",
            Kind::Http { tls: None, .. } => "http",
            Kind::Http { tls: Some(_), .. } => "https",
            Kind::Dns { .. } => "dns",
            Kind::Udp { .. } => "udp",
            Kind::Icmp(_) => "icmp",
            Kind::Grpc { tls: None, .. } => "grpc",
            Kind::Grpc { tls: Some(_), .. } => "grpcs",
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Address(ip) => write!(f, "{ip}"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
