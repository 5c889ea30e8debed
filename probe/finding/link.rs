//! The catalogue's rows of the link layer.

use super::{
    Layer::Link,
    Severity::{Fail, Ok, Warn},
    catalogue::{Meaning, row},
};

pub(super) const LINK_LO_DOWN: Meaning = row(
    Fail,
    Link,
    "the loopback interface is down or has no 127.0.0.1",
    "The `loopback` CNI plugin is missing, or something set lo down.",
    "check that the loopback CNI plugin is installed on this node, then delete the pod",
    "Every redirect proof needs lo; nothing can be said about the rules until it is up.",
);
pub(super) const LINK_NO_POD_INTERFACE: Meaning = row(
    Fail,
    Link,
    "the pod has no interface besides loopback",
    "The CNI plugin did not run or failed; kubelet's log says \"failed to setup network for sandbox\".",
    "read the kubelet's and the container runtime's log for this pod's sandbox, then delete the pod",
    "Fallback tunnel devices (tunl0, sit0, ip6tnl0) exist in every namespace and do not count.",
);
pub(super) const LINK_DOWN: Meaning = row(
    Fail,
    Link,
    "the pod's interface is down or has no carrier",
    "The host side of the veth pair was deleted or set down: the CNI plugin's daemon restarted, the node is being drained, or somebody set the interface down.",
    "look on the node whether the host side of the pod's interface is there and up, then delete the pod",
    "Only an interface that should serve the pod counts: not a bridge, nor a spare device without addresses.",
);
pub(super) const LINK_MTU_TOO_SMALL: Meaning = row(
    Fail,
    Link,
    "the MTU is below 1280 bytes, so that the kernel takes IPv6 off the link",
    "An MTU set by hand or reckoned from an underlay with several encapsulations.",
    "raise the MTU in the CNI configuration to at least 1280, then delete the pod",
    "The IPv6 addresses and routes are gone, not only unused; a pod that was promised IPv4 alone is left in peace.",
);
pub(super) const ADDRESS_NONE: Meaning = row(
    Fail,
    Link,
    "no interface has a global address",
    "IPAM gave no address: its range is exhausted, or the CNI plugin stopped half way.",
    "read the CNI plugin's and its IPAM's log on this node for this pod's sandbox, then delete the pod",
    "IPv6 addresses by router advertisement come a moment after the carrier; `gate` waits for them.",
);
pub(super) const ADDRESS_DUPLICATE: Meaning = row(
    Fail,
    Link,
    "another host on the link has the pod's IPv6 address",
    "Duplicate address detection failed: IPAM gave an address twice, or the pod's predecessor still has it.",
    "find out who answers for the address, release it in IPAM, then delete the pod",
    "The kernel never uses such an address and does not try again. IPv4 has no such test.",
);
pub(super) const ADDRESS_TENTATIVE: Meaning = row(
    Fail,
    Link,
    "duplicate address detection of the family's only address is not over",
    "The address was added within the last two seconds, or nothing answers because the link has no carrier.",
    "wait, as `gate` does, or let the CNI plugin add addresses with nodad or enhanced detection",
    "Until then bind(2) says \"cannot assign requested address\"; an application that starts too early stays broken.",
);
pub(super) const ADDRESS_FAMILY_MISSING: Meaning = row(
    Fail,
    Link,
    "a promised address family has no usable address",
    "IPAM gave no address of that family, or IPv6 is disabled by sysctl.",
    "compare the pod's IPs with --families or POD_IPS, and the node's IPAM and disable_ipv6 setting with both",
    "Promised is what --families says, else POD_IPS, which the downward API fills with status.podIPs.",
);
pub(super) const ENV_POD_IP_MISMATCH: Meaning = row(
    Fail,
    Link,
    "an address in POD_IP or POD_IPS is on no interface",
    "The sandbox was made again with other addresses, or the CNI plugin's result and what it did differ.",
    "compare the pod's status.podIPs with its interfaces and read the container runtime's log; delete the pod",
    "Compared only where the downward API fills POD_IP or POD_IPS; a manifest may fill them with something else.",
);
pub(super) const LINK_ATTACHMENT_DOWN: Meaning = row(
    Warn,
    Link,
    "a further interface with an address is down or has no carrier",
    "A Multus attachment lost its host side, or its parent device on the node is down.",
    "look at the attachment's parent device on the node",
    "The pod's own interface works; whether the other one matters is the application's to say.",
);
pub(super) const LINK_MTU_TINY: Meaning = row(
    Warn,
    Link,
    "the MTU is below the 576 bytes that every IPv4 host must take",
    "A typing error in the CNI configuration's MTU.",
    "correct the MTU in the CNI configuration, then delete the pod",
    "",
);
pub(super) const LOOPBACK_IPV4_MISSING: Meaning = row(
    Warn,
    Link,
    "lo has no 127.0.0.1 in a pod with IPv6 alone",
    "The address was removed, or lo was set up by hand.",
    "check that the loopback CNI plugin is installed on this node",
    "Programs that listen on 127.0.0.1 fail, and health checks of meshes do.",
);
pub(super) const ADDRESS_OVERLAP: Meaning = row(
    Warn,
    Link,
    "the networks of two interfaces overlap",
    "A Multus attachment uses a range that the pod network has too.",
    "give the attachment a range of its own, or policy routing by source address",
    "Equal networks with a policy rule by source address are left in peace, as clouds set them up.",
);
pub(super) const ENV_APISERVER_UNSET: Meaning = row(
    Warn,
    Link,
    "KUBERNETES_SERVICE_HOST or _PORT is missing or no address",
    "The container's environment was cleared, or a manifest overwrites the variable.",
    "do not overwrite the variable: the kubelet sets it also with enableServiceLinks: false",
    "Said only in containers whose environment shows a kubelet (POD_IP, POD_NAME …). A name is allowed: AKS puts one there.",
);
pub(super) const ENV_PROXY_NO_PROXY: Meaning = row(
    Warn,
    Link,
    "a web proxy is set, and cluster traffic is not exempt from it",
    "HTTP_PROXY or HTTPS_PROXY is set without the service range and the cluster's domain in NO_PROXY.",
    "add the API server's address or the service range, .svc and the cluster's domain to NO_PROXY",
    "podprobe sees its own container's environment. Ranges in NO_PROXY are honoured by Go, not by every program.",
);
pub(super) const PORTS_EXHAUSTED: Meaning = row(
    Fail,
    Link,
    "no local TCP port is left in the pod",
    "Something in the pod opens connections or listeners and does not close them, or ip_local_port_range is tiny.",
    "look who holds them (`ss -tanp` in the pod), and at net.ipv4.ip_local_port_range",
    "Connections to different destinations may share a local port: a busy client alone does not show here.",
);
pub(super) const CONNTRACK_FULL: Meaning = row(
    Fail,
    Link,
    "the table of tracked connections is full, and what is new is dropped",
    "Something in the pod opens connections faster than the table forgets them, or nf_conntrack_max is tiny.",
    "look who opens them (`conntrack -L` in the pod's network namespace), or raise net.netfilter.nf_conntrack_max on the node",
    "A datagram from the pod to itself was refused (EPERM) while the count stood at the limit. Connections that are already tracked go on.",
);
pub(super) const CONNTRACK_NEAR_FULL: Meaning = row(
    Warn,
    Link,
    "the table of tracked connections is nearly full",
    "More connections, or more short ones, than the table has room for; new ones are dropped without a word.",
    "raise net.netfilter.nf_conntrack_max on the node, or find who opens so many connections (`conntrack -S`)",
    "The count is this network namespace's alone, the limit is the node's: what other pods and the node itself track is not seen here.",
);
pub(super) const ADDRESS_CONFLICT: Meaning = row(
    Fail,
    Link,
    "somebody else on the link answers for the pod's IPv4 address",
    "Two machines or pods have the address: IPAM gave it out twice, its data were lost or restored, a range is used by two nodes, or somebody took it by hand.",
    "find the hardware address in the bridge's or switch's table, or by `ip neighbour` on the node; then delete the pod that should not have the address",
    "Asked for by --extra address-conflict. Who answers for addresses that nobody has, too, is a proxy (proxy ARP), and no conflict. ipvlan gives all pods of a node one hardware address: there, nobody can be told apart.",
);
pub(super) const LINK_DROPS_RISING: Meaning = row(
    Warn,
    Link,
    "an interface loses packets while podprobe looks",
    "A queue that overflows, a policy that drops at the interface (XDP, tc), or a peer that sends what nobody takes.",
    "look at the counters again after a while (`ip -s link`), and at what takes packets at the interface",
    "Asked for by --extra link-drops. rx_dropped of a veth also rises for packets of a protocol that nobody in the pod speaks.",
);
pub(super) const LINK_HOLDS: Meaning =
    row(Ok, Link, "interfaces and addresses are as promised", "", "nothing to do", "");
