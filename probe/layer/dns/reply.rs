//! What is asked of a nameserver, and what it answers: plain data.

use std::net::IpAddr;

use hickory_proto::rr::RecordType;
use serde::{Deserialize, Serialize};

/// Which records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Record {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Texts.
    Txt,
    /// Name servers.
    Ns,
}

impl Record {
    /// As reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Record::A => "A",
            Record::Aaaa => "AAAA",
            Record::Txt => "TXT",
            Record::Ns => "NS",
        }
    }

    pub(super) fn kind(self) -> RecordType {
        match self {
            Record::A => RecordType::A,
            Record::Aaaa => RecordType::AAAA,
            Record::Txt => RecordType::TXT,
            Record::Ns => RecordType::NS,
        }
    }
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The absolute name, with its final dot.
    pub name: String,
    /// The records.
    pub record: Record,
}

/// An extended DNS error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// The INFO-CODE.
    pub code: u16,
    /// What the server adds in words; often empty.
    pub text: String,
}

/// What a server answered: the second axis, beside the way that the answer came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The response code, extended by EDNS.
    pub rcode: u16,
    /// Cut off, and to be asked for again over TCP.
    pub truncated: bool,
    /// The addresses in the answer.
    pub addresses: Vec<IpAddr>,
    /// The texts in the answer.
    pub texts: Vec<String>,
    /// The zone that denies the name: the owner of the SOA record.
    pub zone: Option<String>,
    /// Why, where the server says so.
    pub extended: Option<Extended>,
}

impl Reply {
    /// `NOERROR`, `NXDOMAIN`, ….
    #[must_use]
    pub fn rcode_name(&self) -> String {
        match self.rcode {
            0 => "NOERROR".to_owned(),
            1 => "FORMERR".to_owned(),
            2 => "SERVFAIL".to_owned(),
            3 => "NXDOMAIN".to_owned(),
            4 => "NOTIMP".to_owned(),
            5 => "REFUSED".to_owned(),
            16 => "BADVERS".to_owned(),
            other => format!("RCODE{other}"),
        }
    }
}

/// Whether the answer has records of the kind that was asked for; a truncated one has, over TCP.
#[must_use]
pub fn has(reply: &Reply, question: &Question) -> bool {
    let some = match question.record {
        Record::A | Record::Aaaa => !reply.addresses.is_empty(),
        Record::Txt => !reply.texts.is_empty(),
        // What is denied comes with an SOA record.
        Record::Ns => reply.zone.is_none(),
    };
    reply.rcode == 0 && (some || reply.truncated)
}
