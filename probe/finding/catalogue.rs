//! One row a code: severity, layer, what it means, what causes it, what to do, what misleads.

use std::fmt::Write;

use super::{Code, Layer, Severity, dns};

/// What is true of a code in every pod.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// What it means for the start of the pod.
    pub severity: Severity,
    /// Where in the causal order it stands.
    pub layer: Layer,
    /// One line for tables.
    pub title: &'static str,
    /// What usually brings it about.
    pub causes: &'static str,
    /// What to do next; no values.
    pub hint: &'static str,
    /// What may mislead the reader.
    pub traps: &'static str,
}

pub(super) const fn row(
    severity: Severity,
    layer: Layer,
    title: &'static str,
    causes: &'static str,
    hint: &'static str,
    traps: &'static str,
) -> Meaning {
    Meaning { severity, layer, title, causes, hint, traps }
}

use Layer::{Link, Redirect, Route};
use Severity::{Fail, Ok, Unknown, Warn};

const CNI_DID_NOT_RUN: &str = "check that the mesh's CNI plugin runs on this node and is in the active CNI configuration, then delete the pod";
const RULES_BROKEN: &str = "delete the pod so that its rules are programmed again; if it comes back, look for a second writer of nat rules";

impl Code {
    /// The catalogue's row for this code.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one row a code, in one table")]
    pub fn meaning(self) -> Meaning {
        match self {
            Code::LinkLoDown => row(
                Fail,
                Link,
                "the loopback interface is down or has no 127.0.0.1",
                "The `loopback` CNI plugin is missing, or something set lo down.",
                "check that the loopback CNI plugin is installed on this node, then delete the pod",
                "Every redirect proof needs lo; nothing can be said about the rules until it is up.",
            ),
            Code::LinkNoPodInterface => row(
                Fail,
                Link,
                "the pod has no interface besides loopback",
                "The CNI plugin did not run or failed; kubelet's log says \"failed to setup network for sandbox\".",
                "read the kubelet's and the container runtime's log for this pod's sandbox, then delete the pod",
                "Fallback tunnel devices (tunl0, sit0, ip6tnl0) exist in every namespace and do not count.",
            ),
            Code::LinkDown => row(
                Fail,
                Link,
                "the pod's interface is down or has no carrier",
                "The host side of the veth pair was deleted or set down: the CNI plugin's daemon restarted, the node is being drained, or somebody set the interface down.",
                "look on the node whether the host side of the pod's interface is there and up, then delete the pod",
                "Only an interface that should serve the pod counts: not a bridge, nor a spare device without addresses.",
            ),
            Code::LinkMtuTooSmall => row(
                Fail,
                Link,
                "the MTU is below 1280 bytes, so that the kernel takes IPv6 off the link",
                "An MTU set by hand or reckoned from an underlay with several encapsulations.",
                "raise the MTU in the CNI configuration to at least 1280, then delete the pod",
                "The IPv6 addresses and routes are gone, not only unused; a pod that was promised IPv4 alone is left in peace.",
            ),
            Code::AddressNone => row(
                Fail,
                Link,
                "no interface has a global address",
                "IPAM gave no address: its range is exhausted, or the CNI plugin stopped half way.",
                "read the CNI plugin's and its IPAM's log on this node for this pod's sandbox, then delete the pod",
                "IPv6 addresses by router advertisement come a moment after the carrier; `gate` waits for them.",
            ),
            Code::AddressDuplicate => row(
                Fail,
                Link,
                "another host on the link has the pod's IPv6 address",
                "Duplicate address detection failed: IPAM gave an address twice, or the pod's predecessor still has it.",
                "find out who answers for the address, release it in IPAM, then delete the pod",
                "The kernel never uses such an address and does not try again. IPv4 has no such test.",
            ),
            Code::AddressTentative => row(
                Fail,
                Link,
                "duplicate address detection of the family's only address is not over",
                "The address was added within the last two seconds, or nothing answers because the link has no carrier.",
                "wait, as `gate` does, or let the CNI plugin add addresses with nodad or enhanced detection",
                "Until then bind(2) says \"cannot assign requested address\"; an application that starts too early stays broken.",
            ),
            Code::AddressFamilyMissing => row(
                Fail,
                Link,
                "a promised address family has no usable address",
                "IPAM gave no address of that family, or IPv6 is disabled by sysctl.",
                "compare the pod's IPs with --families or POD_IPS, and the node's IPAM and disable_ipv6 setting with both",
                "Promised is what --families says, else POD_IPS, which the downward API fills with status.podIPs.",
            ),
            Code::EnvPodIpMismatch => row(
                Fail,
                Link,
                "an address in POD_IP or POD_IPS is on no interface",
                "The sandbox was made again with other addresses, or the CNI plugin's result and what it did differ.",
                "compare the pod's status.podIPs with its interfaces and read the container runtime's log; delete the pod",
                "Compared only where the downward API fills POD_IP or POD_IPS; a manifest may fill them with something else.",
            ),
            Code::LinkAttachmentDown => row(
                Warn,
                Link,
                "a further interface with an address is down or has no carrier",
                "A Multus attachment lost its host side, or its parent device on the node is down.",
                "look at the attachment's parent device on the node",
                "The pod's own interface works; whether the other one matters is the application's to say.",
            ),
            Code::LinkMtuTiny => row(
                Warn,
                Link,
                "the MTU is below the 576 bytes that every IPv4 host must take",
                "A typing error in the CNI configuration's MTU.",
                "correct the MTU in the CNI configuration, then delete the pod",
                "",
            ),
            Code::LoopbackIpv4Missing => row(
                Warn,
                Link,
                "lo has no 127.0.0.1 in a pod with IPv6 alone",
                "The address was removed, or lo was set up by hand.",
                "check that the loopback CNI plugin is installed on this node",
                "Programs that listen on 127.0.0.1 fail, and health checks of meshes do.",
            ),
            Code::AddressOverlap => row(
                Warn,
                Link,
                "the networks of two interfaces overlap",
                "A Multus attachment uses a range that the pod network has too.",
                "give the attachment a range of its own, or policy routing by source address",
                "Equal networks with a policy rule by source address are left in peace, as clouds set them up.",
            ),
            Code::EnvApiserverUnset => row(
                Warn,
                Link,
                "KUBERNETES_SERVICE_HOST or _PORT is missing or no address",
                "The container's environment was cleared, or a manifest overwrites the variable.",
                "do not overwrite the variable: the kubelet sets it also with enableServiceLinks: false",
                "Said only in containers whose environment shows a kubelet (POD_IP, POD_NAME …). A name is allowed: AKS puts one there.",
            ),
            Code::EnvProxyNoProxy => row(
                Warn,
                Link,
                "a web proxy is set, and cluster traffic is not exempt from it",
                "HTTP_PROXY or HTTPS_PROXY is set without the service range and the cluster's domain in NO_PROXY.",
                "add the API server's address or the service range, .svc and the cluster's domain to NO_PROXY",
                "podprobe sees its own container's environment. Ranges in NO_PROXY are honoured by Go, not by every program.",
            ),
            Code::RouteTableEmpty => row(
                Fail,
                Route,
                "nothing is routed out of the pod",
                "The CNI plugin failed between giving the address and adding the routes.",
                "read the CNI plugin's log on this node for this pod's sandbox, then delete the pod",
                "The kernel's own link-local IPv6 routes do not count.",
            ),
            Code::RouteBlackhole => row(
                Fail,
                Route,
                "a blackhole route swallows the traffic",
                "A routing daemon or a CNI plugin put a route for a whole range into the pod, meant for the node.",
                "find out who wrote the route (`ip route show type blackhole`) and remove it",
                "connect(2) says EINVAL. Such routes for the node's pod range are normal on nodes.",
            ),
            Code::RouteUnreachable => row(
                Fail,
                Route,
                "an unreachable route refuses the traffic",
                "A route or rule of type unreachable covers the destination: a VPN's kill switch, or a routing daemon.",
                "find out who wrote the route or rule (`ip route show type unreachable`, `ip rule`) and remove it",
                "connect(2) says EHOSTUNREACH, as if a router had: it is this pod's own table.",
            ),
            Code::RouteProhibit => row(
                Fail,
                Route,
                "a prohibit route or rule refuses the traffic",
                "A route or rule of type prohibit covers the destination, perhaps for this user alone (uidrange).",
                "find out who wrote the route or rule (`ip route show type prohibit`, `ip rule`) and remove it",
                "connect(2) says EACCES, which looks like a missing privilege and is none.",
            ),
            Code::RouteNoDefault => row(
                Fail,
                Route,
                "there is no default route",
                "The CNI plugin's IPAM `routes` are missing, or a Multus attachment replaced the default route.",
                "check `routes` in the active CNI configuration and Multus `default-route`, then delete the pod",
                "Looked up as a connection of this process would be, in every table. The kernel does so before the nat rules: without a route, nothing can be said about outbound redirection. For a pod that is isolated on purpose: --skip route.",
            ),
            Code::RouteGatewayOfflink => row(
                Fail,
                Route,
                "the gateway is in no network that the interface is on, and does not answer",
                "The CNI configuration names a gateway of another network, or the route to the gateway's network was removed.",
                "correct the gateway in the CNI configuration, or add the link route to it; then delete the pod",
                "A gateway outside of every network that does answer is in order, as Calico's 169.254.1.1.",
            ),
            Code::RouteGatewayNoNeighbour => row(
                Fail,
                Route,
                "the gateway does not answer ARP or neighbour discovery",
                "The host side of the pod's interface is on no bridge, lost its address, or the node's agent is broken.",
                "look on the node at the host side of the pod's interface: bridge, address, proxy_arp; restart the CNI agent",
                "connect(2) says EHOSTUNREACH only after three seconds. Links without hardware addresses need no answer.",
            ),
            Code::RouteNoRouteTo => row(
                Fail,
                Route,
                "nothing is routed to a nameserver or to the API server",
                "The pod has no route in that address's family, or a policy rule leads to a table without one.",
                "add the route in the CNI configuration, or give the pod a nameserver of a family that it has",
                "The lookup is this process's own: rules by user or mark may lead others elsewhere.",
            ),
            Code::RouteServiceNoNeighbour => row(
                Fail,
                Route,
                "a nameserver or the API server is looked for on the link, and nobody answers",
                "A network of the pod covers the service range, so that services are taken for neighbours.",
                "shorten the prefix of the pod's address or move the service range: they must not overlap",
                "Where services are translated as sockets connect (Cilium), nobody is asked, and nothing is said.",
            ),
            Code::RouteNameserverLost => row(
                Warn,
                Route,
                "there is no way to one of several nameservers",
                "resolv.conf names a server of a family that the pod does not have, or a route refuses it.",
                "remove the nameserver from resolv.conf (dnsPolicy, dnsConfig), or add the route",
                "Resolvers go on to the next server at once.",
            ),
            Code::RouteOtherFamily => row(
                Warn,
                Route,
                "a nameserver or the API server is of a family that the pod has no way in",
                "An IPv6-only pod was given an IPv4 nameserver or service address, or the reverse: the kubelet's clusterDNS, or dnsConfig.",
                "give the pod a nameserver of its own family, or both families; leave it if nothing in the pod resolves names or calls the API",
                "It does not block: the family is not under test, and its redirection neither.",
            ),
            Code::AddressCoversService => row(
                Warn,
                Route,
                "the API server's service lies inside a network of the pod",
                "The pod network and the service range overlap, or an address was given with too short a prefix.",
                "compare the pod's prefix with the cluster's service range: they must not overlap",
                "Harmless where something answers for the service on the link, or where it is translated as sockets connect.",
            ),
            Code::RouteSourceUnexpected => row(
                Warn,
                Route,
                "cluster traffic would leave from another address than the pod's",
                "A Multus attachment brought a route that covers nameservers or services.",
                "look at the attachment's `routes` and `default-route`: the cluster's ranges belong to the pod's own interface",
                "Intended in some networks; compared only where POD_IP or POD_IPS is set.",
            ),
            Code::RouteMultipleDefaults => row(
                Warn,
                Route,
                "two default routes by different links have the same metric",
                "Two attachments brought a default route each, or two routers advertise one.",
                "give one of them the default route (Multus `default-route`), or different metrics",
                "Next hops of one multipath route by one link are no such case.",
            ),
            Code::RedirectMissing => row(
                Fail,
                Redirect,
                "nothing is redirected: traffic bypasses the mesh",
                "The mesh's CNI plugin did not run for this pod: not in the active CNI configuration, not ready when the pod started, or the rules were flushed.",
                CNI_DID_NOT_RUN,
                "One identity sees one half: as the proxy's uid only inbound, as another only outbound.",
            ),
            Code::IdentityMismatch => row(
                Fail,
                Redirect,
                "the rules exempt another uid or gid than the proxy's",
                "The proxy runs as another uid than the rules were written for (OpenShift ranges, an overridden runAsUser), or --proxy-uid is wrong.",
                "make the proxy's runAsUser and runAsGroup, the rules' owner match and --proxy-uid/--proxy-gid the same",
                "Run as the proxy's uid this looks like missing inbound rules; captured egress gives it away.",
            ),
            Code::RedirectFamilyMissing => row(
                Fail,
                Redirect,
                "one address family is redirected, the other is not",
                "IPv6 rules were never programmed (Istio: ISTIO_DUAL_STACK unset), or ip6tables failed on this node.",
                "turn dual stack on in the mesh (Istio: ISTIO_DUAL_STACK on the proxy and istiod) or give the pod one family; then delete the pod",
                "The family without rules bypasses mTLS and policy silently; single-family validators never notice.",
            ),
            Code::PortsSwapped => row(
                Fail,
                Redirect,
                "inbound and outbound capture ports are swapped",
                "The rules were written with the two ports exchanged.",
                "exchange the ports in whatever programs the rules, or in --outbound-port/--inbound-port",
                "Both ports answer, so a probe that only connects is content.",
            ),
            Code::CaptureUnexpected => row(
                Fail,
                Redirect,
                "traffic is captured although no mesh was promised",
                "The pod was injected after all, rules of a mesh that was removed are still there, or the pod runs in the node's network with a node-wide proxy.",
                "look which mesh owns the port, with `podprobe check --mesh auto`; delete the pod if the rules are left over, or declare the mesh",
                "Rules that concern one user alone are seen only by that user.",
            ),
            Code::InterceptionDiffers => row(
                Fail,
                Redirect,
                "inbound traffic is taken by REDIRECT where TPROXY was promised",
                "The pod's interception mode was changed after its rules were made, or two mesh revisions disagree about it.",
                "compare sidecar.istio.io/interceptionMode with the rules, then delete the pod",
                "Rules for the user that nobody runs as in TPROXY mode redirect in both modes, and are no sign.",
            ),
            Code::MarkedRouteMissing => row(
                Fail,
                Redirect,
                "the policy routing for the mesh's marked packets is incomplete",
                "The `ip rule` for the mark or the `local default` route of its table was never added, or was flushed by a network manager.",
                "delete the pod so that the routing is set up again; if it comes back, look for what flushes rules or tables in the pod",
                "Connections may work without it until the first packet whose mark needs it; a mark with another mask is another rule.",
            ),
            Code::InboundAddressMissing => row(
                Fail,
                Redirect,
                "the mesh's IPv6 passthrough address is not on lo",
                "The mesh adds ::6/128 to lo when it programs IPv6 rules; it is missing, so that step did not run or IPv6 was off.",
                "delete the pod so that its IPv6 rules are programmed again, and check that IPv6 is enabled in the pod",
                "Without the address the probe would leave the pod by the default route, so it is not sent.",
            ),
            Code::OutboundEscaped => row(
                Fail,
                Redirect,
                "outbound traffic is not redirected to the proxy",
                "The jump from nat OUTPUT, or the rule that redirects to the outbound port, is missing, or a foreign rule accepts first.",
                CNI_DID_NOT_RUN,
                "A service mesh's exclusions (ports, CIDRs) escape on purpose: declare them.",
            ),
            Code::OutboundWrongPort => row(
                Fail,
                Redirect,
                "outbound traffic is redirected to a port that is not the proxy's",
                "The rules and the declared port disagree: Istio's CNI plugin always writes 15001, whatever proxyListenPort says.",
                "make the port in the rules and --outbound-port the same",
                "The reason names the port that took the connection.",
            ),
            Code::InboundEscaped => row(
                Fail,
                Redirect,
                "inbound traffic is not redirected to the proxy",
                "The rule that sends the proxy's own local traffic to the inbound port is missing, or the rules are for another uid.",
                CNI_DID_NOT_RUN,
                "Seen through 127.0.0.6, ::6 and the pod's own addresses; traffic from outside takes nat PREROUTING, which no local flow meets.",
            ),
            Code::InboundWrongPort => row(
                Fail,
                Redirect,
                "inbound traffic is redirected to a port that is not the proxy's",
                "The rules and the declared port disagree: Istio's CNI plugin always writes 15006, whatever proxyInboundListenPort says.",
                "make the port in the rules and --inbound-port the same",
                "The reason names the port that took the connection.",
            ),
            Code::ProxyLoop => row(
                Fail,
                Redirect,
                "the proxy's own egress is captured: an endless loop",
                "The rule that exempts the proxy's uid or gid is missing or comes too late.",
                RULES_BROKEN,
                "Shows only when the probe runs with the proxy's uid and gid.",
            ),
            Code::PassthroughCaptured => row(
                Fail,
                Redirect,
                "traffic from the passthrough source is captured",
                "The rule that exempts 127.0.0.6 or ::6 is missing: the proxy's connections to the application come back to the proxy.",
                RULES_BROKEN,
                "Only a connection bound to that source shows it.",
            ),
            Code::LoopbackCaptured => row(
                Fail,
                Redirect,
                "the application's loopback traffic is captured",
                "The exemption for lo, 127.0.0.1 or ::1 is missing.",
                RULES_BROKEN,
                "With DNS capture, port 53 on loopback is captured on purpose.",
            ),
            Code::DnsEscaped => row(
                Fail,
                Redirect,
                "DNS capture was promised, but queries are not redirected",
                "The port 53 rules are missing for UDP or TCP in this family.",
                "check that DNS capture is on where the rules are programmed (Istio: ISTIO_META_DNS_CAPTURE on the proxy), or use --dns-capture false",
                "UDP and TCP have a rule each; one may be missing. Only capture of all servers is spoken of: Istio programmed without its CNI plugin may capture resolv.conf's servers alone.",
            ),
            Code::DnsWrongPort => row(
                Fail,
                Redirect,
                "DNS queries are redirected to a port that is not the DNS proxy's",
                "The rules and the declared port disagree.",
                "make the port in the rules and --dns-port the same",
                "TCP queries that land on the outbound port mean that the port 53 rule for TCP is missing.",
            ),
            Code::DnsCaptured => row(
                Fail,
                Redirect,
                "DNS is captured although no DNS capture was declared",
                "DNS capture is on where the rules were programmed, but was not declared to podprobe.",
                "use --dns-capture true if the mesh captures DNS; else find out who added the port 53 rules",
                "If nothing serves the DNS port, every lookup in the pod fails.",
            ),
            Code::DnsZoneMissing => row(
                Fail,
                Redirect,
                "DNS queries of application and proxy share a conntrack zone",
                "The raw-table CT zone rules are missing: a query of the proxy with the application's source port is sent back to the proxy, or answers get lost.",
                RULES_BROKEN,
                "Shows under load as random DNS timeouts (istio issue 33469).",
            ),
            Code::DnsExemptionDiffers => row(
                Warn,
                Redirect,
                "the proxy's port 53 on loopback is not treated as declared",
                "The rules were written with another DNS capture setting than --dns-capture says, or the rule that exempts the proxy's uid is missing.",
                "compare --dns-capture with the mesh's setting (Istio: ISTIO_META_DNS_CAPTURE on the proxy)",
                "A hint only: no traffic of the pod takes this path. As another uid, podprobe sees DNS itself.",
            ),
            Code::ExclusionCaptured => row(
                Fail,
                Redirect,
                "traffic that must be left alone is captured",
                "A declared exclusion (port or CIDR) has no rule, or the rule comes too late; or traffic outside the declared includes is captured.",
                "compare the exclusions and includes given to podprobe with those the rules were written from",
                "Istio reads them from pod annotations at creation: editing a running pod changes nothing.",
            ),
            Code::ExclusionMissing => row(
                Fail,
                Redirect,
                "an exclusion built into the mesh has no rule",
                "The exemption that the mesh always writes for its own tunnel port is missing.",
                RULES_BROKEN,
                "Seen by differential probes through the passthrough address.",
            ),
            Code::ProxyAbsent => row(
                Fail,
                Redirect,
                "traffic is captured, and nobody listens where it lands",
                "The proxy has not started, has crashed, or ztunnel is not attached to this pod.",
                "look whether the proxy or, in ambient mode, this node's ztunnel runs; restart the pod if ztunnel does not know it",
                "Said only where podprobe leaves the capture ports alone: beside a running proxy, with --listeners live, or in ambient mode.",
            ),
            Code::CaptureRefused => row(
                Fail,
                Redirect,
                "a connection was refused inside the pod",
                "A rule redirects it to a port where nothing listens, or rejects it.",
                "list the pod's nat and filter rules for a rule that the mesh did not write",
                "A reset by the first hop looks the same; an ICMP refusal names its sender.",
            ),
            Code::CaptureDropped => row(
                Fail,
                Redirect,
                "a connection inside the pod got no answer: its packets are dropped",
                "A DROP rule in the pod's filter, mangle or raw table swallows packets for the capture port or for loopback.",
                "list the pod's filter, mangle and raw rules for a DROP that the mesh did not write",
                "Where the first hop sends no ICMP, an escaped connection is silent as well.",
            ),
            Code::OriginalDestinationWrong => row(
                Fail,
                Redirect,
                "the redirected connection lost its original destination",
                "A DNAT or a second redirection rewrote the destination first, so the proxy would route it wrongly.",
                "look for a socket-level load balancer or a foreign DNAT rule in the pod",
                "gVisor and some kernels do not offer the original destination at all; then the evidence says so.",
            ),
            Code::OriginalDestinationUnavailable => row(
                Fail,
                Redirect,
                "the kernel does not tell where captured traffic was going",
                "A sandbox kernel without SO_ORIGINAL_DST, such as gVisor.",
                "run the pod with a runtime class whose kernel has SO_ORIGINAL_DST, or out of the mesh",
                "The proxy would see the connection and not know its destination.",
            ),
            Code::ServiceTranslated => row(
                Warn,
                Redirect,
                "service addresses are translated before the mesh sees them",
                "Socket-level load balancing, as Cilium's kube-proxy replacement does it in the pod's own connect().",
                "set Cilium's socketLB.hostNamespaceOnly=true, so that the mesh sees the service that was called",
                "The traffic is captured; what is lost is policy and routing by service address.",
            ),
            Code::BuiltinPort => row(
                Warn,
                Redirect,
                "traffic is captured on the mesh's built-in port, not on the declared one",
                "The CNI plugin does not know meshConfig's proxyListenPort and proxyInboundListenPort.",
                "let the proxy listen on the built-in ports too, or leave the mesh's listen ports at their defaults",
                "What is captured is right; if the proxy does not listen there, connections are refused.",
            ),
            Code::TrafficDiverted => row(
                Fail,
                Redirect,
                "traffic was taken to an unknown listener, or to nowhere",
                "A foreign rule takes it elsewhere: to a port that podprobe does not know, or to nowhere.",
                "list the pod's nat rules for one that the mesh did not write",
                "podprobe listens at the destination itself, so a refusal there is not \"nothing listens\".",
            ),
            Code::IdentityDiffers => row(
                Warn,
                Redirect,
                "podprobe's own uid and gid are neither the proxy's nor plainly another's",
                "On OpenShift, the injected uid and gid come from the namespace's ranges, and a custom SCC, an overridden runAsUser or another range gives the containers others.",
                "run podprobe as the declared uid and gid, or declare the real ones: --proxy-uid and --proxy-gid, Istio's -u and -g",
                "With another uid on purpose this is no fault; what that uid cannot see is told apart.",
            ),
            Code::MeshNotDetected => row(
                Unknown,
                Redirect,
                "nothing shows which mesh this pod is in, or that it is in one",
                "No mesh redirects this pod's traffic: it is in none, or the CNI plugin has not programmed it.",
                "declare the mesh with --mesh, or --mesh none if none is expected; or mount the pod's annotations at /etc/podinfo by the downward API",
                "Some rules show themselves to the proxy's user alone, others to everybody else.",
            ),
            Code::NotObservable => row(
                Unknown,
                Redirect,
                "this identity cannot see it",
                "netfilter's owner match shows the proxy's rules only to the proxy's uid and gid, and the application's only to others.",
                "add a second init container with the other uid, or run one as uid 0 with SETUID and SETGID",
                "Unknown is not a pass: --require makes it a failure.",
            ),
            Code::ListenerPortTaken => row(
                Unknown,
                Redirect,
                "a capture port is already in use in this pod",
                "Another program holds the port, or a proxy runs under another uid than the declared one: a proxy that podprobe knows is left its ports.",
                "find who holds the port, as the reason names its uid; if it is the proxy, declare its uid by --proxy-uid, or use --listeners live",
                "Not a failure of redirection: nothing was proved either way. podprobe never shares the port, for it would steal traffic.",
            ),
            Code::ListenerFailed => row(
                Unknown,
                Redirect,
                "a dummy listener could not be opened",
                "The kernel refused the socket: no such address family, no descriptors left, or a seccomp filter.",
                "read the errno in the reason; allow socket, bind and listen in the pod's seccomp profile",
                "Without a listener nothing can be proved, so nothing is claimed.",
            ),
            Code::ProbeFailed => row(
                Unknown,
                Redirect,
                "a probe could not be made",
                "The kernel refused a socket operation for a reason that says nothing about the rules; or a connection was reset, by the first hop or by a port where nobody listens.",
                "read the errno in the reason; check seccomp, limits and the pod's addresses and routes; after a reset, look for a nat rule that names this port",
                "Neither yes nor no.",
            ),
            Code::ProofRequired => row(
                Unknown,
                Redirect,
                "a required proof could not be made",
                "--require names a proof that could not be made in every family, or not one proof could: another identity is needed, a port is taken, or a probe failed.",
                "give the container the identity that the reason names, or drop the proof from --require",
                "Exit code 5, so that nobody takes it for a redirect failure or for a pass.",
            ),
            Code::MeshDetected => row(
                Ok,
                Redirect,
                "it was decided which mesh this pod is in",
                "--mesh auto.",
                "nothing to do",
                "What is there decides where no annotation was found: a mesh that is missing altogether is not detected.",
            ),
            Code::RedirectHolds => row(
                Ok,
                Redirect,
                "every flow that this identity can see is as promised",
                "The rules are there and do what they should.",
                "nothing to do",
                "Says nothing about flows listed as unknown.",
            ),
            Code::LinkHolds => {
                row(Ok, Link, "interfaces and addresses are as promised", "", "nothing to do", "")
            }
            Code::RouteHolds => {
                row(Ok, Route, "every family has a default route", "", "nothing to do", "")
            }
            Code::ResolvConfMissing => dns::RESOLV_CONF_MISSING,
            Code::ResolvConfNoNameserver => dns::RESOLV_CONF_NO_NAMESERVER,
            Code::ResolvConfCrlf => dns::RESOLV_CONF_CRLF,
            Code::ResolvConfBom => dns::RESOLV_CONF_BOM,
            Code::ResolvConfLeadingSpace => dns::RESOLV_CONF_LEADING_SPACE,
            Code::ResolvConfUnspecified => dns::RESOLV_CONF_UNSPECIFIED,
            Code::ResolvConfScope => dns::RESOLV_CONF_SCOPE,
            Code::ResolvConfSearchComma => dns::RESOLV_CONF_SEARCH_COMMA,
            Code::ResolvConfZeroTimers => dns::RESOLV_CONF_ZERO_TIMERS,
            Code::DnsNoRoute => dns::DNS_NO_ROUTE,
            Code::DnsStubLeaked => dns::DNS_STUB_LEAKED,
            Code::DnsNodeLocalDown => dns::DNS_NODE_LOCAL_DOWN,
            Code::DnsSendRefused => dns::DNS_SEND_REFUSED,
            Code::DnsRejected => dns::DNS_REJECTED,
            Code::DnsRefusedByServer => dns::DNS_REFUSED_BY_SERVER,
            Code::DnsWrongSource => dns::DNS_WRONG_SOURCE,
            Code::DnsAnswerUnusable => dns::DNS_ANSWER_UNUSABLE,
            Code::DnsSilent => dns::DNS_SILENT,
            Code::DnsUdpBlocked => dns::DNS_UDP_BLOCKED,
            Code::DnsClusterZoneMissing => dns::DNS_CLUSTER_ZONE_MISSING,
            Code::DnsClusterZoneDown => dns::DNS_CLUSTER_ZONE_DOWN,
            Code::DnsServfail => dns::DNS_SERVFAIL,
            Code::DnsQueryRefused => dns::DNS_QUERY_REFUSED,
            Code::DnsRcodeUnexpected => dns::DNS_RCODE_UNEXPECTED,
            Code::DnsUpstreamDown => dns::DNS_UPSTREAM_DOWN,
            Code::DnsTruncatedNoTcp => dns::DNS_TRUNCATED_NO_TCP,
            Code::DnsNameMissing => dns::DNS_NAME_MISSING,
            Code::DnsTcpBlocked => dns::DNS_TCP_BLOCKED,
            Code::DnsNameserverDown => dns::DNS_NAMESERVER_DOWN,
            Code::DnsLossy => dns::DNS_LOSSY,
            Code::DnsAaaaDropped => dns::DNS_AAAA_DROPPED,
            Code::DnsEdnsBroken => dns::DNS_EDNS_BROKEN,
            Code::DnsSplitBrain => dns::DNS_SPLIT_BRAIN,
            Code::DnsSearchWildcard => dns::DNS_SEARCH_WILDCARD,
            Code::DnsApiMismatch => dns::DNS_API_MISMATCH,
            Code::ResolvConfBadAddress => dns::RESOLV_CONF_BAD_ADDRESS,
            Code::ResolvConfExtraServers => dns::RESOLV_CONF_EXTRA_SERVERS,
            Code::ResolvConfSearchTooLong => dns::RESOLV_CONF_SEARCH_TOO_LONG,
            Code::ResolvConfSearchMany => dns::RESOLV_CONF_SEARCH_MANY,
            Code::ResolvConfOverridden => dns::RESOLV_CONF_OVERRIDDEN,
            Code::ResolvConfNotCluster => dns::RESOLV_CONF_NOT_CLUSTER,
            Code::DnsMasked => dns::DNS_MASKED,
            Code::ResolvConfRead => dns::RESOLV_CONF_READ,
            Code::DnsHolds => dns::DNS_HOLDS,
        }
    }
}

/// The text of `podprobe explain CODE`.
#[must_use]
pub fn explain_one(code: Code) -> String {
    let m = code.meaning();
    let mut text = format!("{code}: {}\n", m.title);
    for (name, value) in [("causes", m.causes), ("next", m.hint), ("traps", m.traps)] {
        if !value.is_empty() {
            let _ = writeln!(text, "\n{name}:\n{}", crate::report::wrapped(value, 96, "  "));
        }
    }
    let _ = write!(text, "\nlayer {}, severity {}", m.layer.name(), m.severity.word());
    if m.severity == Fail {
        let _ = write!(text, ", exit code {}", m.layer.exit_code());
    }
    text.push('\n');
    text
}

/// The text of `podprobe explain`: a line a code.
#[must_use]
pub fn explain_all() -> String {
    let mut text = String::new();
    for code in Code::ALL {
        let m = code.meaning();
        let title = crate::report::wrapped(m.title, 62, "").replace('\n', &format!("\n{:37}", ""));
        let _ = writeln!(text, "{:<27} {:<8} {title}", code.name(), m.severity.word());
    }
    text
}
