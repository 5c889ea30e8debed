//! The few words of resolv.conf that routes are looked up for; everything odd is passed over.

use std::net::IpAddr;

/// How many nameservers glibc and musl use (`MAXNS`).
const MAX_SERVERS: usize = 3;

/// The nameservers that a resolver in this pod asks, as far as a route can be looked up for them:
/// not those with a link in their name, and not the unspecified address, which stands for localhost.
#[must_use]
pub fn nameservers(text: &str) -> Vec<IpAddr> {
    let servers = text.lines().filter_map(|line| value_of(line, "nameserver"));
    let addresses = servers.take(MAX_SERVERS).filter_map(|server| server.parse::<IpAddr>().ok());
    addresses.filter(|ip| !ip.is_unspecified()).collect()
}

/// The cluster's domain: the kubelet writes `search NAMESPACE.svc.DOMAIN svc.DOMAIN DOMAIN`.
#[must_use]
pub fn cluster_domain(text: &str) -> Option<String> {
    let searched = |line: &str| line.split_whitespace().next() == Some("search");
    let words = text.lines().filter(|line| searched(line)).flat_map(str::split_whitespace);
    words.filter_map(|word| word.strip_prefix("svc.")).next_back().map(str::to_owned)
}

fn value_of<'t>(line: &'t str, keyword: &str) -> Option<&'t str> {
    let mut words = line.split_whitespace();
    if words.next() == Some(keyword) { words.next() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_kubelets_file_is_read() {
        let text =
            "search a.svc.c.local svc.c.local c.local\nnameserver 10.96.0.10\noptions ndots:5\n";
        assert_eq!(nameservers(text), ["10.96.0.10".parse::<IpAddr>().expect("an address")]);
        assert_eq!(cluster_domain(text).as_deref(), Some("c.local"));
    }

    #[test]
    fn what_has_no_route_to_look_up_is_left_out() {
        let text = "# nameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver 0.0.0.0\nnameserver\nnameserver fd00::a\nnameserver 10.0.0.4";
        assert_eq!(nameservers(text), ["fd00::a".parse::<IpAddr>().expect("an address")]);
        assert_eq!(cluster_domain(text), None);
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            prop_assert!(nameservers(&text).len() <= MAX_SERVERS);
            let _ = cluster_domain(&text);
        }
    }
}
