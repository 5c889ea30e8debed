//! The catalogue's rows of the route layer.

use super::{
    Layer::Route,
    Severity::{Fail, Ok, Warn},
    catalogue::{Meaning, row},
};

pub(super) const ROUTE_TABLE_EMPTY: Meaning = row(
    Fail,
    Route,
    "nothing is routed out of the pod",
    "The CNI plugin failed between giving the address and adding the routes.",
    "read the CNI plugin's log on this node for this pod's sandbox, then delete the pod",
    "The kernel's own link-local IPv6 routes do not count.",
);
pub(super) const ROUTE_BLACKHOLE: Meaning = row(
    Fail,
    Route,
    "a blackhole route swallows the traffic",
    "A routing daemon or a CNI plugin put a route for a whole range into the pod, meant for the node.",
    "find out who wrote the route (`ip route show type blackhole`) and remove it",
    "connect(2) says EINVAL. Such routes for the node's pod range are normal on nodes.",
);
pub(super) const ROUTE_UNREACHABLE: Meaning = row(
    Fail,
    Route,
    "an unreachable route refuses the traffic",
    "A route or rule of type unreachable covers the destination: a VPN's kill switch, or a routing daemon.",
    "find out who wrote the route or rule (`ip route show type unreachable`, `ip rule`) and remove it",
    "connect(2) says EHOSTUNREACH, as if a router had: it is this pod's own table.",
);
pub(super) const ROUTE_PROHIBIT: Meaning = row(
    Fail,
    Route,
    "a prohibit route or rule refuses the traffic",
    "A route or rule of type prohibit covers the destination, perhaps for this user alone (uidrange).",
    "find out who wrote the route or rule (`ip route show type prohibit`, `ip rule`) and remove it",
    "connect(2) says EACCES, which looks like a missing privilege and is none.",
);
pub(super) const ROUTE_NO_DEFAULT: Meaning = row(
    Fail,
    Route,
    "there is no default route",
    "The CNI plugin's IPAM `routes` are missing, or a Multus attachment replaced the default route.",
    "check `routes` in the active CNI configuration and Multus `default-route`, then delete the pod",
    "Looked up as a connection of this process would be, in every table. The kernel does so before the nat rules: without a route, nothing can be said about outbound redirection. For a pod that is isolated on purpose: --skip route.",
);
pub(super) const ROUTE_GATEWAY_OFFLINK: Meaning = row(
    Fail,
    Route,
    "the gateway is in no network that the interface is on, and does not answer",
    "The CNI configuration names a gateway of another network, or the route to the gateway's network was removed.",
    "correct the gateway in the CNI configuration, or add the link route to it; then delete the pod",
    "A gateway outside of every network that does answer is in order, as Calico's 169.254.1.1.",
);
pub(super) const ROUTE_GATEWAY_NO_NEIGHBOUR: Meaning = row(
    Fail,
    Route,
    "the gateway does not answer ARP or neighbour discovery",
    "The host side of the pod's interface is on no bridge, lost its address, or the node's agent is broken.",
    "look on the node at the host side of the pod's interface: bridge, address, proxy_arp; restart the CNI agent",
    "connect(2) says EHOSTUNREACH only after three seconds. Links without hardware addresses need no answer.",
);
pub(super) const ROUTE_NO_ROUTE_TO: Meaning = row(
    Fail,
    Route,
    "nothing is routed to a nameserver or to the API server",
    "The pod has no route in that address's family, or a policy rule leads to a table without one.",
    "add the route in the CNI configuration, or give the pod a nameserver of a family that it has",
    "The lookup is this process's own: rules by user or mark may lead others elsewhere.",
);
pub(super) const ROUTE_SERVICE_NO_NEIGHBOUR: Meaning = row(
    Fail,
    Route,
    "a nameserver or the API server is looked for on the link, and nobody answers",
    "A network of the pod covers the service range, so that services are taken for neighbours.",
    "shorten the prefix of the pod's address or move the service range: they must not overlap",
    "Where services are translated as sockets connect (Cilium), nobody is asked, and nothing is said.",
);
pub(super) const ROUTE_NAMESERVER_LOST: Meaning = row(
    Warn,
    Route,
    "there is no way to one of several nameservers",
    "resolv.conf names a server of a family that the pod does not have, or a route refuses it.",
    "remove the nameserver from resolv.conf (dnsPolicy, dnsConfig), or add the route",
    "Resolvers go on to the next server at once.",
);
pub(super) const ROUTE_TARGET_LOST: Meaning = row(
    Warn,
    Route,
    "there is no way to an address that was named on the command line",
    "No route leads there, or a blackhole, unreachable or prohibit route covers it.",
    "add the route in the CNI configuration, or remove the one that refuses",
    "Right where the target must not be reached. The layer that asks for it judges it.",
);
pub(super) const ROUTE_OTHER_FAMILY: Meaning = row(
    Warn,
    Route,
    "a nameserver or the API server is of a family that the pod has no way in",
    "An IPv6-only pod was given an IPv4 nameserver or service address, or the reverse: the kubelet's clusterDNS, or dnsConfig.",
    "give the pod a nameserver of its own family, or both families; leave it if nothing in the pod resolves names or calls the API",
    "It does not block: the family is not under test, and its redirection neither.",
);
pub(super) const ADDRESS_COVERS_SERVICE: Meaning = row(
    Warn,
    Route,
    "the API server's service lies inside a network of the pod",
    "The pod network and the service range overlap, or an address was given with too short a prefix.",
    "compare the pod's prefix with the cluster's service range: they must not overlap",
    "Harmless where something answers for the service on the link, or where it is translated as sockets connect.",
);
pub(super) const ROUTE_SOURCE_UNEXPECTED: Meaning = row(
    Warn,
    Route,
    "cluster traffic would leave from another address than the pod's",
    "A Multus attachment brought a route that covers nameservers or services.",
    "look at the attachment's `routes` and `default-route`: the cluster's ranges belong to the pod's own interface",
    "Intended in some networks; compared only where POD_IP or POD_IPS is set.",
);
pub(super) const ROUTE_MULTIPLE_DEFAULTS: Meaning = row(
    Warn,
    Route,
    "two default routes by different links have the same metric",
    "Two attachments brought a default route each, or two routers advertise one.",
    "give one of them the default route (Multus `default-route`), or different metrics",
    "Next hops of one multipath route by one link are no such case.",
);
pub(super) const REVERSE_PATH_STRICT: Meaning = row(
    Warn,
    Route,
    "strict reverse path filtering drops what comes in beside the default route",
    "rp_filter is 1 for the interface or for all, and the pod has more than one interface.",
    "set rp_filter to 2 for the attachment (the tuning plugin can), or give it routes or policy rules of its own",
    "Asked for by --extra rp-filter. Policy routing by source address makes answers leave where the question came in: then nothing is dropped.",
);
pub(super) const ROUTE_HOLDS: Meaning =
    row(Ok, Route, "every family has a default route", "", "nothing to do", "");
