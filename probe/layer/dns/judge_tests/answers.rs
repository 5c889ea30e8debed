//! What is made of nameservers that answer, and of the file that names them.

use super::*;

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
