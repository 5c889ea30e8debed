//! Packets that vanish, by their size.

use super::flight::answer;
use super::place::{Place, Way};
use super::{BOTH, NONE, V4, launch, reason, reasons, says};
use crate::dns::responder::{Dnsmasq, Responder, Stand, bytes, with_code};
use crate::world::{OpenSsl, Server, sh};
use hickory_proto::op::ResponseCode;

const SERVERS: [&str; 2] = ["10.99.0.2", "fd99::2"];

#[test]
fn full_packets_to_a_nameserver_vanish_in_both_families() {
    let place = Place::start().narrow(Way::Out, 1300).mute();
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let run = says(launch(&place, BOTH, &[]).run(), &["mtu-black-hole"]);
    let found = reasons(&run, "mtu-black-hole");
    assert_eq!(found.len(), 2, "{run}");
    for (found, node, small) in [(&found[0], "10.77.0.1", 576), (&found[1], "fd77::1", 596)] {
        assert!(found.contains("packets of 1500 bytes get no acknowledgement"), "{run}");
        assert!(found.contains(&format!("packets of {small} do")), "{run}");
        assert!(found.contains(&format!("as far as the node ({node})")), "{run}");
    }
}

#[test]
fn jumbo_frames_over_an_ordinary_network_vanish() {
    let place = Place::with_mtu(9000).narrow(Way::Out, 1450).mute();
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let run = says(launch(&place, BOTH, &[]).run(), &["mtu-black-hole"]);
    for found in reasons(&run, "mtu-black-hole") {
        assert!(found.contains("packets of 9000 bytes get no acknowledgement"), "{run}");
    }
}

#[test]
fn full_packets_to_a_tls_server_vanish() {
    let place = Place::start().narrow(Way::Out, 1300).mute();
    let _server = OpenSsl::on(&place.pod, &place.far, "10.99.0.2:6443", 100, &[]);
    let run =
        says(launch(&place, NONE, &["--mtu-target", "10.99.0.2:6443"]).run(), &["mtu-black-hole"]);
    assert!(reason(&run, "mtu-black-hole").contains("target 10.99.0.2:6443"), "{run}");
}

#[test]
fn a_hole_behind_a_router_that_says_too_big() {
    let place = Place::start().narrow(Way::Out, 1400);
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    // One packet at a time, for this is no router that knows what the kernel joins.
    sh("ip link set eth0 gso_max_segs 1");
    place
        .far
        .sh("nft 'add table inet t; add chain inet t c { type filter hook prerouting priority 0; }
         add rule inet t c ip length > 1300 drop'");
    let run = says(launch(&place, V4, &[]).run(), &["mtu-black-hole"]);
    let found = reason(&run, "mtu-black-hole");
    assert!(found.contains("packets of 1400 bytes get no acknowledgement"), "{run}");
}

#[test]
fn the_kernels_probing_hides_it_and_is_named() {
    let place = Place::start().narrow(Way::Out, 1300).mute().sysctl("ipv4/tcp_mtu_probing", "1");
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let run = says(launch(&place, V4, &[]).run(), &["mtu-black-hole"]);
    assert!(reason(&run, "mtu-black-hole").contains("tcp_mtu_probing is 1"), "{run}");
    // Who begins with small packets is never stuck.
    let place = place.sysctl("ipv4/tcp_mtu_probing", "2");
    let run = says(launch(&place, V4, &[]).run(), &["mtu-holds"]);
    assert!(reason(&run, "mtu-holds").contains("tcp_mtu_probing is 2"), "{run}");
}

#[test]
fn the_api_servers_certificate_does_not_come_back() {
    let place = Place::start().narrow(Way::Back, 1300).mute();
    let _v4 = OpenSsl::on(&place.pod, &place.far, "10.99.0.2:6443", 100, &[]);
    let api = |more: &[&str]| {
        let run = launch(&place, NONE, more).env("KUBERNETES_SERVICE_HOST", "10.99.0.2");
        run.env("KUBERNETES_SERVICE_PORT", "6443").run()
    };
    let run = says(api(&[]), &["mtu-black-hole-reverse"]);
    let found = reason(&run, "mtu-black-hole-reverse");
    assert!(found.contains("API server 10.99.0.2:6443: all are acknowledged"), "{run}");
    assert!(found.contains("of its answer 0 bytes come"), "{run}");
    let _v6 = OpenSsl::on(&place.pod, &place.far, "[fd99::2]:6444", 100, &[]);
    let run = says(api(&["--mtu-target", "[fd99::2]:6444"]), &["mtu-black-hole-reverse"]);
    assert_eq!(reasons(&run, "mtu-black-hole-reverse").len(), 2, "{run}");
}

#[test]
fn a_flight_of_tls_1_2_does_not_come_back() {
    let place = Place::start().narrow(Way::Back, 1300).mute();
    let _server = Server::on(&place.far, "10.99.0.2:443", |stream| answer(stream, 4000));
    let target = ["--mtu-target", "10.99.0.2:443"];
    says(launch(&place, NONE, &target).run(), &["mtu-black-hole-reverse"]);
}

#[test]
fn a_nameservers_long_answer_does_not_come_back() {
    let place = Place::start().narrow(Way::Back, 1280).mute();
    // It pads its answers as it was asked (RFC 8467).
    let padding = |address: &'static str| {
        let stand = Stand { udp: false, ..Stand::at(address) };
        let answer = |query: &_, _| bytes(&with_code(query, ResponseCode::NoError));
        Responder::on(&place.far, stand, answer)
    };
    let _servers = SERVERS.map(padding);
    let run = says(launch(&place, BOTH, &[]).run(), &["mtu-black-hole-reverse"]);
    assert_eq!(reasons(&run, "mtu-black-hole-reverse").len(), 2, "{run}");
}

#[test]
fn a_nameserver_behind_the_hole_is_told_from_one_in_front_of_it() {
    let place = Place::start().narrow(Way::Out, 1300).mute();
    let _far = Dnsmasq::at(&place.far, SERVERS);
    let _near = Dnsmasq::on(&place.pod.node);
    let file = "search svc.cluster.local\nnameserver 10.77.0.1\nnameserver 10.99.0.2\n";
    let run = says(launch(&place, file, &[]).run(), &["mtu-black-hole"]);
    assert!(reason(&run, "mtu-black-hole").contains("nameserver 10.99.0.2:53"), "{run}");
}
