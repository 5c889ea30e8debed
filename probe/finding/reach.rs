//! The catalogue's rows of the reach layer.

use super::{
    Layer::Reach,
    Severity::{Fail, Ok, Unknown, Warn},
    catalogue::{Meaning, row},
};

pub(super) const REACH_OPEN_BUT_BLOCKED: Meaning = row(
    Fail,
    Reach,
    "a target is open that must be blocked",
    "The NetworkPolicy is not enforced yet, selects other pods, or the network plugin does not enforce policies at all.",
    "wait with the start of the pod until it is blocked (gate, hold=); then compare the policy's selectors with the pod's labels",
    "Some plugins let everything through until they know a new pod: one look is not enough, hold= watches for a while. An answer above the connection (HTTP 403) is open, too.",
);
pub(super) const REACH_SEND_REFUSED: Meaning = row(
    Fail,
    Reach,
    "the pod's own kernel refuses to send (EPERM)",
    "A netfilter rule in the pod's namespace, a BPF program of its cgroup or a security module drops it.",
    "look for rules in the pod (`nft list ruleset`) and for the network plugin's per-pod programs",
    "A dropped connection request is silent, not refused: only datagrams and socket programs say EPERM.",
);
pub(super) const REACH_NO_ROUTE: Meaning = row(
    Fail,
    Reach,
    "the pod's own routes lead nowhere",
    "No route (ENETUNREACH), or one of type blackhole (EINVAL), unreachable (EHOSTUNREACH) or prohibit (EACCES).",
    "look at `ip route get` for the address; add the route in the CNI configuration, or name a family that the pod has",
    "A rule by user or mark may lead podprobe elsewhere than the application.",
);
pub(super) const REACH_NAME_MISSING: Meaning = row(
    Fail,
    Reach,
    "the target's name has no address",
    "It is misspelt, of another namespace, or its service was deleted; a headless service has no ready pod.",
    "look the name up with its namespace and cluster domain, and at the service's endpoints",
    "Looked up as glibc walks the search list, in /etc/hosts first.",
);
pub(super) const REACH_NAME_UNRESOLVED: Meaning = row(
    Fail,
    Reach,
    "no nameserver says anything about the target's name",
    "DNS is broken: what the dns layer says comes first.",
    "run `podprobe check dns`; name the target by its address to leave DNS out",
    "Asked by podprobe's own code, which tells refused from silent; resolver libraries call both a timeout.",
);
pub(super) const REACH_FAMILY_MISSING: Meaning = row(
    Fail,
    Reach,
    "the target's name has no address of a family that was asked for",
    "The service is single-stack (ipFamilyPolicy), or the family was asked for by mistake.",
    "give the service both families (ipFamilyPolicy PreferDualStack), or drop the target's family parameter",
    "",
);
pub(super) const REACH_NO_NEIGHBOUR: Meaning = row(
    Fail,
    Reach,
    "the next hop does not answer ARP or neighbour discovery",
    "There is no such host on the link, or the node's side of it is broken.",
    "look whether the address is still in use, and at the route and gateway findings",
    "connect(2) says so only after three seconds; the kernel's neighbour table knows it earlier.",
);
pub(super) const REACH_REJECTED: Meaning = row(
    Fail,
    Reach,
    "somebody on the way rejects the target by ICMP",
    "A NetworkPolicy or firewall that rejects, a service without endpoints, or a router without a route.",
    "look at who rejected it: the node has policies and services, a router beyond has firewalls and routes",
    "A service without endpoints is rejected by the node with port unreachable, as if by the target.",
);
pub(super) const REACH_REFUSED: Meaning = row(
    Fail,
    Reach,
    "the target refuses the connection",
    "Nothing listens on the port, or the server listens on loopback alone.",
    "look whether the server runs and on which address and port it listens",
    "A rule that rejects with a TCP reset cannot be told from a closed port.",
);
pub(super) const REACH_PORT_FILTERED: Meaning = row(
    Fail,
    Reach,
    "the target's host answers on one port, another one is silent",
    "A security group or a policy lets some ports through and forgot this one.",
    "allow this port, too, where the other one was allowed",
    "",
);
pub(super) const REACH_TIMEOUT_NEAR: Meaning = row(
    Fail,
    Reach,
    "packets to the target are lost at or before the node",
    "An egress NetworkPolicy enforced on the pod's link (eBPF), or a rule in the pod.",
    "look for egress policies that select this pod, and for rules inside of it",
    "Told by the hop limit: no hop answers, each asked three times. A node that sends no ICMP looks the same.",
);
pub(super) const REACH_TIMEOUT_NODE: Meaning = row(
    Fail,
    Reach,
    "packets to the target come as far as the node, and no answer comes back",
    "An egress NetworkPolicy enforced by the node's rules, no masquerading, or a router beyond without a way back.",
    "look at the policies that select this pod, and whether the node masquerades the pod's address on the way out",
    "A node's rule drops after the hop limit is counted, so the node itself still answers.",
);
pub(super) const REACH_TIMEOUT_BEYOND: Meaning = row(
    Fail,
    Reach,
    "packets to the target leave the node and come back from routers, but not from the target",
    "A firewall or security group at the far side, or the target is down.",
    "look at the firewalls between the last hop that answers and the target: this cluster lets it out",
    "That a router beyond answers shows that masquerading and the way back work.",
);
pub(super) const REACH_SILENT: Meaning = row(
    Fail,
    Reach,
    "the target does not answer",
    "A policy or firewall drops, or the target is down.",
    "name this target alone, so that podprobe finds out how far its packets come",
    "Where packets are lost is looked for at most sixteen times in one look, and never for ICMP or DNS.",
);
pub(super) const REACH_PROXY_FAILED: Meaning = row(
    Fail,
    Reach,
    "a proxy answers in the target's place that it could not bring an answer",
    "The proxy's own connection failed (Envoy: UF, URX), its list of endpoints is empty (UH), or the target ended the connection (UC) or was too slow (UT).",
    "look from the proxy's user (uid 1337, or SETUID and SETGID) whether the target itself answers; then at the proxy's access log and endpoints (`istioctl proxy-config endpoints`)",
    "The same words come from an Envoy before the target, such as a gateway; the application is told them in either case.",
);
pub(super) const REACH_TLS_FAILED: Meaning = row(
    Fail,
    Reach,
    "the target takes the connection and does not shake hands",
    "The port speaks no TLS, the protocol versions have nothing in common, or something between cuts it off.",
    "try the same port without TLS; look at the server's log for this moment",
    "A load balancer without a healthy backend takes connections, too.",
);
pub(super) const REACH_TLS_UNTRUSTED: Meaning = row(
    Fail,
    Reach,
    "the certificate leads to no CA of the CA file",
    "A self-signed certificate, another CA than expected, a missing intermediate certificate, or somebody in between.",
    "give the file of the right CA, or verify=no on the target to leave the chain out",
    "",
);
pub(super) const REACH_TLS_NAME: Meaning = row(
    Fail,
    Reach,
    "the certificate is for other names",
    "The target is asked by an address or an alias that the certificate does not have.",
    "name the target as the certificate does, or give the name by sni=",
    "Common names do not count: a certificate needs subject alternative names.",
);
pub(super) const REACH_TLS_EXPIRED: Meaning = row(
    Fail,
    Reach,
    "the certificate is over, or not yet valid",
    "It was not renewed, the server was not reloaded after it was, or the node's clock is wrong.",
    "renew the certificate and reload the server; compare the clocks",
    "",
);
pub(super) const REACH_TLS_EXPIRING: Meaning = row(
    Fail,
    Reach,
    "the certificate ends in fewer days than min-days",
    "It is due for renewal.",
    "renew the certificate",
    "",
);
pub(super) const REACH_PROTOCOL: Meaning = row(
    Fail,
    Reach,
    "the target takes the connection and does not speak as it should",
    "Another service on this port, a proxy without a backend, TLS where none was expected or the other way round.",
    "compare the scheme with what the port speaks; look at the server's log for this moment",
    "A reset after the connection was taken is a load balancer's or a mesh proxy's word that nobody is behind it.",
);
pub(super) const REACH_HTTP_STATUS: Meaning = row(
    Fail,
    Reach,
    "the target answers with another HTTP status",
    "The path is wrong, credentials are needed, or the service is unwell.",
    "look at the service; if the status is right, name it by status=",
    "Redirections are not followed: they count by their own status.",
);
pub(super) const REACH_GRPC_NOT_SERVING: Meaning = row(
    Fail,
    Reach,
    "the gRPC health service does not say SERVING",
    "The server is starting, draining or unwell, or does not know the service by this name.",
    "look at the server; leave the service's name out to ask about the whole server",
    "",
);
pub(super) const REACH_DNS_NEGATIVE: Meaning = row(
    Fail,
    Reach,
    "the DNS target answers, but not with such a record",
    "The name is misspelt, or the server does not know its zone.",
    "ask another server for the same name; look at the zone",
    "SERVFAIL and REFUSED prove that the way to the server is open.",
);
pub(super) const REACH_ANSWER_UNEXPECTED: Meaning = row(
    Fail,
    Reach,
    "the target answers with something else than it should",
    "Another service on this port, or an answer from an address that was not asked.",
    "compare what came with what the target's answer= says",
    "",
);
pub(super) const REACH_ADDRESS_DOWN: Meaning = row(
    Warn,
    Reach,
    "an address of the target's name is not as it should be, beside others that are",
    "A backend of a headless service or of a load balancer is down, or a policy forgot its address.",
    "look what is behind the address: a pod that is gone or not ready, an old DNS record, a network that no policy names",
    "Applications go on to the next address, after a timeout where the dead one is silent; some never try another.",
);
pub(super) const REACH_SLOW: Meaning = row(
    Warn,
    Reach,
    "the target answers later than slow= allows",
    "It is busy or far away, or a lost packet was sent again (after one second).",
    "look again; a second more than usual is a lost packet",
    "",
);
pub(super) const REACH_MASKED: Meaning = row(
    Unknown,
    Reach,
    "the mesh takes this traffic and answers in the target's place",
    "Connections are captured, so that a success would prove the proxy and a refusal its absence.",
    "run podprobe as the proxy's user (or with SETUID and SETGID), or name the target by https://, tls://, http:// or grpc://, where only the far side can answer",
    "DNS counts as masked wherever queries are captured.",
);
pub(super) const REACH_UNPROVEN: Meaning = row(
    Unknown,
    Reach,
    "a target could not be tried",
    "No route or name yet, no permission for such a socket, or no descriptor left: whether it is open or blocked, nobody knows.",
    "mend what keeps podprobe from trying; ping sockets need the group in net.ipv4.ping_group_range",
    "What cannot be sent is not blocked: the way may open later.",
);
pub(super) const REACH_HOLDS: Meaning =
    row(Ok, Reach, "targets answer, or are blocked, as they should be", "", "nothing to do", "");
