//! Files that the kubelet, the node and the kernel write.

use super::text;
use crate::{
    detect,
    layer::dns::{self, conf, hosts},
    net::{counters, proc_tcp},
    plan::DnsPlan,
    pod::{
        Transport, environment, identity, listener,
        resolv_conf::{LIBC_SERVERS, Reader, read},
        track,
    },
};

/// resolv.conf; what stands before a zero byte is `RES_OPTIONS`.
pub(super) fn resolv_conf(bytes: &[u8]) {
    let whole = text(bytes);
    let (options, file) = match whole.split_once('\0') {
        Some((options, file)) => (Some(options.to_owned()), file),
        None => (None, whole.as_str()),
    };
    let variables = dns::Variables { options, domain: None };
    for reader in Reader::ALL {
        let reading = variables.apply(reader, read(reader, file.as_bytes()));
        if reader != Reader::Rust {
            assert!(reading.servers.len() <= LIBC_SERVERS && reading.ndots <= 15, "{reading:?}");
        }
        for name in ["db", "a.b.c.", "kubernetes.default.svc"] {
            let names = dns::expand(reader, &reading, name);
            assert!(!names.is_empty() && names.len() <= reading.search.len() + 1, "{names:?}");
            assert!(names.iter().all(|name| name.ends_with('.')), "{names:?}");
        }
    }
    let lines = file.split('\n').count();
    for anomaly in conf::anomalies(file) {
        assert!((1..=lines).contains(&anomaly.line) && anomaly.column > 0, "{anomaly:?}");
        assert!(!anomaly.text.chars().any(char::is_control), "{anomaly:?}");
    }
    let zone = dns::zone(&DnsPlan::default(), &dns::File::Text(file.to_owned()));
    assert!(zone.is_none_or(|zone| dns::is_name(&zone)));
    let _ = variables.unknown();
}

/// /etc/hosts, looked into for a name that is in the corpus and for one that is not.
pub(super) fn hosts(bytes: &[u8]) {
    let text = text(bytes);
    let names = ["db.example".to_owned(), "nobody.example".to_owned()];
    let lines = text.split('\n').count();
    for pin in hosts::pins(&text, &names) {
        assert!((1..=lines).contains(&pin.line) && names.contains(&pin.name), "{pin:?}");
    }
}

/// Tables and counters below /proc, the downward API's annotations, the environment.
pub(super) fn proc(bytes: &[u8]) {
    let text = text(bytes);
    for line in text.lines() {
        let _ = proc_tcp::line(line);
    }
    let lines = text.lines().count();
    for transport in [Transport::Tcp, Transport::Udp] {
        assert!(listener::proc_listeners(&text, transport).len() <= lines);
    }
    let _ = identity::status_value(&text, "CapEff").map(|mask| u64::from_str_radix(mask, 16));
    let _ = counters::counter(&text, "TcpExt:", "TCPTimeouts");
    let _ = track::drops(Some(&text));
    let _ = detect::by_annotations(&text);
    let variable = |name: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let found = environment::of(variable, &read(Reader::Glibc, bytes));
    for proxy in &found.proxies {
        // A proxy's URL may have a user and a password, which are nobody's business.
        assert!(!proxy.address.contains('@'), "{proxy:?}");
    }
}
