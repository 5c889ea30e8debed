//! What became of each question: plain data, errors included as facts.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{
    burst::Burst,
    conf::File,
    environment::Variables,
    hosts::Hosts,
    reply::{Question, Reply},
};
use crate::{
    layer::{attempt::Failure, ladder::Ladder, redirect::Offender},
    pod::{
        Transport,
        resolv_conf::{Reader, Reading},
    },
};

/// The way that a question and its answer went: the first axis, beside the response code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The server answered, whatever it said: the path works.
    Reply(Reply),
    /// The right answer, from an address that was not asked.
    WrongSource {
        /// Who sent it.
        from: SocketAddr,
    },
    /// Something came that is no answer to the question, and nothing else.
    Unusable {
        /// What came.
        what: String,
    },
    /// Refused: by whom, if ICMP told; a reset carries no name.
    Refused {
        /// The sender of the ICMP message.
        by: Option<Offender>,
    },
    /// The kernel or a router refused.
    Failed {
        /// The system call.
        operation: String,
        /// The errno's name.
        errno: String,
        /// The sender of the ICMP message, if there was one.
        by: Option<Offender>,
    },
    /// No answer.
    Silent {
        /// How often it was asked.
        tries: u32,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// Not asked, for an answer would not have been the server's.
    Masked {
        /// Who would be needed.
        reason: String,
    },
    /// Not asked: the deadline came first.
    Unasked,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Outcome {
        match failure {
            Failure::Refused { by } => Outcome::Refused { by },
            Failure::Failed { operation, errno, by } => Outcome::Failed { operation, errno, by },
            Failure::Silent { waited_ms } => Outcome::Silent { tries: 1, waited_ms },
            Failure::Masked { reason } => Outcome::Masked { reason },
        }
    }
}

/// Why a question was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Whether this server answers over this transport at all.
    Path,
    /// The same question with EDNS.
    Edns,
    /// The same name's IPv6 addresses.
    Aaaa,
    /// Which version of the cluster's DNS schema is served.
    Schema,
    /// A name that was configured; the question has one of its expansions.
    Name(String),
    /// A name that cannot exist, in this domain of the search list.
    Wildcard(String),
}

/// One question and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Why.
    pub purpose: Purpose,
    /// Over what.
    pub transport: Transport,
    /// What.
    pub question: Question,
    /// What became of it.
    pub outcome: Outcome,
    /// How many earlier tries were lost before the one that was answered.
    pub lost: u32,
    /// From the first try until the outcome.
    pub elapsed_ms: u64,
}

impl Asked {
    /// The answer, if there was one.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match &self.outcome {
            Outcome::Reply(reply) => Some(reply),
            _ => None,
        }
    }
}

/// One nameserver and what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Nameserver {
    /// Its address.
    pub address: IpAddr,
    /// It stands in resolv.conf; else it was named on the command line.
    pub configured: bool,
    /// The questions, in the order in which they were thought of.
    pub asked: Vec<Asked>,
    /// How far packets come, over a transport without an answer.
    #[serde(default)]
    pub ladders: Vec<(Transport, Ladder)>,
    /// Many questions in a row, where they were asked for.
    #[serde(default)]
    pub burst: Option<Burst>,
}

impl Nameserver {
    /// What became of the question that tells whether the path works.
    #[must_use]
    pub fn path(&self, transport: Transport) -> Option<&Asked> {
        let path = |asked: &&Asked| asked.purpose == Purpose::Path && asked.transport == transport;
        self.asked.iter().find(path)
    }

    /// The answer to a question of this purpose.
    #[must_use]
    pub fn reply(&self, purpose: &Purpose) -> Option<&Reply> {
        self.asked.iter().filter(|asked| asked.purpose == *purpose).find_map(Asked::reply)
    }
}

/// Everything the dns layer saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// resolv.conf.
    pub file: File,
    /// What the environment adds to it.
    #[serde(default)]
    pub variables: Variables,
    /// /etc/hosts, as far as it concerns the names under test.
    #[serde(default)]
    pub hosts: Option<Hosts>,
    /// The nameservers, in the order in which glibc asks them.
    pub nameservers: Vec<Nameserver>,
}

impl Seen {
    /// What a program like this one, on this resolver, goes by.
    #[must_use]
    pub fn reading(&self, reader: Reader) -> Reading {
        self.variables.apply(reader, self.file.read(reader))
    }
}
