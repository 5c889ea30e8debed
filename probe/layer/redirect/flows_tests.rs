//! What the promise implies, by example.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use ipnet::IpNet;

use super::{
    flow::{Flow, Promise, Sender},
    flows::{Addresses, flows},
};
use crate::capture::{Capture, Cidrs, Dns, Ports};
use crate::fuzz::command_lines::agree;
use crate::pod::Family;
use crate::profile::{ALL, ISTIO};
use proptest::{prelude::*, sample::select};

fn dual() -> Addresses {
    Addresses {
        families: vec![Family::Ipv4, Family::Ipv6],
        pod: vec![IpAddr::from([10, 77, 0, 2]), "fd77::2".parse().expect("an address")],
        service: None,
        ..Addresses::default()
    }
}

fn promise_of(capture: &Capture, sender: Sender, destination: &str) -> Option<Promise> {
    let destination: SocketAddr = destination.parse().expect("an address");
    flows(capture, &dual())
        .into_iter()
        .find(|f| f.sender == sender && f.destination == destination && f.again.is_none())
        .map(|f| f.promise)
}

#[test]
fn every_flow_has_a_destination_of_its_own() {
    let mut capture = ISTIO.capture();
    capture.dns = ISTIO.dns;
    capture.exclude_outbound_ports = vec![5432, 80];
    let flows = flows(&capture, &dual());
    let first: Vec<_> = flows.iter().filter(|f| f.again.is_none()).collect();
    let key = |f: &&Flow| (f.sender, f.transport, f.destination);
    let unique: BTreeSet<_> = first.iter().copied().map(|f| key(&f)).collect();
    assert_eq!(unique.len(), first.len());
    assert!(first.len() > 40, "{}", first.len());
}

#[test]
fn application_egress_is_captured_and_the_proxys_is_not() {
    let all = flows(&ISTIO.capture(), &dual());
    let egress = |sender| {
        let f = all.iter().find(|f| f.sender == sender && f.destination.port() == 80);
        f.map(|f| f.promise)
    };
    assert_eq!(egress(Sender::App), Some(Promise::Captured(15001)));
    assert_eq!(egress(Sender::Proxy), Some(Promise::Untouched));
}

#[test]
fn an_excluded_port_is_left_alone_for_both_senders() {
    let mut capture = ISTIO.capture();
    capture.exclude_outbound_ports = vec![5432];
    let app = promise_of(&capture, Sender::App, "192.0.2.1:5432");
    let proxy = promise_of(&capture, Sender::Proxy, "127.0.0.6:5432");
    assert_eq!((app, proxy), (Some(Promise::Untouched), Some(Promise::Untouched)));
}

#[test]
fn outside_the_included_range_nothing_is_captured() {
    let mut capture = ISTIO.capture();
    let net: IpNet = "10.96.0.0/16".parse().expect("a network");
    capture.include_outbound_cidrs = Cidrs::Only(vec![net]);
    let flows = flows(&capture, &dual());
    let captured: Vec<_> = flows
        .iter()
        .filter(|f| f.promise == Promise::Captured(15001))
        .map(|f| f.destination.ip())
        .collect();
    assert_eq!(captured, [IpAddr::from([10, 96, 255, 254])]);
}

#[test]
fn dns_capture_moves_port_53_and_repeats_it_with_the_same_source_port() {
    let mut capture = ISTIO.capture();
    assert!(flows(&capture, &dual()).iter().all(|f| f.again.is_none()));
    capture.dns = ISTIO.dns;
    let flows = flows(&capture, &dual());
    let alias = promise_of(&capture, Sender::Proxy, "127.0.0.6:53");
    assert_eq!(alias, Some(Promise::Untouched));
    let pairs = flows.iter().filter_map(|flow| Some((&flows[flow.again?], flow)));
    let (answers, queries): (Vec<_>, Vec<_>) =
        pairs.partition(|(first, _)| first.sender == Sender::Outside);
    assert_eq!((answers.len(), queries.len()), (2, 4));
    for (first, flow) in queries {
        assert_eq!(first.destination, flow.destination);
        assert_ne!(first.sender, flow.sender);
    }
    for (answer, query) in answers {
        assert_eq!(answer.source, Some(query.destination.ip()));
        assert_eq!(Some(answer.destination.ip()), query.source);
    }
}

/// Any mesh's promise, with lists that overlap and contradict each other.
fn promises() -> impl Strategy<Value = Capture> {
    let ports = || prop::collection::vec(prop_oneof![1_u16.., select(PORTS.to_vec())], 0..6);
    let nets = || prop::collection::vec(select(NETS.to_vec()), 0..4);
    let profile = select(ALL.to_vec());
    let lists = (ports(), ports(), ports(), ports(), ports(), nets(), nets());
    (profile, lists, any::<bool>(), any::<[bool; 3]>()).prop_map(
        |(profile, lists, dns, [all_nets, all_ports, by_group])| {
            let (no_out, out, no_in, only_in, tolerated, no_nets, only_nets) = lists;
            let networks = |list: Vec<&str>| -> Vec<IpNet> {
                list.into_iter().map(|net| net.parse().expect("a network")).collect()
            };
            let mut capture = profile.capture();
            capture.dns = if dns { profile.dns } else { Dns::NONE };
            capture.exclude_outbound_ports = no_out;
            capture.include_outbound_ports = out;
            capture.exclude_inbound_ports = no_in;
            capture.tolerated_outbound_ports = tolerated;
            capture.exclude_outbound_cidrs = networks(no_nets);
            if !all_ports {
                capture.include_inbound_ports = Ports::Only(only_in);
            }
            if !all_nets {
                capture.include_outbound_cidrs = Cidrs::Only(networks(only_nets));
            }
            capture.only_groups = by_group.then(|| vec![7]);
            // Without a mesh there is nothing to include.
            if capture.promises_nothing() { profile.capture() } else { capture }
        },
    )
}

const PORTS: [u16; 8] = [53, 80, 443, 8080, 15001, 15006, 15053, 20_001];
const NETS: [&str; 8] = [
    "0.0.0.0/0",
    "::/0",
    "192.0.2.0/24",
    "192.0.2.1/32",
    "10.77.0.2/32",
    "fd77::/64",
    "2001:db8::/32",
    "127.0.0.0/8",
];

proptest! {
    #[test]
    fn flows_never_contradict_themselves(capture in promises()) {
        agree(&capture);
    }

    #[test]
    fn every_flow_but_a_repeated_one_has_a_way_of_its_own(
        capture in promises(), seed in any::<u64>(),
    ) {
        let flows = flows(&capture, &Addresses { seed, ..dual() });
        let mut promised = BTreeSet::new();
        for flow in flows.iter().filter(|flow| flow.again.is_none()) {
            let from = flow.source.filter(|_| flow.sender == Sender::Outside);
            let key = (flow.sender, flow.transport, flow.destination, from);
            prop_assert!(promised.insert(key), "{flow:?}");
        }
        for flow in &flows {
            prop_assert!(flow.again.is_none_or(|first| first < flows.len()), "{flow:?}");
        }
    }
}
