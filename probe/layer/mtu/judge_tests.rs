//! The judge, with literal observations.

use super::{
    judge,
    outcome::{Ended, Exchange, Path, Seen, Tried},
    peer::{Role, Speaks},
};
use crate::{
    finding::{Code, Severity},
    layer::{attempt::Failure, redirect::Offender},
    pod::{Pod, tests::sample},
};

const SENT: u64 = 4344;

/// All is acknowledged and answered; from eth0's address, whose MTU is 1500.
fn fine() -> Exchange {
    Exchange {
        from: [10, 0, 0, 2].into(),
        packet: 1500,
        allowed: 1500,
        sent: SENT,
        acked: SENT,
        resent: 0,
        sacked: 0,
        received: 120,
        received_full: false,
        path_mtu_before: 1500,
        path_mtu: 1500,
        ended: Ended::Answered,
        elapsed_ms: 1,
    }
}

/// Sent again and again, and nothing comes of it.
fn stuck() -> Exchange {
    let (ended, elapsed_ms) = (Ended::Waited, 640);
    Exchange { acked: 0, resent: 3, received: 0, ended, elapsed_ms, ..fine() }
}

/// All is acknowledged, and nothing comes back.
fn unanswered() -> Exchange {
    Exchange { received: 0, ended: Ended::Waited, elapsed_ms: 1400, ..fine() }
}

fn small(exchange: Exchange) -> Exchange {
    Exchange { packet: 576, allowed: 576, ..exchange }
}

fn path(tried: &[Exchange]) -> Path {
    let mut tried = tried.iter().cloned().map(Tried::Made);
    Path {
        to: "10.96.0.10:53".parse().expect("an address"),
        role: Role::Nameserver,
        speaks: Speaks::Dns,
        large: tried.next().expect("one exchange"),
        small: tried.next(),
        again: tried.next(),
        too_big: None,
        ladder: None,
    }
}

fn pod() -> Pod {
    sample()
}

fn judged(paths: Vec<Path>) -> Vec<(Code, String)> {
    let seen = Seen { mtu_probing: Some(0), paths };
    judge(&pod(), &seen).into_iter().map(|finding| (finding.code, finding.reason)).collect()
}

#[track_caller]
fn only(paths: Vec<Path>, code: Code) -> String {
    let found = judged(paths);
    let [(only, reason)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(*only, code, "{reason}");
    reason.clone()
}

#[test]
fn acknowledged_full_packets_hold() {
    let reason = only(vec![path(&[fine()])], Code::MtuHolds);
    assert!(reason.starts_with("packets of 1500 bytes are acknowledged by nameserver"), "{reason}");
    assert!(reason.contains("no answer was long enough"), "{reason}");
}

#[test]
fn twice_stuck_and_fine_when_small_is_a_black_hole() {
    let reason = only(vec![path(&[stuck(), small(fine()), stuck()])], Code::MtuBlackHole);
    assert!(reason.contains("packets of 1500 bytes get no acknowledgement"), "{reason}");
    assert!(reason.contains("packets of 576 do"), "{reason}");
}

#[test]
fn loss_that_spares_the_second_try_or_not_the_small_packets_is_none() {
    let reason = only(vec![path(&[stuck(), small(fine()), fine()])], Code::MtuHolds);
    assert!(reason.contains("two attempts"), "{reason}");
    only(vec![path(&[stuck(), small(stuck())])], Code::MtuUntested);
}

#[test]
fn a_gap_that_was_acknowledged_or_a_smaller_mtu_is_no_black_hole() {
    let gap = Exchange { sacked: 1, ..stuck() };
    only(vec![path(&[gap.clone(), small(fine()), gap])], Code::MtuUntested);
    let told = Exchange { path_mtu: 1300, ..stuck() };
    only(vec![path(&[told.clone(), small(fine()), told])], Code::MtuUntested);
}

#[test]
fn behind_a_narrow_path_that_is_known_may_be_a_black_hole() {
    let told = Exchange { path_mtu: 1400, packet: 1400, sacked: 1, ..stuck() };
    let again = Exchange { path_mtu_before: 1400, sacked: 0, ..told.clone() };
    let reason = only(vec![path(&[told, small(fine()), again])], Code::MtuBlackHole);
    assert!(reason.contains("packets of 1400 bytes get no acknowledgement"), "{reason}");
}

#[test]
fn a_slow_acknowledgement_is_no_black_hole() {
    let slow = Exchange { resent: 0, ..stuck() };
    only(vec![path(&[slow.clone(), small(fine()), slow])], Code::MtuUntested);
}

#[test]
fn an_answer_that_comes_in_small_packets_alone_is_a_hole_on_the_way_back() {
    let answer = small(Exchange { received: 2100, ..fine() });
    let found = only(vec![path(&[unanswered(), answer, unanswered()])], Code::MtuBlackHoleReverse);
    assert!(found.contains("0 bytes come in 1400 ms") && found.contains("2100 bytes"), "{found}");
}

#[test]
fn a_silent_slow_or_terse_server_is_no_hole() {
    let reason = only(vec![path(&[unanswered(), small(unanswered())])], Code::MtuHolds);
    assert!(reason.contains("no answer was long enough"), "{reason}");
    for answer in [
        Exchange { received: 2100, elapsed_ms: 1300, ..fine() },
        Exchange { received: 400, ..fine() },
    ] {
        only(vec![path(&[unanswered(), small(answer), unanswered()])], Code::MtuHolds);
    }
}

#[test]
fn a_narrow_path_that_is_known_is_worth_a_word() {
    let narrow = Exchange { packet: 1300, path_mtu: 1300, ..fine() };
    let by = Offender { address: [10, 0, 0, 9].into(), icmp_type: 3, icmp_code: 4 };
    let told = Path { too_big: Some(by), ..path(std::slice::from_ref(&narrow)) };
    let found = judged(vec![told.clone()]);
    assert_eq!(found[0].0, Code::MtuLower);
    assert!(found[0].1.contains("1300 bytes, eth0 of 1500: 10.0.0.9 (ICMP 3/4)"), "{found:?}");
    assert_eq!(found[1].0, Code::MtuHolds);
    assert!(found[1].1.starts_with("packets of 1300 bytes are"), "{found:?}");
    let other = Path { to: "10.96.0.1:443".parse().expect("an address"), ..told.clone() };
    let found = judged(vec![told.clone(), other.clone()]);
    assert!(found[..2].iter().all(|(code, _)| *code == Code::MtuLowerEverywhere), "{found:?}");
    let known = Exchange { path_mtu_before: 1300, ..narrow };
    let by_route = Path { to: other.to, ..path(&[known]) };
    let found = judged(vec![told, by_route]);
    assert!(found[..2].iter().all(|(code, _)| *code == Code::MtuLower), "{found:?}");
}

#[test]
fn what_the_mesh_takes_and_what_cannot_be_tried_is_unknown() {
    let failed = |failure| Path { large: Tried::Failed(failure), ..path(&[fine()]) };
    let masked = failed(Failure::Masked { reason: "needs uid 1337".into() });
    assert!(only(vec![masked], Code::MtuMasked).contains("needs uid 1337"));
    let refused = failed(Failure::Refused { by: None });
    assert!(only(vec![refused.clone()], Code::MtuUntested).contains("refused by a reset"));
    only(vec![], Code::MtuUntested);
    let found = judged(vec![refused, path(&[fine()])]);
    assert_eq!(found[1].0, Code::MtuHolds, "one peer is enough: {found:?}");
    assert_eq!(found[0].0.meaning().severity, Severity::Unknown);
}

#[test]
fn a_connection_closed_too_early_tells_nothing() {
    let closed = Exchange { acked: 0, ended: Ended::Closed, ..fine() };
    assert!(only(vec![path(&[closed])], Code::MtuUntested).contains("closes"));
    let late = Exchange { ended: Ended::Closed, ..fine() };
    only(vec![path(&[late])], Code::MtuHolds);
}

#[test]
fn the_kernels_own_probing_is_named() {
    let with = |probing, path| {
        let seen = Seen { mtu_probing: Some(probing), paths: vec![path] };
        judge(&pod(), &seen).remove(0).reason
    };
    let hole = with(1, path(&[stuck(), small(fine()), stuck()]));
    assert!(hole.contains("tcp_mtu_probing is 1"), "{hole}");
    let begun_small = with(2, path(&[Exchange { packet: 1076, ..fine() }]));
    assert!(begun_small.contains("tcp_mtu_probing is 2"), "{begun_small}");
    let clamped = with(0, path(&[Exchange { packet: 1252, ..fine() }]));
    assert!(clamped.contains("the handshake asked for no larger ones"), "{clamped}");
}
