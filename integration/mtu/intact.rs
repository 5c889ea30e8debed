//! What looks like a hole and is none.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::flight::{answer, flight, record};
use super::place::{Place, Way};
use super::{BOTH, NONE, V4, launch, reason, reasons, says};
use crate::dns::responder::{Dnsmasq, Responder, Stand, bytes, with_code};
use crate::world::{OpenSsl, Server, sh};
use hickory_proto::op::ResponseCode;
use socket2::{Domain, Socket, Type};

const SERVERS: [&str; 2] = ["10.99.0.2", "fd99::2"];
const TARGET: [&str; 2] = ["--mtu-target", "10.99.0.2:443"];

#[test]
fn a_way_that_takes_full_packets() {
    let place = Place::start();
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let _tls = OpenSsl::on(&place.pod, &place.far, "10.99.0.2:6443", 100, &[]);
    let api = launch(&place, BOTH, &[]).env("KUBERNETES_SERVICE_HOST", "10.99.0.2");
    let run = says(api.env("KUBERNETES_SERVICE_PORT", "6443").run(), &["mtu-holds"]);
    let holds = reason(&run, "mtu-holds");
    assert!(holds.contains("packets of 1500 bytes are acknowledged by nameserver"), "{run}");
    assert!(holds.contains("full packets come back from API server 10.99.0.2:6443"), "{run}");
    assert!(!holds.contains("two attempts"), "nothing stalled: {run}");
}

#[test]
fn jumbo_frames_all_the_way() {
    let place = Place::with_mtu(9000);
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let run = says(launch(&place, BOTH, &[]).run(), &["mtu-holds"]);
    assert!(reason(&run, "mtu-holds").contains("packets of 9000 bytes"), "{run}");
}

#[test]
fn a_router_that_says_too_big_is_heard_and_named() {
    let place = Place::start().narrow(Way::Out, 1300);
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let run = says(launch(&place, V4, &[]).run(), &["mtu-holds", "mtu-lower"]);
    let lower = reason(&run, "mtu-lower");
    assert!(lower.contains("takes packets of 1300 bytes, eth0 of 1500"), "{run}");
    assert!(lower.contains("10.77.0.1 (ICMP 3/4)"), "{run}");
    assert!(reason(&run, "mtu-holds").contains("packets of 1300 bytes are acknowledged"), "{run}");
    // What the kernel has learned, it knows when the next connection is made.
    let again = says(launch(&place, V4, &[]).run(), &["mtu-holds", "mtu-lower"]);
    assert!(reason(&again, "mtu-lower").contains("10.77.0.1 (ICMP 3/4)"), "{again}");
}

#[test]
fn when_every_way_is_narrow_it_is_a_warning() {
    let place = Place::start().narrow(Way::Out, 1300);
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let run = says(launch(&place, BOTH, &[]).run(), &["mtu-lower-everywhere", "mtu-holds"]);
    let found = reasons(&run, "mtu-lower-everywhere").concat();
    assert!(found.contains("(ICMP 3/4)") && found.contains("fd77::1 (ICMP 2/0)"), "{run}");
    let _near = Dnsmasq::on(&place.pod.node);
    let file = format!("{BOTH}nameserver 10.77.0.1\n");
    says(launch(&place, &file, &[]).run(), &["mtu-holds", "mtu-lower"]);
}

#[test]
fn a_route_with_an_mtu_of_its_own_was_not_learned() {
    let place = Place::start();
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    sh("ip route change default via 10.77.0.1 mtu 1450
        ip -6 route change default via fd77::1 mtu 1450");
    let run = says(launch(&place, BOTH, &[]).run(), &["mtu-holds", "mtu-lower"]);
    for found in reasons(&run, "mtu-lower") {
        assert!(found.contains("1450 bytes, eth0 of 1500: a route says so"), "{run}");
    }
}

#[test]
fn a_server_that_hears_too_big() {
    let place = Place::start().narrow(Way::Back, 1300);
    let _server = OpenSsl::on(&place.pod, &place.far, "10.99.0.2:443", 100, &[]);
    let run = says(launch(&place, NONE, &TARGET).run(), &["mtu-holds"]);
    assert!(reason(&run, "mtu-holds").contains("full packets come back from target"), "{run}");
}

#[test]
fn a_clamped_segment_size_makes_a_narrow_way_healthy() {
    let place = Place::start().narrow(Way::Out, 1300).narrow(Way::Back, 1300).mute();
    place.pod.node.filter("forward", "tcp flags syn tcp option maxseg size set 1200");
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let _server = OpenSsl::on(&place.pod, &place.far, "10.99.0.2:443", 100, &[]);
    let run = says(launch(&place, BOTH, &TARGET).run(), &["mtu-holds"]);
    let holds = reason(&run, "mtu-holds");
    assert!(holds.contains("the handshake asked for no larger ones"), "{run}");
    assert!(holds.contains("full packets come back"), "{run}");
}

#[test]
fn loss_is_no_hole() {
    let place = Place::start();
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    let _server = OpenSsl::on(&place.pod, &place.far, "10.99.0.2:443", 100, &[]);
    place.pod.node.filter("forward", "numgen random mod 100 < 25 drop");
    for _ in 0..5 {
        let run = launch(&place, BOTH, &TARGET).run();
        assert!(run.code == 0 || run.code == 5, "{run}");
        assert!(run.codes("fail").is_empty(), "{run}");
    }
}

#[test]
fn silence_after_the_handshake_is_no_hole() {
    let place = Place::start();
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    // The handshake's packets have 60 bytes and less, those with data more.
    place.pod.node.filter("forward", "ip length > 80 drop");
    let run = launch(&place, V4, &[]).run().expect(5);
    assert_eq!(run.codes("unknown"), ["mtu-untested", "proof-required"], "{run}");
    assert!(reason(&run, "mtu-untested").contains("small packets fare no better"), "{run}");
}

#[test]
fn a_hole_that_opens_only_once_is_none() {
    let place = Place::start();
    let _dns = Dnsmasq::at(&place.far, SERVERS);
    // Three packets in one, and again, and again: the first connection is stuck.
    place
        .pod
        .node
        .filter("forward", "ip length > 1400 limit rate over 1/hour burst 5 packets accept");
    place.pod.node.filter("forward", "ip length > 1400 drop");
    let run = says(launch(&place, V4, &[]).run(), &["mtu-holds"]);
    assert!(reason(&run, "mtu-holds").contains("two attempts, not by their size"), "{run}");
}

#[test]
fn a_slow_server_is_no_hole_on_the_way_back() {
    let place = Place::start();
    let _slow = Server::on(&place.far, "10.99.0.2:443", |mut stream| {
        record(&mut stream);
        thread::sleep(Duration::from_millis(2500));
        let _ = stream.write_all(&flight(4000));
    });
    let run = says(launch(&place, NONE, &TARGET).run(), &["mtu-holds"]);
    assert!(reason(&run, "mtu-holds").contains("no answer was long enough"), "{run}");
}

#[test]
fn a_server_that_is_slow_once_is_no_hole() {
    let place = Place::start();
    let before = AtomicBool::new(false);
    let _slow = Server::on(&place.far, "10.99.0.2:443", move |stream| {
        if !before.swap(true, Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(2500));
        }
        answer(stream, 4000);
    });
    says(launch(&place, NONE, &TARGET).run(), &["mtu-holds"]);
}

#[test]
fn a_server_that_does_not_read_still_acknowledges() {
    let place = Place::start();
    let _mute = Server::on(&place.far, "10.99.0.2:443", |mut stream| {
        thread::sleep(Duration::from_secs(4));
        let _ = stream.read(&mut [0]);
    });
    says(launch(&place, NONE, &TARGET).run(), &["mtu-holds"]);
}

#[test]
fn a_server_that_closes_at_once_tells_nothing_or_that_it_holds() {
    let place = Place::start();
    let _rude = Server::on(&place.far, "10.99.0.2:443", |stream| {
        stream.shutdown(Shutdown::Both).ok();
    });
    let run = launch(&place, NONE, &TARGET).run();
    assert!(run.code == 0 || run.code == 5, "{run}");
    assert!(run.codes("fail").is_empty() && run.codes("warn").is_empty(), "{run}");
}

#[test]
fn a_nameserver_that_refuses_padding_has_acknowledged_it() {
    let place = Place::start();
    let stand = Stand { udp: false, ..Stand::at("10.99.0.2") };
    let _dns = Responder::on(&place.far, stand, |query, _| {
        bytes(&with_code(query, ResponseCode::FormErr))
    });
    let run = says(launch(&place, V4, &[]).run(), &["mtu-holds"]);
    // It repeats the padding.
    assert!(reason(&run, "mtu-holds").contains("full packets come back from nameserver"), "{run}");
}

#[test]
fn a_window_smaller_than_a_packet_is_no_hole() {
    let place = Place::start();
    let listener = place.far.run(|| {
        let address: SocketAddr = "10.99.0.2:443".parse().expect("an address");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // As little as the kernel allows.
        socket.set_recv_buffer_size(1).expect("a window");
        socket.bind(&address.into()).expect("bind");
        socket.listen(8).expect("listen");
        TcpListener::from(socket)
    });
    let _narrow = Server::with(listener, |_stream| thread::sleep(Duration::from_secs(6)));
    let run = launch(&place, NONE, &TARGET).run();
    assert!(run.code == 0 || run.code == 5, "{run}");
    assert!(run.codes("fail").is_empty(), "{run}");
}

#[test]
fn what_speaks_no_tls_has_answered_anyhow() {
    let place = Place::start();
    let _http = Server::on(&place.far, "10.99.0.2:443", |mut stream| {
        let _ = stream.read(&mut [0; 9000]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let run = says(launch(&place, NONE, &TARGET).run(), &["mtu-holds"]);
    assert!(!reason(&run, "mtu-holds").contains("two attempts"), "nothing stalled: {run}");
}
