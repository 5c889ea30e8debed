//! Limits: local ports and tracked connections.

use crate::{
    finding::{Code, Finding},
    pod::limits::Limits,
};

/// The share of the table from which on it is told: node-problem-detector's.
const NEARLY_FULL: u64 = 90;

/// Judges what runs out.
pub(super) fn judge(limits: &Limits) -> Vec<Finding> {
    [ports(limits), tracked(limits)].into_iter().flatten().collect()
}

fn ports(limits: &Limits) -> Option<Finding> {
    let errno = limits.no_port.as_ref()?;
    let range = match limits.ports {
        Some((from, to)) => format!("all of {from} to {to} are taken"),
        None => "all are taken".to_owned(),
    };
    let reason = format!("take a local TCP port: {errno}: {range}");
    Some(Finding::new(Code::PortsExhausted, "local ports", reason))
}

fn tracked(limits: &Limits) -> Option<Finding> {
    let (count, most) = limits.tracked?;
    let percent = count.saturating_mul(100).checked_div(most)?;
    let (code, reason) = match &limits.untrackable {
        Some(errno) => (
            Code::ConntrackFull,
            format!(
                "send a datagram to the pod itself: {errno}: all {most} tracked connections are in use"
            ),
        ),
        None if percent >= NEARLY_FULL => (
            Code::ConntrackNearFull,
            format!(
                "count tracked connections: {count} in this pod of {most} on the node ({percent} %)"
            ),
        ),
        None => return None,
    };
    Some(Finding::new(code, "nf_conntrack", reason).with("count", count).with("most", most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(limits: &Limits) -> Vec<Code> {
        judge(limits).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_table_is_nearly_full_from_nine_tenths_on() {
        let of = |count| Limits { tracked: Some((count, 1000)), ..Limits::default() };
        assert_eq!(codes(&of(899)), []);
        assert_eq!(codes(&of(900)), [Code::ConntrackNearFull]);
        let none = Limits { tracked: Some((0, 0)), ..Limits::default() };
        assert_eq!(codes(&none), [], "no limit is no table");
    }

    #[test]
    fn a_table_is_full_where_nothing_new_is_tracked() {
        let tracked = Some((1000, 1000));
        let full = Limits { tracked, untrackable: Some("EPERM".to_owned()), ..Limits::default() };
        assert_eq!(codes(&full), [Code::ConntrackFull]);
        let makes_room = Limits { tracked, ..Limits::default() };
        assert_eq!(codes(&makes_room), [Code::ConntrackNearFull], "what is not assured gives way");
    }

    #[test]
    fn a_port_that_cannot_be_had_is_told_with_the_range() {
        let limits = Limits {
            no_port: Some("EADDRINUSE".to_owned()),
            ports: Some((32768, 60999)),
            ..Limits::default()
        };
        let found = judge(&limits);
        assert_eq!(found[0].code, Code::PortsExhausted);
        assert!(found[0].reason.ends_with("EADDRINUSE: all of 32768 to 60999 are taken"));
    }
}
