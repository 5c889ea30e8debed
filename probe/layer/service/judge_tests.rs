//! What each observation of the API server comes to, with literal values.

use std::net::{IpAddr, SocketAddr};

use super::{Named, Outcome, Ready, Seen, Server, judge};
use crate::{
    finding::Code,
    layer::{
        attempt::Failure,
        dns::Resolved,
        exchange::TlsFailure,
        ladder::{Ladder, Rung},
        redirect::Offender,
    },
    plan::Plan,
    pod::Pod,
    profile,
};

const API: &str = "10.96.0.1:443";
const SILENT: Failure = Failure::Silent { waited_ms: 2500 };

fn plan() -> Plan {
    Plan::new("check", "none", profile::NONE.capture())
}

fn pod() -> Pod {
    crate::pod::tests::sample()
}

fn at(address: &str, outcome: Outcome) -> Server {
    let address: SocketAddr = address.parse().expect("an address");
    Server {
        host: address.ip().to_string(),
        address,
        masked: None,
        outcome,
        lost: 0,
        elapsed_ms: 3,
        translated: None,
        unsent: None,
        ladder: None,
        ready: None,
    }
}

fn by(address: &str, icmp_type: u8, icmp_code: u8) -> Offender {
    Offender { address: address.parse().expect("an address"), icmp_type, icmp_code }
}

fn refused(by: Option<Offender>) -> Outcome {
    Outcome::Unconnected(Failure::Refused { by })
}

fn failed(operation: &str, errno: &str, by: Option<Offender>) -> Outcome {
    let (operation, errno) = (operation.to_owned(), errno.to_owned());
    Outcome::Unconnected(Failure::Failed { operation, errno, by })
}

/// The codes of a look at these servers, all of which are named by one host each.
#[track_caller]
fn codes(plan: &Plan, servers: &[Server]) -> Vec<Code> {
    let named = |server: &Server| Named {
        host: server.host.clone(),
        port: server.address.port(),
        by: "--api-server".to_owned(),
        resolved: None,
    };
    let seen = Seen { named: servers.iter().map(named).collect(), servers: servers.to_vec() };
    judge(plan, &pod(), &seen).into_iter().map(|finding| finding.code).collect()
}

fn code_of(outcome: Outcome) -> Code {
    codes(&plan(), &[at(API, outcome)])[0]
}

#[test]
fn whoever_refuses_decides() {
    for (outcome, code) in [
        (refused(None), Code::ServiceRefused),
        (refused(Some(by("10.96.0.1", 3, 3))), Code::ServiceRejected),
        (refused(Some(by("10.0.0.2", 3, 3))), Code::ServiceSendRefused),
        (failed("connect", "EHOSTUNREACH", Some(by("10.0.0.2", 3, 1))), Code::ServiceNoRoute),
        (failed("connect", "EHOSTUNREACH", Some(by("10.96.0.1", 11, 0))), Code::ServiceRejected),
        (refused(Some(by("10.77.0.1", 3, 3))), Code::ServiceNoEndpoints),
        (failed("connect", "EHOSTUNREACH", Some(by("10.77.0.1", 3, 13))), Code::ServiceRejected),
        (failed("connect", "EHOSTUNREACH", Some(by("10.77.0.1", 3, 1))), Code::ServiceRejected),
        (
            failed("connect", "EHOSTUNREACH", Some(by("10.5.0.1", 11, 0))),
            Code::ServiceNotProgrammed,
        ),
        (failed("connect", "EPERM", None), Code::ServiceSendRefused),
        (failed("connect", "ENETUNREACH", None), Code::ServiceNoRoute),
        (failed("connect", "EADDRNOTAVAIL", None), Code::ServiceNoRoute),
        (failed("open a socket", "EMFILE", None), Code::ProbeFailed),
        (failed("read the socket's error", "EPERM", None), Code::ProbeFailed),
    ] {
        assert_eq!(code_of(outcome.clone()), code, "{outcome:?}");
    }
    let v6 = at("[fd96::1]:443", refused(Some(by("fd77::1", 1, 4))));
    assert_eq!(codes(&plan(), &[v6]), [Code::ServiceNoEndpoints]);
}

#[test]
fn what_answers_decides() {
    let said = "HTTP/1.1 503 Service Unavailable".to_owned();
    for (outcome, code) in [
        (Outcome::ServerHello, Code::ServiceHolds),
        (Outcome::Alert { description: 40 }, Code::ServiceHolds),
        (Outcome::NotTls { said }, Code::ServiceNotTls),
        (Outcome::Closed { errno: None }, Code::ServiceClosed),
        (Outcome::Closed { errno: Some("ECONNRESET".to_owned()) }, Code::ServiceClosed),
        (Outcome::Hangs { waited_ms: 2500 }, Code::ServiceHangs),
    ] {
        assert_eq!(code_of(outcome.clone()), code, "{outcome:?}");
    }
}

/// A silent server, and who told of a hop limit's end at each hop.
fn silent(address: &str, hops: &[Option<&str>]) -> Server {
    let rung = |(n, who): (usize, Option<&str>)| Rung {
        hops: u8::try_from(n + 1).expect("few hops"),
        by: who.map(|who| by(who, 11, 0)),
        reached: false,
    };
    let rungs = hops.iter().copied().enumerate().map(rung).collect();
    Server { ladder: Some(Ladder { rungs }), ..at(address, Outcome::Unconnected(SILENT)) }
}

#[test]
fn a_hop_outside_means_that_nobody_translates() {
    let leaked = silent(API, &[Some("10.77.0.1"), Some("192.168.0.1"), None]);
    assert_eq!(codes(&plan(), std::slice::from_ref(&leaked)), [Code::ServiceNotProgrammed]);
    for not_leaked in [
        // The node alone, or nobody: many routers answer nothing.
        silent(API, &[Some("10.77.0.1"), None]),
        silent(API, &[None, None]),
        // The node's own address again, from another hop.
        silent(API, &[Some("10.77.0.1"), Some("10.77.0.1")]),
        // The service's own address in a router's place: translated, by whomever.
        silent(API, &[Some("10.96.0.1"), None]),
        silent(API, &[Some("10.77.0.1"), Some("10.96.0.1")]),
        // Outside the cluster, by name; its address may end in 1 like any other.
        Server {
            host: "api.example.com".to_owned(),
            ..silent("198.51.100.1:443", &[Some("10.77.0.1"), Some("192.168.0.1")])
        },
        // A machine's address, which routers pass on.
        silent("192.0.2.17:6443", &[Some("10.77.0.1"), Some("192.168.0.1")]),
        Server { translated: Some("10.1.0.5:6443".parse().expect("an address")), ..leaked.clone() },
    ] {
        assert_eq!(codes(&plan(), std::slice::from_ref(&not_leaked)), [Code::ServiceSilent]);
    }
}

#[test]
fn segments_that_could_not_be_sent_mean_a_rule_in_the_pod_where_no_hop_tells() {
    let unsent = |server| Server { unsent: Some(2), ..server };
    let near = unsent(silent(API, &[None, None]));
    assert_eq!(codes(&plan(), &[near]), [Code::ServiceSendRefused]);
    let far = unsent(silent(API, &[Some("10.77.0.1"), None]));
    assert_eq!(codes(&plan(), &[far]), [Code::ServiceSilent]);
}

#[test]
fn a_declared_service_range_decides_what_is_a_service() {
    let cidr = |text: &str| vec![text.parse().expect("a CIDR")];
    let server = silent("10.96.0.130:443", &[Some("10.77.0.1"), Some("192.168.0.1")]);
    let inside = Plan { service_cidrs: cidr("10.96.0.128/25"), ..plan() };
    assert_eq!(codes(&inside, std::slice::from_ref(&server)), [Code::ServiceNotProgrammed]);
    let outside = Plan { service_cidrs: cidr("10.97.0.0/16"), ..plan() };
    assert_eq!(codes(&outside, &[server]), [Code::ServiceSilent]);
}

fn answered(status: u16) -> Ready {
    let (words, said) = (String::new(), "ok".to_owned());
    Ready::Answered { status, words, said, token: true }
}

#[test]
fn a_status_says_whether_the_server_is_reached_and_ready() {
    for (status, code) in [
        (200, Code::ServiceHolds),
        (401, Code::ServiceHolds),
        (403, Code::ServiceHolds),
        (500, Code::ServiceNotReady),
        (503, Code::ServiceNotReady),
        (302, Code::ServiceUnexpectedAnswer),
        (404, Code::ServiceUnexpectedAnswer),
    ] {
        let server = Server { ready: Some(answered(status)), ..at(API, Outcome::ServerHello) };
        assert_eq!(codes(&plan(), &[server]), [code], "{status}");
    }
}

#[test]
fn under_capture_a_certificate_is_proof_and_nothing_else_is() {
    let masked = |outcome, ready| Server {
        masked: Some("running as 65532:65532, needs uid 1337".to_owned()),
        ready,
        ..at(API, outcome)
    };
    let roots = TlsFailure::Roots { path: "ca.crt".to_owned(), problem: "ENOENT".to_owned() };
    for (server, code) in [
        (masked(Outcome::ServerHello, None), Code::ServiceMasked),
        (masked(Outcome::ServerHello, Some(Ready::Tls(roots))), Code::ServiceMasked),
        (masked(refused(None), None), Code::ServiceMasked),
        (masked(Outcome::Closed { errno: None }, None), Code::ServiceMasked),
        (masked(Outcome::Unconnected(SILENT), None), Code::ServiceMasked),
        (masked(Outcome::ServerHello, Some(answered(200))), Code::ServiceHolds),
        (masked(Outcome::ServerHello, Some(answered(500))), Code::ServiceNotReady),
    ] {
        assert_eq!(codes(&plan(), std::slice::from_ref(&server)), [code], "{server:?}");
    }
}

#[test]
fn a_dead_address_beside_a_living_one_of_the_same_name_is_a_warning() {
    let named = |address: &str, outcome| Server { host: "api".into(), ..at(address, outcome) };
    let living = named("10.0.0.1:6443", Outcome::ServerHello);
    let dead = named("10.0.0.2:6443", refused(None));
    let both = codes(&plan(), &[living.clone(), dead.clone()]);
    assert_eq!(both, [Code::ServiceHolds, Code::ServiceAddressDown]);
    let other_family = named("[fd00::2]:6443", refused(None));
    let both = codes(&plan(), &[living, other_family]);
    assert_eq!(both, [Code::ServiceHolds, Code::ServiceRefused]);
    let twice = codes(&plan(), &[dead.clone(), dead]);
    assert_eq!(twice, [Code::ServiceRefused, Code::ServiceRefused]);
}

#[test]
fn lost_requests_are_worth_a_warning() {
    let server = Server { lost: 1, ..at(API, Outcome::ServerHello) };
    assert_eq!(codes(&plan(), &[server]), [Code::ServiceLossy, Code::ServiceHolds]);
}

#[test]
fn where_it_is_must_be_known() {
    let nobody = Seen { named: Vec::new(), servers: Vec::new() };
    assert_eq!(judge(&plan(), &pod(), &nobody)[0].code, Code::ServiceUnset);
    let named = |resolved| Seen {
        named: vec![Named {
            host: "api.example.com".to_owned(),
            port: 443,
            by: "KUBERNETES_SERVICE_HOST".to_owned(),
            resolved: Some(resolved),
        }],
        servers: Vec::new(),
    };
    let missing = judge(&plan(), &pod(), &named(Resolved::Missing("NXDOMAIN".to_owned())));
    assert_eq!(missing[0].code, Code::ServiceNameUnresolved);
    let masked = judge(&plan(), &pod(), &named(Resolved::Masked("needs uid 1337".to_owned())));
    assert_eq!(masked[0].code, Code::ServiceMasked);
    let address: IpAddr = [10, 0, 0, 1].into();
    assert!(judge(&plan(), &pod(), &named(Resolved::Addresses(vec![address]))).is_empty());
}
