//! What arguments mean, without a pod.

use proptest::prelude::*;

use super::{
    command_line,
    family::families,
    intent::{Intent, intent},
    refusal,
    settings::{Environment, Settings, tests::settings},
};
use crate::{
    capture::{Cidrs, Exempt, Interception, Ports, Reach},
    pod::{Family, Look, tests::sample},
};

/// What the chart passes for a pod without annotations.
const PLAIN: [&str; 16] = [
    "-p",
    "15001",
    "-z",
    "15006",
    "-u",
    "1337",
    "-m",
    "REDIRECT",
    "-i",
    "*",
    "-x",
    "",
    "-b",
    "*",
    "-d",
    "15090,15021,15020",
];

fn meant(more: &[&str], variables: &[(&str, &str)]) -> Intent {
    let line = [&PLAIN[..], more].concat();
    let environment = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    intent(&settings(&line, variables), &environment).expect("an intent")
}

fn owner(intent: &Intent) -> (Vec<u32>, Vec<u32>) {
    match &intent.capture.exempt {
        Exempt::Owner { uids, gids } => (uids.clone(), gids.clone()),
        other => panic!("{other:?}"),
    }
}

fn noted(intent: &Intent, word: &str) -> bool {
    intent.notes.iter().any(|(_, note)| note.contains(word))
}

#[test]
fn plain_arguments_are_the_profile() {
    let Intent { mesh, capture, notes } = meant(&[], &[]);
    let mut profile = crate::profile::ISTIO.capture();
    profile.native_nftables = Some(false);
    assert_eq!((mesh, capture), ("istio", profile));
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn other_ports_may_be_the_builtin_ones_in_the_rules() {
    let capture = meant(&["-p", "15011", "-z", "15016"], &[]).capture;
    assert_eq!((capture.outbound_port, capture.inbound_port), (15011, 15016));
    assert_eq!(capture.builtin_ports, Some((15001, 15006)));
    let ports = capture.listen_ports();
    assert!([15001, 15006, 15011, 15016].iter().all(|port| ports.contains(port)), "{ports:?}");
}

#[test]
fn ports_that_cannot_be_listened_on_are_refused() {
    for (flags, word) in
        [(["-p", "http"], "-p"), (["-z", ""], "-z"), (["-z", "15001"], "must differ")]
    {
        let line = [&PLAIN[..], &flags].concat();
        let refused = intent(&settings(&line, &[]), &Environment::default()).expect_err("refused");
        assert!(refused.contains(word), "{refused}");
    }
}

#[test]
fn ids_are_lists_and_the_gid_follows_the_uid() {
    assert_eq!(owner(&meant(&["-u", "5,6"], &[])), (vec![5, 6], vec![5, 6]));
    assert_eq!(owner(&meant(&["-u", "5", "-g", "7"], &[])), (vec![5], vec![7]));
    assert_eq!(owner(&meant(&["-u", ""], &[])), (vec![1337], vec![1337]));
    let named = meant(&["-u", "istio-proxy"], &[]);
    assert_eq!(owner(&named), (vec![1337], vec![1337]));
    assert!(noted(&named, "\"istio-proxy\" is not understood"), "{:?}", named.notes);
}

#[test]
fn owner_groups_of_the_pods_environment_are_told_and_change_nothing() {
    let except = ("ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE", "202,java");
    for groups in [("ISTIO_OUTBOUND_OWNER_GROUPS", "101"), except] {
        let intent = meant(&[], &[groups]);
        assert_eq!((intent.capture.only_groups.clone(), owner(&intent).1), (None, vec![1337]));
        assert!(noted(&intent, "ISTIO_OUTBOUND_OWNER_GROUPS"), "{:?}", intent.notes);
    }
    assert!(meant(&[], &[("ISTIO_OUTBOUND_OWNER_GROUPS", "*")]).notes.is_empty());
}

#[test]
fn includes_and_excludes_are_promises() {
    let flags = ["-i", "10.0.0.0/8,fd00::/8", "-x", "10.1.0.0/16", "-q", "443", "-o", "5432, 6379"];
    let capture = meant(&flags, &[]).capture;
    let Cidrs::Only(networks) = &capture.include_outbound_cidrs else { panic!("a list") };
    assert_eq!(networks.len(), 2);
    assert_eq!(capture.exclude_outbound_cidrs, ["10.1.0.0/16".parse().expect("a network")]);
    assert_eq!(capture.include_outbound_ports, [443]);
    assert_eq!(capture.exclude_outbound_ports, [5432, 6379]);
    let nothing = meant(&["-i", "", "-b", "", "-d", "8080"], &[]).capture;
    assert_eq!(nothing.include_outbound_cidrs, Cidrs::Only(vec![]));
    assert_eq!(nothing.include_inbound_ports, Ports::Only(vec![]));
    assert_eq!(nothing.exclude_inbound_ports, [15020, 15021, 15090, 8080]);
}

#[test]
fn what_is_not_said_is_what_the_cni_plugin_does_by_default() {
    let capture = intent(&settings(&[], &[]), &Environment::default()).expect("an intent").capture;
    let everything = (Cidrs::All, Ports::All);
    assert_eq!((capture.include_outbound_cidrs, capture.include_inbound_ports), everything);
    assert!(capture.exclude_outbound_ports.is_empty());
    assert_eq!(capture.tolerated_outbound_ports, [15020], "excluded or not, both are right");
    let nothing = settings(&[], &[("ISTIO_SERVICE_CIDR", "")]);
    let capture = intent(&nothing, &Environment::default()).expect("an intent").capture;
    assert_eq!(capture.include_outbound_cidrs, Cidrs::Only(vec![]), "said to be nothing");
}

#[test]
fn what_a_newer_istio_may_write_is_noted_and_left_untested() {
    let intent = meant(&["-o", "5432,8000-9000", "-i", "10.0.0.0/8,cluster"], &[]);
    assert_eq!(intent.capture.exclude_outbound_ports, [5432]);
    assert!(noted(&intent, "8000-9000") && noted(&intent, "cluster"), "{:?}", intent.notes);
}

#[test]
fn dns_capture_is_of_all_servers() {
    assert!(!meant(&[], &[]).capture.dns.is_captured());
    let by_alias = meant(&[], &[("ISTIO_META_DNS_CAPTURE", "true")]).capture.dns;
    assert_eq!((by_alias.udp, by_alias.tcp), (Reach::Everything, Reach::Everything));
    assert_eq!(meant(&["--redirect-dns"], &[]).capture.dns, by_alias);
}

#[test]
fn tproxy_has_its_mark_and_table() {
    let intent = meant(&["-m", "TPROXY", "-t", "0x10", "-r", "200"], &[]);
    let route = intent.capture.marked_route.expect("a marked route");
    assert_eq!((intent.mesh, intent.capture.interception), ("istio-tproxy", Interception::Tproxy));
    assert_eq!((route.mark, route.table, intent.capture.proxy), (16, 200, (0, 1337)));
    let garbled = meant(&["-m", "TPROXY", "-t", "x"], &[]);
    assert_eq!(garbled.capture.marked_route.map(|route| route.mark), Some(1337));
    assert!(noted(&garbled, "istio-inbound-tproxy-mark"));
}

#[test]
fn another_mode_is_redirect_as_in_istio() {
    let intent = meant(&["-m", "EBPF"], &[]);
    assert_eq!(intent.mesh, "istio");
    assert!(noted(&intent, "-m EBPF"));
}

#[test]
fn another_tunnel_port_is_not_tested() {
    let intent = meant(&["-e", "16008"], &[]);
    assert_eq!(intent.capture.tunnel_port, None);
    assert!([15008, 16008].iter().all(|port| intent.capture.special_ports().contains(port)));
    assert!(noted(&intent, "-e 16008"));
}

#[test]
fn one_family_unless_dual_stack_is_declared() {
    let mut pod = sample();
    assert_eq!(families(true, &pod), None);
    assert_eq!(families(false, &pod), Some(vec![Family::Ipv4]));
    if let Look::Seen(addresses) = &mut pod.addresses {
        addresses.retain(|address| address.ip.is_ipv6() || address.ip.is_loopback());
    }
    assert_eq!(families(false, &pod), Some(vec![Family::Ipv6]));
    if let Look::Seen(addresses) = &mut pod.addresses {
        addresses.clear();
    }
    assert_eq!(families(false, &pod), Some(vec![Family::Ipv4]), "so that the link layer waits");
}

proptest! {
    #[test]
    fn foreign_arguments_and_variables_never_panic(
        values in prop::collection::vec("\\PC*|[0-9*,./:a-f]*", 16),
        groups in "\\PC*|[0-9*,]*",
    ) {
        let flags = ["-p", "-z", "-e", "-u", "-g", "-m", "-i", "-x", "-b", "-d", "-q", "-o", "-t", "-r", "-c", "-k"];
        let line: Vec<String> =
            flags.iter().zip(&values).flat_map(|(f, v)| [(*f).to_owned(), v.clone()]).collect();
        let names = ["ISTIO_OUTBOUND_OWNER_GROUPS", refusal::LOOPBACK_CIDR, "ENVOY_PORT"];
        let variables: Environment = names.iter().map(|n| ((*n).to_owned(), groups.clone())).collect();
        let settings = Settings::new(command_line::read(&line).expect("texts"), &variables);
        let _ = (refusal::check(&settings, &variables), intent(&settings, &variables));
    }
}
