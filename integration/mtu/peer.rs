//! podprobe's own far side takes full packets and sends them.

use super::place::{Place, Way};
use super::{NONE, launch, reason, reasons, says};
use crate::world::{Daemon, starter, until};

const PEERS: &str = "10.99.0.2:7000,[fd99::2]:7000";
const FLAGS: [&str; 2] = ["--peer", PEERS];

fn serving(place: &Place) -> Daemon {
    let (starter, program) = (starter(), place.pod.program().display().to_string());
    let mut line: Vec<&str> = starter.split_whitespace().collect();
    line.extend([&program, "peer", "--listen", PEERS]);
    let daemon = Daemon::on(&place.far, &line);
    let listens = || place.far.sh("ss -Htln 'sport = :7000'").lines().count() == 2;
    until("the peer's listeners", listens);
    daemon
}

#[test]
fn full_packets_go_both_ways() {
    let place = Place::start();
    let _peer = serving(&place);
    let run = says(launch(&place, NONE, &FLAGS).run(), &["mtu-holds"]);
    assert!(reason(&run, "mtu-holds").contains("1500"), "{run}");
}

#[test]
fn full_packets_to_it_vanish() {
    let place = Place::start().narrow(Way::Out, 1300).mute();
    let _peer = serving(&place);
    let run = says(launch(&place, NONE, &FLAGS).run(), &["mtu-black-hole"]);
    let found = reasons(&run, "mtu-black-hole");
    assert_eq!(found.len(), 2, "{run}");
    for (found, at, node) in
        [(&found[0], "10.99.0.2:7000", "10.77.0.1"), (&found[1], "[fd99::2]:7000", "fd77::1")]
    {
        assert!(found.contains(&format!("peer {at}")), "{run}");
        assert!(found.contains(&format!("as far as the node ({node})")), "{run}");
    }
}

#[test]
fn full_packets_from_it_vanish() {
    let place = Place::start().narrow(Way::Back, 1300);
    place.pod.node.filter("output", "ip daddr 10.99.0.2 icmp type destination-unreachable drop");
    place.pod.node.filter("output", "ip6 daddr fd99::2 icmpv6 type packet-too-big drop");
    let _peer = serving(&place);
    let run = launch(&place, NONE, &FLAGS).run().expect(70);
    assert_eq!(reasons(&run, "mtu-black-hole-reverse").len(), 2, "{run}");
}
