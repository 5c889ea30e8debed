//! Arguments, environments and configuration files. Arguments stand as in /proc/PID/cmdline, a zero
//! byte between two; an empty one and what follows it are the environment, `NAME=value` each.

use std::{collections::BTreeMap, net::IpAddr};

use super::text;
use crate::{
    args::door,
    capture::Capture,
    dropin::{istio as istio_iptables, kuma as kuma_validator, linkerd as linkerd_validator},
    layer::redirect::{Addresses, Flow, Promise, Sender, Transport, flows},
    plan::Plan,
    pod::Family,
};

/// More flows than any promise makes of lists that are cut.
const MOST_FLOWS: usize = 4000;

/// The words of a line, and its environment.
fn line(bytes: &[u8]) -> (Vec<String>, BTreeMap<String, String>) {
    let whole = text(bytes);
    let mut words: Vec<String> = whole.split('\0').map(str::to_owned).collect();
    let rest = words.iter().position(String::is_empty).map(|at| words.split_off(at));
    let pairs = rest.unwrap_or_default().into_iter();
    let pairs = pairs.filter_map(|pair| pair.split_once('=').map(|(k, v)| (k.into(), v.into())));
    (words, pairs.collect())
}

/// `podprobe …`.
pub(super) fn own(bytes: &[u8]) {
    let (words, _) = line(bytes);
    // Those read files of the machine that fuzzes.
    if words.iter().any(|word| word.contains("-file") || word.contains("--config")) {
        return;
    }
    match door::plan(&words) {
        Ok(Some(plan)) => {
            agree(&plan.capture);
            let again = serde_json::to_string(&plan).expect("JSON");
            // What is sent to targets is written as zeros: it may be a secret.
            let read: Plan = serde_json::from_str(&again).expect("a plan");
            assert_eq!(serde_json::to_string(&read).ok(), Some(again));
        }
        Ok(None) => {}
        Err(problem) => assert!(!problem.trim().is_empty()),
    }
}

/// A configuration file.
pub(super) fn config(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match door::settings(text) {
        Ok(settings) => {
            let size: usize = settings.iter().map(|setting| setting.value.len()).sum();
            assert!(size <= bytes.len() * bytes.len().max(64), "{size} bytes");
        }
        Err(problem) => assert!(problem.chars().count() < 500, "{problem}"),
    }
}

/// `istio-iptables …`.
pub(super) fn istio(bytes: &[u8]) {
    let (words, environment) = line(bytes);
    match istio_iptables::promised(&words, &environment) {
        Ok(capture) => agree(&capture),
        Err(problem) => assert!(!problem.is_empty()),
    }
}

/// `linkerd2-network-validator …`.
pub(super) fn linkerd(bytes: &[u8]) {
    let (words, _) = line(bytes);
    if let Some(plan) = linkerd_validator::promised(&words) {
        agree(&plan.capture);
    }
}

/// `install transparent-proxy-validator …`, its configuration as an argument.
pub(super) fn kuma(bytes: &[u8]) {
    let (words, _) = line(bytes);
    match kuma_validator::promised(&words) {
        Ok(Some(plan)) => agree(&plan.capture),
        Ok(None) => {}
        Err(problem) => assert!(!problem.is_empty()),
    }
}

/// Whether the flows of a promise say the same of the same packet, and keep what it excludes.
///
/// # Panics
/// Where they do not.
pub(crate) fn agree(capture: &Capture) {
    let pod: [IpAddr; 2] = [[10, 77, 0, 2].into(), "fd77::2".parse().expect("an address")];
    let both = vec![Family::Ipv4, Family::Ipv6];
    for seed in [0, 12_345] {
        let addresses =
            Addresses { families: both.clone(), pod: pod.to_vec(), seed, ..Addresses::default() };
        let all = flows(capture, &addresses);
        assert!(all.len() <= MOST_FLOWS, "{} flows", all.len());
        let mut promised = BTreeMap::new();
        for flow in &all {
            let key = (flow.sender, flow.transport, flow.source, flow.destination);
            let before = promised.insert(key, flow.promise);
            assert!(before.is_none_or(|before| before == flow.promise), "{before:?}: {flow:?}");
            excluded(capture, flow, flow.is_local(&pod));
        }
    }
}

/// Exclusions are promises, too.
fn excluded(capture: &Capture, flow: &Flow, local: bool) {
    let (ip, port) = (flow.destination.ip(), flow.destination.port());
    assert!(capture.exempt != crate::capture::Exempt::Nobody || flow.promise == Promise::Untouched);
    if flow.sender == Sender::App {
        let by_port = capture.exclude_outbound_ports.contains(&port);
        let by_address = capture.exclude_outbound_cidrs.iter().any(|net| net.contains(&ip))
            && flow.transport == Transport::Tcp
            && port != 53
            && !local;
        assert!(!(by_port || by_address) || flow.promise == Promise::Untouched, "{flow:?}");
    }
}
