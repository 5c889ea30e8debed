//! What the grammar takes, and the piece that it names of what it refuses.

use proptest::prelude::*;

use super::super::target::Place;
use super::*;
use crate::layer::dns::Record;

fn read(text: &str) -> Target {
    text.parse().unwrap_or_else(|problem| panic!("{problem}"))
}

fn refused(text: &str) -> String {
    match text.parse::<Target>() {
        Ok(target) => panic!("{text} is read as {target:?}"),
        Err(problem) => problem,
    }
}

fn at(host: &str, port: u16) -> Place {
    let host = host.parse().map_or_else(|_| Host::Name(host.to_owned()), Host::Address);
    Place { host, port }
}

#[test]
fn a_bare_host_and_port_is_tcp() {
    assert_eq!(read("10.0.0.1:5432").kind, Kind::Tcp(at("10.0.0.1", 5432)));
    assert_eq!(read("[fd00::1]:22").kind, Kind::Tcp(at("fd00::1", 22)));
    assert_eq!(read("db.prod:5432").kind, Kind::Tcp(at("db.prod", 5432)));
    assert_eq!(read("db.prod:5432").name, "tcp://db.prod:5432");
}

#[test]
fn a_name_may_stand_in_front() {
    let target = read("db=tcp://postgres.prod:5432?timeout=2s&retries=3");
    assert_eq!(target.name, "db");
    assert_eq!((target.timeout_ms, target.attempts), (Some(2000), Some(4)));
    assert_eq!(read("x=10.0.0.1:1").name, "x");
    assert_eq!(read("tcp://h:1?timeout=1s").name, "tcp://h:1");
}

#[test]
fn an_exclamation_mark_is_expect_blocked() {
    for text in ["!tcp://10.0.0.1:80", "x=!10.0.0.1:80", "!x=10.0.0.1:80"] {
        assert_eq!(read(text).blocked, Some(0), "{text}");
    }
    assert_eq!(read("10.0.0.1:80?expect=blocked&hold=5s").blocked, Some(5000));
    assert_eq!(read("10.0.0.1:80").blocked, None);
    assert!(refused("!10.0.0.1:80?expect=open").contains("contradict"));
    assert!(refused("10.0.0.1:80?hold=5s").contains("expect=blocked"));
}

#[cfg(feature = "tls")]
#[test]
fn every_scheme_has_its_own_parameters() {
    let tls = Tls { sni: Some("api".into()), min_days: 14, unverified: true };
    let target = read("tls://10.0.0.1:443?sni=api&min-days=14&verify=no");
    assert_eq!(target.kind, Kind::Tls(at("10.0.0.1", 443), tls));
    let target = read("https://x/healthz?status=200,204&via=10.96.0.10&query=a=b%26c");
    let Kind::Http { place, tls: Some(_), path, status } = target.kind else { panic!("https") };
    assert_eq!((place, path.as_str()), (at("x", 443), "/healthz?a=b&c"));
    assert_eq!((status, target.via), (vec![200, 204], "10.96.0.10".parse().ok()));
    assert!(refused("tls://h").contains("port is missing"));
    assert!(
        matches!(read("grpcs://h:1/db").kind, Kind::Grpc { tls: Some(_), service, .. } if service == "db")
    );
}

#[cfg(not(feature = "tls"))]
#[test]
fn without_tls_its_schemes_are_refused_with_the_reason() {
    for text in ["tls://h:1", "https://h", "grpcs://h:1"] {
        assert!(refused(text).contains("built without"), "{text}");
    }
}

#[test]
fn dns_targets_have_a_server_or_none() {
    let target = read(
        "dns://10.96.0.10/kubernetes.default.svc.cluster.local.?type=A,aaaa&transport=udp,tcp",
    );
    let Kind::Dns { server, records, transports, .. } = target.kind else { panic!("dns") };
    assert_eq!(server, Some(at("10.96.0.10", 53)));
    assert_eq!(records, [Record::A, Record::Aaaa]);
    assert_eq!(transports, [Transport::Udp, Transport::Tcp]);
    assert!(matches!(read("dns:///web").kind, Kind::Dns { server: None, .. }));
    assert!(refused("dns://10.0.0.1").contains("no DNS name"));
    assert!(refused("dns:///x?type=MX").contains("MX"));
}

#[test]
fn a_datagram_is_hex_or_text() {
    let target = read("udp://10.0.0.1:9?send=hex:00fF&answer=text:po%20ng");
    let Kind::Udp { send, answer, .. } = target.kind else { panic!("udp") };
    assert_eq!((send, answer), (vec![0, 255], b"po ng".to_vec()));
    assert!(refused("udp://h:9").contains("send is missing"));
    assert!(refused("udp://h:9?send=hex:0").contains("send"));
    assert!(refused("udp://h:9?send=hex:zz").contains("hex:zz"));
}

#[test]
fn icmp_has_hosts_alone() {
    assert!(matches!(read("icmp://[fd00::1]").kind, Kind::Icmp(Host::Address(_))));
    assert!(matches!(read("icmp://web").kind, Kind::Icmp(Host::Name(_))));
    assert!(refused("icmp://web:80").contains("no ports"));
}

#[test]
fn the_wrong_piece_is_named() {
    for (text, piece) in [
        ("", "host is missing"),
        ("tcp://:80", "host is missing"),
        ("tcp://10.0.0.1", "10.0.0.1:PORT"),
        ("tcp://10.0.0.1:0", "\"0\" is no port"),
        ("tcp://10.0.0.1:70000", "70000"),
        ("tcp://10.0.0.256:80", "10.0.0.256"),
        ("tcp://fd00::1:80", "in [ ]"),
        ("tcp://[fd00::g]:80", "[fd00::g]"),
        ("tcp://user@h:80", "user"),
        ("tcp://h:80/path", "no paths"),
        ("ftp://h:21", "\"ftp\" is no scheme"),
        ("tcp://h:80?timout=2s", "did you mean timeout?"),
        ("tcp://h:80?timeout", "a parameter has no value"),
        ("tcp://h:80?timeout=soon", "timeout=\"soon\""),
        ("tcp://h:80?timeout=0s", "timeout is 0"),
        ("tcp://h:80?timeout=1s&timeout=2s", "twice"),
        ("tcp://h:80?status=200", "status is not for tcp"),
        ("tcp://h:80?zzzzzz=1", "tcp takes"),
        ("tcp://h:80?attempts=0", "1 to 100"),
        ("tcp://h:80?attempts=2&retries=1", "say the same"),
        ("tcp://h:80?family=5", "4, 6, any or both"),
        ("tcp://10.0.0.1:80?family=6", "10.0.0.1 is IPv4"),
        ("tcp://10.0.0.1:80?family=both", "IPv4 alone"),
        ("tcp://h:80?expect=closed", "open or blocked"),
        ("tcp://h:80?via=h", "via=\"h\""),
        ("tcp://h:80?timeout=%zz", "two hex digits"),
        ("tcp://a b:80", "write it as %20"),
        ("bad name=tcp://h:1", "' '"),
        ("=tcp://h:1", "no name"),
        ("http://h/?status=700", "100 to 599"),
    ] {
        let problem = refused(text);
        assert!(problem.contains(piece), "{text}: {problem}");
        assert!(!problem.contains('\n'), "{problem}");
    }
}

#[test]
fn a_long_target_is_not_repeated_whole() {
    let problem = refused(&format!("tcp://{}:80", "x".repeat(500)));
    assert!(problem.chars().count() < 700 && problem.starts_with("\"tcp://xxx"), "{problem}");
}

proptest! {
    #[test]
    fn foreign_text_never_panics(text in "\\PC*") {
        let _ = text.parse::<Target>();
    }

    #[test]
    fn what_looks_like_a_target_never_panics(
        text in "([a-z]{0,3}=)?!?(tcp|tls|https?|dns|udp|icmp|grpc)://[a-z0-9:.%@/\\[\\]-]{0,12}(\\?[a-z0-9=&%:,-]{0,24})?",
    ) {
        let _ = text.parse::<Target>();
    }

    #[test]
    fn places_survive_a_round_trip(ip: std::net::IpAddr, port in 1_u16..) {
        let place = Place { host: Host::Address(ip), port };
        prop_assert_eq!(read(&format!("tcp://{place}")).kind, Kind::Tcp(place));
    }

    #[test]
    fn encoded_values_are_read_back(value in "\\PC{0,20}") {
        let text = format!("udp://h:1?send=text:{}", super::super::parameters::encoded(&value));
        let Kind::Udp { send, .. } = read(&text).kind else { panic!("udp") };
        prop_assert_eq!(send, value.into_bytes());
    }
}
