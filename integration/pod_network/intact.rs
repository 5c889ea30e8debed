//! Pod networks as CNI plugins build them: nothing fails, nothing warns, nothing takes long.

use std::time::Duration;

use super::{attach, complaints, look, resolving};
use crate::world::{Pod, Who, World, sh};

/// Nothing to complain of, with a nameserver and an API server that are services, and the pod's own
/// word about its addresses.
#[track_caller]
fn holds(pod: &Pod, pod_ips: &str, nameserver: &str, api: &str) {
    let told = look(pod).env("POD_IPS", pod_ips).env("KUBERNETES_SERVICE_HOST", api);
    let run = resolving(pod, told.env("KUBERNETES_SERVICE_PORT", "443"), &[nameserver]).run();
    let run = run.expect(0);
    assert_eq!(complaints(&run), [""; 0], "{run}");
    assert!(run.elapsed < Duration::from_secs(1), "{run}");
    let layers = ["link-holds", "route-holds"].map(String::from);
    assert_eq!(run.codes("ok"), layers, "{run}");
    assert!(run.codes("unknown").is_empty(), "{run}");
    assert_eq!(pod.node.packets().1, 0, "nothing travels beyond the first hop");
}

#[test]
fn two_families() {
    holds(&World::DUAL.start(), "10.77.0.2,fd77::2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn ipv4_alone() {
    holds(&World::V4.start(), "10.77.0.2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn ipv6_alone() {
    let pod = World::DUAL.start();
    sh("ip address del 10.77.0.2/24 dev eth0");
    holds(&pod, "fd77::2", "fd96::a", "fd96::1");
}

#[test]
fn calicos_host_address_and_link_local_gateway() {
    let pod = World::V4.start();
    pod.node.sh("echo 1 > /proc/sys/net/ipv4/conf/host/proxy_arp
                 ip address del 10.77.0.1/24 dev host; ip route add 10.77.0.2 dev host");
    sh("ip address del 10.77.0.2/24 dev eth0; ip address add 10.77.0.2/32 dev eth0
        ip route add 169.254.1.1 dev eth0 scope link; ip route add default via 169.254.1.1 dev eth0");
    holds(&pod, "10.77.0.2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn a_gateway_outside_of_every_network_that_answers() {
    let pod = World::V4.start();
    pod.node.sh("ip address add 10.99.0.1/32 dev host");
    sh("ip route replace default via 10.99.0.1 dev eth0 onlink");
    holds(&pod, "10.77.0.2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn the_default_route_in_another_table() {
    let pod = World::V4.start();
    sh(
        "ip route del default; ip route add default via 10.77.0.1 table 100; ip rule add pref 100 lookup 100",
    );
    holds(&pod, "10.77.0.2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn a_default_route_in_two_halves() {
    let pod = World::V4.start();
    sh(
        "ip route del default; ip route add 0.0.0.0/1 via 10.77.0.1; ip route add 128.0.0.0/1 via 10.77.0.1",
    );
    holds(&pod, "10.77.0.2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn a_second_interface_by_multus() {
    let pod = World::DUAL.start();
    attach("ip address add 192.168.5.4/24 dev net1; ip route add 192.168.0.0/16 via 192.168.5.1");
    holds(&pod, "10.77.0.2,fd77::2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn the_outside_by_an_attachment_and_the_cluster_by_eth0() {
    let pod = World::V4.start();
    attach(
        "ip address add 192.168.5.4/24 dev net1; ip route add 10.96.0.0/12 via 10.77.0.1
        ip route replace default via 192.168.5.1
        ip neighbour add 192.168.5.1 lladdr 02:00:00:00:00:01 dev net1 nud permanent",
    );
    holds(&pod, "10.77.0.2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn a_layer_two_attachment_and_a_nodes_spare_devices() {
    let pod = World::V4.start();
    attach(
        "ip link add spare0 type veth peer name spare1; ip link add docker0 type bridge
        ip address add 172.17.0.1/16 dev docker0; ip link set docker0 up",
    );
    holds(&pod, "10.77.0.2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn several_interfaces_in_one_network_by_policy() {
    let pod = World::V4.start();
    sh("ip link add eth1 type veth peer name peer1; ip link set peer1 up; ip link set eth1 up
        ip address add 10.77.0.3/24 dev eth1 metric 512; ip rule add from 10.77.0.3 lookup 102
        ip route add default via 10.77.0.1 dev eth1 table 102");
    holds(&pod, "10.77.0.2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn a_nameserver_on_the_link() {
    holds(&World::V4.start(), "10.77.0.2", "10.77.0.1", "10.96.0.1");
}

#[test]
fn a_nameserver_on_loopback() {
    holds(&World::V4.start(), "10.77.0.2", "127.0.0.53", "10.96.0.1");
}

#[test]
fn a_blackhole_for_ranges_that_nobody_asks_for() {
    let pod = World::DUAL.start();
    sh("ip route add blackhole 10.244.7.0/26; ip -6 route add unreachable fd99::/64");
    holds(&pod, "10.77.0.2,fd77::2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn routing_daemons_may_prefer_one_default() {
    let pod = World::DUAL.start();
    attach(
        "ip address add 192.168.5.4/24 dev net1; ip route add default via 192.168.5.1 metric 900",
    );
    holds(&pod, "10.77.0.2,fd77::2", "10.96.0.10", "10.96.0.1");
}

#[test]
fn a_prohibition_for_another_user() {
    let pod = World::V4.start();
    sh("ip rule add pref 77 uidrange 2000-2000 prohibit");
    holds(&pod, "10.77.0.2", "10.96.0.10", "10.96.0.1");
    let flags = ["check", "--only", "route", "--output", "json"];
    let run = pod.run(Who::Ids(2000, 2000), &flags).expect(20);
    assert_eq!(run.cause(), "route-prohibit", "{run}");
}
