//! Every flow as a person follows it: who sent it, what was promised, the stations of its way.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    flow::{Flow, Promise, Proof, Sender, Transport},
    judge,
    outcome::{Observed, Offender, Outcome, Seen},
    phrase,
    vantage::{Play, Vantage},
};
use crate::{
    capture::Capture,
    finding::{Code, Finding, Severity, declared::Declared},
    pod::{Family, Pod},
};

/// A flow of the redirect layer, with the words and the picture of its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FlowShown {
    /// What it proves.
    pub proof: Proof,
    /// Whose traffic it is.
    pub sender: Sender,
    /// The uid that it was sent as; absent where nobody of this pod sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The transport protocol.
    pub transport: Transport,
    /// The address family.
    pub family: Family,
    /// Where it was sent.
    pub to: SocketAddr,
    /// What must happen to it, in words.
    pub promised: String,
    /// The port that it must come to, where the promise names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u16>,
    /// What happened to it, in words.
    pub went: String,
    /// Whether that is as promised.
    pub result: Severity,
    /// The finding that it belongs to, unless it went as promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The stations of its way: the sender, where it was sent, and what is known of where it came to.
    pub path: Vec<String>,
}

/// Every flow of the look, in its order; `declared` are severities that somebody declared.
#[must_use]
pub fn shown(
    capture: &Capture,
    pod: &Pod,
    own: &[IpAddr],
    declared: &Declared,
    seen: &Seen,
) -> Vec<FlowShown> {
    let settled = judge::settled(capture, own, seen);
    let flows = settled.into_iter().map(|(observed, verdict, code)| {
        let link = way_out(&observed.outcome, &observed.flow, pod, own);
        let usual = judge::severity(verdict, code);
        let judged = matches!(usual, Severity::Fail | Severity::Warn);
        let severity = code.and_then(|code| declared.get(&code)).filter(|_| judged);
        let flow = &observed.flow;
        FlowShown {
            proof: flow.proof,
            sender: flow.sender,
            uid: uid(flow.sender, &seen.vantage),
            transport: flow.transport,
            family: flow.family,
            to: flow.destination,
            promised: phrase::promised(flow.promise),
            expected: match flow.promise {
                Promise::Captured(port) | Promise::Transparent(port) => Some(port),
                Promise::Elsewhere | Promise::Untouched => None,
            },
            went: phrase::went(&observed.outcome, link.as_ref()),
            result: severity.copied().unwrap_or(usual),
            code,
            path: path(flow, &seen.vantage, &observed.outcome, link),
        }
    });
    flows.collect()
}

/// The uid of whoever created the socket.
fn uid(sender: Sender, vantage: &Vantage) -> Option<u32> {
    match vantage.play(sender) {
        _ if sender == Sender::Outside => None,
        Play::Own | Play::Marked { .. } => Some(vantage.uid),
        Play::As { uid, .. } => Some(*uid),
        Play::Cannot { .. } => None,
    }
}

/// The name of the link by which a packet left the pod, and whom it met there.
fn way_out(
    outcome: &Outcome,
    flow: &Flow,
    pod: &Pod,
    own: &[IpAddr],
) -> Option<(Option<String>, IpAddr)> {
    let abroad = |by: &Offender| !by.address.is_loopback() && !own.contains(&by.address);
    let met = match outcome {
        Outcome::LeftThePod { hop } => *hop,
        // The destination itself may have answered by ICMP, inside or outside.
        Outcome::Refused { by: Some(by) } | Outcome::Failed { by: Some(by), .. }
            if abroad(by) && by.address != flow.destination.ip() =>
        {
            by.address
        }
        _ => return None,
    };
    (flow.sender != Sender::Outside).then(|| (pod.link_towards(met, flow.destination.ip()), met))
}

fn path(
    flow: &Flow,
    vantage: &Vantage,
    outcome: &Outcome,
    out: Option<(Option<String>, IpAddr)>,
) -> Vec<String> {
    let source = flow.source.map(|ip| format!(" from {ip}")).unwrap_or_default();
    let uid = uid(flow.sender, vantage).map(|uid| format!(" {uid}")).unwrap_or_default();
    let sender = match flow.sender {
        Sender::Proxy => "proxy",
        Sender::App => "app",
        Sender::Outside => "outside",
    };
    let mut path = vec![format!("{sender}{uid}{source}"), flow.destination.to_string()];
    match (outcome, out) {
        (Outcome::Arrived { at, at_destination: false, listener, .. }, _)
            if *at != flow.destination || *listener != at.port() =>
        {
            path.push(listener.to_string());
        }
        (Outcome::Taken { at, .. }, _) if *at != flow.destination => {
            path.push(at.port().to_string());
        }
        (_, Some((link, met))) => {
            path.extend(link);
            path.push(met.to_string());
        }
        _ => {}
    }
    path
}

impl FlowShown {
    /// The way in one line, from the sender to where it came to:
    /// `app 65532 → 192.0.2.1:80 ⇢ 15001`.
    #[must_use]
    pub fn drawn(&self) -> String {
        let [sender, to, rest @ ..] = self.path.as_slice() else { return self.went.clone() };
        let udp = if self.transport == Transport::Udp { "UDP " } else { "" };
        let end = match self.result {
            Severity::Ok if rest.is_empty() => self.went.clone(),
            Severity::Ok => rest.join(" → "),
            _ => match self.expected {
                Some(port) => format!("expected {port}, {}", self.went),
                None => format!("expected {}, {}", self.promised, self.went),
            },
        };
        format!("{sender} → {udp}{to} ⇢ {end}")
    }
}

/// Puts its way beside each flow that is evidence of a finding; `shown` are the flows of `seen`.
pub fn draw(findings: &mut [Finding], seen: &Seen, shown: &[FlowShown]) {
    for finding in findings {
        let Some(Value::Array(listed)) = finding.evidence.get_mut("flows") else { continue };
        for item in listed.iter_mut().filter_map(Value::as_object_mut) {
            let of = |(observed, shown): &(&Observed, &FlowShown)| {
                shown.code == Some(finding.code)
                    && item.get("flow").and_then(Value::as_str)
                        == Some(&phrase::subject(&observed.flow))
            };
            if let Some((_, shown)) = seen.flows.iter().zip(shown).find(of) {
                item.insert("path".to_owned(), shown.drawn().into());
            }
        }
    }
}
