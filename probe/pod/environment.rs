//! What the kubelet tells the container about its network: environment, resolv.conf, one sysctl.

use std::{env, fs, net::IpAddr, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    Family, Pod,
    file::beginning,
    limits::{self, Limits},
    resolv_conf::{Reader, Reading, read},
};

/// The environment as far as it speaks of the network. Other containers of the pod may have another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Environment {
    /// The addresses in `POD_IP` and `POD_IPS`, the conventional names for the downward API's
    /// `status.podIP` and `status.podIPs`; each once.
    pub pod_ips: Vec<IpAddr>,
    /// The pod's name: `POD_NAME`, the conventional name for the downward API's `metadata.name`, else
    /// the host name that a kubelet gives the container.
    pub pod_name: Option<String>,
    /// The pod's namespace, where `POD_NAMESPACE` tells it.
    pub pod_namespace: Option<String>,
    /// Whether a variable says that a kubelet made this container.
    pub kubernetes: bool,
    /// `KUBERNETES_SERVICE_HOST`, if set.
    pub service_host: Option<String>,
    /// `KUBERNETES_SERVICE_PORT`, if set.
    pub service_port: Option<String>,
    /// Web proxies, each by the variable that names it.
    pub proxies: Vec<Proxy>,
    /// The entries of `NO_PROXY` and `no_proxy`.
    pub no_proxy: Vec<String>,
    /// The nameservers of resolv.conf that a route can be looked up for.
    pub nameservers: Vec<IpAddr>,
    /// The cluster's domain, as resolv.conf's search list tells it.
    pub cluster_domain: Option<String>,
    /// Whether a sysctl switched IPv6 off; absent where the pod has IPv6 addresses.
    pub ipv6_disabled: Option<bool>,
    /// What may run out.
    pub limits: Limits,
}

/// A web proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// The variable.
    pub variable: String,
    /// Host and port, without the user and the password that a proxy's URL may have.
    pub address: String,
}

/// The variables that name a web proxy; some programs read only one of the two spellings.
const PROXIES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// No resolver reads a longer resolv.conf to the end.
const LONGEST_FILE: u64 = 1 << 16;

/// Variables that manifests fill from the downward API.
const DOWNWARD: [&str; 4] = ["POD_IP", "POD_IPS", "POD_NAME", "POD_NAMESPACE"];

/// Looks at this process's own environment and at this resolv.conf; `pod` tells whether IPv6 needs a
/// further look.
#[must_use]
pub fn look(pod: &Pod, resolv_conf: &Path) -> Environment {
    // A file that is not there, or not to the end, names fewer servers: the dns layer says so.
    let bytes = beginning(resolv_conf, LONGEST_FILE).unwrap_or_default();
    let mut environment = of(|name| env::var(name).ok(), &read(Reader::Glibc, &bytes));
    let v6 = |address: &super::Address| Family::Ipv6.holds(address.ip);
    if !pod.addresses.list().iter().any(v6) {
        let sysctl = fs::read_to_string("/proc/sys/net/ipv6/conf/all/disable_ipv6").ok();
        environment.ipv6_disabled = sysctl.map(|text| text.trim() == "1");
    }
    environment.limits = limits::look();
    environment
}

/// The environment that these variables and this resolv.conf make.
pub(crate) fn of(variable: impl Fn(&str) -> Option<String>, resolv: &Reading) -> Environment {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let listed = |names: [&str; 2]| -> Vec<String> {
        let values = names.into_iter().filter_map(set);
        let words = values.flat_map(|value| value.split(',').map(entry).collect::<Vec<_>>());
        words.filter(|word| !word.is_empty()).collect()
    };
    let mut pod_ips: Vec<IpAddr> = Vec::new();
    for ip in listed(["POD_IP", "POD_IPS"]).iter().filter_map(|word| word.parse().ok()) {
        if !pod_ips.contains(&ip) {
            pod_ips.push(ip);
        }
    }
    let in_cluster = set("KUBERNETES_SERVICE_HOST").is_some();
    let host_name = || set("HOSTNAME").filter(|_| in_cluster);
    Environment {
        pod_ips,
        pod_name: set("POD_NAME").or_else(host_name),
        pod_namespace: set("POD_NAMESPACE"),
        kubernetes: DOWNWARD.into_iter().any(|name| set(name).is_some()),
        service_host: set("KUBERNETES_SERVICE_HOST"),
        service_port: set("KUBERNETES_SERVICE_PORT"),
        proxies: named_proxies(set),
        no_proxy: listed(["NO_PROXY", "no_proxy"]),
        nameservers: nameservers(resolv),
        cluster_domain: resolv.search.iter().find_map(|d| d.strip_prefix("svc.")).map(entry),
        ipv6_disabled: None,
        limits: Limits::default(),
    }
}

/// The web proxies that this process's environment names, each address once.
#[must_use]
pub fn proxies() -> Vec<Proxy> {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let mut proxies = named_proxies(set);
    let mut known = Vec::new();
    proxies.retain(|proxy| {
        let new = !known.contains(&proxy.address);
        known.push(proxy.address.clone());
        new
    });
    proxies
}

fn named_proxies(set: impl Fn(&str) -> Option<String>) -> Vec<Proxy> {
    let proxy = |name: &str| {
        set(name).map(|url| Proxy { variable: name.to_owned(), address: host_and_port(&url) })
    };
    PROXIES.into_iter().filter_map(proxy).collect()
}

/// The nameservers that a route can be looked up for: not those with a link in their name, and not
/// the unspecified address, which stands for localhost.
fn nameservers(resolv: &Reading) -> Vec<IpAddr> {
    let routed = resolv.servers.iter().filter(|server| server.scope.is_none());
    routed.map(|server| server.address).filter(|ip| !ip.is_unspecified()).collect()
}

fn entry(word: &str) -> String {
    word.trim().to_owned()
}

/// `squid:3128` of `http://user:secret@squid:3128/`: what else it says is nobody's business.
fn host_and_port(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // Before the authority's end is looked for: a password may have a slash that should be encoded.
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    host.split(['/', '?', '#']).next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Environment {
        let find = |name: &str| pairs.iter().find(|pair| pair.0 == name);
        of(|name| find(name).map(|pair| pair.1.to_owned()), &read(Reader::Glibc, b""))
    }

    #[test]
    fn of_resolv_conf_what_a_route_can_be_looked_up_for_is_kept() {
        let text = b"search a.svc.c.local svc.c.local c.local\nnameserver fe80::1%eth0\n\
            nameserver 0.0.0.0\nnameserver fd00::a\nnameserver 10.0.0.4\n";
        let seen = of(|_| None, &read(Reader::Glibc, text));
        assert_eq!(seen.nameservers, ["fd00::a".parse::<IpAddr>().expect("an address")]);
        assert_eq!(seen.cluster_domain.as_deref(), Some("c.local"));
    }

    #[test]
    fn both_variables_of_the_pods_addresses_are_read_once() {
        let seen = from(&[("POD_IP", "10.0.0.2"), ("POD_IPS", "10.0.0.2, fd00::2,")]);
        assert_eq!(seen.pod_ips, ["10.0.0.2", "fd00::2"].map(|ip| ip.parse::<IpAddr>().unwrap()));
        assert!(seen.kubernetes);
    }

    #[test]
    fn what_is_empty_or_no_address_says_nothing() {
        let seen = from(&[("POD_IP", ""), ("POD_IPS", "$(POD_IPS)"), ("HTTP_PROXY", " ")]);
        assert!(seen.pod_ips.is_empty() && seen.proxies.is_empty());
        assert_eq!(from(&[]), Environment::default());
    }

    #[test]
    fn a_proxys_password_is_not_kept() {
        let seen = from(&[("https_proxy", "http://me:s@c/r@t@squid:3128/x"), ("NO_PROXY", ".svc")]);
        let squid = Proxy { variable: "https_proxy".into(), address: "squid:3128".into() };
        assert_eq!((seen.proxies, seen.no_proxy), (vec![squid], vec![".svc".to_owned()]));
    }

    proptest! {
        #[test]
        fn foreign_values_never_panic(value in "\\PC*") {
            let _ = of(|_| Some(value.clone()), &read(Reader::Glibc, value.as_bytes()));
        }
    }
}
