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
use crate::capture::{Capture, Cidrs, Dns};
use crate::pod::Family;
use crate::profile::ISTIO;
use proptest::prelude::*;

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

proptest! {
    #[test]
    fn flows_never_contradict_themselves(
        dns in any::<bool>(),
        seed in any::<u64>(),
        excluded in prop::collection::vec(1_u16.., 0..6),
        included in prop::collection::vec(1_u16.., 0..6),
    ) {
        let mut capture = ISTIO.capture();
        capture.dns = if dns { ISTIO.dns } else { Dns::NONE };
        capture.exclude_outbound_ports = excluded;
        capture.include_outbound_ports = included;
        let flows = flows(&capture, &Addresses { seed, ..dual() });
        let mut promised = std::collections::BTreeMap::new();
        for flow in flows.iter().filter(|flow| flow.again.is_none()) {
            let key = (flow.sender, flow.transport, flow.destination);
            prop_assert!(promised.insert(key, flow.promise).is_none(), "{flow:?}");
        }
    }
}
