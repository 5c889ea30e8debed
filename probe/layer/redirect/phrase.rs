//! The sentences: operation, object, cause, with the values in them.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{
    flow::{Flow, Promise, Sender},
    outcome::{Observed, Outcome},
};
use crate::{capture::Capture, finding::Code, pod::Family};

/// What was done: "application TCP to 192.0.2.1:20001".
#[must_use]
pub fn subject(flow: &Flow) -> String {
    let source = flow.source.map(|ip| format!(" from {ip}")).unwrap_or_default();
    let who = match flow.sender {
        Sender::Proxy => "proxy",
        Sender::App => "application",
        Sender::Outside if flow.source.is_none() => {
            return format!("{} from outside to {}", flow.transport, flow.destination);
        }
        Sender::Outside => "outside",
    };
    format!("{who} {} to {}{source}", flow.transport, flow.destination)
}

/// What the kernel did with it: the middle of a sentence.
pub(super) fn happened(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Arrived { at, at_destination: true, .. } => format!("arrived at {at} itself"),
        Outcome::Arrived { at, answered: Some(false), .. } => {
            format!("arrived at {at}, but the answer did not come back")
        }
        Outcome::Arrived { at, listener, .. } if *listener != at.port() => {
            format!("was handed to port {listener} as {at}")
        }
        Outcome::Arrived { at, .. } => format!("arrived at {at}"),
        Outcome::Taken { at, uid: Some(uid) } => {
            format!("was taken by a process of uid {uid} at {at}")
        }
        Outcome::Taken { at, uid: None } => format!("waits at {at} for somebody to accept it"),
        Outcome::AcceptedElsewhere => "was accepted by an unknown listener".to_owned(),
        Outcome::Refused { by: None } => "was refused by a reset".to_owned(),
        Outcome::Refused { by: Some(by) } => format!("was refused by {by}"),
        Outcome::LeftThePod { hop } => format!("left the pod (time exceeded at {hop})"),
        Outcome::Silent { waited_ms } => format!("got no answer in {waited_ms} ms"),
        Outcome::Failed { operation, errno, by: None } => format!("failed: {operation}: {errno}"),
        Outcome::Failed { operation, errno, by: Some(by) } => {
            format!("failed: {operation}: {errno} from {by}")
        }
        Outcome::NotSent { reason } | Outcome::Unasked { reason } => {
            format!("was not sent: {reason}")
        }
    }
}

/// The same, with the way out of the pod where that is known: the link's name, and who was met there.
pub(super) fn went(outcome: &Outcome, out: Option<&(Option<String>, IpAddr)>) -> String {
    match (outcome, out) {
        (Outcome::LeftThePod { .. }, Some((Some(link), hop))) => {
            format!("went out by {link} to {hop}")
        }
        (Outcome::LeftThePod { .. }, Some((None, hop))) => format!("went out to {hop}"),
        _ => happened(outcome),
    }
}

/// What must happen to a flow, in as few words as there are.
#[must_use]
pub fn promised(promise: Promise) -> String {
    match promise {
        Promise::Captured(port) => format!("captured on {port}"),
        Promise::Transparent(port) => format!("handed to {port}"),
        Promise::Elsewhere => "captured".to_owned(),
        Promise::Untouched => "untouched".to_owned(),
    }
}

/// The whole sentence about a flow that was not as promised.
pub(super) fn broken(observed: &Observed) -> String {
    let (what, became) = (subject(&observed.flow), happened(&observed.outcome));
    match (observed.flow.promise, &observed.outcome) {
        (Promise::Captured(port), Outcome::Arrived { at, original, .. }) if at.port() == port => {
            match original {
                Some(original) => format!("{what} {became} with original destination {original}"),
                None => format!("{what} {became} without an original destination"),
            }
        }
        (Promise::Captured(port), Outcome::NotSent { .. }) => {
            format!("{what} cannot reach port {port}: it {became}")
        }
        (Promise::Captured(port), _) => {
            format!("{what} {became} instead of arriving at port {port}")
        }
        (Promise::Transparent(port), _) => {
            format!("{what} {became} instead of being handed to port {port} by TPROXY")
        }
        (Promise::Elsewhere, _) => format!("{what} {became} instead of being captured"),
        (Promise::Untouched, _) => format!("{what} must not be redirected, but {became}"),
    }
}

/// What the flows of one code have in common: the beginning of the sentence.
pub(super) fn common(code: Code, families: &[Family], capture: &Capture) -> String {
    let names: Vec<String> = families.iter().map(ToString::to_string).collect();
    let names = names.join(" and ");
    let (uid, gid) = capture.proxy;
    match code {
        Code::RedirectMissing => format!("nothing in {names} is redirected: "),
        Code::RedirectFamilyMissing => {
            format!("nothing in {names} is redirected, the other family is: ")
        }
        Code::IdentityMismatch => format!("to the rules {uid}:{gid} is not the proxy: "),
        Code::PortsSwapped => "inbound and outbound ports are swapped: ".to_owned(),
        _ => String::new(),
    }
}

/// One flow as evidence.
pub(super) fn evidence(observed: &Observed) -> Value {
    let promised = match observed.flow.promise {
        Promise::Captured(port) => format!("arrives at port {port}"),
        Promise::Transparent(port) => format!("handed to port {port} by TPROXY"),
        Promise::Elsewhere => "captured".to_owned(),
        Promise::Untouched => "not redirected".to_owned(),
    };
    json!({
        "flow": subject(&observed.flow),
        "promised": promised,
        "observed": happened(&observed.outcome),
    })
}
