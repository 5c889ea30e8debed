//! Verdicts on literal observations: what no world in a namespace shows alone.

use std::net::SocketAddr;

use super::{
    outcome::{Answer, Outcome, Probe, Seen},
    target::Target,
};
use crate::{
    finding::{Code, Finding, Severity},
    layer::{
        attempt::Failure,
        dns::Resolved,
        ladder::{Ladder, Rung},
        redirect::Offender,
    },
    plan::{Plan, ReachPlan},
    pod::{Family, tests::sample},
    profile,
};

fn plan(targets: &[&str]) -> Plan {
    let read = |text: &&str| text.parse::<Target>().expect("a target");
    let targets = targets.iter().map(read).collect();
    let reach = ReachPlan { targets, ..ReachPlan::default() };
    Plan { reach, ..Plan::new("check", "none", profile::NONE.capture()) }
}

fn probe(target: usize, address: &str, outcome: Outcome) -> Probe {
    let address: SocketAddr = address.parse().expect("an address");
    Probe {
        target,
        family: Some(Family::of(address.ip())),
        address: Some(address),
        question: None,
        outcome,
        tries: 1,
        elapsed_us: 1500,
        watched_ms: 1,
        captured: None,
        ladder: None,
        unheard: None,
        untried: 0,
    }
}

fn judged(targets: &[&str], probes: Vec<Probe>) -> Vec<Finding> {
    super::judge(&plan(targets), &sample(), &Seen { probes })
}

fn codes(findings: &[Finding]) -> Vec<Code> {
    findings.iter().map(|finding| finding.code).collect()
}

fn silent() -> Outcome {
    Outcome::Not(Failure::Silent { waited_ms: 2000 })
}

fn refused() -> Outcome {
    Outcome::Not(Failure::Refused { by: None })
}

#[test]
fn one_family_is_enough_where_any_will_do() {
    let both = || {
        let open = probe(0, "192.0.2.1:80", Outcome::Answered(Answer::Connected));
        vec![open, probe(0, "[2001:db8::1]:80", refused())]
    };
    assert_eq!(codes(&judged(&["tcp://h:80?family=any"], both())), [Code::ReachHolds]);
    let each = judged(&["tcp://h:80"], both());
    assert_eq!(codes(&each), [Code::ReachHolds, Code::ReachRefused]);
    assert_eq!(each[1].family, Some(Family::Ipv6));
    let neither =
        vec![probe(0, "192.0.2.1:80", refused()), probe(0, "[2001:db8::1]:80", refused())];
    let neither = judged(&["tcp://h:80?family=any"], neither);
    assert_eq!(codes(&neither), [Code::ReachRefused, Code::ReachRefused]);
}

#[test]
fn a_farther_hop_is_left_for_whoever_correlates() {
    let by = |n: u8| Offender { address: [10, 0, 0, n].into(), icmp_type: 11, icmp_code: 0 };
    let rung = |hops, by| Rung { hops, by, reached: false };
    let ladder = Ladder { rungs: vec![rung(1, Some(by(1))), rung(2, None), rung(3, Some(by(3)))] };
    let lost = Probe { ladder: Some(ladder), ..probe(0, "192.0.2.1:80", silent()) };
    let found = judged(&["192.0.2.1:80"], vec![lost]);
    assert_eq!(codes(&found), [Code::ReachTimeoutBeyond]);
    assert_eq!(found[0].evidence["farthestHop"], "10.0.0.3");
    assert_eq!(found[0].evidence["lost"], "beyond");
}

#[test]
fn an_error_in_the_pods_own_name_is_a_missing_neighbour_and_blocks_nothing() {
    let by = Offender { address: [10, 0, 0, 2].into(), icmp_type: 3, icmp_code: 1 };
    let outcome = || {
        let operation = "connect".to_owned();
        let errno = "EHOSTUNREACH".to_owned();
        Outcome::Not(Failure::Failed { operation, errno, by: Some(by) })
    };
    let open = judged(&["192.0.2.1:80"], vec![probe(0, "192.0.2.1:80", outcome())]);
    assert_eq!(codes(&open), [Code::ReachNoNeighbour]);
    let blocked = judged(&["!192.0.2.1:80"], vec![probe(0, "192.0.2.1:80", outcome())]);
    assert_eq!(codes(&blocked), [Code::ReachUnproven]);
}

#[test]
fn a_socket_that_is_not_to_be_had_is_neither_open_nor_blocked() {
    for target in ["192.0.2.1:80", "!192.0.2.1:80"] {
        let operation = "open a socket".to_owned();
        let errno = "EMFILE".to_owned();
        let outcome = Outcome::Not(Failure::Failed { operation, errno, by: None });
        let found = judged(&[target], vec![probe(0, "192.0.2.1:80", outcome)]);
        assert_eq!(codes(&found), [Code::ReachUnproven], "{target}");
        assert_eq!(found[0].severity, Severity::Unknown);
    }
}

#[test]
fn a_name_that_the_mesh_did_not_answer_for_is_masked() {
    let outcome = Outcome::Unresolved(Resolved::Masked("needs uid 1337".to_owned()));
    let probe = Probe { address: None, family: None, ..probe(0, "192.0.2.1:80", outcome) };
    assert_eq!(codes(&judged(&["tcp://h:80"], vec![probe])), [Code::ReachMasked]);
}

#[test]
fn a_recording_of_other_targets_is_no_panic() {
    assert_eq!(codes(&judged(&[], vec![probe(7, "192.0.2.1:80", refused())])), []);
}
