//! The catalogue's rows of the redirect layer.

use super::{
    Layer::Redirect,
    Severity::{Fail, Ok, Unknown, Warn},
    catalogue::{Meaning, row},
};

const CNI_DID_NOT_RUN: &str = "check that the mesh's CNI plugin runs on this node and is in the active CNI configuration, then delete the pod";

const RULES_BROKEN: &str = "delete the pod so that its rules are programmed again; if it comes back, look for a second writer of nat rules";

pub(super) const REDIRECT_MISSING: Meaning = row(
    Fail,
    Redirect,
    "nothing is redirected: traffic bypasses the mesh",
    "The mesh's CNI plugin did not run for this pod: not in the active CNI configuration, not ready when the pod started, or the rules were flushed.",
    CNI_DID_NOT_RUN,
    "One identity sees one half: as the proxy's uid only inbound, as another only outbound.",
);
pub(super) const IDENTITY_MISMATCH: Meaning = row(
    Fail,
    Redirect,
    "the rules exempt another uid or gid than the proxy's",
    "The proxy runs as another uid than the rules were written for (OpenShift ranges, an overridden runAsUser), or --proxy-uid is wrong.",
    "make the proxy's runAsUser and runAsGroup, the rules' owner match and --proxy-uid/--proxy-gid the same",
    "Run as the proxy's uid this looks like missing inbound rules; captured egress gives it away.",
);
pub(super) const REDIRECT_FAMILY_MISSING: Meaning = row(
    Fail,
    Redirect,
    "one address family is redirected, the other is not",
    "IPv6 rules were never programmed (Istio: ISTIO_DUAL_STACK unset), or ip6tables failed on this node.",
    "turn dual stack on in the mesh (Istio: ISTIO_DUAL_STACK on the proxy and istiod) or give the pod one family; then delete the pod",
    "The family without rules bypasses mTLS and policy silently; single-family validators never notice.",
);
pub(super) const PORTS_SWAPPED: Meaning = row(
    Fail,
    Redirect,
    "inbound and outbound capture ports are swapped",
    "The rules were written with the two ports exchanged.",
    "exchange the ports in whatever programs the rules, or in --outbound-port/--inbound-port",
    "Both ports answer, so a probe that only connects is content.",
);
pub(super) const CAPTURE_UNEXPECTED: Meaning = row(
    Fail,
    Redirect,
    "traffic is captured although no mesh was promised",
    "The pod was injected after all, rules of a mesh that was removed are still there, or the pod runs in the node's network with a node-wide proxy.",
    "look which mesh owns the port, with `podprobe check --mesh auto`; delete the pod if the rules are left over, or declare the mesh",
    "Rules that concern one user alone are seen only by that user.",
);
pub(super) const INTERCEPTION_DIFFERS: Meaning = row(
    Fail,
    Redirect,
    "inbound traffic is taken by REDIRECT where TPROXY was promised",
    "The pod's interception mode was changed after its rules were made, or two mesh revisions disagree about it.",
    "compare sidecar.istio.io/interceptionMode with the rules, then delete the pod",
    "Rules for the user that nobody runs as in TPROXY mode redirect in both modes, and are no sign.",
);
pub(super) const MARKED_ROUTE_MISSING: Meaning = row(
    Fail,
    Redirect,
    "the policy routing for the mesh's marked packets is incomplete",
    "The `ip rule` for the mark or the `local default` route of its table was never added, or was flushed by a network manager.",
    "delete the pod so that the routing is set up again; if it comes back, look for what flushes rules or tables in the pod",
    "Connections may work without it until the first packet whose mark needs it; a mark with another mask is another rule.",
);
pub(super) const INBOUND_ADDRESS_MISSING: Meaning = row(
    Fail,
    Redirect,
    "the mesh's IPv6 passthrough address is not on lo",
    "The mesh adds ::6/128 to lo when it programs IPv6 rules; it is missing, so that step did not run or IPv6 was off.",
    "delete the pod so that its IPv6 rules are programmed again, and check that IPv6 is enabled in the pod",
    "Without the address the probe would leave the pod by the default route, so it is not sent.",
);
pub(super) const OUTBOUND_ESCAPED: Meaning = row(
    Fail,
    Redirect,
    "outbound traffic is not redirected to the proxy",
    "The jump from nat OUTPUT, or the rule that redirects to the outbound port, is missing, or a foreign rule accepts first.",
    CNI_DID_NOT_RUN,
    "A service mesh's exclusions (ports, CIDRs) escape on purpose: declare them.",
);
pub(super) const OUTBOUND_WRONG_PORT: Meaning = row(
    Fail,
    Redirect,
    "outbound traffic is redirected to a port that is not the proxy's",
    "The rules and the declared port disagree: Istio's CNI plugin always writes 15001, whatever proxyListenPort says.",
    "make the port in the rules and --outbound-port the same",
    "The reason names the port that took the connection.",
);
pub(super) const INBOUND_ESCAPED: Meaning = row(
    Fail,
    Redirect,
    "inbound traffic is not redirected to the proxy",
    "The rule that sends the proxy's own local traffic to the inbound port is missing, or the rules are for another uid.",
    CNI_DID_NOT_RUN,
    "Seen through 127.0.0.6, ::6 and the pod's own addresses, which nat OUTPUT redirects, or from outside, by PREROUTING: the reason says which. An injected packet does not meet rules for one interface.",
);
pub(super) const INBOUND_WRONG_PORT: Meaning = row(
    Fail,
    Redirect,
    "inbound traffic is redirected to a port that is not the proxy's",
    "The rules and the declared port disagree: Istio's CNI plugin always writes 15006, whatever proxyInboundListenPort says.",
    "make the port in the rules and --inbound-port the same",
    "The reason names the port that took the connection.",
);
pub(super) const PROXY_LOOP: Meaning = row(
    Fail,
    Redirect,
    "the proxy's own egress is captured: an endless loop",
    "The rule that exempts the proxy's uid or gid is missing or comes too late.",
    RULES_BROKEN,
    "Shows only when the probe runs with the proxy's uid and gid.",
);
pub(super) const PASSTHROUGH_CAPTURED: Meaning = row(
    Fail,
    Redirect,
    "traffic from the passthrough source is captured",
    "The rule that exempts 127.0.0.6 or ::6 is missing: the proxy's connections to the application come back to the proxy.",
    RULES_BROKEN,
    "Only a connection bound to that source shows it.",
);
pub(super) const LOOPBACK_CAPTURED: Meaning = row(
    Fail,
    Redirect,
    "the application's loopback traffic is captured",
    "The exemption for lo, 127.0.0.1 or ::1 is missing.",
    RULES_BROKEN,
    "With DNS capture, port 53 on loopback is captured on purpose.",
);
pub(super) const DNS_ESCAPED: Meaning = row(
    Fail,
    Redirect,
    "DNS capture was promised, but queries are not redirected",
    "The port 53 rules are missing for UDP or TCP in this family.",
    "check that DNS capture is on where the rules are programmed (Istio: ISTIO_META_DNS_CAPTURE on the proxy), or use --dns-capture false",
    "UDP and TCP have a rule each; one may be missing. Only capture of all servers is spoken of: Istio programmed without its CNI plugin may capture resolv.conf's servers alone.",
);
pub(super) const DNS_WRONG_PORT: Meaning = row(
    Fail,
    Redirect,
    "DNS queries are redirected to a port that is not the DNS proxy's",
    "The rules and the declared port disagree.",
    "make the port in the rules and --dns-port the same",
    "TCP queries that land on the outbound port mean that the port 53 rule for TCP is missing.",
);
pub(super) const DNS_CAPTURED: Meaning = row(
    Fail,
    Redirect,
    "DNS is captured although no DNS capture was declared",
    "DNS capture is on where the rules were programmed, but was not declared to podprobe.",
    "use --dns-capture true if the mesh captures DNS; else find out who added the port 53 rules",
    "If nothing serves the DNS port, every lookup in the pod fails.",
);
pub(super) const DNS_ZONE_MISSING: Meaning = row(
    Fail,
    Redirect,
    "DNS queries of application and proxy share a conntrack zone",
    "The raw-table CT zone rules are missing: a query of the proxy with the application's source port is sent back to the proxy, or answers get lost.",
    RULES_BROKEN,
    "Shows under load as random DNS timeouts (istio issue 33469).",
);
pub(super) const DNS_EXEMPTION_DIFFERS: Meaning = row(
    Warn,
    Redirect,
    "the proxy's port 53 on loopback is not treated as declared",
    "The rules were written with another DNS capture setting than --dns-capture says, or the rule that exempts the proxy's uid is missing.",
    "compare --dns-capture with the mesh's setting (Istio: ISTIO_META_DNS_CAPTURE on the proxy)",
    "A hint only: no traffic of the pod takes this path. As another uid, podprobe sees DNS itself.",
);
pub(super) const EXCLUSION_CAPTURED: Meaning = row(
    Fail,
    Redirect,
    "traffic that must be left alone is captured",
    "A declared exclusion (port or CIDR) has no rule, or the rule comes too late; or traffic outside the declared includes is captured.",
    "compare the exclusions and includes given to podprobe with those the rules were written from",
    "Istio reads them from pod annotations at creation: editing a running pod changes nothing.",
);
pub(super) const EXCLUSION_MISSING: Meaning = row(
    Fail,
    Redirect,
    "an exclusion built into the mesh has no rule",
    "The exemption that the mesh always writes for its own tunnel port is missing.",
    RULES_BROKEN,
    "Seen by differential probes through the passthrough address.",
);
pub(super) const PROXY_ABSENT: Meaning = row(
    Fail,
    Redirect,
    "traffic is captured, and nobody listens where it lands",
    "The proxy has not started, has crashed, or ztunnel is not attached to this pod.",
    "look whether the proxy or, in ambient mode, this node's ztunnel runs; restart the pod if ztunnel does not know it",
    "Said only where podprobe leaves the capture ports alone: beside a running proxy, with --listeners live, or in ambient mode.",
);
pub(super) const CAPTURE_REFUSED: Meaning = row(
    Fail,
    Redirect,
    "a connection was refused inside the pod",
    "A rule redirects it to a port where nothing listens, or rejects it.",
    "list the pod's nat and filter rules for a rule that the mesh did not write",
    "A reset by the first hop looks the same; an ICMP refusal names its sender.",
);
pub(super) const CAPTURE_DROPPED: Meaning = row(
    Fail,
    Redirect,
    "a connection inside the pod got no answer: its packets are dropped",
    "A DROP rule in the pod's filter, mangle or raw table swallows packets for the capture port or for loopback.",
    "list the pod's filter, mangle and raw rules for a DROP that the mesh did not write",
    "Where the first hop sends no ICMP, an escaped connection is silent as well.",
);
pub(super) const RETURN_LOST: Meaning = row(
    Fail,
    Redirect,
    "answers to what the proxy sends with the client's address are lost",
    "TPROXY mode and ambient bring them back by a connection mark, which mangle rules of PREROUTING and OUTPUT save and restore, and by the policy routing for that mark; one of these is missing.",
    RULES_BROKEN,
    "Shows only with NET_ADMIN, which a socket with somebody else's address needs.",
);
pub(super) const SOURCE_TRANSLATED: Meaning = row(
    Warn,
    Redirect,
    "a peer sees this pod under another address",
    "Masquerading takes pod-to-pod traffic as well, the peer's cluster range is not excluded from it, or the peer is outside the cluster.",
    "exclude the cluster's pod range from masquerading (ip-masq-agent's nonMasqueradeCIDRs, the CNI plugin's natOutgoing), or ask a peer in the cluster",
    "To a peer outside the cluster, this is as it should be. Such a peer cannot dial back.",
);
pub(super) const ORIGINAL_DESTINATION_WRONG: Meaning = row(
    Fail,
    Redirect,
    "the redirected connection lost its original destination",
    "A DNAT or a second redirection rewrote the destination first, so the proxy would route it wrongly.",
    "look for a socket-level load balancer or a foreign DNAT rule in the pod",
    "gVisor and some kernels do not offer the original destination at all; then the evidence says so.",
);
pub(super) const ORIGINAL_DESTINATION_UNAVAILABLE: Meaning = row(
    Fail,
    Redirect,
    "the kernel does not tell where captured traffic was going",
    "A sandbox kernel without SO_ORIGINAL_DST, such as gVisor.",
    "run the pod with a runtime class whose kernel has SO_ORIGINAL_DST, or out of the mesh",
    "The proxy would see the connection and not know its destination.",
);
pub(super) const SERVICE_TRANSLATED: Meaning = row(
    Warn,
    Redirect,
    "service addresses are translated before the mesh sees them",
    "Socket-level load balancing, as Cilium's kube-proxy replacement does it in the pod's own connect().",
    "set Cilium's socketLB.hostNamespaceOnly=true, so that the mesh sees the service that was called",
    "The traffic is captured; what is lost is policy and routing by service address.",
);
pub(super) const BUILTIN_PORT: Meaning = row(
    Warn,
    Redirect,
    "traffic is captured on the mesh's built-in port, not on the declared one",
    "The CNI plugin does not know meshConfig's proxyListenPort and proxyInboundListenPort.",
    "let the proxy listen on the built-in ports too, or leave the mesh's listen ports at their defaults",
    "What is captured is right; if the proxy does not listen there, connections are refused.",
);
pub(super) const TRAFFIC_DIVERTED: Meaning = row(
    Fail,
    Redirect,
    "traffic was taken to an unknown listener, or to nowhere",
    "A foreign rule takes it elsewhere: to a port that podprobe does not know, or to nowhere.",
    "list the pod's nat rules for one that the mesh did not write",
    "podprobe listens at the destination itself, so a refusal there is not \"nothing listens\".",
);
pub(super) const IDENTITY_DIFFERS: Meaning = row(
    Warn,
    Redirect,
    "podprobe's own uid and gid are neither the proxy's nor plainly another's",
    "On OpenShift, the injected uid and gid come from the namespace's ranges, and a custom SCC, an overridden runAsUser or another range gives the containers others.",
    "run podprobe as the declared uid and gid, or declare the real ones: --proxy-uid and --proxy-gid, Istio's -u and -g",
    "With another uid on purpose this is no fault; what that uid cannot see is told apart.",
);
pub(super) const RULES_MIXED: Meaning = row(
    Warn,
    Redirect,
    "iptables-legacy and nftables both redirect in this pod",
    "Two installers, or one that changed its back end while the pod lived (iptables-nft wrote what iptables-legacy does not see), each with rules of its own.",
    "find out with `podprobe rules` which of the two is left over; make every installer use one back end, then delete the pod",
    "iptables shows one back end, whichever its name leads to. Which of the two wins is a matter of priority and of who was there first.",
);
pub(super) const MESH_NOT_DETECTED: Meaning = row(
    Unknown,
    Redirect,
    "nothing shows which mesh this pod is in, or that it is in one",
    "No mesh redirects this pod's traffic: it is in none, or the CNI plugin has not programmed it.",
    "declare the mesh with --mesh, or --mesh none if none is expected; or mount the pod's annotations at /etc/podinfo by the downward API",
    "Some rules show themselves to the proxy's user alone, others to everybody else.",
);
pub(super) const NOT_OBSERVABLE: Meaning = row(
    Unknown,
    Redirect,
    "this identity cannot see it",
    "netfilter's owner match shows the proxy's rules only to the proxy's uid and gid, and the application's only to others; a packet socket is for those with NET_RAW alone.",
    "add a second init container with the other uid, or run one as uid 0 with SETUID and SETGID",
    "Unknown is not a pass: --require makes it a failure.",
);
pub(super) const PROBE_REWRITTEN: Meaning = row(
    Unknown,
    Redirect,
    "the mesh rewrote the probe that was waited for",
    "Istio's injector sends the HTTP and gRPC probes of all containers to its agent at port 15020, or 15021, which the rules do not capture; the agent asks in the kubelet's place, from inside.",
    "annotate the pod with sidecar.istio.io/rewriteAppHTTPProbers: \"false\"",
    "The application may need the rewriting: with strict mTLS the kubelet's own requests are refused by the proxy.",
);
pub(super) const PROBE_EXEMPT: Meaning = row(
    Unknown,
    Redirect,
    "the mesh lets the kubelet's probes pass on purpose",
    "Ambient gives what the node itself sends an address of its own, which the rules in the pod do not capture.",
    "prove it another way: from a container with uid 0, NET_ADMIN and /dev/net/tun",
    "A connection from there says that the exemption works, and no more.",
);
pub(super) const PROBE_NOT_SEEN: Meaning = row(
    Unknown,
    Redirect,
    "the probe that was waited for did not come",
    "The startupProbe is missing or names another port, its period is longer than --deadline, the mesh rewrote it, or a rule drops it.",
    "give this container a startupProbe at the port of --await-inbound, and restartPolicy: Always",
    "Beside a running proxy a probe that the proxy refuses (strict mTLS) is not seen either.",
);
pub(super) const PROBE_ARRIVED: Meaning = row(
    Ok,
    Redirect,
    "a connection from outside was captured",
    "The probe of --await-inbound came, and the rules took it where they should.",
    "nothing to do",
    "One port and one family: exclusions are not concerned.",
);
pub(super) const LISTENER_PORT_TAKEN: Meaning = row(
    Unknown,
    Redirect,
    "a capture port is already in use in this pod",
    "Another program holds the port, or a proxy runs under another uid than the declared one: a proxy that podprobe knows is left its ports.",
    "find who holds the port, as the reason names its uid; if it is the proxy, declare its uid by --proxy-uid, or use --listeners live",
    "Not a failure of redirection: nothing was proved either way. podprobe never shares the port, for it would steal traffic.",
);
pub(super) const LISTENER_FAILED: Meaning = row(
    Unknown,
    Redirect,
    "a dummy listener could not be opened",
    "The kernel refused the socket: no such address family, no descriptors left, or a seccomp filter.",
    "read the errno in the reason; allow socket, bind and listen in the pod's seccomp profile",
    "Without a listener nothing can be proved, so nothing is claimed.",
);
pub(super) const PROBE_FAILED: Meaning = row(
    Unknown,
    Redirect,
    "a probe could not be made",
    "The kernel refused a socket operation for a reason that says nothing about the rules; or a connection was reset, by the first hop or by a port where nobody listens.",
    "read the errno in the reason; check seccomp, limits and the pod's addresses and routes; after a reset, look for a nat rule that names this port",
    "Neither yes nor no.",
);
pub(super) const PROOF_REQUIRED: Meaning = row(
    Unknown,
    Redirect,
    "a required proof could not be made",
    "--require names a proof that could not be made in every family, or not one proof could: another identity is needed, a port is taken, or a probe failed.",
    "give the container the identity that the reason names, or drop the proof from --require",
    "Exit code 5, so that nobody takes it for a redirect failure or for a pass.",
);
pub(super) const MESH_DETECTED: Meaning = row(
    Ok,
    Redirect,
    "it was decided which mesh this pod is in",
    "--mesh auto.",
    "nothing to do",
    "What is there decides where no annotation was found: a mesh that is missing altogether is not detected.",
);
pub(super) const REDIRECT_HOLDS: Meaning = row(
    Ok,
    Redirect,
    "every flow that this identity can see is as promised",
    "The rules are there and do what they should.",
    "nothing to do",
    "Says nothing about flows listed as unknown.",
);
