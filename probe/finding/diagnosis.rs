//! The catalogue's rows of causes that several findings have together. The layer that decides the
//! exit code is that of the finding they rest on.

use super::{
    Layer::{Dns, Link, Reach, Redirect, Route, Service},
    Severity::{Fail, Ok},
    catalogue::{Meaning, row},
};

pub(super) const CNI_SETUP_FAILED: Meaning = row(
    Fail,
    Link,
    "the CNI plugin did not run to its end for this pod",
    "The plugin crashed or was killed between creating the sandbox and its last step, or no plugin is configured on this node.",
    "read kubelet's and the container runtime's log on this node for \"failed to setup network for sandbox\", then delete the pod",
    "The same words as link-no-pod-interface or route-table-empty, on which it rests.",
);
pub(super) const HOST_SIDE_BROKEN: Meaning = row(
    Fail,
    Route,
    "the node's side of the pod's link is broken",
    "The CNI daemon deleted or re-created the host's end of the veth, its bridge is down, or an ARP/ND filter drops the pod's requests.",
    "look on the node whether the pod's veth still exists and stands in its bridge or has its route; then delete the pod",
    "The kernel alone would report this after three seconds, as \"no route to host\".",
);
pub(super) const MESH_CNI_RACE: Meaning = row(
    Fail,
    Redirect,
    "the mesh's CNI plugin is not in the chain that the runtime runs",
    "The pod was made before the mesh's plugin had put itself into the node's CNI configuration, or another file took precedence.",
    "put the mesh's plugin into the active configuration on this node (its agent does so when it runs), then delete the pod",
    "Rests on redirect-missing and on what the node's files say.",
);
pub(super) const KUBE_PROXY_DOWN: Meaning = row(
    Fail,
    Service,
    "service addresses are not translated on this node",
    "kube-proxy, or the CNI's replacement of it, is not running, not synchronised, or was not when the pod started.",
    "look at kube-proxy (or the CNI's agent) on this node: is it ready, and what does its log say",
    "Addresses of pods and nodes work meanwhile; that is what tells it from a broken network.",
);
pub(super) const COREDNS_NO_ENDPOINTS: Meaning = row(
    Fail,
    Dns,
    "the DNS service has no endpoints",
    "No CoreDNS pod is ready, or the service's selector matches none.",
    "kubectl -n kube-system get pods,endpointslices -l k8s-app=kube-dns",
    "The node says so in the DNS service's place; another service answers.",
);
pub(super) const DNS_BLOCKED_BY_POLICY: Meaning = row(
    Fail,
    Dns,
    "something lets DNS alone not pass",
    "An egress NetworkPolicy that allows the API server and not DNS; a security group without port 53; a policy that names labels where NodeLocal DNSCache needs its address.",
    "allow egress over UDP and TCP 53 to kube-dns, and to 169.254.20.10/32 where NodeLocal DNSCache runs",
    "A nameserver that is down and whose node drops silently looks the same: compare with another pod.",
);
pub(super) const FAMILY_BROKEN: Meaning = row(
    Fail,
    Reach,
    "one address family works and the other does not",
    "The cluster, a policy or the way out has rules for one family alone; masquerading for IPv6 is off; a router has no route back.",
    "compare the CNI's, the policies' and the router's configuration of both families; or let the pod have one",
    "Applications hide it by falling back after seconds.",
);
pub(super) const EGRESS_FILTERED_UPSTREAM: Meaning = row(
    Fail,
    Reach,
    "a firewall outside drops what the pod sends to the outside",
    "A security group, firewall or proxy requirement beyond the node.",
    "look at the firewall behind the router that is named in the reason; allow the targets there",
    "A router's answer came back to the pod: masquerading and the way back work.",
);
pub(super) const EGRESS_SNAT_BROKEN: Meaning = row(
    Fail,
    Reach,
    "nothing outside the cluster answers this pod",
    "Masquerading is off for this pod's addresses, the NAT gateway is missing or exhausted, or an egress policy drops everything outside.",
    "look at the node's masquerade rules (ip-masq-agent, the CNI's natOutgoing), the route table's NAT gateway, and egress policies",
    "Policy and missing translation look the same from inside: packets leave, and nothing comes back.",
);
pub(super) const EGRESS_ONLY: Meaning = row(
    Fail,
    Reach,
    "names resolve, and no target can be connected to",
    "An egress policy, a missing route or a firewall: DNS stays inside the cluster, the targets do not.",
    "read the first target's reason: it names who refused",
    "Not said where one target answers.",
);
pub(super) const DNS_ONLY: Meaning = row(
    Fail,
    Dns,
    "only names fail: addresses are reached",
    "The nameserver or its upstream, not the network.",
    "read the first dns finding: it names the server and what it said",
    "Not said unless a target that is an address answers.",
);
pub(super) const NETWORK_LATE: Meaning = row(
    Ok,
    Link,
    "the network was not ready at first",
    "Containers start before the CNI plugin, the mesh's plugin, a policy agent or kube-proxy have finished.",
    "nothing to do; watch this time, for a deadline that is too short blocks the pod",
    "Told on success, with what was missing last.",
);
