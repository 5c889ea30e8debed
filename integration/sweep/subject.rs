//! What is swept: a rule set in one form, what it promises, and how podprobe is told.

use std::net::IpAddr;

use crate::world::{Backend, Rules, World};

use super::battery::{Net, Owner, V4, V6};
use super::vantage::Vantage;

/// A rule set in the form of one back end.
#[derive(Clone)]
pub struct Subject {
    /// The first part of its mutants' names.
    pub name: &'static str,
    pub backend: Backend,
    pub rules: Rules,
    /// Who looks.
    pub vantages: Vec<Vantage>,
    /// podprobe's arguments after `check`.
    pub flags: Vec<&'static str>,
    /// Families that the mesh captures; the pod has no other.
    pub nets: Vec<Net>,
    /// Capture ports: outbound, inbound, DNS (0: none).
    pub ports: [u16; 3],
    /// The proxy as it really runs.
    pub proxy: Owner,
    /// The proxy's inbound listener takes packets for any address.
    pub transparent: bool,
    /// The proxy reaches its application from 127.0.0.6 and `::6`.
    pub passthrough: bool,
    /// The mesh's own tunnel.
    pub tunnel: Option<u16>,
    /// Inbound ports that are not captured.
    pub exclude_inbound: Vec<u16>,
    /// Outbound ports that are not captured.
    pub exclude_outbound: Vec<u16>,
    /// Addresses to which nothing is captured.
    pub exclude_addresses: Vec<&'static str>,
    /// Where the node's own probes come from, which are not captured.
    pub probe_sources: Vec<&'static str>,
    pub dns: Dns,
}

/// What becomes of DNS queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dns {
    /// Nothing beyond what becomes of other traffic.
    Plain,
    /// Captured ones are kept apart from the proxy's own by conntrack zones.
    Zones,
    /// The proxy is the resolver behind localhost, and does not ask itself.
    Resolver,
}

/// Every subject.
pub fn all() -> Vec<Subject> {
    let mut all = Vec::new();
    for (iptables, native, rules, flags) in [
        ("istio", "istio/nft", Rules::istio(), &[][..]),
        ("istio-dns", "istio-dns/nft", Rules::istio_dns(), &["--dns-capture", "true"][..]),
        ("istio-excl", "istio-excl/nft", Rules::istio_excl(), EXCLUDED),
    ] {
        all.push(istio(iptables, Backend::IptablesNft, &rules, flags));
        all.push(istio(native, Backend::Nft, &rules, flags));
    }
    for (name, backend) in
        [("istio-tproxy", Backend::IptablesNft), ("istio-tproxy/nft", Backend::Nft)]
    {
        all.push(tproxy(name, backend));
    }
    for (name, backend) in [("ambient", Backend::IptablesNft), ("ambient/nft", Backend::Nft)] {
        all.push(ambient(name, backend));
    }
    all.extend([linkerd(), kuma(), osm(), appmesh()]);
    all.push(Subject {
        nets: vec![V4],
        ..consul("consul", Backend::IptablesNft, &Rules::consul())
    });
    all.push(consul("consul-dual", Backend::IptablesNft, &Rules::consul_dual()));
    all.push(consul("consul-dual/nft", Backend::Nft, &Rules::consul_dual()));
    all
}

/// What `istio-excl` excludes, as podprobe is told.
const EXCLUDED: &[&str] = &[
    "--exclude-outbound-ports",
    "5432",
    "--exclude-outbound-cidrs",
    "10.96.64.0/18",
    "--exclude-inbound-ports",
    "8443",
];

fn istio(name: &'static str, backend: Backend, rules: &Rules, flags: &[&'static str]) -> Subject {
    let excluded = flags == EXCLUDED;
    let mut exclude_inbound = vec![15020, 15021, 15090];
    exclude_inbound.extend(excluded.then_some(8443));
    Subject {
        name,
        backend,
        rules: rules.clone(),
        vantages: Vantage::four((1337, 1337)),
        flags: [&["--mesh", "istio"], flags].concat(),
        nets: vec![V4, V6],
        ports: [15001, 15006, 15053],
        proxy: Owner::of(1337, 1337),
        transparent: false,
        passthrough: true,
        tunnel: Some(15008),
        exclude_inbound,
        exclude_outbound: excluded.then_some(5432).into_iter().collect(),
        exclude_addresses: excluded.then_some("10.96.64.7").into_iter().collect(),
        probe_sources: Vec::new(),
        dns: if flags.contains(&"--dns-capture") { Dns::Zones } else { Dns::Plain },
    }
}

fn native(backend: Backend) -> &'static str {
    if backend == Backend::Nft { "true" } else { "false" }
}

fn tproxy(name: &'static str, backend: Backend) -> Subject {
    let mut vantages = Vantage::four((1337, 1337));
    vantages.push(Vantage::ids("sidecar", 0, 1337));
    Subject {
        vantages,
        // What TPROXY cannot hand over tells more where the form of the rules is known.
        flags: vec!["--mesh", "istio-tproxy", "--native-nftables", native(backend)],
        proxy: Owner::of(0, 1337),
        transparent: true,
        ..istio(name, backend, &Rules::istio_tproxy(), &[])
    }
}

fn ambient(name: &'static str, backend: Backend) -> Subject {
    Subject {
        flags: vec!["--mesh", "istio-ambient", "--listeners", "bind"],
        proxy: Owner { mark: Some(0x539), ..Owner::of(0, 0) },
        passthrough: false,
        exclude_inbound: Vec::new(),
        probe_sources: vec!["169.254.7.127", "fd16:9254:7127:1337:ffff:ffff:ffff:ffff"],
        dns: Dns::Zones,
        ..istio(name, backend, &Rules::ambient(), &[])
    }
}

/// A mesh that knows its proxy by its user, in IPv4 and IPv6.
fn other(name: &'static str, rules: &Rules, ports: [u16; 3], uid: u32) -> Subject {
    Subject {
        vantages: Vantage::four((uid, uid)),
        flags: vec!["--mesh", name],
        ports,
        proxy: Owner::of(uid, uid),
        passthrough: false,
        tunnel: None,
        exclude_inbound: Vec::new(),
        ..istio(name, Backend::IptablesNft, rules, &[])
    }
}

fn linkerd() -> Subject {
    Subject {
        exclude_inbound: vec![4190, 4191, 4567, 4568],
        exclude_outbound: vec![4567, 4568],
        ..other("linkerd", &Rules::linkerd(), [4140, 4143, 0], 2102)
    }
}

fn kuma() -> Subject {
    Subject {
        dns: Dns::Zones,
        passthrough: true,
        ..other("kuma", &Rules::kuma(), [15001, 15006, 15053], 5678)
    }
}

fn osm() -> Subject {
    Subject {
        nets: vec![V4],
        exclude_inbound: vec![15010, 15901, 15902, 15903, 15904],
        ..other("osm", &Rules::osm(), [15001, 15003, 0], 1500)
    }
}

fn appmesh() -> Subject {
    Subject {
        flags: vec!["--mesh", "appmesh", "--include-inbound-ports", "8080"],
        exclude_outbound: vec![22],
        exclude_addresses: vec!["169.254.169.254"],
        ..other("appmesh", &Rules::appmesh(), [15001, 15000, 0], 1337)
    }
}

fn consul(name: &'static str, backend: Backend, rules: &Rules) -> Subject {
    Subject {
        name,
        backend,
        flags: vec!["--mesh", "consul", "--exclude-inbound-ports", "20200"],
        exclude_inbound: vec![20200],
        dns: Dns::Resolver,
        ..other("consul", rules, [15001, 20000, 8600], 5995)
    }
}

impl Subject {
    /// The pod that it is loaded into.
    pub fn world(&self) -> World {
        if self.nets.len() == 2 { World::DUAL } else { World::V4 }
    }

    /// Addresses of this family to which nothing is captured.
    pub fn excluded_addresses(&self, net: Net) -> impl Iterator<Item = IpAddr> {
        let all =
            self.exclude_addresses.iter().map(|text| text.parse::<IpAddr>().expect("an address"));
        all.filter(move |address| address.is_ipv4() == net.is_v4())
    }

    /// The node's probe addresses of this family.
    pub fn probes(&self, net: Net) -> impl Iterator<Item = IpAddr> {
        let all = self.probe_sources.iter().map(|text| text.parse::<IpAddr>().expect("an address"));
        all.filter(move |address| address.is_ipv4() == net.is_v4())
    }
}
