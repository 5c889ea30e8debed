//! One root cause: what several layers' findings say together, in the world that brings each about,
//! and in one that is near it.

use std::net::TcpListener;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Record, RecordType};

use crate::dns::responder::{Dnsmasq, Responder, Stand, bytes, cluster, kind, name, v4, with_code};
use crate::mtu::place::{Place, Way};
use crate::node::{
    conf::{CILIUM, ISTIO, calico},
    host::Host,
};
use crate::world::server::{SERVER_HELLO, says};
use crate::world::{Backend, Launch, Node, Output, Pod, Rules, Server, Who, World};

/// The cluster's nameserver, whose service stands on the node itself.
const DNS: &str = "10.96.0.10";
const RESOLV_CONF: &str = "search a.svc.cluster.local svc.cluster.local cluster.local\n\
                           nameserver 10.96.0.10\noptions ndots:5\n";

/// A pod whose node serves DNS and the API server at their service addresses.
struct Cluster {
    pod: Pod,
    /// Go with the test.
    _servers: (Dnsmasq, Server),
}

impl Cluster {
    fn start() -> Cluster {
        let pod = World::DUAL.start();
        pod.node.sh("ip address add 10.96.0.1/32 dev lo; ip address add 10.96.0.10/32 dev lo");
        let dns = Dnsmasq::at(&pod.node, [DNS, "10.77.0.1"]);
        let api = Server::on(&pod.node, "10.96.0.1:443", says(SERVER_HELLO));
        Cluster { pod, _servers: (dns, api) }
    }

    fn run(&self, targets: &[&str]) -> Output {
        launch(&self.pod, &["dns", "service"], targets).run()
    }
}

/// podprobe's look at these layers and targets.
fn launch<'p>(pod: &'p Pod, layers: &[&str], targets: &[&str]) -> Launch<'p> {
    let path = pod.file("resolv.conf");
    std::fs::write(&path, RESOLV_CONF).expect("write resolv.conf");
    let path = path.display().to_string();
    let mut arguments = vec!["check", "--mesh", "none", "--output", "json", "--resolv-conf", &path];
    arguments.extend(layers);
    arguments.extend(targets.iter().flat_map(|target| ["--target", target]));
    let launch = pod.launch(Who::App, &arguments);
    launch.env("KUBERNETES_SERVICE_HOST", "10.96.0.1").env("KUBERNETES_SERVICE_PORT", "443")
}

/// This is the cause, told from these findings; everything else that failed follows from it.
#[track_caller]
fn is(run: Output, exit: i32, cause: &str, told_by: &[&str]) -> Output {
    let run = run.expect(exit);
    assert_eq!(run.cause(), cause, "{run}");
    let report = run.report();
    let list = |name: &str| {
        let codes = report["cause"][name].as_array().cloned().unwrap_or_default();
        codes.iter().filter_map(|code| code.as_str().map(String::from)).collect::<Vec<_>>()
    };
    assert_eq!(list("toldBy"), told_by, "{run}");
    for failure in run.codes("fail") {
        assert!(list("toldBy").contains(&failure) || list("explains").contains(&failure), "{run}");
    }
    run
}

/// A server on the node that a target names.
fn target(node: &Node, at: &str) -> TcpListener {
    let at = at.to_owned();
    node.run(move || TcpListener::bind(at).expect("listen on the node"))
}

#[test]
fn an_empty_pod_is_a_cni_set_up_that_failed() {
    let cluster = Cluster::start();
    crate::world::sh("ip route flush table main; ip -6 route flush table main");
    let run = launch(&cluster.pod, &["link", "route", "dns"], &[]).run();
    is(run, 20, "cni-setup-failed", &["route-table-empty"]);
    crate::world::sh("ip link del eth0");
    let run = launch(&cluster.pod, &["link", "route", "dns"], &[]).run();
    is(run, 10, "cni-setup-failed", &["link-no-pod-interface"]);
}

#[test]
fn a_missing_default_route_alone_is_no_failed_set_up() {
    let cluster = Cluster::start();
    crate::world::sh("ip route del default");
    let run = launch(&cluster.pod, &["link", "route"], &[]).run().expect(20);
    assert_eq!(run.cause(), "route-no-default", "{run}");
}

#[test]
fn a_gateway_that_nobody_answers_for_is_the_nodes_side() {
    let cluster = Cluster::start();
    crate::world::sh("ip neighbour flush dev eth0");
    cluster.pod.node.sh("ip address del 10.77.0.1/24 dev host");
    let run = launch(&cluster.pod, &["link", "route", "dns"], &[]).run();
    is(run, 20, "host-side-broken", &["route-gateway-no-neighbour"]);
}

#[test]
fn silent_dns_beside_an_api_server_that_answers_is_a_policy() {
    let cluster = Cluster::start();
    assert_eq!(cluster.run(&[]).expect(0).cause(), "");
    cluster.pod.node.filter("input", "ip daddr 10.96.0.10 drop");
    let run = is(cluster.run(&[]), 40, "dns-blocked-by-policy", &["dns-silent"]);
    assert_eq!(run.report()["cause"]["likely"], true, "{run}");
}

#[test]
fn a_file_that_nobody_reads_right_is_no_policy() {
    let cluster = Cluster::start();
    cluster.pod.node.filter("input", "ip daddr 10.96.0.10 drop");
    let path = cluster.pod.file("carriage-returns.conf");
    std::fs::write(&path, RESOLV_CONF.replace('\n', "\r\n")).expect("write resolv.conf");
    let path = path.display().to_string();
    let flags = ["check", "dns", "service", "--mesh", "none", "--output", "json"];
    let flags = [&flags[..], &["--resolv-conf", &path, "--api-server", "10.96.0.1:443"]].concat();
    let run = cluster.pod.run(Who::App, &flags).expect(40);
    assert_ne!(run.cause(), "dns-blocked-by-policy", "{run}");
    let told = run.report()["cause"]["toldBy"].to_string();
    assert!(told.contains("resolv-conf-crlf"), "{run}");
}

#[test]
fn a_policy_that_rejects_dns_is_one_as_well() {
    let cluster = Cluster::start();
    cluster.pod.node.filter("input", "ip daddr 10.96.0.10 reject with icmpx admin-prohibited");
    is(cluster.run(&[]), 40, "dns-blocked-by-policy", &["dns-rejected"]);
}

#[test]
fn silent_dns_without_an_api_server_is_not_called_a_policy() {
    let cluster = Cluster::start();
    cluster.pod.node.filter("input", "ip daddr 10.96.0.0/24 drop");
    let run = cluster.run(&[]).expect(40);
    assert_eq!(run.cause(), "dns-silent", "{run}");
}

#[test]
fn a_node_that_rejects_dns_for_want_of_endpoints_is_coredns() {
    let cluster = Cluster::start();
    cluster.pod.node.sh("ip address del 10.96.0.10/32 dev lo");
    cluster.pod.node.filter("forward", "ip daddr 10.96.0.10 reject with icmpx port-unreachable");
    let run = is(cluster.run(&[]), 40, "coredns-no-endpoints", &["dns-rejected"]);
    assert!(run.report()["cause"]["reason"].to_string().contains("10.77.0.1"), "{run}");
}

#[test]
fn a_service_address_that_leaks_is_kube_proxy() {
    let pod = World::DUAL.start();
    let _outside = pod.node.outside();
    let run = launch(&pod, &["dns", "service"], &[]).run();
    is(run, 50, "kube-proxy-down", &["service-not-programmed"]);
}

#[test]
fn services_that_keep_silent_beside_an_address_that_answers_are_kube_proxy() {
    let cluster = Cluster::start();
    let _target = target(&cluster.pod.node, "10.77.0.1:8080");
    cluster.pod.node.filter("input", "ip daddr 10.96.0.0/24 drop");
    let run = cluster.run(&["tcp://10.77.0.1:8080"]);
    is(run, 50, "kube-proxy-down", &["service-silent", "dns-silent"]);
}

#[test]
fn names_alone_that_fail_are_dns_only() {
    let pod = World::DUAL.start();
    pod.node.sh("ip address add 10.96.0.1/32 dev lo; ip address add 10.96.0.10/32 dev lo");
    let _api = Server::on(&pod.node, "10.96.0.1:443", says(SERVER_HELLO));
    let stand = Stand::at(DNS);
    let _dns = Responder::on(&pod.node, stand, |query, _| {
        bytes(&with_code(query, ResponseCode::ServFail))
    });
    let _target = target(&pod.node, "10.77.0.1:8080");
    let targets = ["tcp://10.77.0.1:8080", "tcp://example.com:8080"];
    let run = launch(&pod, &["dns", "service"], &targets).run();
    is(run, 40, "dns-only", &["dns-servfail"]);
    let run = launch(&pod, &["dns", "service"], &[]).run().expect(40);
    assert_ne!(run.cause(), "dns-only", "no address was reached: {run}");
}

#[test]
fn silence_of_everything_outside_is_translation_or_policy() {
    let cluster = Cluster::start();
    let targets = ["tcp://203.0.113.9:443", "tcp://198.51.100.7:443"];
    let run = is(cluster.run(&targets), 60, "egress-snat-broken", &["reach-timeout-node"]);
    assert_eq!(run.report()["cause"]["likely"], true, "{run}");
    // A target inside that keeps silent says nothing of the way out.
    let run = cluster.run(&["tcp://10.99.0.9:443"]).expect(60);
    assert_eq!(run.cause(), "reach-timeout-node", "{run}");
    // Nor does one of several.
    let _target = target(&cluster.pod.node, "10.77.0.1:8080");
    let run = cluster.run(&["tcp://203.0.113.9:443", "tcp://10.77.0.1:8080"]).expect(60);
    assert_eq!(run.cause(), "reach-timeout-node", "{run}");
}

#[test]
fn silence_behind_a_router_that_is_heard_is_a_firewall_outside() {
    let cluster = Cluster::start();
    let _outside = cluster.pod.node.outside();
    let run = cluster.run(&["tcp://203.0.113.9:443", "tcp://198.51.100.7:443"]);
    is(run, 60, "egress-filtered-upstream", &["reach-timeout-beyond"]);
}

#[test]
fn more_silent_targets_than_are_told_have_the_same_cause() {
    let cluster = Cluster::start();
    let targets: Vec<String> = (1..=60).map(|n| format!("tcp://203.0.113.{n}:443")).collect();
    let outside: Vec<&str> = targets.iter().map(String::as_str).collect();
    let looked = |targets: &[&str]| cluster.run(targets).expect(60);
    let run = looked(&[&outside[..], &["tcp://[2001:db8::9]:443"]].concat());
    assert_eq!(run.cause(), "egress-snat-broken", "{run}");
    let run = looked(&[&outside[..], &["tcp://10.99.0.9:443"]].concat());
    assert_ne!(run.cause(), "egress-snat-broken", "one is inside: {run}");
    cluster.pod.node.filter("forward", "tcp dport 443 reject with icmpx admin-prohibited");
    let run = looked(&outside);
    assert_eq!(run.cause(), "egress-only", "{run}");
    assert_eq!(run.findings("reach-rejected").len(), 21, "{run}");
    let reason = run.report()["cause"]["reason"].to_string();
    assert!(!reason.contains("more targets"), "the first one tells it: {reason}");
}

#[test]
fn targets_that_are_all_rejected_while_names_resolve_are_egress() {
    let cluster = Cluster::start();
    cluster.pod.node.filter("forward", "tcp dport 443 reject with icmpx admin-prohibited");
    let targets = ["tcp://203.0.113.9:443", "tcp://10.99.0.9:443"];
    is(cluster.run(&targets), 60, "egress-only", &["reach-rejected"]);
    let run = cluster.run(&targets[..1]).expect(60);
    assert_eq!(run.cause(), "reach-rejected", "one target is no way out: {run}");
}

#[test]
fn one_family_that_fails_in_everything_is_that_family() {
    let cluster = Cluster::start();
    let _targets = ["10.77.0.1:8080", "[fd77::1]:8080", "[fd77::1]:8081"]
        .map(|at| target(&cluster.pod.node, at));
    let targets = ["tcp://10.77.0.1:8080", "tcp://[fd77::1]:8080", "tcp://[fd77::1]:8081"];
    assert_eq!(cluster.run(&targets).expect(0).cause(), "");
    cluster.pod.node.filter(
        "input",
        "meta nfproto ipv6 tcp dport 8080-8081 reject with icmpx admin-prohibited",
    );
    let run = is(cluster.run(&targets), 60, "family-broken", &["reach-rejected"]);
    assert!(
        run.report()["cause"]["reason"].to_string().contains("everything asked for in IPv6"),
        "{run}"
    );
    cluster.pod.node.filter("input", "tcp dport 8080 reject with icmpx admin-prohibited");
    let run = cluster.run(&targets).expect(60);
    assert_ne!(run.cause(), "family-broken", "IPv4 fails as well: {run}");
}

#[test]
fn a_family_in_which_anything_answers_is_not_broken() {
    let cluster = Cluster::start();
    let _targets = ["10.77.0.1:8080", "[fd77::1]:8080"].map(|at| target(&cluster.pod.node, at));
    let targets = ["tcp://10.77.0.1:8080", "tcp://[fd77::1]:8080"];
    let closed = ["tcp://10.77.0.1:81", "tcp://10.77.0.1:82"];
    let run = cluster.run(&[&targets[..], &closed].concat()).expect(60);
    assert_eq!(run.cause(), "reach-refused", "two closed ports are no family: {run}");
}

#[test]
fn what_is_blocked_is_not_what_is_reached() {
    let cluster = Cluster::start();
    cluster.pod.node.filter("input", "iifname host drop");
    let blocked = ["!tcp://10.77.0.1:8080?timeout=300ms"];
    for layers in [&["dns", "service"][..], &["dns"]] {
        let run = launch(&cluster.pod, layers, &blocked).run().expect(40);
        assert_eq!(run.cause(), "dns-silent", "nothing answered: {run}");
    }
}

#[test]
fn a_nameserver_elsewhere_that_a_firewall_rejects_has_no_endpoints_to_lack() {
    let cluster = Cluster::start();
    cluster.pod.node.filter(
        "forward",
        "meta l4proto { tcp, udp } th dport 53 reject with icmpx port-unreachable",
    );
    let path = cluster.pod.file("elsewhere.conf");
    std::fs::write(&path, "nameserver 192.0.2.53\n").expect("write resolv.conf");
    let path = path.display().to_string();
    let flags = ["check", "dns", "service", "--mesh", "none", "--output", "json"];
    let flags = [&flags[..], &["--resolv-conf", &path, "--api-server", "10.96.0.1:443"]].concat();
    let run = cluster.pod.run(Who::App, &flags);
    is(run, 40, "dns-blocked-by-policy", &["dns-rejected"]);
}

/// The kubelet's clusterDNS is wrong: queries leave the node under the address that was asked.
#[test]
fn cluster_dns_at_an_address_that_is_no_service_is_not_called_a_policy() {
    let cluster = Cluster::start();
    let _outside = cluster.pod.node.outside();
    let run = elsewhere(&cluster, "192.0.2.53").expect(40);
    assert_eq!(run.cause(), "dns-silent", "{run}");
    assert!(run.reason("dns-silent").contains("as far as hop 2 (10.88.0.1)"), "{run}");
    // The same address behind a Service: the node translates errors back, whoever sent them.
    for transport in ["udp", "tcp"] {
        let rule = format!("ip daddr 10.96.0.20 {transport} dport 53 dnat ip to 192.0.2.53");
        cluster.pod.node.sh(&format!(
            "nft 'add table inet svc; add chain inet svc pre {{ type nat hook prerouting priority dstnat; }}; \
             add rule inet svc pre {rule}'"
        ));
    }
    is(elsewhere(&cluster, "10.96.0.20"), 40, "dns-blocked-by-policy", &["dns-silent"]);
}

/// A look at DNS and the API server with this nameserver, and the search list of a cluster.
fn elsewhere(cluster: &Cluster, nameserver: &str) -> Output {
    let path = cluster.pod.file("elsewhere.conf");
    std::fs::write(&path, RESOLV_CONF.replace(DNS, nameserver)).expect("write resolv.conf");
    let path = path.display().to_string();
    let flags = ["check", "dns", "service", "--mesh", "none", "--output", "json"];
    let flags = [&flags[..], &["--resolv-conf", &path, "--api-server", "10.96.0.1:443"]].concat();
    cluster.pod.run(Who::App, &flags)
}

#[test]
fn what_was_answered_does_not_follow_from_silence() {
    let cluster = Cluster::start();
    let _open = target(&cluster.pod.node, "10.77.0.1:8080");
    cluster.pod.node.filter("input", "ip daddr 10.96.0.10 drop");
    let run = cluster.run(&["!tcp://10.77.0.1:8080", "tcp://db.shop:5432"]).expect(40);
    assert_eq!(run.cause(), "dns-blocked-by-policy", "{run}");
    assert_eq!(
        run.report()["cause"]["explains"],
        serde_json::json!(["reach-name-unresolved"]),
        "an open target has its own reason: {run}"
    );
}

#[test]
fn what_the_nodes_files_lack_is_told_beside_its_consequence() {
    let cluster = Cluster::start();
    let host = Host::new(&cluster.pod);
    host.file("etc/cni/net.d/10-calico.conflist", &calico(""));
    std::fs::remove_file(host.root.join("opt/cni/bin/calico")).expect("a plugin less");
    crate::world::sh("ip link del eth0");
    let root = host.root.display().to_string();
    let layers = ["link", "route", "node", "--host-root", &root];
    let run = launch(&cluster.pod, &layers, &[]).run().expect(10);
    assert_eq!(run.cause(), "cni-setup-failed", "{run}");
    assert!(run.codes("fail").contains(&"cni-plugin-missing".to_owned()), "{run}");
    assert_eq!(run.report()["cause"]["explains"], serde_json::json!([]), "{run}");
}

#[test]
fn what_stalls_behind_a_black_hole_follows_from_it() {
    let place = Place::start().narrow(Way::Out, 1300).mute();
    let _dns = Dnsmasq::at(&place.far, ["10.99.0.2", "fd99::2"]);
    let long = "a".repeat(3000);
    let _server = Server::on(&place.far, "10.99.0.2:8080", |mut stream| {
        use std::io::{Read, Write};
        let mut request = Vec::new();
        let mut piece = [0; 4096];
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(length) if length > 0 => request.extend(&piece[..length]),
                _ => return,
            }
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let path = place.pod.file("resolv.conf");
    std::fs::write(&path, "search svc.cluster.local\nnameserver 10.99.0.2\n").expect("write");
    let path = path.display().to_string();
    let target = format!("http://10.99.0.2:8080/{long}");
    let flags = ["check", "mtu", "--mesh", "none", "--output", "json", "--resolv-conf", &path];
    let run = place.pod.run(Who::App, &[&flags[..], &["--target", &target]].concat());
    let run = is(run, 70, "mtu-black-hole", &["mtu-black-hole"]);
    assert!(run.codes("fail").contains(&"reach-protocol".to_owned()), "{run}");
}

#[test]
fn a_mesh_plugin_that_nobody_runs_explains_missing_rules() {
    let pod = World::DUAL.start();
    let host = Host::new(&pod);
    host.plugin("istio-cni");
    host.file("etc/cni/net.d/05-cilium.conflist", CILIUM);
    host.file("etc/cni/net.d/10-calico.conflist", &calico(ISTIO));
    let root = host.root.display().to_string();
    let flags = ["check", "--mesh", "istio", "--output", "json", "--host-root", &root];
    let run = pod.run(Who::App, &flags);
    is(run, 30, "mesh-cni-race", &["redirect-missing", "cni-mesh-not-chained"]);
    pod.load(Backend::IptablesNft, &Rules::istio());
    let run = pod.run(Who::App, &flags).expect(80);
    assert_eq!(run.cause(), "cni-mesh-not-chained", "this pod has its rules: {run}");
}

#[test]
fn an_api_server_outside_the_cluster_is_no_service_that_leaks() {
    let pod = World::DUAL.start();
    let _outside = pod.node.outside();
    pod.node.sh("ip address add 10.96.0.10/32 dev lo");
    let _dns = Responder::on(&pod.node, Stand::at(DNS), |query, _| {
        let mut answer = cluster(query);
        if name(query) == "api.example.com." && kind(query) == RecordType::A {
            answer = with_code(query, ResponseCode::NoError);
            let owner = query.queries[0].name().clone();
            answer.add_answers([Record::from_rdata(owner, 5, v4("198.51.100.1"))]);
        }
        bytes(&answer)
    });
    let by_name = |launch: Launch| launch.env("KUBERNETES_SERVICE_HOST", "api.example.com").run();
    let run = by_name(launch(&pod, &["service"], &[])).expect(50);
    assert_eq!(run.cause(), "service-silent", "no ClusterIP is lost: {run}");
    pod.node.filter("forward", "tcp dport 443 reject with icmpx port-unreachable");
    let run = by_name(launch(&pod, &["service"], &[])).expect(50);
    assert_eq!(run.cause(), "service-rejected", "nobody's endpoints are missing: {run}");
}
