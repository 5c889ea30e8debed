//! The catalogue's rows of the service layer.

use super::{
    Layer::Service,
    Severity::{Fail, Ok, Unknown, Warn},
    catalogue::{Meaning, row},
};

pub(super) const SERVICE_NAME_UNRESOLVED: Meaning = row(
    Fail,
    Service,
    "the API server's name has no address",
    "KUBERNETES_SERVICE_HOST is a name on some platforms, and the pod's nameservers do not know it or do not answer.",
    "look at the dns layer first: podprobe check dns",
    "Most clusters have an address there, which needs no DNS.",
);
pub(super) const SERVICE_NO_ROUTE: Meaning = row(
    Fail,
    Service,
    "no packet to the API server leaves the pod",
    "The route to the service range is missing or refuses, nobody answers on the link, the address's family is not the pod's, or no local port is left.",
    "look the address up with `ip route get` in the pod",
    "EHOSTUNREACH without an ICMP sender comes from the pod's own kernel: its next hop does not answer.",
);
pub(super) const SERVICE_SEND_REFUSED: Meaning = row(
    Fail,
    Service,
    "a rule in this pod refuses to send to the API server",
    "An OUTPUT rule drops the packet in the pod's namespace, or an eBPF policy refuses the connection at the socket.",
    "list the pod's OUTPUT rules and its egress NetworkPolicies",
    "TCP is not told of a rule that drops: only the kernel's counter of segments that could not be sent again tells it from a loss outside.",
);
pub(super) const SERVICE_NO_ENDPOINTS: Meaning = row(
    Fail,
    Service,
    "the node rejects the API server's address: the service has no endpoints",
    "kube-proxy or its replacement knows the service and no ready endpoint of it: every API server is down, or its endpoints were removed.",
    "kubectl get endpointslices -l kubernetes.io/service-name=kubernetes, from where the API server can be reached",
    "A firewall rule that says REJECT and nothing more sends the same message: the sender's address tells who it was.",
);
pub(super) const SERVICE_REJECTED: Meaning = row(
    Fail,
    Service,
    "somebody on the way rejects connections to the API server",
    "A policy or firewall (ICMP 3/9, 3/10, 3/13; IPv6: 1/1), a router that has no way on (3/0, 3/1; 1/0, 1/3), or any rule that rejects behind the translation.",
    "find the machine by the address in the reason; look at egress policies for the API server",
    "The service's own address as the sender stands for anybody behind the translation: the node's rules, the way, or the API server's host.",
);
pub(super) const SERVICE_REFUSED: Meaning = row(
    Fail,
    Service,
    "connections to the API server are reset",
    "No API server listens there: it restarts, its port is another one, or the address is another machine's.",
    "look at the API server itself, and compare its port with the service's targetPort",
    "A reset carries no name: a policy or firewall may have sent it, and so may the node.",
);
pub(super) const SERVICE_NOT_PROGRAMMED: Meaning = row(
    Fail,
    Service,
    "the service's address leaks to the outside: nobody translates it",
    "kube-proxy or its replacement has not programmed this node, or has not yet.",
    "look at kube-proxy (or the CNI's agent) on this node: its log, and whether its rules have the service",
    "A router outside told that it got the packet. Translated packets never show one: the node puts the service's own address in its place.",
);
pub(super) const SERVICE_SILENT: Meaning = row(
    Fail,
    Service,
    "connections to the API server get no answer",
    "An egress NetworkPolicy or security group drops them, kube-proxy has not programmed the service, or the API server's host is gone.",
    "allow egress to the API server, by its endpoints' addresses and port as well as by the service's; then look at kube-proxy on this node",
    "A hop that keeps silent is no drop: many routers answer nothing.",
);
pub(super) const SERVICE_CLOSED: Meaning = row(
    Fail,
    Service,
    "the API server's address accepts connections, and closes them without a byte",
    "A load balancer without a healthy backend, a proxy that has no route, or an API server that drains.",
    "look at what stands before the API server: a load balancer's health checks, a proxy's log",
    "A plain TCP check of this address is green.",
);
pub(super) const SERVICE_HANGS: Meaning = row(
    Fail,
    Service,
    "the API server's address accepts connections, and says nothing",
    "A load balancer or proxy that accepts for a dead backend, an overloaded API server, or large packets that get lost.",
    "look at what stands before the API server; then compare the MTU of the pod with the path's",
    "A plain TCP check of this address is green.",
);
pub(super) const SERVICE_NOT_TLS: Meaning = row(
    Fail,
    Service,
    "what answers at the API server's address does not speak TLS",
    "A transparent proxy, a wrong endpoint or port, or a mesh that answers in the server's place.",
    "find out who says what the reason quotes",
    "A plain TCP check of this address is green.",
);
pub(super) const SERVICE_CERTIFICATE: Meaning = row(
    Fail,
    Service,
    "the API server's certificate does not hold",
    "It is over or not begun, it does not name the service's address, or the cluster's authority was made anew and the pod has the old one.",
    "compare the dates with this node's clock; then renew the certificate, with the service's address in it, or restart the pod for the new authority",
    "A clock that is wrong makes a good certificate expired: both times stand in the reason. Something that ends TLS on the way shows another authority.",
);
pub(super) const SERVICE_NOT_READY: Meaning = row(
    Fail,
    Service,
    "the API server answers that it is not ready",
    "It starts, it shuts down, or etcd does not answer it.",
    "look at the API server's log, and at etcd",
    "The pod's way to it works.",
);
pub(super) const SERVICE_REQUEST_FAILED: Meaning = row(
    Fail,
    Service,
    "TLS or the request to the API server fails after its first bytes",
    "Large packets that get lost, a middlebox that meddles with TLS, or an API server that restarts.",
    "try again; then compare the MTU of the pod with the path's",
    "The way there works for small packets.",
);
pub(super) const SERVICE_ADDRESS_DOWN: Meaning = row(
    Warn,
    Service,
    "one of several addresses of the API server does not work",
    "One API server is down, or a policy allows the other ones alone.",
    "look at the API server behind that address",
    "Clients try the addresses in turn, and wait for the dead one.",
);
pub(super) const SERVICE_LOSSY: Meaning = row(
    Warn,
    Service,
    "connection requests to the API server were lost before one came through",
    "A full conntrack table, an overloaded link, or one of several endpoints is dead.",
    "look at the endpoints of the service, and at nf_conntrack_count on the node",
    "The service's address stands for several servers: each try may go to another one.",
);
pub(super) const SERVICE_UNEXPECTED_ANSWER: Meaning = row(
    Warn,
    Service,
    "/readyz is answered with a status that API servers do not use there",
    "Something else has the certificate, such as a proxy or a gateway before the API server.",
    "find out what stands before the API server",
    "200, 401 and 403 are usual; which one depends on anonymous access and RBAC.",
);
pub(super) const SERVICE_UNSET: Meaning = row(
    Unknown,
    Service,
    "nobody says where the API server is",
    "KUBERNETES_SERVICE_HOST is missing: the environment was cleared.",
    "run with the container's environment, or name the server on the command line",
    "A shell of `kubectl exec` has the variables, one of `su -` has not. The flag is --api-server.",
);
pub(super) const SERVICE_MASKED: Meaning = row(
    Unknown,
    Service,
    "the mesh would accept in the API server's place",
    "Connections of this identity are captured: that one is accepted proves nothing about the API server.",
    "run as the proxy's uid and gid, or as uid 0 with SETUID and SETGID; or have the certificate verified, which proves who answers",
    "TLS that comes back through a proxy shows that somebody beyond it speaks TLS, and not who; --readyz verifies the certificate.",
);
pub(super) const SERVICE_UNVERIFIED: Meaning = row(
    Unknown,
    Service,
    "the API server's certificate could not be verified",
    "The service account is not mounted (automountServiceAccountToken: false), or this podprobe was built without TLS.",
    "mount the service account, or name the file with the authorities",
    "The token is sent to nobody who was not verified. Another file is named by --api-ca.",
);
pub(super) const SERVICE_HOLDS: Meaning = row(
    Ok,
    Service,
    "the API server answers",
    "",
    "nothing to do",
    "Without --readyz: somebody at its address speaks TLS.",
);
