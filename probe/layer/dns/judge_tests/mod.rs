//! What each outcome means, by example.

/// What nameservers answer, and what the file says.
mod answers;
/// The way to a nameserver.
mod way;

use std::net::IpAddr;

use super::*;
use crate::{
    finding::{Code, Finding, Severity},
    layer::{
        ladder::{Ladder, Rung},
        redirect::Offender,
    },
    plan::{DnsPlan, Plan},
    pod::{Pod, Transport},
    profile,
};

const FILE: &str = "search a.svc.cluster.local svc.cluster.local cluster.local corp.example\n\
                    nameserver 10.96.0.10\noptions ndots:5\n";
const KUBERNETES: &str = "kubernetes.default.svc.cluster.local.";

fn plan() -> Plan {
    Plan { service: None, ..Plan::new("check", "none", profile::NONE.capture()) }
}

fn pod() -> Pod {
    crate::pod::tests::sample()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn yes(address: &str) -> Reply {
    Reply { addresses: vec![ip(address)], ..Reply::default() }
}

fn rcode(rcode: u16) -> Reply {
    Reply { rcode, ..Reply::default() }
}

fn asked(purpose: Purpose, transport: Transport, name: &str, outcome: Outcome) -> Asked {
    let record = if purpose == Purpose::Aaaa { Record::Aaaa } else { Record::A };
    let question = Question { name: name.into(), record };
    Asked { purpose, transport, question, outcome, lost: 0, elapsed_ms: 1 }
}

fn silent() -> Outcome {
    Outcome::Silent { tries: 3, waited_ms: 2500 }
}

fn path(udp: Outcome, tcp: Outcome) -> Vec<Asked> {
    let path = |transport, outcome| asked(Purpose::Path, transport, KUBERNETES, outcome);
    vec![path(Transport::Udp, udp), path(Transport::Tcp, tcp)]
}

fn healthy() -> Vec<Asked> {
    path(Outcome::Reply(yes("10.96.0.1")), Outcome::Reply(yes("10.96.0.1")))
}

fn name(name: &str, outcome: Outcome) -> Asked {
    asked(Purpose::Name(name.into()), Transport::Udp, &format!("{name}."), outcome)
}

fn server(address: &str, asked: Vec<Asked>) -> Nameserver {
    Nameserver { address: ip(address), configured: true, asked, ladders: vec![], burst: None }
}

fn seen(file: File, nameservers: Vec<Nameserver>) -> Seen {
    Seen { file, variables: Variables::default(), hosts: None, nameservers }
}

fn of(plan: &Plan, file: &str, nameservers: Vec<Nameserver>) -> Vec<Finding> {
    judge(plan, &pod(), &seen(File::Text(file.into()), nameservers))
}

/// The codes that are no `ok`.
fn codes(plan: &Plan, nameservers: Vec<Nameserver>) -> Vec<Code> {
    let found = of(plan, FILE, nameservers);
    found.iter().filter(|f| f.severity != Severity::Ok).map(|f| f.code).collect()
}

fn one(asked: Vec<Asked>) -> Vec<Code> {
    codes(&plan(), vec![server("10.96.0.10", asked)])
}

fn refused(by: &str) -> Outcome {
    Outcome::Refused { by: Some(Offender { address: ip(by), icmp_type: 3, icmp_code: 3 }) }
}

fn failed(operation: &str, errno: &str) -> Outcome {
    Outcome::Failed { operation: operation.into(), errno: errno.into(), by: None }
}
