//! Files as people mount them over the kubelet's, with a nameserver that answers whoever asks it.

use super::responder::{Responder, Stand, bytes, cluster};
use super::{CLUSTER, fine, found, pod, run, served};
use crate::world::Who;

const REST: &str = "search svc.cluster.local\n";

#[test]
fn what_glibc_reads_otherwise_blocks() {
    let (pod, _server) = served();
    for (text, code) in [
        ("search svc.cluster.local\r\nnameserver 10.77.0.1\r\n", "resolv-conf-crlf"),
        (
            "\u{feff}search svc.cluster.local\nsearch svc.cluster.local\nnameserver 10.77.0.1\n",
            "resolv-conf-bom",
        ),
        ("search svc.cluster.local\n nameserver 10.77.0.1\n", "resolv-conf-leading-space"),
        (
            "search svc.cluster.local\nnameserver 0.0.0.0\nnameserver 10.77.0.1\n",
            "resolv-conf-unspecified",
        ),
        (
            "search svc.cluster.local\nnameserver 10.77.0.1\noptions attempts:0\n",
            "resolv-conf-zero-timers",
        ),
        ("search a.example, svc.cluster.local\nnameserver 10.77.0.1\n", "resolv-conf-search-comma"),
        ("search svc.cluster.local\n# nothing\n", "resolv-conf-no-nameserver"),
    ] {
        let report = found(run(&pod, text, &[]), code);
        assert_eq!(report.cause(), code, "{text:?}: {report}");
    }
}

#[test]
fn what_some_read_otherwise_is_a_warning() {
    let (pod, _server) = served();
    let long = format!("search svc.cluster.local {}\n", vec!["a".repeat(60); 5].join(" "));
    let many = format!("search svc.cluster.local {}\n", vec!["ab"; 32].join(" "));
    let server = "nameserver 10.77.0.1\n";
    for (text, code) in [
        (format!("{REST}{server}nameserver kube-dns\n"), "resolv-conf-bad-address"),
        (format!("{REST}{}", server.repeat(4)), "resolv-conf-extra-servers"),
        (format!("{long}{server}"), "resolv-conf-search-too-long"),
        (format!("{many}{server}"), "resolv-conf-search-many"),
        (format!("domain a.example\n{REST}{server}"), "resolv-conf-overridden"),
        (server.to_owned(), "resolv-conf-not-cluster"),
    ] {
        let report = found(run(&pod, &text, &[]), code);
        assert!(!report.reason(code).is_empty(), "{report}");
    }
}

#[test]
fn near_misses_are_fine() {
    let (pod, _server) = served();
    for text in [
        CLUSTER.to_owned(),
        format!("{REST}nameserver 10.77.0.1 # why\n# a comment\r\n; another\n"),
        format!("{REST}{}", "nameserver 10.77.0.1\n".repeat(3)),
        format!("{REST}nameserver 10.77.0.1\noptions ndots:5 timeout:1 rotate trust-ad made:up\n"),
        format!("{REST}{REST}nameserver 10.77.0.1"),
    ] {
        fine(run(&pod, &text, &[]));
    }
}

#[test]
fn a_link_local_server_needs_an_interface_that_exists() {
    let pod = pod();
    pod.node.sh("ip address add fe80::53/64 dev host nodad");
    let _server = Responder::on(&pod.node, Stand::at("::"), |query, _| bytes(&cluster(query)));
    fine(run(&pod, &format!("{REST}nameserver fe80::53%eth0\n"), &[]));
    for address in ["fe80::53", "fe80::53%eth7"] {
        let report = run(&pod, &format!("{REST}nameserver {address}\n"), &[]).expect(40);
        assert_eq!(report.cause(), "resolv-conf-scope", "{report}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_errno() {
    let pod = pod();
    for (path, errno) in [("/nowhere/resolv.conf", "ENOENT"), ("/etc/shadow", "EACCES")] {
        let flags = ["check", "dns", "--mesh", "none", "--output", "json", "--resolv-conf", path];
        let report = pod.run(Who::App, &flags).expect(40);
        assert_eq!(report.cause(), "resolv-conf-missing", "{report}");
        assert!(report.reason("resolv-conf-missing").contains(errno), "{report}");
    }
}

#[test]
fn the_cost_of_a_lookup_is_told() {
    let (pod, _server) = served();
    let report = fine(run(&pod, CLUSTER, &[]));
    let said = report.reason("resolv-conf-read");
    assert!(said.contains("looking up example.com in vain costs 8 queries"), "{said}");
    let one_dot = CLUSTER.replace("ndots:5", "ndots:1 edns0");
    let report = fine(run(&pod, &one_dot, &[]));
    let said = report.reason("resolv-conf-read");
    assert!(said.contains("8 (glibc), 2 (musl) or 8 (Rust) queries"), "{said}");
    assert!(report.stdout.contains("\"optionsThatMuslIgnores\""), "{report}");
    let report = fine(run(&pod, &CLUSTER.replace("ndots:5", "ndots:99"), &[]));
    let said = report.reason("resolv-conf-read");
    assert!(said.contains("ndots 15 (not 99, for C libraries)"), "{said}");
}
