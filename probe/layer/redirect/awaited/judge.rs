//! From the connections that came to a finding: pure.

use std::{mem::discriminant, net::IpAddr};

use super::{Awaited, Says, Visit};
use crate::{
    capture::Capture,
    finding::{Code, Finding},
    pod::Family,
};

/// What waiting for the probe showed; `pod` are the pod's own addresses. The last connection counts,
/// for rules may come late.
#[must_use]
pub fn judge_awaited(capture: &Capture, pod: &[IpAddr], awaited: &Awaited) -> Finding {
    let said = |visit: &'_ Visit| awaited.says(capture, pod, visit);
    let last = awaited.visits.iter().rev().find(|visit| said(visit) != Says::Nothing);
    let subject = format!("port {}", awaited.port);
    let Some(last) = last else { return nobody_came(awaited, subject) };
    // The deadline may cut the last one off before its request was read.
    let alike = |visit: &&Visit| {
        discriminant(&said(visit)) == discriminant(&said(last)) && line(visit).is_some()
    };
    let visit = awaited.visits.iter().rev().find(alike).unwrap_or(last);
    let family = Some(Family::of(visit.at.ip().to_canonical()));
    let (port, inbound, from) = (awaited.port, capture.inbound_port, visit.from);
    let meant = visit.original.unwrap_or(visit.at);
    let tell = |code, reason: String| Finding::new(code, subject.clone(), reason).of(family);
    let finding = match said(visit) {
        Says::Arrived(from, at) => {
            let by = if awaited.live { ", where the proxy took it and passed it on" } else { "" };
            tell(
                Code::ProbeArrived,
                format!("a connection from outside ({from}) to port {port} arrived at {at}{by}"),
            )
        }
        Says::WrongPort(other) => tell(
            Code::InboundWrongPort,
            format!(
                "a connection from outside ({from}) to {meant} arrived at port {other} instead of \
                 arriving at port {inbound}"
            ),
        ),
        Says::Escaped => tell(
            Code::InboundEscaped,
            format!(
                "a connection from outside ({from}) to port {port} arrived at {} itself instead of \
                 arriving at port {inbound}",
                visit.at
            ),
        ),
        Says::Rewritten => tell(
            Code::ProbeRewritten,
            format!(
                "the probe of port {port} asks the mesh's agent instead{}: it does not cross the rules",
                asked(visit)
            ),
        ),
        Says::Exempt => tell(
            Code::ProbeExempt,
            format!(
                "the connection to port {port} came from {}, which the mesh lets pass on purpose: it \
                 proves nothing about others",
                from.ip()
            ),
        ),
        Says::Nothing => return nobody_came(awaited, subject),
    };
    finding.with("request", visit.request.clone()).with("waitedMs", awaited.waited_ms)
}

fn asked(visit: &Visit) -> String {
    line(visit).map(|line| format!(" ({line})")).unwrap_or_default()
}

fn line(visit: &Visit) -> Option<&str> {
    visit.request.as_deref().filter(|line| !line.is_empty())
}

fn nobody_came(awaited: &Awaited, subject: String) -> Finding {
    let seconds = awaited.waited_ms / 1000;
    let reason = match awaited.closed.first() {
        Some((port, errno)) => format!(
            "wait for the probe of port {}: port {port} could not be listened on: {errno}",
            awaited.port
        ),
        None => format!(
            "wait {seconds} s for the probe of port {}: nobody outside connected, to it or through the \
             mesh's capture",
            awaited.port
        ),
    };
    Finding::new(Code::ProbeNotSeen, subject, reason)
}
