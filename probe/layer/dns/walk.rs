//! A name's way through the search list as each resolver goes it, with the answers that were seen:
//! pure.

use std::net::IpAddr;

use super::{
    expansion::{TYPES, expand},
    outcome::{Asked, Nameserver, Outcome, Purpose},
    reply::Reply,
};
use crate::pod::resolv_conf::{Reader, Reading};

/// What came of one absolute name, all its records together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Addresses; none where the answer was cut off.
    Found(Vec<IpAddr>),
    /// NXDOMAIN.
    Missing,
    /// The name exists, without an address.
    Empty,
    /// SERVFAIL.
    Servfail,
    /// Another response code, or no answer.
    Failed(String),
}

impl Step {
    fn word(&self) -> String {
        match self {
            Step::Found(addresses) if addresses.is_empty() => "truncated".to_owned(),
            Step::Found(addresses) => {
                let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                all.join(" ")
            }
            Step::Missing => "NXDOMAIN".to_owned(),
            Step::Empty => "no address".to_owned(),
            Step::Servfail => "SERVFAIL".to_owned(),
            Step::Failed(what) => what.clone(),
        }
    }
}

/// One resolver's walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// Who goes.
    pub(super) reader: Reader,
    /// The names asked for, with what came of each.
    pub(super) steps: Vec<(String, Step)>,
    /// A name that the resolver would ask for next was not asked for: the end is not known.
    pub(super) cut: bool,
}

impl Walk {
    /// The queries that it costs.
    pub(super) fn queries(&self) -> usize {
        self.steps.len() * TYPES
    }

    /// The name that has an address, and its addresses.
    pub(super) fn found(&self) -> Option<(&str, &[IpAddr])> {
        match self.steps.last() {
            Some((name, Step::Found(addresses))) => Some((name, addresses)),
            _ => None,
        }
    }

    /// `a.b.corp.example. NXDOMAIN, a.b. 10.0.0.1`.
    pub(super) fn told(&self) -> String {
        let steps = self.steps.iter().map(|(name, step)| format!("{name} {}", step.word()));
        steps.collect::<Vec<_>>().join(", ")
    }
}

/// How the resolver walks, given what the server answered.
pub(super) fn walk(reader: Reader, reading: &Reading, name: &str, server: &Nameserver) -> Walk {
    let list = expand(reader, reading, name);
    let as_is = format!("{}.", name.trim_end_matches('.'));
    let mut walk = Walk { reader, steps: Vec::new(), cut: false };
    let mut only_as_is = false;
    for full in list {
        if only_as_is && full != as_is {
            continue;
        }
        let Some(step) = step(server, name, &full) else {
            walk.cut = true;
            return walk;
        };
        let goes_on = match (reader, &step) {
            (_, Step::Found(_)) => false,
            // musl `src/network/lookup_name.c`: NXDOMAIN alone leads to the next domain.
            (Reader::Musl, step) => *step == Step::Missing,
            // glibc `resolv/res_query.c`: in a domain, anything else ends the list; the name as it
            // is comes all the same, and when it comes first it ends nothing.
            (Reader::Glibc, Step::Failed(_)) => {
                only_as_is = full != as_is;
                true
            }
            (Reader::Glibc | Reader::Rust, _) => true,
        };
        walk.steps.push((full, step));
        if !goes_on {
            break;
        }
    }
    walk
}

fn step(server: &Nameserver, name: &str, full: &str) -> Option<Step> {
    let of_name = |asked: &&Asked| {
        matches!(&asked.purpose, Purpose::Name(of) if of == name) && asked.question.name == full
    };
    let asked: Vec<&Asked> = server.asked.iter().filter(of_name).collect();
    let replies: Vec<&Reply> = asked.iter().filter_map(|asked| asked.reply()).collect();
    let addresses: Vec<IpAddr> = replies.iter().flat_map(|r| r.addresses.clone()).collect();
    if !addresses.is_empty() || replies.iter().any(|reply| reply.truncated) {
        return Some(Step::Found(addresses));
    }
    let has = |rcode: u16| replies.iter().any(|reply| reply.rcode == rcode);
    let other = replies.iter().find(|reply| ![0, 2, 3].contains(&reply.rcode));
    let unanswered = asked.iter().find(|asked| asked.reply().is_none());
    match (unanswered, other) {
        (Some(asked), _) => match &asked.outcome {
            Outcome::Unasked | Outcome::Masked { .. } => None,
            // The search list holds what makes no name: no resolver sends it.
            Outcome::Failed { operation, .. } if operation == "encode" => Some(Step::Missing),
            _ => Some(Step::Failed("no answer".to_owned())),
        },
        (None, _) if asked.is_empty() => None,
        (None, _) if has(2) => Some(Step::Servfail),
        (None, Some(reply)) => Some(Step::Failed(reply.rcode_name())),
        (None, None) if has(3) => Some(Step::Missing),
        (None, None) => Some(Step::Empty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::dns::{Question, Record},
        pod::{Transport, resolv_conf::read},
    };

    const FILE: &[u8] = b"search one.example two.example\nnameserver 10.0.0.1\noptions ndots:2\n";

    fn reply(rcode: u16, address: Option<&str>) -> Outcome {
        let addresses = address.map(|ip| ip.parse().expect("an address")).into_iter().collect();
        Outcome::Reply(Reply { rcode, addresses, ..Reply::default() })
    }

    /// A server that was asked for `a.b` in both domains and as it is.
    fn walks(outcomes: [Outcome; 3]) -> [Walk; 3] {
        walks_in(FILE, outcomes)
    }

    fn walks_in(file: &[u8], outcomes: [Outcome; 3]) -> [Walk; 3] {
        let names = ["a.b.one.example.", "a.b.two.example.", "a.b."];
        let asked = names.iter().zip(outcomes).map(|(name, outcome)| Asked {
            purpose: Purpose::Name("a.b".to_owned()),
            transport: Transport::Udp,
            question: Question { name: (*name).to_owned(), record: Record::A },
            outcome,
            lost: 0,
            elapsed_ms: 1,
        });
        let server = Nameserver {
            address: "10.0.0.1".parse().expect("an address"),
            configured: true,
            asked: asked.collect(),
            ladders: vec![],
            burst: None,
        };
        Reader::ALL.map(|reader| walk(reader, &read(reader, file), "a.b", &server))
    }

    fn ends(outcomes: [Outcome; 3]) -> [Option<&'static str>; 3] {
        let found = |walk: Walk| walk.found().map(|(name, _)| name.len());
        walks(outcomes).map(|walk| match found(walk) {
            Some(4) => Some("as it is"),
            Some(_) => Some("in a domain"),
            None => None,
        })
    }

    fn silent() -> Outcome {
        Outcome::Silent { tries: 3, waited_ms: 2500 }
    }

    #[test]
    fn what_does_not_exist_leads_on_for_everybody() {
        let found = [reply(3, None), reply(3, None), reply(0, Some("10.1.1.1"))];
        assert_eq!(ends(found.clone()), [Some("as it is"); 3]);
        assert_eq!(walks(found).map(|walk| walk.queries()), [6, 6, 6]);
    }

    #[test]
    fn musl_stops_at_an_empty_answer_and_at_servfail() {
        for stop in [reply(0, None), reply(2, None)] {
            let found = [reply(3, None), stop, reply(0, Some("10.1.1.1"))];
            assert_eq!(ends(found), [Some("as it is"), None, Some("as it is")]);
        }
    }

    #[test]
    fn silence_ends_glibcs_list_but_not_the_name_itself() {
        let found = [silent(), reply(0, Some("10.1.1.1")), reply(3, None)];
        assert_eq!(ends(found), [None, None, Some("in a domain")]);
        let found = [silent(), reply(3, None), reply(0, Some("10.1.1.1"))];
        assert_eq!(ends(found), [Some("as it is"), None, Some("as it is")]);
    }

    #[test]
    fn a_name_refused_as_it_is_goes_on_through_the_list() {
        let one_dot = String::from_utf8_lossy(FILE).replace("ndots:2", "ndots:1");
        let outcomes = [reply(3, None), reply(0, Some("10.1.1.1")), reply(5, None)];
        let [glibc, musl, rust] = walks_in(one_dot.as_bytes(), outcomes);
        assert_eq!(glibc.found().map(|(name, _)| name), Some("a.b.two.example."));
        assert_eq!(rust.found(), glibc.found());
        assert_eq!((musl.found(), musl.queries()), (None, 2));
    }

    #[test]
    fn what_was_not_asked_for_leaves_the_end_open() {
        let walks = walks([reply(3, None), Outcome::Unasked, reply(0, Some("10.1.1.1"))]);
        assert!(walks.iter().all(|walk| walk.cut && walk.found().is_none()));
    }
}
