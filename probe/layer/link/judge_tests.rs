//! Literal pods, and what is said of them.

use super::judge;
use crate::{
    finding::Code,
    plan::Plan,
    pod::{Address, Dad, Environment, Family, Link, Look, Pod, environment::Proxy, tests::sample},
    profile,
};

fn plan() -> Plan {
    Plan::new("check", "istio", profile::ISTIO.capture())
}

/// What fails or warns in the pod.
fn codes(pod: &Pod, environment: &Environment) -> Vec<Code> {
    let found = judge(&plan(), pod, environment).into_iter().map(|finding| finding.code);
    found.filter(|code| *code != Code::LinkHolds).collect()
}

fn alone(pod: &Pod) -> Vec<Code> {
    codes(pod, &Environment::default())
}

fn links(pod: &mut Pod) -> &mut Vec<Link> {
    let Look::Seen(links) = &mut pod.links else { unreachable!("the sample has links") };
    links
}

fn addresses(pod: &mut Pod) -> &mut Vec<Address> {
    let Look::Seen(addresses) = &mut pod.addresses else { unreachable!("and addresses") };
    addresses
}

/// The sample with a Multus attachment.
fn attached(ip: &str, prefix: u8) -> Pod {
    let mut pod = sample();
    let net1 = Link { index: 3, name: "net1".into(), ..links(&mut pod)[1].clone() };
    links(&mut pod).push(net1);
    let ip = ip.parse().expect("an address");
    let eth0 = addresses(&mut pod)[2].clone();
    addresses(&mut pod).push(Address { ip, prefix, link_index: 3, link: "net1".into(), ..eth0 });
    pod
}

fn told(ips: &[&str]) -> Environment {
    let pod_ips = ips.iter().map(|ip| ip.parse().expect("an address")).collect();
    Environment { pod_ips, ..Environment::default() }
}

#[test]
fn an_intact_pod_is_left_in_peace() {
    assert_eq!(alone(&sample()), []);
    assert_eq!(alone(&attached("10.8.0.2", 24)), []);
    assert_eq!(codes(&sample(), &told(&["10.0.0.2", "fd00::2"])), []);
}

#[test]
fn carrier_of_the_only_interface_is_needed() {
    let mut pod = sample();
    links(&mut pod)[1].running = false;
    assert_eq!(alone(&pod), [Code::LinkDown]);
    addresses(&mut pod).truncate(1);
    assert_eq!(alone(&pod), [Code::LinkDown], "IPv6 addresses go with the carrier");
}

#[test]
fn an_attachment_without_carrier_is_a_warning_unless_the_pod_is_known_by_it() {
    let mut pod = attached("10.8.0.2", 24);
    links(&mut pod)[2].running = false;
    assert_eq!(alone(&pod), [Code::LinkAttachmentDown]);
    assert_eq!(codes(&pod, &told(&["10.8.0.2"])), [Code::LinkDown]);
    links(&mut pod)[2].kind = Some("bridge".into());
    assert_eq!(alone(&pod), [], "a bridge without members has no carrier");
}

#[test]
fn loopback_needs_its_address() {
    let mut pod = sample();
    addresses(&mut pod).remove(0);
    assert_eq!(alone(&pod), [Code::LinkLoDown]);
    addresses(&mut pod).retain(|address| Family::Ipv6.holds(address.ip));
    assert_eq!(alone(&pod), [Code::LoopbackIpv4Missing]);
}

#[test]
fn an_mtu_without_room_for_ipv6_matters_where_ipv6_was_promised() {
    let mut pod = sample();
    links(&mut pod)[1].mtu = 1279;
    assert_eq!(alone(&pod), [Code::LinkMtuTooSmall]);
    addresses(&mut pod).truncate(3);
    assert_eq!(alone(&pod), [], "IPv4 alone needs no more");
    let promised = codes(&pod, &told(&["10.0.0.2", "fd00::2"]));
    assert_eq!(promised, [Code::LinkMtuTooSmall, Code::AddressFamilyMissing]);
    links(&mut pod)[1].mtu = 575;
    assert_eq!(alone(&pod), [Code::LinkMtuTiny]);
    links(&mut pod)[1].mtu = 1280;
    addresses(&mut pod).push(sample().addresses.list()[3].clone());
    assert_eq!(alone(&pod), []);
}

#[test]
fn no_address_at_all_is_one_finding() {
    let mut pod = sample();
    addresses(&mut pod).truncate(1);
    assert_eq!(alone(&pod), [Code::AddressNone]);
}

#[test]
fn duplicate_address_detection_is_told_apart() {
    let mut pod = sample();
    for (dad, code) in
        [(Dad::Failed, Code::AddressDuplicate), (Dad::Tentative, Code::AddressTentative)]
    {
        addresses(&mut pod)[3].dad = dad;
        assert_eq!(alone(&pod), [code]);
    }
    addresses(&mut pod)[3].dad = Dad::Optimistic;
    assert_eq!(alone(&pod), []);
}

#[test]
fn a_further_tentative_address_is_nothing_and_a_further_duplicate_is() {
    let mut pod = sample();
    let further =
        Address { ip: "fd00::3".parse().expect("an address"), ..addresses(&mut pod)[3].clone() };
    addresses(&mut pod).push(Address { dad: Dad::Tentative, ..further.clone() });
    assert_eq!(alone(&pod), []);
    addresses(&mut pod).push(Address { dad: Dad::Failed, ..further });
    assert_eq!(alone(&pod), [Code::AddressDuplicate]);
}

#[test]
fn pod_ip_must_be_on_an_interface() {
    let pod = sample();
    assert_eq!(codes(&pod, &told(&["10.0.0.9", "fd00::2"])), [Code::EnvPodIpMismatch]);
    let mut only_v4 = sample();
    addresses(&mut only_v4).truncate(3);
    let both = told(&["10.0.0.2", "fd00::2"]);
    assert_eq!(codes(&only_v4, &both), [Code::AddressFamilyMissing]);
    let declared = Plan { families: Some(vec![Family::Ipv4]), ..plan() };
    let found = judge(&declared, &only_v4, &both);
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::LinkHolds]);
}

#[test]
fn a_switched_off_family_is_named() {
    let mut pod = sample();
    addresses(&mut pod).truncate(3);
    let environment = Environment { ipv6_disabled: Some(true), ..told(&["fd00::2"]) };
    let found = judge(&plan(), &pod, &environment);
    assert!(found[0].reason.contains("disable_ipv6"), "{}", found[0].reason);
}

#[test]
fn networks_of_two_links_must_not_overlap_unless_policy_tells_them_apart() {
    assert_eq!(alone(&attached("10.0.128.2", 16)), [Code::AddressOverlap]);
    assert_eq!(alone(&attached("10.0.0.77", 32)), [], "a host address is no network");
    let mut pod = attached("10.0.0.77", 24);
    assert_eq!(alone(&pod), [Code::AddressOverlap]);
    let Look::Seen(rules) = &mut pod.rules else { unreachable!("the sample has rules") };
    (rules[1].from, rules[1].fwmark) = ("10.0.0.77/32".parse().ok(), None);
    assert_eq!(alone(&pod), []);
}

#[test]
fn the_api_server_must_be_named_where_a_kubelet_is_at_work() {
    let warned = |host: Option<&str>, port: &str| {
        let (service_host, service_port) = (host.map(str::to_owned), Some(port.to_owned()));
        let seen = Environment { kubernetes: true, service_host, service_port, ..told(&[]) };
        codes(&sample(), &seen) == [Code::EnvApiserverUnset]
    };
    assert!(warned(None, "443") && warned(Some("10.96.0.1:443"), "443") && warned(Some("a"), "x"));
    assert!(!warned(Some("fd00::1"), "443") && !warned(Some("me.hcp.azmk8s.io"), "443"));
    assert_eq!(codes(&sample(), &Environment::default()), []);
}

#[test]
fn cluster_traffic_must_be_exempt_from_a_web_proxy() {
    let lacking = |no_proxy: &[&str]| {
        let squid = Proxy { variable: "HTTPS_PROXY".into(), address: "squid:3128".into() };
        let environment = Environment {
            service_host: Some("10.96.0.1".into()),
            proxies: vec![squid],
            no_proxy: no_proxy.iter().map(ToString::to_string).collect(),
            cluster_domain: Some("k8s.example".into()),
            ..Environment::default()
        };
        let found = judge(&plan(), &sample(), &environment);
        found.into_iter().find(|f| f.code == Code::EnvProxyNoProxy).map(|finding| finding.reason)
    };
    let all = lacking(&["corp.example"]).expect("a warning");
    assert!(all.ends_with("lacks 10.96.0.1, .svc, .k8s.example"), "{all}");
    let address = lacking(&[".svc"]).expect("a warning");
    assert!(address.ends_with("lacks 10.96.0.1"), "{address}");
    for enough in [&["10.96.0.0/12", ".svc"][..], &["10.96.0.1", "*.K8s.example"], &["*"]] {
        assert_eq!(lacking(enough), None, "{enough:?}");
    }
}
