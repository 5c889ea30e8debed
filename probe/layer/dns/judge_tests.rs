//! What each outcome means, by example.

use std::net::IpAddr;

use super::{message::Extended, *};
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

#[test]
fn a_healthy_server_is_named_with_what_it_knows() {
    let mut asked = healthy();
    let schema = Reply { texts: vec!["1.1.0".into()], ..Reply::default() };
    asked.push(self::asked(Purpose::Schema, Transport::Udp, "x.", Outcome::Reply(schema)));
    let found = of(&plan(), FILE, vec![server("10.96.0.10", asked)]);
    let holds = found.iter().find(|finding| finding.code == Code::DnsHolds).expect("it holds");
    assert_eq!(
        holds.reason,
        "answered by 10.96.0.10 over UDP and TCP; kubernetes.default.svc.cluster.local is 10.96.0.1; \
         DNS schema 1.1.0"
    );
    assert!(found.iter().all(|finding| finding.severity == Severity::Ok), "{found:?}");
}

#[test]
fn who_is_dead_dies_of_something() {
    let reset = || Outcome::Refused { by: None };
    let from = "10.244.1.5:53".parse().expect("an address");
    for (udp, tcp, code) in [
        (silent(), silent(), Code::DnsSilent),
        (refused("10.96.0.10"), reset(), Code::DnsRefusedByServer),
        (refused("10.0.0.1"), refused("10.0.0.1"), Code::DnsRejected),
        (silent(), reset(), Code::DnsRefusedByServer),
        (failed("send", "EPERM"), silent(), Code::DnsSendRefused),
        (failed("connect", "ENETUNREACH"), failed("connect", "ENETUNREACH"), Code::DnsNoRoute),
        (Outcome::WrongSource { from }, silent(), Code::DnsWrongSource),
        (Outcome::Unusable { what: "bytes".into() }, silent(), Code::DnsAnswerUnusable),
    ] {
        let label = format!("{udp:?} {tcp:?}");
        assert_eq!(one(path(udp, tcp)), [code], "{label}");
    }
}

#[test]
fn the_address_may_tell_what_is_wrong() {
    let reset = Outcome::Refused { by: None };
    let stub = server("127.0.0.53", path(refused("127.0.0.53"), reset));
    assert_eq!(codes(&plan(), vec![stub]), [Code::DnsStubLeaked]);
    let node_local = || server("169.254.20.10", path(silent(), silent()));
    assert_eq!(codes(&plan(), vec![node_local()]), [Code::DnsNodeLocalDown]);
    let beside = vec![node_local(), server("10.96.0.10", healthy())];
    assert_eq!(codes(&plan(), beside), [Code::DnsNodeLocalDown]);
}

#[test]
fn one_transport_is_not_both() {
    let answered = || Outcome::Reply(yes("10.96.0.1"));
    assert_eq!(one(path(answered(), silent())), [Code::DnsTcpBlocked]);
    assert_eq!(one(path(silent(), answered())), [Code::DnsUdpBlocked]);
    let from = "10.244.1.5:53".parse().expect("an address");
    assert_eq!(one(path(Outcome::WrongSource { from }, answered())), [Code::DnsWrongSource]);
}

#[test]
fn a_dead_server_beside_a_good_one_is_a_warning() {
    let dead = || server("10.96.0.11", path(silent(), silent()));
    let good = server("10.96.0.10", healthy());
    assert_eq!(codes(&plan(), vec![dead(), good.clone()]), [Code::DnsNameserverDown]);
    let named = Nameserver { configured: false, ..good };
    assert_eq!(codes(&plan(), vec![dead(), named]), [Code::DnsSilent]);
}

#[test]
fn response_codes_are_no_failure_of_the_path() {
    let both = |reply: Reply| path(Outcome::Reply(reply.clone()), Outcome::Reply(reply));
    assert_eq!(one(both(rcode(3))), [Code::DnsClusterZoneMissing]);
    assert_eq!(one(both(rcode(0))), [Code::DnsClusterZoneMissing]);
    assert_eq!(one(both(rcode(2))), [Code::DnsServfail]);
    assert_eq!(one(both(rcode(5))), [Code::DnsQueryRefused]);
    assert_eq!(one(both(rcode(4))), [Code::DnsRcodeUnexpected]);
}

#[test]
fn no_a_record_is_right_where_there_is_an_aaaa_record() {
    let mut asked = path(Outcome::Reply(rcode(0)), Outcome::Reply(rcode(0)));
    asked.push(self::asked(
        Purpose::Aaaa,
        Transport::Udp,
        KUBERNETES,
        Outcome::Reply(yes("fd00::1")),
    ));
    assert_eq!(one(asked), []);
}

#[test]
fn servfail_quotes_the_servers_own_words() {
    let extended = Some(Extended { code: 23, text: "no upstream".into() });
    let mut asked = path(Outcome::Reply(rcode(2)), Outcome::Reply(rcode(2)));
    let reply = Reply { extended, ..rcode(2) };
    asked.push(self::asked(Purpose::Edns, Transport::Udp, KUBERNETES, Outcome::Reply(reply)));
    let found = of(&plan(), FILE, vec![server("10.96.0.10", asked)]);
    let reasons: Vec<&str> = found.iter().map(|f| f.reason.as_str()).collect();
    assert!(reasons.iter().any(|r| r.ends_with("SERVFAIL (EDE 23: no upstream)")), "{reasons:?}");
}

#[test]
fn cluster_and_upstream_are_told_apart() {
    let plan = || {
        let mut plan = plan();
        plan.dns.names = vec!["example.com".into()];
        plan
    };
    let with = |mut asked: Vec<Asked>, outcome| {
        asked.push(name("example.com", outcome));
        codes(&plan(), vec![server("10.96.0.10", asked)])
    };
    let servfail = || Outcome::Reply(rcode(2));
    let outside = || Outcome::Reply(yes("192.0.2.1"));
    assert_eq!(with(path(servfail(), servfail()), outside()), [Code::DnsClusterZoneDown]);
    assert_eq!(with(healthy(), servfail()), [Code::DnsUpstreamDown]);
    assert_eq!(with(healthy(), silent()), [Code::DnsUpstreamDown]);
    assert_eq!(with(healthy(), Outcome::Reply(rcode(3))), [Code::DnsNameMissing]);
    assert_eq!(with(healthy(), outside()), []);
}

#[test]
fn servers_that_disagree_are_split() {
    let denied = || path(Outcome::Reply(rcode(3)), Outcome::Reply(rcode(3)));
    let both = vec![server("10.96.0.10", healthy()), server("10.0.0.53", denied())];
    assert_eq!(codes(&plan(), both), [Code::DnsSplitBrain]);
}

#[test]
fn a_truncated_answer_needs_tcp() {
    let mut plan = plan();
    plan.dns.names = vec!["big.example".into()];
    let cut = || name("big.example", Outcome::Reply(Reply { truncated: true, ..Reply::default() }));
    let again = |outcome| Asked { transport: Transport::Tcp, ..name("big.example", outcome) };
    let of = |outcome| {
        let mut asked = healthy();
        asked.extend([cut(), again(outcome)]);
        codes(&plan, vec![server("10.96.0.10", asked)])
    };
    assert_eq!(of(Outcome::Refused { by: None }), [Code::DnsTruncatedNoTcp]);
    assert_eq!(of(Outcome::Reply(yes("192.0.2.1"))), []);
}

#[test]
fn what_is_odd_about_a_server_that_answers() {
    let with = |extra: Asked| {
        let mut asked = healthy();
        asked.push(extra);
        one(asked)
    };
    let of = |purpose, outcome| asked(purpose, Transport::Udp, KUBERNETES, outcome);
    assert_eq!(with(of(Purpose::Aaaa, silent())), [Code::DnsAaaaDropped]);
    assert_eq!(with(of(Purpose::Aaaa, Outcome::Reply(rcode(2)))), [Code::DnsAaaaDropped]);
    assert_eq!(with(of(Purpose::Aaaa, Outcome::Reply(rcode(0)))), []);
    assert_eq!(with(of(Purpose::Edns, silent())), [Code::DnsEdnsBroken]);
    assert_eq!(with(of(Purpose::Edns, Outcome::Reply(rcode(1)))), [Code::DnsEdnsBroken]);
    assert_eq!(with(of(Purpose::Edns, Outcome::Reply(yes("10.96.0.1")))), []);
    let wildcard = || Purpose::Wildcard("corp.example".into());
    assert_eq!(with(of(wildcard(), Outcome::Reply(yes("10.9.9.9")))), [Code::DnsSearchWildcard]);
    assert_eq!(with(of(wildcard(), Outcome::Reply(rcode(3)))), []);
    let late = Asked { lost: 1, ..of(Purpose::Schema, Outcome::Reply(rcode(0))) };
    assert_eq!(with(late), [Code::DnsLossy]);
}

#[test]
fn the_environment_and_dns_must_agree_about_the_api_server() {
    let with = |service: &str| {
        let service = Some(service.parse().expect("an address"));
        codes(&Plan { service, ..plan() }, vec![server("10.96.0.10", healthy())])
    };
    assert_eq!(with("10.0.0.1:443"), [Code::DnsApiMismatch]);
    assert_eq!(with("10.96.0.1:443"), []);
    assert_eq!(with("[fd00::1]:443"), []);
}

#[test]
fn an_answer_that_the_mesh_would_give_is_not_asked_for() {
    let masked = || Outcome::Masked { reason: "needs uid 1337".into() };
    let found = of(&plan(), FILE, vec![server("10.96.0.10", path(masked(), masked()))]);
    assert!(found.iter().any(|f| f.code == Code::DnsMasked && f.reason.contains("needs uid 1337")));
    assert!(found.iter().all(|f| f.code != Code::DnsHolds && f.severity != Severity::Fail));
    let half = path(Outcome::Reply(yes("10.96.0.1")), masked());
    assert_eq!(one(half), [Code::DnsMasked]);
}

#[test]
fn the_file_is_judged_without_a_server() {
    let of = |file: &str| -> Vec<Code> {
        let found = of(&plan(), file, vec![server("10.96.0.10", healthy())]);
        found.iter().filter(|f| f.severity != Severity::Ok).map(|f| f.code).collect()
    };
    let rest = "search svc.cluster.local\n";
    assert_eq!(of(&format!("{rest}# nothing\n")), [Code::ResolvConfNoNameserver]);
    assert_eq!(of("nameserver 10.96.0.10\n"), [Code::ResolvConfNotCluster]);
    assert_eq!(of(&format!("{rest}nameserver 10.96.0.10\r\n")), [Code::ResolvConfCrlf]);
    let scoped = |name: &str| format!("{rest}nameserver fe80::1%{name}\n");
    assert_eq!(of(&scoped("eth0")), []);
    assert_eq!(of(&scoped("eth7")), [Code::ResolvConfScope]);
    let unreadable = seen(File::Unreadable("EACCES".into()), vec![]);
    let found = judge(&plan(), &pod(), &unreadable);
    assert_eq!(found[0].reason, "read /etc/resolv.conf: EACCES");
}

#[test]
fn every_place_is_evidence() {
    let file = "search svc.cluster.local\r\nnameserver 10.96.0.10\r\n";
    let found = of(&plan(), file, vec![]);
    let crlf = found.iter().find(|f| f.code == Code::ResolvConfCrlf).expect("it is found");
    assert!(crlf.reason.contains("line 1, column 25"), "{}", crlf.reason);
    assert!(crlf.reason.ends_with("(and one more place)"), "{}", crlf.reason);
    assert_eq!(crlf.evidence["places"][1]["glibc"], "ignores it");
    assert_eq!(crlf.evidence["places"][1]["musl"], "asks 10.96.0.10");
}

#[test]
fn what_there_was_no_time_for_is_unknown() {
    let names = vec!["db.example".to_owned()];
    let plan = Plan { dns: DnsPlan { names, ..DnsPlan::default() }, ..plan() };
    let with = |asked: Vec<Asked>| of(&plan, FILE, vec![server("10.96.0.10", asked)]);
    let of_name = |full: &str, outcome| {
        asked(Purpose::Name("db.example".into()), Transport::Udp, full, outcome)
    };
    let missing = || of_name("db.example.corp.example.", Outcome::Reply(rcode(3)));
    let cut = [healthy(), vec![missing(), of_name("db.example.", Outcome::Unasked)]].concat();
    let found = with(cut);
    let told: Vec<&Finding> = found.iter().filter(|f| f.severity != Severity::Ok).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].code, told[0].subject.as_str()), (Code::ProbeFailed, "db.example"));
    assert!(found.iter().all(|f| f.code != Code::DnsHolds), "{found:?}");
    let whole = with([healthy(), vec![missing()]].concat());
    assert!(whole.iter().any(|f| f.code == Code::DnsNameMissing), "{whole:?}");
}

#[test]
fn silence_before_a_deadline_warns_of_nothing() {
    let hasty = || Outcome::Silent { tries: 1, waited_ms: 200 };
    let answered = Outcome::Reply(yes("10.96.0.1"));
    assert_eq!(one(path(answered, hasty())), []);
    let with = |outcome| {
        let aaaa = asked(Purpose::Aaaa, Transport::Udp, KUBERNETES, outcome);
        one([healthy(), vec![aaaa]].concat())
    };
    assert_eq!(with(hasty()), []);
    assert_eq!(with(silent()), [Code::DnsAaaaDropped]);
    // That nobody answers at all blocks, however little time was left.
    assert_eq!(one(path(hasty(), hasty())), [Code::DnsSilent]);
}

#[test]
fn a_ladder_says_how_far_packets_come() {
    let hop = |hops: u8| {
        let by = Offender { address: ip("10.9.0.1"), icmp_type: 11, icmp_code: 0 };
        Rung { hops, by: Some(by), reached: false }
    };
    let with = |rungs: Vec<Rung>| {
        let ladders = vec![(Transport::Udp, Ladder { rungs })];
        let server = Nameserver { ladders, ..server("10.96.0.10", path(silent(), silent())) };
        let found = of(&plan(), FILE, vec![server]);
        found.into_iter().find(|f| f.code == Code::DnsSilent).expect("it is silent").reason
    };
    let near = with(vec![Rung { hops: 1, by: None, reached: false }]);
    assert!(
        near.ends_with(
            "; over UDP, no hop tells that packets pass it: they are lost at or before the node"
        ),
        "{near}"
    );
    assert!(with(vec![hop(1)]).contains("as far as the node (10.9.0.1)"));
    assert!(with(vec![hop(1), hop(3)]).contains("as far as hop 3 (10.9.0.1)"));
}
