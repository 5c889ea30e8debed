//! Refused by whom, leaked, silent, accepted and not served: each has its own code.

use std::net::TcpListener;

use super::{API, API_V6, Cluster, fine, found, launch, run, seen};
use crate::dns::responder::{Responder, Stand, bytes, cluster as zone};
use crate::world::server::{ALERT, SERVER_HELLO, Server, closes, hangs, resets, says};
use crate::world::{OpenSsl, World, filter, sh, until};

const OUTSIDE: &str = "10.88.0.1:6443";
const OUTSIDE_V6: &str = "[fd88::1]:6443";
const NAME: &str = "kubernetes.default.svc.cluster.local";

#[test]
fn tls_of_each_version_is_understood() {
    for flags in ["-tls1_3", "-tls1_2", "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384"] {
        let cluster = Cluster::programmed();
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let _openssl = OpenSsl::on(&cluster.pod, &cluster.outside, OUTSIDE, 1, &flags);
        let run = fine(run(&cluster.pod, &[]));
        let said = run.reason("service-holds");
        assert!(said.contains("10.96.0.1:443: it speaks TLS after"), "{flags:?}: {run}");
    }
}

#[test]
fn an_alert_is_tls_as_well() {
    let cluster = Cluster::programmed();
    let _server = Server::on(&cluster.outside, OUTSIDE, says(ALERT));
    let run = fine(run(&cluster.pod, &[]));
    assert!(run.reason("service-holds").contains("alert protocol_version"), "{run}");
}

#[test]
fn each_declared_family_is_looked_at() {
    let cluster = Cluster::programmed();
    let _v4 = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    let both = ["--api-server", "10.96.0.1,[fd96::1]:443"];
    let half = found(run(&cluster.pod, &both), "service-refused");
    assert!(half.reason("service-refused").contains(API_V6), "{half}");
    assert!(half.reason("service-holds").contains(API), "{half}");
    let _v6 = Server::on(&cluster.outside, OUTSIDE_V6, says(SERVER_HELLO));
    let run = fine(run(&cluster.pod, &both));
    assert_eq!(run.findings("service-holds").len(), 2, "{run}");
}

#[test]
fn nothing_listens_behind_the_service() {
    let cluster = Cluster::programmed();
    let run = found(run(&cluster.pod, &[]), "service-refused");
    assert!(run.reason("service-refused").contains("refused by a reset"), "{run}");
}

#[test]
fn behind_the_translation_the_services_address_speaks_for_everybody() {
    let cluster = Cluster::programmed();
    cluster.outside.filter("input", "tcp dport 6443 reject with icmpx admin-prohibited");
    for (server, by) in [(API, "10.96.0.1 (ICMP 3/13)"), (API_V6, "fd96::1 (ICMP 1/1)")] {
        let run = found(run(&cluster.pod, &["--api-server", server]), "service-rejected");
        assert!(run.reason("service-rejected").contains(by), "{run}");
    }
}

#[test]
fn the_node_rejects_a_service_without_endpoints() {
    let cluster = Cluster::start();
    cluster.pod.node.filter("forward", "ip daddr 10.96.0.1 reject with icmp port-unreachable");
    cluster.pod.node.filter("forward", "ip6 daddr fd96::1 reject with icmpv6 port-unreachable");
    for (server, by) in [(API, "10.77.0.1 (ICMP 3/3)"), (API_V6, "fd77::1 (ICMP 1/4)")] {
        let run = found(run(&cluster.pod, &["--api-server", server]), "service-no-endpoints");
        assert!(run.reason("service-no-endpoints").contains(&format!("refused by {by}")), "{run}");
    }
}

#[test]
fn a_policy_that_rejects_is_told_from_missing_endpoints() {
    let cluster = Cluster::programmed();
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    fine(run(&cluster.pod, &[]));
    for (kind, shown) in
        [("admin-prohibited", "3/13"), ("host-unreachable", "3/1"), ("port-unreachable", "3/3")]
    {
        cluster.pod.node.filter("forward", &format!("ip protocol tcp reject with icmp {kind}"));
        let run = found(run(&cluster.pod, &[]), "service-rejected");
        let said = run.reason("service-rejected");
        assert!(said.contains(&format!("by 10.96.0.1 (ICMP {shown})")), "{run}");
        cluster.pod.node.sh("nft flush chain inet t forward");
    }
    cluster.pod.node.filter("forward", "meta l4proto tcp reject with tcp reset");
    found(run(&cluster.pod, &[]), "service-refused");
}

#[test]
fn an_untranslated_service_leaks_to_a_router_outside() {
    let cluster = Cluster::start();
    for (server, hop) in [(API, "hop 2 (10.88.0.1)"), (API_V6, "hop 2 (fd88::1)")] {
        let run = found(run(&cluster.pod, &["--api-server", server]), "service-not-programmed");
        assert!(run.reason("service-not-programmed").contains(hop), "{run}");
    }
    // The same silence and the same hops, at what is no service's address.
    let machine = ["--api-server", "10.96.0.17:6443"];
    let run1 = found(run(&cluster.pod, &machine), "service-silent");
    assert!(run1.reason("service-silent").contains("as far as hop 2 (10.88.0.1)"), "{run1}");
    let declared = [&machine[..], &["--service-cidrs", "10.96.0.0/16"]].concat();
    found(run(&cluster.pod, &declared), "service-not-programmed");
}

#[test]
fn a_router_outside_that_loops_or_has_no_way_on_tells_as_well() {
    let cluster = Cluster::start();
    cluster.outside.sh("ip route add unreachable 10.96.0.0/16");
    let run1 = found(run(&cluster.pod, &[]), "service-rejected");
    assert!(run1.reason("service-rejected").contains("by 10.88.0.1 (ICMP 3/1)"), "{run1}");
    cluster.outside.sh("ip route del unreachable 10.96.0.0/16
                        ip route add 10.96.0.0/16 via 10.88.0.2");
    let run2 = found(run(&cluster.pod, &[]), "service-not-programmed");
    assert!(run2.reason("service-not-programmed").contains("(ICMP 11/0)"), "{run2}");
}

#[test]
fn a_translated_service_shows_no_foreign_hop() {
    let cluster = Cluster::programmed();
    cluster.outside.filter("input", "tcp dport 6443 drop");
    let file = cluster.pod.file("recording.json");
    let run =
        found(run(&cluster.pod, &["--record", &file.display().to_string()]), "service-silent");
    let said = run.reason("service-silent");
    assert!(said.contains("no answer in 2500 ms; the node translates the address"), "{run}");
    let seen = seen(&file);
    assert!(seen["translated"].is_null(), "the node translates, not the socket: {seen}");
    let ladder = seen["ladder"].to_string();
    assert!(ladder.contains(API) && !ladder.contains("10.88.0.1"), "{ladder}");
}

#[test]
fn the_kernel_tells_where_a_connecting_socket_goes() {
    use netlink_sys::protocols::NETLINK_SOCK_DIAG;
    use podprobe::net::{netlink::Netlink, sock_diag::connecting_to};

    let _cluster = Cluster::start();
    for to in ["10.96.0.1:443", "[fd96::1]:443"] {
        let to: std::net::SocketAddr = to.parse().expect("an address");
        let domain = socket2::Domain::for_address(to);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM.nonblocking(), None);
        let socket = socket.expect("a socket");
        assert!(socket.connect(&to.into()).is_err(), "nobody answers there");
        let ours = socket.local_addr().expect("bound").as_socket().expect("an address");
        let mut netlink = Netlink::open(NETLINK_SOCK_DIAG).expect("netlink");
        assert_eq!(connecting_to(&mut netlink, ours).expect("an answer"), Some(to));
        drop(socket);
        assert_eq!(connecting_to(&mut netlink, ours).expect("an answer"), None);
    }
}

#[test]
fn silence_is_located() {
    let cluster = Cluster::start();
    cluster.pod.node.filter("forward", "ip daddr 10.96.0.1 drop");
    let run1 = found(run(&cluster.pod, &[]), "service-silent");
    let said = run1.reason("service-silent");
    assert!(said.contains("as far as the node (10.77.0.1)"), "{run1}");
    let mute = World::DUAL.silent_node().start();
    let run2 = found(run(&mute, &[]), "service-silent");
    let said = run2.reason("service-silent");
    assert!(said.contains("in 2500 ms; no hop tells"), "{run2}");
}

#[test]
fn a_silent_router_on_the_way_is_no_drop() {
    let cluster = Cluster::programmed();
    cluster.pod.node.filter("output", "icmp type time-exceeded drop");
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    fine(run(&cluster.pod, &[]));
}

#[test]
fn a_lost_request_is_a_warning() {
    let cluster = Cluster::programmed();
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    // The first port that comes is lost, and whatever is sent again from it.
    cluster.outside.sh(
        "nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; \
         add set inet t first { type inet_service; size 1; flags dynamic; }; \
         add rule inet t c tcp dport 6443 tcp flags syn add @first { tcp sport }; \
         add rule inet t c tcp dport 6443 tcp sport @first drop'",
    );
    let run = found(run(&cluster.pod, &[]), "service-lossy");
    assert!(run.reason("service-lossy").contains("1 connection requests were lost"), "{run}");
}

#[test]
fn a_rule_in_the_pod_refuses_to_send() {
    let cluster = Cluster::programmed();
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    filter("output", "ip daddr 10.96.0.1 drop");
    let dropped = found(run(&cluster.pod, &[]), "service-send-refused");
    let said = dropped.reason("service-send-refused");
    assert!(said.contains("a rule drops them in the pod"), "{dropped}");
    sh("nft flush chain inet t output");
    filter("output", "ip daddr 10.96.0.1 reject");
    let rejected = found(run(&cluster.pod, &[]), "service-send-refused");
    let said = rejected.reason("service-send-refused");
    assert!(said.contains("refused by 10.77.0.2 (ICMP 3/3)"), "{rejected}");
    sh("nft flush chain inet t output");
    fine(run(&cluster.pod, &[]));
}

#[test]
fn no_route_is_no_silence() {
    let cluster = Cluster::programmed();
    for (kind, errno) in
        [("blackhole", "EINVAL"), ("unreachable", "EHOSTUNREACH"), ("prohibit", "EACCES")]
    {
        sh(&format!("ip route add {kind} 10.96.0.1"));
        let run = found(run(&cluster.pod, &[]), "service-no-route");
        assert!(run.reason("service-no-route").contains(errno), "{run}");
        sh(&format!("ip route del {kind} 10.96.0.1"));
    }
    sh("ip route del default");
    let run = found(run(&cluster.pod, &[]), "service-no-route");
    assert!(run.reason("service-no-route").contains("ENETUNREACH"), "{run}");
}

#[test]
fn what_answers_without_tls_is_quoted() {
    let cluster = Cluster::programmed();
    for (says_it, shown) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
            r"HTTP/1.1 400 Bad Request\r\n",
        ),
        (b"HTTP/1.1 503 Service Unavailable\r\nserver: envoy\r\n\r\n", "503 Service Unavailable"),
        (b"SSH-2.0-x\r\n", r"SSH-2.0-x\r\n"),
        (b"\x16ok", r"\x16ok"),
        (b"\xff\0\x1b[31m", r"\xff\x00\x1b[31m"),
    ] {
        let server = Server::on(&cluster.outside, OUTSIDE, says(says_it));
        let run = found(run(&cluster.pod, &[]), "service-not-tls");
        assert!(run.reason("service-not-tls").contains(shown), "{shown}: {run}");
        drop(server);
        free(&cluster);
    }
}

/// Waits until nobody listens outside any more.
fn free(cluster: &Cluster) {
    until("a free port", || cluster.outside.run(|| TcpListener::bind(OUTSIDE).is_ok()));
}

#[test]
fn who_accepts_and_does_not_serve_has_a_sentence_of_his_own() {
    let cluster = Cluster::programmed();
    let server = Server::on(&cluster.outside, OUTSIDE, closes);
    let run1 = found(run(&cluster.pod, &[]), "service-closed");
    assert!(run1.reason("service-closed").contains("closes without a byte"), "{run1}");
    drop(server);
    free(&cluster);
    let server = Server::on(&cluster.outside, OUTSIDE, resets);
    let run2 = found(run(&cluster.pod, &[]), "service-closed");
    assert!(run2.reason("service-closed").contains("ECONNRESET"), "{run2}");
    drop(server);
    free(&cluster);
    let _server = Server::on(&cluster.outside, OUTSIDE, hangs);
    let run3 = found(run(&cluster.pod, &[]), "service-hangs");
    assert!(run3.reason("service-hangs").contains("says nothing"), "{run3}");
}

#[test]
fn a_name_is_looked_up_with_the_pods_own_nameservers() {
    let cluster = Cluster::programmed();
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    let file = cluster.pod.file("resolv.conf");
    std::fs::write(&file, "nameserver 10.77.0.1\n").expect("write");
    let file = file.display().to_string();
    let flags = ["--resolv-conf", file.as_str()];
    let named = || launch(&cluster.pod, &flags).env("KUBERNETES_SERVICE_HOST", NAME);
    let unknown = found(named().run(), "service-name-unresolved");
    assert!(unknown.reason("service-name-unresolved").contains("10.77.0.1"), "{unknown}");
    let _dns =
        Responder::on(&cluster.pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&zone(query)));
    let run = fine(named().run());
    let said = run.reason("service-holds");
    assert!(said.contains(&format!("the API server {NAME} at 10.96.0.1:443")), "{run}");
}
