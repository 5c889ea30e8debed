//! What findings say together: a table of correlations, the deepest cause first.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use serde_json::Value;

use super::{
    Cause,
    facts::{Facts, Told},
};
use crate::{
    finding::{Code, Finding, Layer},
    pod::Family,
};

/// One correlation: the cause that these findings have together, if they do.
type Correlation = for<'a> fn(&Facts<'a>) -> Option<Told<'a>>;

/// The deepest cause first.
const TABLE: &[Correlation] = &[
    cni_setup_failed,
    host_side_broken,
    mesh_cni_race,
    kube_proxy_down,
    mtu_black_hole,
    coredns_without_endpoints,
    dns_blocked_by_policy,
    family_broken,
    egress_filtered,
    egress_snat_broken,
    egress_only,
    dns_only,
];

/// The cause that several findings have together.
pub(super) fn correlated(findings: &[Finding]) -> Option<Cause> {
    let facts = Facts { findings };
    TABLE.iter().find_map(|correlation| correlation(&facts)).map(Told::into_cause)
}

/// No interface, or nothing routed: the CNI plugin never came to its end.
fn cni_setup_failed<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failed(&[Code::LinkNoPodInterface, Code::RouteTableEmpty])?;
    let because = "the CNI plugin did not run to its end for this pod";
    Some(facts.told(Code::CniSetupFailed, first, because, first.layer))
}

/// The pod's side is complete, and nobody answers at the other end of its link.
fn host_side_broken<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failed(&[Code::RouteGatewayNoNeighbour])?;
    let because = "the node's side of the pod's link is broken";
    Some(facts.told(Code::HostSideBroken, first, because, first.layer))
}

/// Nothing is redirected, and the node's files say why.
fn mesh_cni_race<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failed(&[Code::RedirectMissing])?;
    facts.found(&[Code::CniMeshNotChained, Code::CniMeshAbsent])?;
    let because = "the mesh's plugin is not in the CNI configuration that the runtime reads";
    let told = facts.told(Code::MeshCniRace, first, because, Layer::Redirect);
    Some(told.and(facts, &[Code::CniMeshNotChained, Code::CniMeshAbsent]))
}

/// A service address that nobody translates; or several that keep silent, beside plain addresses
/// that answer.
fn kube_proxy_down<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let because = "service addresses are not translated on this node (by kube-proxy, or what stands \
                   in for it)";
    if let Some(leaked) = facts.failed(&[Code::ServiceNotProgrammed]) {
        return Some(facts.told(Code::KubeProxyDown, leaked, because, Layer::Dns));
    }
    let first = facts.failed(&[Code::ServiceSilent])?;
    facts.failed(&[Code::DnsSilent, Code::DnsNodeLocalDown])?;
    facts.answering()?;
    let told = facts.told(Code::KubeProxyDown, first, because, Layer::Dns);
    Some(told.and(facts, &[Code::DnsSilent, Code::DnsNodeLocalDown]).likely())
}

/// Small packets pass, and what needs large ones stalls after it was connected.
fn mtu_black_hole<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failed(&[Code::MtuBlackHole, Code::MtuBlackHoleReverse])?;
    let stalled = [
        Code::DnsTcpBlocked,
        Code::ServiceHangs,
        Code::ServiceRequestFailed,
        Code::ReachTlsFailed,
        Code::ReachProtocol,
        Code::MtuBlackHole,
        Code::MtuBlackHoleReverse,
    ];
    let others = facts.failures().any(|failure| !stalled.contains(&failure.code));
    let because = "what was connected stalls as soon as packets are full";
    let told = facts.told(first.code, first, because, Layer::Dns);
    (!others && told.explains_something()).then_some(told)
}

/// The node says that nobody is behind the nameserver's address, while another service answers.
fn coredns_without_endpoints<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failed(&[Code::DnsRejected])?;
    facts.held(Code::ServiceHolds)?;
    let because = "the node has no endpoint for the DNS service, while the API server answers";
    let told = facts.told(Code::CorednsNoEndpoints, first, because, Layer::Dns);
    let text = |name: &str| first.evidence.get(name).and_then(|value| value.as_str());
    // A server elsewhere has no endpoints: there a firewall rejects, whose usual answer is the same.
    text("question").filter(|name| name.starts_with("kubernetes.default.svc."))?;
    let icmp = text("icmp");
    // Port unreachable, in IPv4 and IPv6: what kube-proxy's rules for a service without endpoints say.
    ["3/3", "1/4"].iter().any(|code| icmp == Some(code)).then_some(told)
}

/// The API server answers, and DNS alone does not.
fn dns_blocked_by_policy<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failed(&[Code::DnsSilent, Code::DnsRejected, Code::DnsSendRefused])?;
    facts.held(Code::ServiceHolds)?;
    // Cluster DNS is a Service. Queries that leave the node untranslated go to an address that is
    // none, and no policy of the pod has stopped them: the kubelet's clusterDNS is more likely wrong.
    let text = |name: &str| first.evidence.get(name).and_then(|value| value.as_str());
    let cluster = text("question").is_some_and(|name| name.starts_with("kubernetes.default.svc."));
    if cluster && first.code == Code::DnsSilent && text("leftNodeUntranslated").is_some() {
        return None;
    }
    // What is wrong in the file itself is certain, and whoever reads it so asks nobody.
    let in_file = Code::ResolvConfMissing..=Code::ResolvConfZeroTimers;
    if facts.failures().any(|failure| in_file.contains(&failure.code)) {
        return None;
    }
    let because = "the API server answers and DNS alone does not pass, most often for an egress \
                   policy";
    let told = facts.told(Code::DnsBlockedByPolicy, first, because, Layer::Dns);
    Some(told.likely())
}

/// One family works and the other does not, in whatever is asked.
fn family_broken<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failures().min_by_key(|f| (f.layer, f.code))?;
    let family = first.family?;
    let all = facts.failures().all(|f| f.family == Some(family) && f.layer >= Layer::Dns);
    let several =
        facts.failures().map(|f| (f.layer, &f.subject)).collect::<BTreeSet<_>>().len() > 1;
    let (other, because) = match family {
        Family::Ipv4 => (Family::Ipv6, "everything asked for in IPv4 fails, and the rest answers"),
        Family::Ipv6 => (Family::Ipv4, "everything asked for in IPv6 fails, and the rest answers"),
    };
    let other = facts.family_answers(other) && !facts.family_answers(family);
    (all && several && other)
        .then(|| facts.told(Code::FamilyBroken, first, because, Layer::Dns).likely())
}

/// Nothing outside answers, though a router outside does: the way there and back exists.
fn egress_filtered<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = silent_outside(facts)?;
    facts.failed(&[Code::ReachTimeoutBeyond])?;
    let because = "a firewall outside drops the connections, for a router there answers";
    Some(facts.told(Code::EgressFilteredUpstream, first, because, Layer::Reach).likely())
}

/// Nothing outside answers, not even a router, while the cluster does.
fn egress_snat_broken<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = silent_outside(facts)?;
    let because = "the cluster answers, and nobody outside does, not even a router: for want of \
                   masquerading, or for an egress policy";
    Some(facts.told(Code::EgressSnatBroken, first, because, Layer::Reach).likely())
}

/// The first of the targets outside, if they all keep silent and nothing else fails.
fn silent_outside<'a>(facts: &Facts<'a>) -> Option<&'a Finding> {
    let silent = [
        Code::ReachTimeoutNear,
        Code::ReachTimeoutNode,
        Code::ReachTimeoutBeyond,
        Code::ReachSilent,
    ];
    let works = [Code::DnsHolds, Code::ServiceHolds];
    let cluster = works.iter().any(|code| facts.held(*code).is_some());
    let all = facts.failures().all(|f| silent.contains(&f.code) && is_outside(f));
    let first = facts.failed(&silent)?;
    (cluster && all && facts.answering().is_none()).then_some(first)
}

/// A target that no cluster has inside, with each of its name's addresses.
fn is_outside(finding: &Finding) -> bool {
    let one = finding.evidence.get("address").and_then(Value::as_str);
    let others = finding.evidence.get("alsoFailing").and_then(Value::as_array);
    let others = others.into_iter().flatten().map(Value::as_str);
    std::iter::once(one).chain(others).all(|address| address.and_then(ip).is_some_and(outside))
}

fn ip(text: &str) -> Option<IpAddr> {
    text.parse().or_else(|_| text.parse().map(|to: SocketAddr| to.ip())).ok()
}

fn outside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            !ip.is_private() && !ip.is_link_local() && !ip.is_loopback() && !shared
        }
        IpAddr::V6(ip) => !ip.is_unique_local() && !ip.is_unicast_link_local() && !ip.is_loopback(),
    }
}

/// Names are known, and no connection comes about.
fn egress_only<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let first = facts.failures().min_by_key(|f| (f.code, &f.subject))?;
    let connects = [
        Code::ReachNoRoute,
        Code::ReachSendRefused,
        Code::ReachRejected,
        Code::ReachTimeoutNear,
        Code::ReachTimeoutNode,
        Code::ReachTimeoutBeyond,
        Code::ReachSilent,
    ];
    let all = facts.failures().all(|f| connects.contains(&f.code));
    let several = facts.failures().count() > 1;
    facts.held(Code::DnsHolds)?;
    let because = "names resolve, and not one target can be connected to";
    (all && several && facts.answering().is_none())
        .then(|| facts.told(Code::EgressOnly, first, because, Layer::Reach))
}

/// Addresses are reached, and names are not known: all failures are about DNS.
fn dns_only<'a>(facts: &Facts<'a>) -> Option<Told<'a>> {
    let about_names =
        [Code::ReachNameMissing, Code::ReachNameUnresolved, Code::ServiceNameUnresolved];
    let first = facts.failures().filter(|f| f.layer == Layer::Dns).min_by_key(|f| f.code)?;
    let all = facts.failures().all(|f| f.layer == Layer::Dns || about_names.contains(&f.code));
    facts.answering()?;
    let because = "addresses are reached, and only names are not";
    all.then(|| facts.told(Code::DnsOnly, first, because, Layer::Dns))
}
