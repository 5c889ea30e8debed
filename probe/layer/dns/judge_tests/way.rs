//! Whether a nameserver can be reached, over what, and who stands in between.

use super::*;

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
        (failed("open a socket", "EPERM"), silent(), Code::ProbeFailed),
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
fn an_answer_that_the_mesh_would_give_is_not_asked_for() {
    let masked = || Outcome::Masked { reason: "needs uid 1337".into() };
    let found = of(&plan(), FILE, vec![server("10.96.0.10", path(masked(), masked()))]);
    assert!(found.iter().any(|f| f.code == Code::DnsMasked && f.reason.contains("needs uid 1337")));
    assert!(found.iter().all(|f| f.code != Code::DnsHolds && f.severity != Severity::Fail));
    let half = path(Outcome::Reply(yes("10.96.0.1")), masked());
    assert_eq!(one(half), [Code::DnsMasked]);
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
