//! What the kernel says about the pod, as plain data: one unprivileged look that never fails.

pub mod address;
pub mod capability;
pub mod environment;
pub mod family;
pub mod file;
pub mod identity;
mod layout;
pub mod limits;
pub mod link;
pub mod listener;
pub mod look;
pub mod lookup;
pub mod neighbour;
pub mod resolv_conf;
#[cfg(test)]
mod resolv_conf_tests;
pub mod route;
pub mod rule;
pub mod show;
pub mod track;
pub mod wear;

use std::net::IpAddr;

use netlink_sys::protocols::NETLINK_ROUTE;
use serde::{Deserialize, Serialize};

pub use address::{Address, Dad, Scope};
pub use capability::Cap;
pub use environment::Environment;
pub use family::Family;
pub use identity::Identity;
pub use link::Link;
pub(crate) use listener::proc_address;
pub use listener::{Listener, Transport};
pub use look::Look;
pub use lookup::{Answer, Path};
pub use neighbour::Resolution;
pub use route::Route;
pub use rule::Rule;

use crate::net::{netlink::Netlink, tun};

/// The table of routes that no rule of its own leads to (`linux/rtnetlink.h`, `RT_TABLE_MAIN`).
const MAIN_TABLE: u32 = 254;

/// The pod at one moment, as seen by this process in its network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Who this process is and what it may do.
    pub identity: Identity,
    /// Network interfaces, in the kernel's order: by index.
    pub links: Look<Vec<Link>>,
    /// Addresses of both families, in the kernel's order.
    pub addresses: Look<Vec<Address>>,
    /// Routes of every table and both families, without broadcast, multicast and anycast ones.
    pub routes: Look<Vec<Route>>,
    /// Policy routing rules of both families.
    pub rules: Look<Vec<Rule>>,
    /// Sockets that wait on one of the ports asked for, TCP first.
    pub listeners: Look<Vec<Listener>>,
}

/// Looks at the pod; `ports` are the local ports whose listeners matter.
#[must_use]
pub fn snapshot(ports: &[u16]) -> Pod {
    let identity = identity::look();
    let listeners = listener::look(ports);
    match Netlink::open(NETLINK_ROUTE) {
        Ok(mut netlink) => {
            let links = Look::of("dump links", link::dump(&mut netlink));
            let names = links.seen().map_or(&[][..], Vec::as_slice);
            let addresses = Look::of("dump addresses", address::dump(&mut netlink, names));
            let routes = Look::of("dump routes", route::dump(&mut netlink, names));
            let rules = Look::of("dump rules", rule::dump(&mut netlink));
            Pod { identity, links, addresses, routes, rules, listeners }.without_own_devices()
        }
        Err(error) => {
            let operation = "open a netlink route socket";
            Pod {
                identity,
                links: Look::blind(operation, &error),
                addresses: Look::blind(operation, &error),
                routes: Look::blind(operation, &error),
                rules: Look::blind(operation, &error),
                listeners,
            }
        }
    }
}

/// What the links have lost so far.
#[must_use]
pub fn losses() -> Look<Vec<wear::Losses>> {
    match Netlink::open(NETLINK_ROUTE).and_then(|mut netlink| link::dump(&mut netlink)) {
        Ok(links) => wear::losses(&links),
        Err(error) => Look::blind("dump links", &error),
    }
}

impl Pod {
    /// Without what podprobe itself put there for moments, this one or another: it is no part of the
    /// pod.
    fn without_own_devices(mut self) -> Pod {
        let listed = self.links.seen().is_some();
        // A link without a name came after the links were listed: at the next look it is there or gone.
        let passing = |link: &str| tun::is_ours(link) || (listed && link::is_unnamed(link));
        if let Look::Seen(links) = &mut self.links {
            links.retain(|link| !tun::is_ours(&link.name));
        }
        if let Look::Seen(addresses) = &mut self.addresses {
            addresses.retain(|address| !passing(&address.link));
        }
        if let Look::Seen(routes) = &mut self.routes {
            routes.retain(|route| !route.link.as_deref().is_some_and(passing));
        }
        self
    }

    /// The addresses other pods can reach this one by, the primary ones first: scope global, not
    /// on a loopback link, not link-local, usable (duplicate address detection is over or is
    /// optimistic). Empty too when addresses could not be looked at.
    #[must_use]
    pub fn global_addresses(&self, family: Family) -> Vec<IpAddr> {
        let mut usable: Vec<&Address> = self.addresses.list().iter().collect();
        usable.retain(|address| family.holds(address.ip));
        usable.retain(|address| address.is_global() && address.dad.usable());
        usable.retain(|address| !self.on_loopback(address));
        usable.sort_by_key(|address| address.secondary);
        usable.into_iter().map(|address| address.ip).collect()
    }

    /// Whether there is an IPv4 address of the link alone, and a default route for it all the same.
    #[must_use]
    pub fn has_local_egress(&self) -> bool {
        let local = |address: &Address| matches!(address.ip, IpAddr::V4(ip) if ip.is_link_local());
        let default =
            |route: &Route| route.family == Family::Ipv4 && route.is_default() && route.leads_out();
        self.addresses.list().iter().any(local) && self.routes.list().iter().any(default)
    }

    /// Whether the address is known to be on a link of this pod, whatever its state.
    #[must_use]
    pub fn has_address(&self, ip: IpAddr) -> bool {
        self.addresses.list().iter().any(|address| address.ip == ip)
    }

    /// Whether a loopback link is up; `None` when links could not be looked at.
    #[must_use]
    pub fn loopback_up(&self) -> Option<bool> {
        self.links.seen().map(|links| links.iter().any(|link| link.loopback && link.up))
    }

    /// Whether any table has a default route that leads out (kind unicast: not blackhole,
    /// unreachable, prohibit, throw or local); `None` when routes could not be looked at.
    #[must_use]
    pub fn has_default_route(&self, family: Family) -> Option<bool> {
        let out = |route: &Route| route.family == family && route.is_default() && route.leads_out();
        self.routes.seen().map(|routes| routes.iter().any(out))
    }

    /// The link by which a packet to this destination left, where somebody was met: the one that a
    /// route through whoever it was names, else the one of the main table's route.
    #[must_use]
    pub fn link_towards(&self, met: IpAddr, to: IpAddr) -> Option<String> {
        let out = || self.routes.list().iter().filter(|route| route.leads_out());
        let through = out().find(|route| route.gateway == Some(met));
        let main =
            out().filter(|route| route.table == MAIN_TABLE && route.destination.contains(&to));
        let best = main.max_by_key(|r| (r.destination.prefix_len(), std::cmp::Reverse(r.metric)));
        through.or(best)?.link.clone()
    }

    /// The socket known to wait on the port, TCP before UDP.
    #[must_use]
    pub fn listener_on(&self, port: u16) -> Option<&Listener> {
        self.listeners.list().iter().find(|listener| listener.address.port() == port)
    }

    fn on_loopback(&self, address: &Address) -> bool {
        let loopback = |link: &Link| link.index == address.link_index && link.loopback;
        address.ip.is_loopback() || self.links.list().iter().any(loopback)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A pod with lo and eth0, both families, an IPv4 default route and the proxy's listener.
    pub(crate) fn sample() -> Pod {
        let v4 = |ip: &str, secondary| address::tests::sample(2, ip, 24, secondary);
        Pod {
            identity: identity::tests::sample(),
            links: Look::Seen(link::tests::sample()),
            addresses: Look::Seen(vec![
                address::tests::sample(1, "127.0.0.1", 8, false),
                v4("10.0.0.3", true),
                v4("10.0.0.2", false),
                address::tests::sample(2, "fd00::2", 64, false),
                address::tests::sample(2, "fe80::1", 64, false),
            ]),
            routes: Look::Seen(route::tests::sample()),
            rules: Look::Seen(rule::tests::sample()),
            listeners: Look::Seen(vec![listener::tests::sample("127.0.0.1:15001")]),
        }
    }

    fn blind<T>() -> Look<T> {
        Look::Blind { operation: "dump".into(), errno: "EPERM".into() }
    }

    #[test]
    fn global_addresses_put_primary_first_and_leave_loopback_and_link_local_out() {
        let ips = |family| sample().global_addresses(family);
        assert_eq!(
            ips(Family::Ipv4),
            ["10.0.0.2", "10.0.0.3"].map(|ip| ip.parse::<IpAddr>().unwrap())
        );
        assert_eq!(ips(Family::Ipv6), ["fd00::2".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn unfinished_and_failed_addresses_are_not_global() {
        let mut pod = sample();
        for dad in [Dad::Tentative, Dad::Failed] {
            let Look::Seen(addresses) = &mut pod.addresses else { unreachable!() };
            addresses[3].dad = dad;
            assert!(pod.global_addresses(Family::Ipv6).is_empty());
            assert!(pod.has_address("fd00::2".parse().unwrap()));
        }
    }

    #[test]
    fn default_route_must_lead_out() {
        let mut pod = sample();
        assert_eq!(pod.has_default_route(Family::Ipv4), Some(true));
        assert_eq!(pod.has_default_route(Family::Ipv6), Some(false));
        let Look::Seen(routes) = &mut pod.routes else { unreachable!() };
        routes[0].kind = "unreachable".into();
        assert_eq!(pod.has_default_route(Family::Ipv4), Some(false));
    }

    #[test]
    fn could_not_look_is_not_no() {
        let mut pod = sample();
        (pod.links, pod.routes) = (blind(), blind());
        assert_eq!(pod.loopback_up(), None);
        assert_eq!(pod.has_default_route(Family::Ipv4), None);
    }

    #[test]
    fn listener_is_found_by_port() {
        let pod = sample();
        assert_eq!(pod.listener_on(15001).map(|listener| listener.uid), Some(1337));
        assert_eq!(pod.listener_on(15006), None);
        assert_eq!(pod.loopback_up(), Some(true));
    }

    #[test]
    fn survives_json() {
        let mut pod = sample();
        pod.rules = blind();
        let text = serde_json::to_string(&pod).unwrap();
        assert!(
            text.contains(r#""rules":{"blind":{"operation":"dump","errno":"EPERM"}}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Pod>(&text).unwrap(), pod);
    }

    #[test]
    fn a_real_look_sees_this_process() {
        let pod = snapshot(&[15001]);
        assert_eq!(pod.identity.uid, nix::unistd::getuid().as_raw());
    }
}
