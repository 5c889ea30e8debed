//! Links, addresses, and the environment's word about them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{attach, complaints, look, only, resolving};
use crate::world::{Backend, Rules, Who, World, sh};

#[test]
fn a_host_side_that_is_gone_or_down_takes_the_carrier() {
    let pod = World::DUAL.start();
    pod.node.sh("ip link set host down");
    // The kernel tells of a lost carrier up to a second later.
    sh("while ip link show dev eth0 | grep -q \"state UP\"; do sleep 0.05; done");
    let run = look(&pod).run().expect(10);
    only(&run, "link-down");
    assert!(run.stdout.contains("eth0: it is up but has no carrier"), "{run}");
    sh("ip link set eth0 down");
    let run = look(&pod).run().expect(10);
    only(&run, "link-down");
    assert!(run.stdout.contains("eth0: it is set down"), "{run}");
}

#[test]
fn an_attachment_without_carrier_is_a_warning() {
    let pod = World::DUAL.start();
    sh(
        "ip link add net1 type veth peer name peer1; ip address add 192.168.5.4/24 dev net1; ip link set net1 up",
    );
    only(&look(&pod).run().expect(0), "link-attachment-down");
    sh(
        "ip link set peer1 up; until ip link show dev net1 | grep -q \"state UP\"; do sleep 0.01; done",
    );
    assert_eq!(complaints(&look(&pod).run().expect(0)), [""; 0]);
}

#[test]
fn lo_without_its_address_is_as_good_as_down() {
    let pod = World::DUAL.start();
    sh("ip address del 127.0.0.1/8 dev lo");
    only(&look(&pod).run().expect(10), "link-lo-down");
    sh("ip address del 10.77.0.2/24 dev eth0");
    only(&resolving(&pod, look(&pod), &["fd96::a"]).run().expect(0), "loopback-ipv4-missing");
}

#[test]
fn an_mtu_too_small_takes_ipv6_away() {
    let pod = World::DUAL.start();
    sh("ip link set eth0 mtu 1279");
    let run = look(&pod).run().expect(10);
    only(&run, "link-mtu-too-small");
    assert!(run.stdout.contains("1279 is less than the 1280"), "{run}");
    sh("ip address del ::6/128 dev lo");
    assert_eq!(complaints(&look(&pod).run().expect(0)), [""; 0]);
    let promised =
        look(&pod).env("POD_IPS", "10.77.0.2,fd77::2").env("KUBERNETES_SERVICE_HOST", "10.77.0.1");
    assert_eq!(promised.run().expect(10).cause(), "link-mtu-too-small");
    sh("ip link set eth0 mtu 575");
    only(&look(&pod).run().expect(0), "link-mtu-tiny");
}

#[test]
fn no_address_is_an_ipam_failure() {
    let pod = World::V4.start();
    sh("ip address del 10.77.0.2/24 dev eth0");
    only(&look(&pod).run().expect(10), "address-none");
}

#[test]
fn pod_ips_are_compared_with_the_interfaces() {
    let pod = World::DUAL.start();
    let says = |ips: &str| {
        look(&pod).env("POD_IPS", ips).env("KUBERNETES_SERVICE_HOST", "10.96.0.1").run()
    };
    assert_eq!(complaints(&says("10.77.0.2,fd77::2").expect(0)), [""; 0]);
    let run = says("10.77.0.9,fd77::2").expect(10);
    only(&run, "env-pod-ip-mismatch");
    assert!(run.stdout.contains("look for 10.77.0.9"), "{run}");
}

#[test]
fn a_family_that_pod_ips_names_must_be_there() {
    let pod = World::V4.start();
    sh("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
    let told =
        look(&pod).env("POD_IPS", "10.77.0.2,fd77::2").env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    let run = told.run().expect(10);
    only(&run, "address-family-missing");
    assert!(run.stdout.contains("disable_ipv6 is on"), "{run}");
}

#[test]
fn overlapping_networks_are_a_warning() {
    let pod = World::V4.start();
    attach("ip address add 10.77.9.4/16 dev net1");
    let run = look(&pod).run().expect(0);
    only(&run, "address-overlap");
    assert!(run.stdout.contains("10.77.0.0/16 on net1 overlaps 10.77.0.0/24 on eth0"), "{run}");
}

#[test]
fn a_kubelets_environment_names_the_api_server() {
    let pod = World::V4.start();
    only(&look(&pod).env("POD_NAME", "web-0").run().expect(0), "env-apiserver-unset");
}

#[test]
fn a_web_proxy_must_not_take_cluster_traffic() {
    let pod = World::V4.start();
    let with = |exempt: &str| {
        let proxied = look(&pod).env("https_proxy", "http://me:secret@squid:3128");
        proxied.env("KUBERNETES_SERVICE_HOST", "10.96.0.1").env("NO_PROXY", exempt).run().expect(0)
    };
    let run = with("10.0.0.0/8");
    only(&run, "env-proxy-no-proxy");
    assert!(run.stdout.contains("squid:3128") && !run.stdout.contains("secret"), "{run}");
    assert_eq!(complaints(&with("10.0.0.0/8,.svc,.cluster.local")), [""; 0]);
}

#[test]
fn a_pod_without_a_local_port_left_is_told_so() {
    let pod = World::DUAL.start();
    sh("echo '40000 40003' > /proc/sys/net/ipv4/ip_local_port_range");
    assert_eq!(complaints(&look(&pod).run().expect(0)), Vec::<String>::new());
    let held: Vec<_> = (40000..=40003)
        .map(|port| std::net::TcpListener::bind(("0.0.0.0", port)).expect("a port"))
        .collect();
    let run = look(&pod).run().expect(10);
    only(&run, "ports-exhausted");
    assert!(run.stdout.contains("EADDRINUSE: all of 40000 to 40003 are taken"), "{run}");
    drop(held);
    look(&pod).run().expect(0);
}

#[test]
fn a_full_table_of_connections_is_told_and_no_rule_is_blamed() {
    let pod = World::DUAL.start();
    pod.load(Backend::IptablesNft, &Rules::istio());
    fill_conntrack();
    let run =
        pod.run(Who::App, &["check", "link", "redirect", "--termination-message=none"]).expect(10);
    assert!(run.stdout.contains("cause: conntrack-full"), "{run}");
    assert!(run.stdout.contains("send a datagram to the pod itself: EPERM: all "), "{run}");
    sh("conntrack -F");
    pod.run(Who::App, &["check", "link", "redirect", "--termination-message=none"]).expect(0);
}

/// With connections that do not give way to others, until no more are taken.
fn fill_conntrack() {
    let most =
        std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").expect("a limit");
    let most: u32 = most.trim().parse().expect("a number");
    let mut entries = String::new();
    for number in 0..=most {
        let (host, port) = (number / 60_000, 1024 + number % 60_000);
        let (from, to) = (format!("10.9.{}.{}", host / 256, host % 256), "192.0.2.9");
        let _ = writeln!(
            entries,
            "-A -p tcp -s {from} -d {to} --sport {port} --dport 80 --state ESTABLISHED -t 600 \
             -u SEEN_REPLY,ASSURED -r {to} -q {from} --reply-port-src 80 --reply-port-dst {port}",
        );
    }
    let mut conntrack = Command::new("conntrack");
    conntrack.args(["-R", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = conntrack.spawn().expect("conntrack");
    // It ends at the first that is not taken.
    let _ = child.stdin.take().expect("a pipe").write_all(entries.as_bytes());
    let run = child.wait_with_output().expect("wait");
    let error = String::from_utf8_lossy(&run.stderr);
    assert!(error.contains("not enough memory"), "conntrack 1.4.7 fills {most} entries: {error}");
}
