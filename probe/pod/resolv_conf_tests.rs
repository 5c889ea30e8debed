//! Where glibc, musl and Rust resolvers part, by example.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::resolv_conf::{LIBC_SERVERS, Reader, inet_aton, read};

fn servers(text: &str) -> [Vec<String>; 3] {
    Reader::ALL.map(|reader| {
        let found = read(reader, text.as_bytes()).servers;
        found.iter().map(|server| server.address.to_string()).collect()
    })
}

#[test]
fn the_kubelets_file_reads_the_same_to_everybody() {
    let text = "search a.svc.cluster.local svc.cluster.local cluster.local\n\
                nameserver 10.96.0.10\noptions ndots:5\n";
    let readings = Reader::ALL.map(|reader| read(reader, text.as_bytes()));
    assert_eq!(readings[0], readings[1]);
    assert_eq!(readings[1], readings[2]);
    assert_eq!((readings[0].ndots, readings[0].search.len()), (5, 3));
}

#[test]
fn each_reader_has_its_own_mind_about_the_rest() {
    let none = || Vec::<String>::new();
    let one = || vec!["10.0.0.1".to_owned()];
    let glibc_alone = [none(), one(), one()];
    assert_eq!(servers("nameserver 10.0.0.1\r\n"), glibc_alone);
    assert_eq!(servers(" nameserver 10.0.0.1\n"), [none(), none(), one()]);
    assert_eq!(servers("\u{feff}nameserver 10.0.0.1\n"), [none(), none(), none()]);
    assert_eq!(servers("nameserver 10.0.0.1;x\n"), [one(), none(), one()]);
    assert_eq!(servers("nameserver 10.1\n"), [vec!["10.0.0.1".into()], one(), none()]);
    assert_eq!(servers("NAMESERVER 10.0.0.1\n"), [none(), none(), none()]);
    assert_eq!(servers("nameserver 10.0.0.1:53\n"), [none(), none(), none()]);
    let four = "nameserver 10.0.0.1\n".repeat(4);
    assert_eq!(servers(&four).map(|found| found.len()), [3, 3, 4]);
}

#[test]
fn a_long_line_is_nothing_to_musl() {
    let domain = "a".repeat(60);
    let text = format!("search {}\n", vec![domain; 5].join(" "));
    let found = Reader::ALL.map(|reader| read(reader, text.as_bytes()).search.len());
    assert_eq!(found, [5, 0, 5]);
}

#[test]
fn numbers_are_clamped_where_they_are() {
    let text = b"options ndots:99 timeout:99 attempts:99\n";
    let found = Reader::ALL.map(|reader| {
        let reading = read(reader, text);
        (reading.ndots, reading.timeout, reading.attempts)
    });
    assert_eq!(found, [(15, 30, 5), (15, 60, 10), (99, 99, 99)]);
}

#[test]
fn inet_aton_reads_octal_and_short_forms() {
    let read = |text| inet_aton(text).map(|ip| ip.to_string());
    assert_eq!(read("010.96.0.10").as_deref(), Some("8.96.0.10"));
    assert_eq!(read("0x7f.1").as_deref(), Some("127.0.0.1"));
    assert_eq!(read("10.256"), Some("10.0.1.0".into()));
    assert_eq!(
        [read("1.2.3.256"), read("1.2.3.4.5"), read("+1.2.3.4"), read("")],
        [None, None, None, None]
    );
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for reader in Reader::ALL {
            let found = read(reader, &bytes).servers.len();
            prop_assert!(reader == Reader::Rust || found <= LIBC_SERVERS);
        }
    }

    #[test]
    fn likely_lines_never_panic(text in "((nameserver|search|options|domain)[ \t]+[0-9a-fx.:%,]{0,20}(\r|;|#)?\n){0,5}") {
        let _ = Reader::ALL.map(|reader| read(reader, text.as_bytes()));
    }

    #[test]
    fn a_dotted_quad_is_itself(octets: [u8; 4]) {
        let ip = Ipv4Addr::from(octets);
        prop_assert_eq!(inet_aton(&ip.to_string()), Some(ip));
    }
}
