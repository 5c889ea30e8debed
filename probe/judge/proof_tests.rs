//! Nothing holds without its proof: recordings of real looks, from which facts are taken away.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::{flows, judge};
use crate::{
    finding::{Code, Layer, Severity},
    fuzz::{edit, reports::hold},
    layer::{
        attempt::Failure,
        dns,
        mtu::Tried,
        reach,
        redirect::{Outcome, Promise, Transport},
        service,
    },
    pod::Look,
    record::{Recording, Seen},
    report::{Report, Verdict},
};

/// The recordings whose report has a finding of this code.
fn with(code: Code) -> Vec<Recording> {
    let has = |recording: &&Recording| has(&judge(recording), code);
    let found: Vec<Recording> = edit::seeds().iter().filter(has).cloned().collect();
    assert!(!found.is_empty(), "no recording in which {code} stands");
    found
}

fn has(report: &Report, code: Code) -> bool {
    report.findings.iter().any(|finding| finding.code == code && finding.severity == Severity::Ok)
}

/// What the recording's report is without some facts.
fn without(recording: &Recording, take: impl FnOnce(&mut Seen)) -> Report {
    let mut recording = recording.clone();
    take(recording.seen.as_mut().expect("something was seen"));
    judge(&recording)
}

fn blind<T>() -> Look<T> {
    Look::Blind { operation: "look".into(), errno: "EPERM".into() }
}

fn nowhere() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 77], 9))
}

/// What proves nothing that was promised to be captured; the first three, nothing at all.
fn proofless() -> [Outcome; 8] {
    [
        Outcome::NotSent { reason: "taken away".into() },
        Outcome::Unasked { reason: "taken away".into() },
        Outcome::Failed { operation: "connect".into(), errno: "EIO".into(), by: None },
        Outcome::Silent { waited_ms: 25 },
        Outcome::Refused { by: None },
        Outcome::AcceptedElsewhere,
        Outcome::LeftThePod { hop: [10, 77, 0, 1].into() },
        Outcome::Arrived {
            at: nowhere(),
            listener: 9,
            original: Some(nowhere()),
            at_destination: false,
            answered: None,
        },
    ]
}

#[test]
fn a_flow_without_its_proof_is_not_counted() {
    for recording in with(Code::RedirectHolds) {
        let seen = recording.seen.as_ref().expect("something was seen");
        let count = seen.redirect.as_ref().map_or(0, |seen| seen.flows.len());
        for at in 0..count {
            let mut seen = seen.clone();
            let flow = seen.redirect.as_ref().expect("flows").flows[at].flow.clone();
            let captured = matches!(flow.promise, Promise::Captured(_) | Promise::Transparent(_));
            let live = seen.redirect.as_ref().is_some_and(|redirect| redirect.live.is_some());
            let proofless = proofless();
            for outcome in &proofless[..if captured { proofless.len() } else { 3 }] {
                // An answer to a datagram that cannot leave the pod is the running proxy's.
                if live
                    && flow.transport == Transport::Udp
                    && *outcome == Outcome::AcceptedElsewhere
                {
                    continue;
                }
                seen.redirect.as_mut().expect("flows").flows[at].outcome = outcome.clone();
                let shown = flows(&recording.plan, &seen);
                assert_ne!(shown[at].result, Severity::Ok, "{flow:?}: {outcome:?}");
            }
        }
    }
}

#[test]
fn no_flow_no_promise_that_holds() {
    for recording in with(Code::RedirectHolds) {
        for outcome in proofless() {
            let report = without(&recording, |seen| {
                let redirect = seen.redirect.as_mut().expect("flows");
                redirect.flows.retain(|observed| observed.flow.promise != Promise::Untouched);
                for observed in &mut redirect.flows {
                    observed.outcome = outcome.clone();
                }
            });
            assert!(!has(&report, Code::RedirectHolds), "{outcome:?}: {report:?}");
            assert_ne!(report.verdict, Verdict::Ok, "{outcome:?}");
        }
        let report =
            without(&recording, |seen| seen.redirect.as_mut().expect("flows").flows.clear());
        assert!(!has(&report, Code::RedirectHolds) && report.verdict != Verdict::Ok);
        let report = without(&recording, |seen| seen.redirect = None);
        assert!(!has(&report, Code::RedirectHolds) && report.verdict != Verdict::Ok);
    }
}

#[test]
fn no_answer_no_nameserver_that_holds() {
    let lost = [
        dns::Outcome::Silent { tries: 2, waited_ms: 500 },
        dns::Outcome::Refused { by: None },
        dns::Outcome::Failed { operation: "send".into(), errno: "EIO".into(), by: None },
        dns::Outcome::Unusable { what: "bytes that are no DNS message".into() },
        dns::Outcome::WrongSource { from: nowhere() },
        dns::Outcome::Masked { reason: "taken away".into() },
        dns::Outcome::Unasked,
    ];
    for recording in with(Code::DnsHolds) {
        for outcome in &lost {
            let report = without(&recording, |seen| {
                let servers = &mut seen.dns.as_mut().expect("dns").nameservers;
                for asked in servers.iter_mut().flat_map(|server| &mut server.asked) {
                    asked.outcome = outcome.clone();
                }
            });
            assert!(!has(&report, Code::DnsHolds), "{outcome:?}: {report:?}");
            assert_ne!(report.verdict, Verdict::Ok, "{outcome:?}");
        }
        let report =
            without(&recording, |seen| seen.dns.as_mut().expect("dns").nameservers.clear());
        assert!(!has(&report, Code::DnsHolds) && report.verdict != Verdict::Ok, "{report:?}");
        assert_ne!(without(&recording, |seen| seen.dns = None).verdict, Verdict::Ok);
    }
}

#[test]
fn no_tls_no_api_server_that_holds() {
    let lost = [
        service::Outcome::NotTls { said: "HTTP/1.1 400".into() },
        service::Outcome::Closed { errno: None },
        service::Outcome::Hangs { waited_ms: 500 },
        service::Outcome::Unconnected(Failure::Refused { by: None }),
        service::Outcome::Unconnected(Failure::Silent { waited_ms: 500 }),
        service::Outcome::Unconnected(Failure::Masked { reason: "taken away".into() }),
    ];
    for recording in with(Code::ServiceHolds) {
        for outcome in &lost {
            let report = without(&recording, |seen| {
                for server in &mut seen.service.as_mut().expect("service").servers {
                    server.outcome = outcome.clone();
                    server.ready = None;
                }
            });
            assert!(!has(&report, Code::ServiceHolds), "{outcome:?}: {report:?}");
            assert_ne!(report.verdict, Verdict::Ok, "{outcome:?}");
        }
        assert_ne!(without(&recording, |seen| seen.service = None).verdict, Verdict::Ok);
        let report =
            without(&recording, |seen| seen.service.as_mut().expect("service").servers.clear());
        assert_ne!(report.verdict, Verdict::Ok, "{report:?}");
    }
}

#[test]
fn no_answer_no_target_that_holds() {
    let open = [
        reach::Outcome::Not(Failure::Silent { waited_ms: 500 }),
        reach::Outcome::Not(Failure::Refused { by: None }),
        reach::Outcome::Not(Failure::Masked { reason: "taken away".into() }),
        reach::Outcome::Broken { step: "the handshake".into(), what: "is reset".into() },
        reach::Outcome::Dns(dns::Outcome::Unasked),
    ];
    // What must stay blocked is proved to be by what was tried, and answered by nobody.
    let blocked = [
        reach::Outcome::Answered(reach::Answer::Connected),
        reach::Outcome::Not(Failure::Masked { reason: "taken away".into() }),
        reach::Outcome::Not(Failure::Failed {
            operation: "open a socket".into(),
            errno: "EMFILE".into(),
            by: None,
        }),
    ];
    for recording in with(Code::ReachHolds) {
        for at in 0..5 {
            let targets = recording.plan.reach.targets.clone();
            let report = without(&recording, |seen| {
                for probe in &mut seen.reach.as_mut().expect("reach").probes {
                    let must_not = targets.get(probe.target).is_some_and(|t| t.blocked.is_some());
                    let list = if must_not { &blocked[..] } else { &open[..] };
                    probe.outcome = list[at % list.len()].clone();
                }
            });
            assert!(!has(&report, Code::ReachHolds), "{at}: {report:?}");
            assert_ne!(report.verdict, Verdict::Ok, "{at}");
        }
        assert_ne!(without(&recording, |seen| seen.reach = None).verdict, Verdict::Ok);
        for at in 0..recording.plan.reach.targets.len() {
            let report = without(&recording, |seen| {
                seen.reach.as_mut().expect("reach").probes.retain(|probe| probe.target != at);
            });
            assert_ne!(report.verdict, Verdict::Ok, "{report:?}");
        }
    }
}

#[test]
fn no_full_packet_no_mtu_that_holds() {
    for recording in with(Code::MtuHolds) {
        let silent = Tried::Failed(Failure::Silent { waited_ms: 500 });
        let none = without(&recording, |seen| {
            for path in &mut seen.mtu.as_mut().expect("mtu").paths {
                (path.large, path.small, path.again) = (silent.clone(), None, None);
            }
        });
        let unacknowledged = without(&recording, |seen| {
            for path in &mut seen.mtu.as_mut().expect("mtu").paths {
                for tried in [Some(&mut path.large), path.again.as_mut()].into_iter().flatten() {
                    if let Tried::Made(exchange) = tried {
                        exchange.acked = exchange.sent.saturating_sub(1).min(exchange.acked);
                    }
                }
            }
        });
        for report in [none, unacknowledged] {
            assert!(!has(&report, Code::MtuHolds), "{report:?}");
        }
        assert_ne!(without(&recording, |seen| seen.mtu = None).verdict, Verdict::Ok);
    }
}

#[test]
fn what_was_not_looked_at_holds_in_no_lower_layer() {
    for recording in with(Code::LinkHolds) {
        for report in [
            without(&recording, |seen| seen.pod.links = blind()),
            without(&recording, |seen| seen.pod.addresses = blind()),
            without(&recording, |seen| seen.pod.addresses = Look::Seen(Vec::new())),
            without(&recording, |seen| seen.pod.links = Look::Seen(Vec::new())),
        ] {
            assert!(!has(&report, Code::LinkHolds), "{report:?}");
        }
    }
    for recording in with(Code::RouteHolds) {
        let take = |seen: &mut Seen, routes| {
            seen.pod.routes = routes;
            seen.route.as_mut().expect("route").lookups = blind();
        };
        for report in [
            without(&recording, |seen| take(seen, blind())),
            without(&recording, |seen| take(seen, Look::Seen(Vec::new()))),
        ] {
            assert!(!has(&report, Code::RouteHolds), "{report:?}");
        }
        let report = without(&recording, |seen| seen.route = None);
        assert!(!has(&report, Code::RouteHolds) && report.verdict != Verdict::Ok, "{report:?}");
    }
}

#[test]
fn a_node_without_its_files_does_not_hold() {
    for recording in with(Code::NodeHolds) {
        let gone: [fn(&mut Seen); 4] = [
            |seen| seen.node.as_mut().expect("node").files.clear(),
            |seen| seen.node.as_mut().expect("node").programs.clear(),
            |seen| seen.node.as_mut().expect("node").listings.clear(),
            |seen| seen.node.as_mut().expect("node").closed = Some("EACCES".into()),
        ];
        for take in gone {
            let report = without(&recording, take);
            assert!(!has(&report, Code::NodeHolds), "{report:?}");
            assert_ne!(report.verdict, Verdict::Ok);
        }
        assert_ne!(without(&recording, |seen| seen.node = None).verdict, Verdict::Ok);
    }
}

#[test]
fn every_recording_of_a_real_look_is_told_as_it_was() {
    edit::seeds().iter().for_each(hold);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_observation_is_judged_and_holds_with_proof_alone(
        bytes in prop::collection::vec(any::<u8>(), 1..80),
    ) {
        if let Some(recording) = edit::edited(&bytes) {
            hold(&recording);
        }
    }
}

/// What a filter of system calls refuses is no word about the network: neither yes nor no.
#[test]
fn where_a_filter_refuses_what_every_probe_needs_nothing_is_broken_and_nothing_more_holds() {
    let by_probes = [Layer::Redirect, Layer::Dns, Layer::Service, Layer::Reach, Layer::Mtu];
    let mut blinded = 0;
    for recording in edit::seeds() {
        let before = judge(recording);
        let complains = |report: &Report| {
            let mut findings = report.findings.iter();
            findings.any(|f| f.severity > Severity::Unknown && by_probes.contains(&f.layer))
        };
        let refuse = |seen: &mut Seen| seen.pod.identity.refused_calls = vec!["accept4".to_owned()];
        let after = without(recording, refuse);
        assert!(!complains(&after), "{:?}", after.findings);
        if !complains(&before) {
            assert_eq!(after.verdict, before.verdict, "nobody complained: {:?}", after.findings);
        }
        if before.cause.as_ref().is_some_and(|cause| by_probes.contains(&cause.layer)) {
            assert_eq!(
                (after.verdict, after.exit_code),
                (Verdict::Unknown, 5),
                "{:?}",
                after.findings
            );
            blinded += 1;
        }
    }
    assert!(blinded > 3, "{blinded} recordings had something to be blind for");
}
