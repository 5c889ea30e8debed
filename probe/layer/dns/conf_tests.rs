//! What is odd in a resolv.conf and what is not, by example.

use proptest::prelude::*;

use crate::pod::resolv_conf::MUSL_LINE;

use super::conf::{Oddity, anomalies};

fn odd(text: &str) -> Vec<(Oddity, usize, usize)> {
    anomalies(text).into_iter().map(|a| (a.oddity, a.line, a.column)).collect()
}

#[test]
fn what_the_kubelet_writes_is_not_odd() {
    let text = "search a.svc.cluster.local svc.cluster.local cluster.local corp.example b c d\n\
                nameserver 10.96.0.10\nnameserver fd00::10\nnameserver 169.254.20.10\n\
                # a comment\r\n; another\noptions ndots:5 edns0 trust-ad no-aaaa made:up\n";
    assert_eq!(odd(text), []);
    assert_eq!(odd("nameserver fe80::1%eth0\nnameserver 10.0.0.1 # why\n"), []);
    assert_eq!(odd("options ndots:5\r\n"), []);
    assert_eq!(odd("search a\nsearch a\n"), []);
}

#[test]
fn each_oddity_has_its_place() {
    use Oddity as O;
    for (text, expected) in [
        ("nameserver 10.96.0.10\r\n", (O::CarriageReturn, 1, 22)),
        ("\u{feff}nameserver 10.96.0.10\n", (O::ByteOrderMark, 1, 1)),
        ("# x\n  nameserver 10.96.0.10\n", (O::LeadingSpace, 2, 1)),
        ("nameserver kube-dns\n", (O::Nameserver, 1, 12)),
        ("nameserver 10.96.0.10:53\n", (O::Nameserver, 1, 12)),
        ("nameserver 10.1\n", (O::Nameserver, 1, 12)),
        ("nameserver\t010.96.0.10\n", (O::Nameserver, 1, 12)),
        ("nameserver 10.96.0.10;x\n", (O::Nameserver, 1, 12)),
        ("nameserver\n", (O::Nameserver, 1, 1)),
        ("nameserver name\n", (O::Nameserver, 1, 12)),
        ("NameServer 10.96.0.10\n", (O::Directive, 1, 1)),
        ("nameserver 0.0.0.0\n", (O::Unspecified, 1, 12)),
        ("nameserver ::\n", (O::Unspecified, 1, 12)),
        ("nameserver fe80::1\n", (O::ScopeMissing, 1, 12)),
        ("search a.com, b.com\n", (O::Comma, 1, 8)),
        ("search a\ndomain b\n", (O::Overridden, 1, 1)),
        ("options ndots:5 attempts:0\n", (O::Zero, 1, 17)),
        ("options timeout:0\n", (O::Zero, 1, 9)),
    ] {
        assert_eq!(odd(text), [expected], "{text:?}");
    }
    let four: Vec<String> = (1..5).map(|n| format!("nameserver 10.0.0.{n}\n")).collect();
    assert_eq!(odd(&four.concat()), [(O::OneTooMany, 4, 12)]);
}

#[test]
fn a_search_list_may_be_too_long_in_two_ways() {
    let line = format!("search {}\n", vec!["a".repeat(60); 5].join(" "));
    assert_eq!(odd(&line), [(Oddity::LongLine, 1, 8)]);
    let list = format!("search {}\n", vec!["ab"; 33].join(" "));
    assert_eq!(odd(&list), [(Oddity::LongList, 1, 8)]);
    assert_eq!(odd(&format!("search {}\n", vec!["ab"; 32].join(" "))), []);
    let just_fits = format!("search {}\n", "a".repeat(MUSL_LINE - 9));
    assert_eq!(just_fits.len(), MUSL_LINE - 1);
    assert_eq!(odd(&just_fits), []);
}

#[test]
fn each_reader_tells_what_it_does() {
    let found = anomalies("search a.com, b.com\nnameserver 010.0.0.1\n");
    assert_eq!(found[0].readers[0], "searches a.com, b.com");
    assert_eq!(found[0].readers[2], "searches b.com");
    assert_eq!(found[1].readers, ["asks 8.0.0.1", "asks 8.0.0.1", "ignores it"]);
}

proptest! {
    #[test]
    fn foreign_text_never_panics(text in "\\PC*") {
        let _ = anomalies(&text);
    }

    #[test]
    fn every_place_is_in_the_file(text in "((\u{feff}| )?(nameserver|search|options|domain|NAMESERVER)[ \t]+[0-9a-z.:%, ]{0,30}\r?\n){0,6}") {
        let lines: Vec<&str> = text.split('\n').collect();
        for found in anomalies(&text) {
            prop_assert!(found.column <= lines[found.line - 1].chars().count() + 1);
        }
    }
}
