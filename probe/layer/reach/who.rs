//! Who sent an ICMP error, and what its type and code mean.

use std::net::IpAddr;

use crate::{
    layer::redirect::Offender,
    pod::{Pod, Route},
};

/// Where somebody stands, seen from the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The pod's own kernel.
    Pod,
    /// The target itself.
    Target,
    /// A gateway of the pod: the node.
    Gateway,
    /// Somebody on a link of the pod.
    Neighbour,
    /// A router beyond.
    Router,
}

impl Who {
    /// As a clause.
    pub(super) fn told(self) -> &'static str {
        match self {
            Who::Pod => "this pod's own kernel",
            Who::Target => "the target itself",
            Who::Gateway => "the pod's gateway, which is the node",
            Who::Neighbour => "a neighbour on the pod's link",
            Who::Router => "a router beyond the node",
        }
    }
}

/// Who this address is.
pub(super) fn who(pod: &Pod, ip: IpAddr, target: Option<IpAddr>) -> Who {
    let gateway = |route: &Route| route.gateway == Some(ip);
    let on_link = |route: &Route| {
        route.gateway.is_none() && !route.is_default() && route.destination.contains(&ip)
    };
    let routes = pod.routes.list();
    if target == Some(ip) {
        Who::Target
    } else if pod.has_address(ip) {
        Who::Pod
    } else if routes.iter().any(gateway) {
        Who::Gateway
    } else if routes.iter().any(on_link) {
        Who::Neighbour
    } else {
        Who::Router
    }
}

/// Whether the pod's kernel says in its own name that the next hop is not there; rules in the pod
/// reject in its name, too, with other codes.
pub(super) fn is_no_neighbour(pod: &Pod, by: &Offender) -> bool {
    let host = if by.address.is_ipv4() { (3, 1) } else { (1, 3) };
    (by.icmp_type, by.icmp_code) == host && pod.has_address(by.address)
}

/// What type and code say (RFC 792, RFC 1812 5.2.7, RFC 4443).
pub(super) fn meaning(by: &Offender) -> &'static str {
    match (by.address.is_ipv4(), by.icmp_type, by.icmp_code) {
        (true, 3, 0 | 6) | (false, 1, 0) => "no route to the network",
        (true, 3, 1 | 7) | (false, 1, 3) => "no such host there",
        (true, 3, 2) => "no such protocol",
        (true, 3, 3) | (false, 1, 4) => "port unreachable",
        (true, 3, 9 | 10 | 13) | (false, 1, 1) => "administratively prohibited",
        (false, 1, 5) => "source address refused",
        (false, 1, 6) => "a reject route",
        (true, 11, 0) | (false, 3, 0) => "hop limit exceeded: a routing loop",
        _ => "unreachable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::tests::sample;

    #[test]
    fn everybody_is_known_by_where_he_stands() {
        let pod = sample();
        let of = |ip: &str| who(&pod, ip.parse().expect("an IP"), "192.0.2.1".parse().ok());
        assert_eq!(of("192.0.2.1"), Who::Target);
        assert_eq!(of("10.0.0.2"), Who::Pod);
        let gateway = pod.routes.list().iter().find_map(|route| route.gateway).expect("a gateway");
        assert_eq!(of(&gateway.to_string()), Who::Gateway);
        assert_eq!(of("198.51.100.1"), Who::Router);
    }
}
