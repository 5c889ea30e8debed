//! What became of each target: plain data, errors included as facts.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::trouble::Trouble;
use crate::{
    layer::{
        attempt::Failure,
        dns::{self, Record, Resolved},
        exchange::BadCertificate,
        ladder::Ladder,
    },
    pod::{Family, Transport},
};

/// Everything that the layer saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// In the order of the targets, families, questions and addresses.
    pub probes: Vec<Probe>,
}

/// One address of a target, and for DNS one question over one transport.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Its place among the plan's targets.
    pub target: usize,
    /// The family; absent where there was no address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// Where it was sent; the port is 0 for ICMP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// What a DNS server was asked, and over what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<(Record, Transport)>,
    /// What became of the last attempt.
    pub outcome: Outcome,
    /// How often it was tried.
    pub tries: u32,
    /// How long the last attempt took, in microseconds.
    pub elapsed_us: u64,
    /// From the first attempt's beginning to the last one's end, in milliseconds.
    pub watched_ms: u64,
    /// Sent as who the mesh captures, for the proxy cannot be played: what answers may be the mesh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured: Option<String>,
    /// How far packets come, of a silent target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<Ladder>,
    /// The next hop, where the kernel has asked for it and nobody has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheard: Option<Unheard>,
    /// How many more addresses of the name and family were not tried.
    #[serde(default, skip_serializing_if = "is_none")]
    pub untried: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// A next hop that does not answer ARP or neighbour discovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unheard {
    /// Its address.
    pub ip: IpAddr,
    /// The link it was looked for on.
    pub link: String,
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The other side answered.
    Answered(Answer),
    /// It did not, and why.
    Not(Failure),
    /// A connection, and then not what the protocol demands.
    Broken {
        /// What was begun.
        step: String,
        /// How it ended.
        what: String,
    },
    /// What a nameserver said, or did not, in the dns layer's words.
    Dns(dns::Outcome),
    /// The host's name has no address.
    Unresolved(Resolved),
    /// The host's name has no address of a family that was asked for.
    NoFamily(Family),
}

/// What the other side said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Answer {
    /// It took the connection.
    Connected,
    /// It shook hands.
    Tls(Certificate),
    /// The head of an HTTP response.
    Http {
        /// The status.
        status: u16,
        /// Envoy answered itself: `server: envoy`, and no time of an upstream.
        envoy: bool,
        /// What it says of its own failure, if that is what it answers with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trouble: Option<Box<Trouble>>,
        /// The certificate, for https.
        tls: Option<Certificate>,
    },
    /// A datagram; its first bytes.
    Datagram(Vec<u8>),
    /// An echo reply.
    Echo,
    /// An answer of the gRPC health service.
    Grpc {
        /// The serving status of the message (grpc health.proto: 1 is SERVING), if there was one.
        serving: Option<u64>,
        /// `grpc-status`, if it came.
        status: Option<String>,
        /// Envoy answered itself.
        envoy: bool,
        /// What it says of its own failure, if that is what it answers with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trouble: Option<Box<Trouble>>,
        /// The certificate, for grpcs.
        tls: Option<Certificate>,
    },
}

/// What the leaf certificate says, and what was made of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Seconds until its end; negative when it is over; absent when it could not be read.
    pub left_s: Option<i64>,
    /// Whether the chain was checked; else nobody knows who answered.
    pub checked: bool,
    /// What the check found.
    pub problem: Option<BadCertificate>,
}

impl Probe {
    /// What Envoy says of its own failure, if it answers itself.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        match &self.outcome {
            Outcome::Answered(Answer::Http { trouble, .. } | Answer::Grpc { trouble, .. }) => {
                trouble.as_deref()
            }
            _ => None,
        }
    }

    /// What TLS showed, if anything.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.outcome {
            Outcome::Answered(
                Answer::Tls(certificate)
                | Answer::Http { tls: Some(certificate), .. }
                | Answer::Grpc { tls: Some(certificate), .. },
            ) => Some(certificate),
            _ => None,
        }
    }

    /// Whether the host is there: it took a connection, or refused one itself.
    #[must_use]
    pub fn heard(&self) -> bool {
        match &self.outcome {
            Outcome::Answered(_) | Outcome::Broken { .. } => true,
            Outcome::Not(Failure::Refused { by }) => {
                by.is_none_or(|by| Some(by.address) == self.address.map(|to| to.ip()))
            }
            _ => false,
        }
    }
}
