//! DNS messages: one question out, and what the bytes that came back say about it.

use hickory_proto::{
    op::{Edns, Message, MessageType, Query},
    rr::{
        Name, RData, RecordType,
        rdata::opt::{EdnsCode, EdnsOption},
    },
};

use super::reply::{Extended, Question, Reply};

/// What a server may send over UDP when EDNS is used: no fragments on any sane path
/// (DNS flag day 2020).
const EDNS_PAYLOAD: u16 = 1232;
/// Extended DNS errors (RFC 8914).
const EDE: u16 = 15;
/// Padding (RFC 7830).
const PADDING: u16 = 12;

/// A name has 255 octets; `kubernetes.default.svc.` stands before a zone.
const LONGEST_ZONE: usize = 255 - 24;

/// What received bytes are to the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// The reply to it.
    Reply(Reply),
    /// Something else, and what.
    Other(&'static str),
}

/// Whether this can be a name, with room for others before it.
#[must_use]
pub fn is_name(text: &str) -> bool {
    Name::from_ascii(text).is_ok_and(|name| name.len() <= LONGEST_ZONE)
}

/// A query and its message id.
///
/// # Errors
/// One clause: the name cannot be asked for.
pub fn encode(question: &Question, edns: bool) -> Result<(u16, Vec<u8>), String> {
    let mut message = query(question)?;
    if edns {
        message.set_edns(extension());
    }
    let id = message.metadata.id;
    message.to_vec().map(|bytes| (id, bytes)).map_err(|error| error.to_string())
}

/// The same query made this long by padding (RFC 7830), for paths that lose long packets; a query
/// that is longer without any stays as it is.
///
/// # Errors
/// One clause: the name cannot be asked for.
pub fn encode_padded(question: &Question, size: u16) -> Result<(u16, Vec<u8>), String> {
    let mut message = query(question)?;
    let padded = |length: usize| {
        let mut edns = extension();
        edns.options_mut().insert(EdnsOption::Unknown(PADDING, vec![0; length]));
        edns
    };
    message.set_edns(padded(0));
    let bare = message.to_vec().map_err(|error| error.to_string())?.len();
    message.set_edns(padded(usize::from(size).saturating_sub(bare)));
    let id = message.metadata.id;
    message.to_vec().map(|bytes| (id, bytes)).map_err(|error| error.to_string())
}

fn query(question: &Question) -> Result<Message, String> {
    let name = Name::from_ascii(&question.name).map_err(|error| error.to_string())?;
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, question.record.kind()));
    Ok(message)
}

fn extension() -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(EDNS_PAYLOAD).set_version(0);
    edns
}

/// Reads what came back.
#[must_use]
pub fn decode(bytes: &[u8], id: u16, question: &Question) -> Decoded {
    let Ok(message) = Message::from_vec(bytes) else {
        return Decoded::Other("bytes that are no DNS message");
    };
    if message.metadata.message_type != MessageType::Response {
        return Decoded::Other("a DNS message that is no response");
    }
    if message.metadata.id != id {
        return Decoded::Other("a response with another id");
    }
    let asked = |query: &Query| {
        query.query_type() == question.record.kind()
            && Name::from_ascii(&question.name).is_ok_and(|name| *query.name() == name)
    };
    // A server that could not read the question need not repeat it.
    let bare = message.queries.is_empty() && u16::from(message.metadata.response_code) != 0;
    if !bare && !message.queries.iter().any(asked) {
        return Decoded::Other("a response to another question");
    }
    Decoded::Reply(reply(&message))
}

fn reply(message: &Message) -> Reply {
    let texts = |data: &RData| match data {
        RData::TXT(text) => {
            Some(text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect())
        }
        _ => None,
    };
    let soa = message.authorities.iter().find(|r| r.record_type() == RecordType::SOA);
    let option = message.edns.as_ref().and_then(|edns| edns.option(EdnsCode::from(EDE)));
    Reply {
        rcode: message.metadata.response_code.into(),
        truncated: message.metadata.truncation,
        addresses: message.answers.iter().filter_map(|record| record.data.ip_addr()).collect(),
        texts: message.answers.iter().filter_map(|record| texts(&record.data)).collect(),
        zone: soa.map(|record| record.name.to_ascii()),
        extended: option.and_then(extended),
    }
}

fn extended(option: &EdnsOption) -> Option<Extended> {
    let EdnsOption::Unknown(_, data) = option else { return None };
    let (code, text) = data.split_first_chunk::<2>()?;
    Some(Extended {
        code: u16::from_be_bytes(*code),
        text: String::from_utf8_lossy(text).trim_end_matches('\0').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::reply::Record, *};

    fn question() -> Question {
        Question { name: "kubernetes.default.svc.cluster.local.".into(), record: Record::A }
    }

    /// The query itself, with the bits of an answer set.
    fn answered(rcode: u8) -> (u16, Vec<u8>) {
        let (id, mut bytes) = encode(&question(), false).expect("a query");
        bytes[2] |= 0x80;
        bytes[3] |= rcode;
        (id, bytes)
    }

    #[test]
    fn a_reply_is_known_by_id_and_question() {
        let (id, bytes) = answered(3);
        let Decoded::Reply(reply) = decode(&bytes, id, &question()) else { panic!("a reply") };
        assert_eq!(reply.rcode_name(), "NXDOMAIN");
        let other = Question { name: "other.".into(), record: Record::A };
        assert_eq!(decode(&bytes, id, &other), Decoded::Other("a response to another question"));
        let foreign = decode(&bytes, id.wrapping_add(1), &question());
        assert_eq!(foreign, Decoded::Other("a response with another id"));
    }

    #[test]
    fn a_query_sent_back_is_no_reply() {
        let (id, bytes) = encode(&question(), true).expect("a query");
        let found = decode(&bytes, id, &question());
        assert_eq!(found, Decoded::Other("a DNS message that is no response"));
    }

    #[test]
    fn a_padded_query_has_the_size_that_was_asked_for() {
        for size in [1400, 512, 100] {
            let (id, bytes) = encode_padded(&question(), size).expect("a query");
            assert_eq!(bytes.len(), usize::from(size));
            let message = Message::from_vec(&bytes).expect("a DNS message");
            assert_eq!(message.metadata.id, id);
            assert_eq!(message.queries.len(), 1);
            let padding = message.edns.as_ref().and_then(|edns| edns.option(EdnsCode::from(12)));
            assert!(padding.is_some(), "{message}");
        }
        let short = encode_padded(&question(), 0).expect("a query").1;
        assert!(short.len() > 40 && short.len() < 100, "{}", short.len());
    }

    #[test]
    fn a_name_that_cannot_be_asked_for_is_a_sentence() {
        let long = Question { name: "a".repeat(64) + ".", record: Record::A };
        assert!(encode(&long, false).is_err());
    }

    #[test]
    fn an_extended_error_is_a_code_and_words() {
        let option = EdnsOption::Unknown(EDE, b"\x00\x17no route".to_vec());
        assert_eq!(extended(&option), Some(Extended { code: 23, text: "no route".into() }));
        assert_eq!(extended(&EdnsOption::Unknown(EDE, vec![0])), None);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes, 0, &question());
        }

        #[test]
        fn a_damaged_reply_never_panics(at in 0_usize..60, value: u8) {
            let (id, mut bytes) = answered(0);
            let at = at % bytes.len();
            bytes[at] = value;
            let _ = decode(&bytes, id, &question());
        }
    }
}
