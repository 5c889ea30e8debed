//! The configuration as Kuma writes it, and as people do.

use proptest::prelude::*;

use super::*;
use crate::dropin::kuma::source::{load, parse};

/// The annotation that the injector writes, shortened.
const INJECTED: &str = "
cniMode: true
ipFamilyMode: ipv4
kumaDPUser: \"5679\"
redirect:
  dns: {captureAll: true, enabled: true, port: 15054, resolvConfigPath: /etc/resolv.conf, skipConntrackZoneSplit: true}
  inbound: {enabled: true, excludePorts: [9901, \"9902\"], port: 15007}
  outbound: {enabled: true, excludePorts: \"5432, 6379\", excludePortsForIPs: [10.1.2.3/8, fd00::1], port: 15002}
wait: 5
";

fn promised(values: &[&str]) -> (Capture, Option<Vec<Family>>) {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    let config = load(&values).expect("a configuration").expect("not nothing");
    let mut capture = KUMA.capture();
    let families = config.apply(&mut capture).expect("valid values");
    (capture, families)
}

#[test]
fn what_the_injector_declares_is_the_promise() {
    let (capture, families) = promised(&[INJECTED]);
    assert_eq!(families, Some(vec![Family::Ipv4]));
    let found = (capture.inbound_port, capture.outbound_port, capture.dns_port);
    assert_eq!(found, (15007, 15002, 15054));
    assert_eq!(capture.exempt, Exempt::Owner { uids: vec![5679], gids: vec![] });
    assert_eq!(capture.exclude_inbound_ports, [9901, 9902]);
    assert_eq!(capture.exclude_outbound_ports, [5432, 6379]);
    let networks: Vec<String> =
        capture.exclude_outbound_cidrs.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "fd00::1/128"]);
    assert_eq!((capture.dns.udp, capture.dns.zones), (Reach::Everything, false));
}

#[test]
fn a_later_value_overrides_an_earlier_one_field_by_field() {
    let over =
        r#"{"redirect": {"inbound": {"port": 15009}, "outbound": null}, "ipFamilyMode": ""}"#;
    let (capture, families) = promised(&[INJECTED, over]);
    assert_eq!((capture.inbound_port, capture.outbound_port), (15009, 15002));
    assert_eq!(families, None);
}

#[test]
fn what_is_absent_has_kumas_default() {
    let (capture, families) = promised(&["{}"]);
    assert_eq!((capture.inbound_port, capture.outbound_port), (15006, 15001));
    assert_eq!((capture.dns, families), (Dns::NONE, None));
}

#[test]
fn included_ports_leave_all_others_alone() {
    let (capture, _) = promised(&["redirect: {outbound: {includePorts: 8080, excludePorts: 1}}"]);
    assert_eq!(capture.include_outbound_cidrs, Cidrs::Only(vec![]));
    assert_eq!(
        (capture.include_outbound_ports, capture.exclude_outbound_ports),
        (vec![8080], vec![])
    );
}

#[test]
fn ports_that_some_user_may_escape_by_are_not_probed() {
    for (rule, ports) in [("tcp:80-90:1000", vec![80]), ("443:0", vec![443]), ("tcp:22:5", vec![])]
    {
        assert_eq!(excused(rule), ports, "{rule}");
    }
    assert_eq!(excused("*:*:1000"), [80, 443, 6443, 8080]);
}

#[test]
fn what_cannot_be_read_or_meant_is_named() {
    let refused = |text: &str| {
        let loaded = load(&[text.to_owned()]);
        loaded
            .and_then(|config| config.expect("something").apply(&mut KUMA.capture()))
            .expect_err(text)
    };
    assert!(refused("/nowhere/config.yaml").contains("/nowhere/config.yaml"));
    assert!(refused("kumaDPUser: kuma-dp\n").contains("kumaDPUser"));
    assert!(refused("redirect: {inbound: {port: 70000}}").contains("redirect.inbound"));
    assert!(refused("ipFamilyMode: both").contains("ipFamilyMode"));
    assert!(refused("{redirect: [}").contains("failed to load"));
    assert!(load(&[String::new()]).is_ok_and(|config| config.is_none()));
}

proptest! {
    #[test]
    fn foreign_text_never_panics(text in "\\PC*") {
        if let Ok(value) = parse(&text)
            && let Ok(config) = serde_json::from_value::<Config>(value)
        {
            let _ = config.apply(&mut KUMA.capture());
        }
        let _ = excused(&text);
    }
}
