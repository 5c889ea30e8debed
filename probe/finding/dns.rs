//! The catalogue's rows of the dns layer.

use super::{
    Layer::Dns,
    Severity::{Fail, Ok, Unknown, Warn},
    catalogue::{Meaning, row},
};

pub(super) const DNS_NO_ROUTE: Meaning = row(
    Fail,
    Dns,
    "there is no route to a nameserver",
    "The route to the service range is missing, is a blackhole, or the nameserver's family is not the pod's.",
    "look the nameserver up with `ip route get` in the pod; compare its family with the pod's",
    "Nothing was sent, so that nothing can be said about the server.",
);
pub(super) const DNS_STUB_LEAKED: Meaning = row(
    Fail,
    Dns,
    "the nameserver is a loopback address, where nobody listens in this pod",
    "The node's stub resolver (systemd-resolved's 127.0.0.53) leaked into the pod by dnsPolicy Default.",
    "point the kubelet's resolvConf at /run/systemd/resolve/resolv.conf, or set dnsPolicy ClusterFirst",
    "The address is right on the node: there the stub listens.",
);
pub(super) const DNS_NODE_LOCAL_DOWN: Meaning = row(
    Fail,
    Dns,
    "the node's DNS cache does not answer",
    "node-local-dns crashed or has not started on this node, or a NetworkPolicy does not allow its address.",
    "look at this node's node-local-dns pod, and allow 169.254.20.10/32 by address: its pod has no labels that a policy could select",
    "In iptables mode the cache also holds the cluster DNS service's address, so that a failure there looks like CoreDNS's.",
);
pub(super) const DNS_SEND_REFUSED: Meaning = row(
    Fail,
    Dns,
    "a rule in this pod or node refuses to send DNS queries",
    "An OUTPUT rule drops them in the pod's namespace, or an eBPF policy does at the socket.",
    "list the pod's OUTPUT rules and its egress NetworkPolicies for port 53",
    "The kernel said EPERM: no packet left.",
);
pub(super) const DNS_REJECTED: Meaning = row(
    Fail,
    Dns,
    "somebody on the way rejects DNS queries",
    "With ICMP 3/3 from the node: the DNS service has no ready endpoints. With 3/9, 3/10 or 3/13: a policy or firewall rejects.",
    "look at the endpoints of kube-dns first, then at the egress policies for port 53",
    "The offender's address tells who: the server's own would be dns-refused-by-server.",
);
pub(super) const DNS_REFUSED_BY_SERVER: Meaning = row(
    Fail,
    Dns,
    "DNS is refused in the nameserver's name: nothing listens on its port 53, or the node rejects",
    "CoreDNS is not running there, the kubelet's clusterDNS is another machine's address, or a policy rejects what the Service was translated to.",
    "compare the nameserver with the ClusterIP of kube-dns; look at the CoreDNS pods, then at the policies that reject port 53",
    "A Service refuses under its own address whoever it was: the node translates the error back. A reset carries no name at all.",
);
pub(super) const DNS_WRONG_SOURCE: Meaning = row(
    Fail,
    Dns,
    "the answer comes from an address that was not asked",
    "The reply is not translated back: kube-proxy without bridge-nf-call-iptables, or a hole in NAT on the same node.",
    "check net.bridge.bridge-nf-call-iptables=1 on the node, and restart kube-proxy",
    "Every resolver drops such an answer, so that it looks like silence.",
);
pub(super) const DNS_ANSWER_UNUSABLE: Meaning = row(
    Fail,
    Dns,
    "what answers on port 53 does not speak DNS, or not to this question",
    "Another program has the port, or a middlebox rewrites the messages.",
    "find out who answers at the nameserver's address",
    "The path works, in both directions.",
);
pub(super) const DNS_SILENT: Meaning = row(
    Fail,
    Dns,
    "a nameserver answers neither over UDP nor over TCP",
    "An egress NetworkPolicy or security group drops port 53, kube-proxy has not programmed the service, or the server is gone.",
    "compare the nameserver with the ClusterIP of kube-dns (the kubelet's clusterDNS); allow egress to it on port 53 over UDP and TCP (and to 169.254.20.10/32 with NodeLocal DNSCache); then look at kube-proxy on this node",
    "A silent drop looks the same from a policy, a firewall and a dead host.",
);
pub(super) const DNS_UDP_BLOCKED: Meaning = row(
    Fail,
    Dns,
    "a nameserver answers over TCP, but not over UDP",
    "A policy or security group allows TCP 53 alone.",
    "allow UDP 53 as well",
    "Resolvers ask over UDP first: nothing resolves, although a TCP check of the port is green.",
);
pub(super) const DNS_CLUSTER_ZONE_MISSING: Meaning = row(
    Fail,
    Dns,
    "the nameserver does not know kubernetes.default in the cluster's domain",
    "The nameserver is not this cluster's, the kubelet's clusterDomain is not CoreDNS's, or --cluster-domain is wrong.",
    "compare the search list with the zone of CoreDNS's kubernetes plugin",
    "The denying zone tells who answered: the root's SOA means that the query went to the internet.",
);
pub(super) const DNS_CLUSTER_ZONE_DOWN: Meaning = row(
    Fail,
    Dns,
    "the cluster's names fail, other names resolve",
    "CoreDNS cannot reach the API server, or its kubernetes plugin has not synced.",
    "read the CoreDNS log for its kubernetes plugin, and its RBAC",
    "The path to the server works.",
);
pub(super) const DNS_SERVFAIL: Meaning = row(
    Fail,
    Dns,
    "the nameserver answers SERVFAIL",
    "Its upstream is dead, or CoreDNS's kubernetes plugin has not synced.",
    "read the nameserver's log; the extended error in the reason is its own word",
    "SERVFAIL proves the path: no policy is to blame.",
);
pub(super) const DNS_QUERY_REFUSED: Meaning = row(
    Fail,
    Dns,
    "the nameserver answers REFUSED",
    "No server block covers the zone, an acl refuses this pod, or the forward plugin's max_concurrent is reached.",
    "look at the Corefile for the zone, for acl and for max_concurrent",
    "REFUSED proves the path: it is the server's decision.",
);
pub(super) const DNS_RCODE_UNEXPECTED: Meaning = row(
    Fail,
    Dns,
    "the nameserver answers a plain question with an error code",
    "FORMERR or NOTIMP: something that is no full DNS server, or a middlebox.",
    "find out what serves DNS at this address",
    "The question had no EDNS and no other extension.",
);
pub(super) const DNS_UPSTREAM_DOWN: Meaning = row(
    Fail,
    Dns,
    "the nameserver answers, but fails on a configured name",
    "CoreDNS's forward target is unreachable: egress from kube-system, or the node's upstream.",
    "query the forward target of the Corefile from the node that CoreDNS runs on",
    "The pod's own way to the nameserver works.",
);
pub(super) const DNS_TRUNCATED_NO_TCP: Meaning = row(
    Fail,
    Dns,
    "an answer is too large for UDP, and TCP does not work",
    "TCP 53 is blocked while a name has a large answer.",
    "allow TCP 53 to the nameserver",
    "musl before 1.2.4 never asks over TCP, and takes the truncated answer.",
);
pub(super) const DNS_NAME_MISSING: Meaning = row(
    Fail,
    Dns,
    "a configured name has no address",
    "It is misspelt, its service is in another namespace, or the record is gone.",
    "compare the name and its namespace with the service; end an outside name with a dot",
    "Every expansion by the search list was asked for, as glibc does it.",
);
pub(super) const DNS_TCP_BLOCKED: Meaning = row(
    Warn,
    Dns,
    "a nameserver answers over UDP, but not over TCP",
    "A policy or security group allows UDP 53 alone.",
    "allow TCP 53 as well",
    "Works until an answer is too large for UDP.",
);
pub(super) const DNS_NAMESERVER_DOWN: Meaning = row(
    Warn,
    Dns,
    "one of several nameservers does not answer",
    "It is gone, or a policy allows the other ones alone.",
    "take the nameserver out, or allow port 53 to it",
    "glibc asks in order, and waits for the dead one each time; musl asks all at once.",
);
pub(super) const DNS_DELAY_RACE: Meaning = row(
    Warn,
    Dns,
    "of A and AAAA from one port, one answer is lost: lookups take seconds now and then",
    "Two packets of one new flow race through the node's connection tracking, which drops one (kubernetes #56903).",
    "run NodeLocal DNSCache; for glibc, set options single-request-reopen or use-vc in dnsConfig",
    "musl has no such options. Resolvers that take a port for each question (hickory, Go's own with some settings) never see it; a plain query looks healthy.",
);
pub(super) const CONNTRACK_INSERT_FAILED: Meaning = row(
    Warn,
    Dns,
    "connection tracking drops packets while nameservers are asked",
    "Two packets of one new flow race (A and AAAA from one port, kubernetes #56903), two flows are translated to one port, or the table is full.",
    "run NodeLocal DNSCache; let masquerading choose ports at random (--random-fully); look at nf_conntrack_count beside nf_conntrack_max on the node",
    "Asked for by --extra conntrack-drops. The counters are those of everybody in the network namespace, not of podprobe's questions alone; the node's are seen with hostNetwork, or with --host-root.",
);
pub(super) const DNS_LOSSY: Meaning = row(
    Warn,
    Dns,
    "queries were lost before one was answered",
    "Conntrack races or a full table, dropped UDP packets, an overloaded server.",
    "look at nf_conntrack_count and the insert_failed counter on the node, and at CoreDNS's load; NodeLocal DNSCache avoids both",
    "Each lost query stalls glibc and musl for the time of options timeout, five seconds by default.",
);
pub(super) const DNS_SLOW: Meaning = row(
    Warn,
    Dns,
    "an answer comes later than resolvers wait for it",
    "The server or its upstream is overloaded, or options timeout is shorter than the way takes.",
    "look at the server's load and its upstream; or allow more time by options timeout",
    "Resolvers ask again, and may get the late answer or none: lookups are slow now and then, or fail.",
);
pub(super) const DNS_AAAA_DROPPED: Meaning = row(
    Warn,
    Dns,
    "A is answered, AAAA is not",
    "A middlebox drops AAAA queries, or a CoreDNS template or upstream breaks on them.",
    "let the server answer AAAA with an empty NOERROR; with glibc 2.36 or later, options no-aaaa helps meanwhile",
    "Programs ask for both by default: each lookup waits for the one that is lost. An empty answer is healthy.",
);
pub(super) const DNS_EDNS_BROKEN: Meaning = row(
    Warn,
    Dns,
    "the nameserver answers only without EDNS",
    "An old server or a middlebox that does not know the OPT record.",
    "replace the server or the middlebox; leave edns0 out of the options",
    "C libraries send no EDNS unless options edns0 is set.",
);
pub(super) const DNS_SPLIT_BRAIN: Meaning = row(
    Warn,
    Dns,
    "the nameservers disagree about a name",
    "Servers of different scopes stand side by side: the cluster's and the company's.",
    "name servers that know the same; let the cluster's DNS forward to the others",
    "glibc takes the first one's word, musl the fastest one's: it depends on the image and on the moment.",
);
pub(super) const DNS_SEARCH_WILDCARD: Meaning = row(
    Warn,
    Dns,
    "a domain of the search list answers for every name",
    "A wildcard record in a domain that the node's resolv.conf brought in.",
    "take the domain out of the search list, or end outside names with a dot",
    "With ndots:5, github.com is asked for in that domain first, and found there.",
);
pub(super) const DNS_API_MISMATCH: Meaning = row(
    Warn,
    Dns,
    "kubernetes.default has another address than the environment says",
    "The nameserver is another cluster's, or the service was made anew.",
    "compare the kubernetes service's ClusterIP with KUBERNETES_SERVICE_HOST",
    "Some platforms put their own address into the environment.",
);
pub(super) const HOSTS_OVERRIDE: Meaning = row(
    Warn,
    Dns,
    "/etc/hosts gives a name another address than DNS does",
    "hostAliases of the pod, or a hosts file mounted over the kubelet's; the record has moved since.",
    "compare spec.hostAliases with the record; remove the alias, or leave it if it is meant",
    "The file goes first with glibc (unless nsswitch.conf says otherwise) and musl; a name that ends with a dot evades it.",
);
pub(super) const DNS_NAME_LIBC_DIFFERS: Meaning = row(
    Warn,
    Dns,
    "a name under test is found by one resolver, and not, or otherwise, by another",
    "With as many dots as ndots, glibc tries the search list after the name itself, musl never does; musl stops at the first domain that answers without an address or fails.",
    "use the full name, with a final dot; or raise ndots above the name's dots",
    "It depends on the image: Alpine has musl, Debian and most others glibc.",
);
pub(super) const DNS_MASKED: Meaning = row(
    Unknown,
    Dns,
    "the mesh would answer in the nameserver's place",
    "Queries of this identity are captured: an answer of the mesh proves nothing about the nameserver.",
    "run as the proxy's uid and gid, or as uid 0 with SETUID and SETGID",
    "A mesh's DNS proxy also answers while every nameserver is dead.",
);
pub(super) const HOSTS_PINNED: Meaning = row(
    Ok,
    Dns,
    "/etc/hosts has a name under test, and DNS does not contradict it",
    "",
    "nothing to do",
    "Nobody asks DNS for such a name: what DNS says about it is shown, and not judged.",
);
pub(super) const DNS_NAME_FOUND: Meaning = row(
    Ok,
    Dns,
    "a name under test has an address, the same for every resolver",
    "",
    "nothing to do",
    "The queries count A and AAAA for each name of the search list until the address.",
);
pub(super) const DNS_HOLDS: Meaning = row(
    Ok,
    Dns,
    "every nameserver answers",
    "",
    "nothing to do",
    "Says nothing about names that were not asked for.",
);
