//! From what was seen of resolv.conf and its nameservers to findings: pure.

use std::{collections::BTreeSet, fmt::Write, net::IpAddr};

use super::{
    judge_environment, judge_file, judge_loss, judge_names,
    names::{self, Knows},
    outcome::{Nameserver, Outcome, Purpose, Seen},
    path, pinned, zone,
};
use crate::{
    finding::{Code, Finding, Layer, Severity},
    plan::Plan,
    pod::{Family, Pod, Transport, resolv_conf::Reader},
};

/// Judges the layer.
#[must_use]
pub fn judge(plan: &Plan, pod: &Pod, seen: &Seen) -> Vec<Finding> {
    let mut findings = judge_file::judge(plan, pod, seen);
    findings.extend(judge_environment::judge(plan, seen));
    findings.extend(pinned::judge(plan, seen));
    findings.extend(paths(seen));
    let in_cluster: Vec<(&Nameserver, Knows)> =
        seen.nameservers.iter().filter_map(|s| Some((s, names::cluster(s)?))).collect();
    findings.extend(cluster(plan, seen, &in_cluster));
    for name in plan.dns.names().filter(|name| !pinned::pinned(seen, name)) {
        findings.extend(one_name(plan, seen, &in_cluster, name));
    }
    findings.extend(judge_names::judge(plan, seen));
    for server in &seen.nameservers {
        let losses = judge_loss::judge(server, seen.reading(Reader::Glibc).timeout).into_iter();
        findings.extend(losses.map(|finding| finding.of(Some(Family::of(server.address)))));
        findings.extend(names::oddities(server));
        findings.extend(truncated(server));
    }
    findings.extend(mismatch(plan, seen));
    findings.extend(masked(seen));
    let unasked = unasked(plan, seen);
    let broken = findings.iter().any(|finding| finding.severity == Severity::Fail);
    let proved = !broken && unasked.is_empty();
    findings.extend(unasked);
    findings.extend(proved.then(|| holds(plan, seen)).flatten());
    findings
}

fn answers(server: &Nameserver) -> bool {
    let over = |transport| server.path(transport).is_some_and(|asked| asked.reply().is_some());
    over(Transport::Udp) || over(Transport::Tcp)
}

fn paths(seen: &Seen) -> Vec<Finding> {
    let servers = &seen.nameservers;
    let one = |server: &Nameserver| {
        let others = servers.iter().filter(|other| other.configured && answers(other));
        path::judge(server, others.count() > usize::from(server.configured && answers(server)))
    };
    servers.iter().filter_map(one).collect()
}

/// The cluster's zone, which every nameserver must know, for any may be asked.
fn cluster(plan: &Plan, seen: &Seen, known: &[(&Nameserver, Knows)]) -> Vec<Finding> {
    let yes = known.iter().any(|(_, knows)| *knows == Knows::Yes);
    let outside = plan
        .dns
        .names()
        .any(|name| seen.nameservers.iter().any(|s| names::name(s, name) == Some(Knows::Yes)));
    let failing = known.iter().filter_map(|(server, knows)| {
        let (code, reason) = match knows {
            Knows::Yes | Knows::Unclear => return None,
            Knows::No(reason) | Knows::Fails(_, reason) if yes => (Code::DnsSplitBrain, reason),
            Knows::No(reason) => (Code::DnsClusterZoneMissing, reason),
            Knows::Fails(_, reason) if outside => (Code::DnsClusterZoneDown, reason),
            Knows::Fails(code, reason) => (*code, reason),
        };
        Some(said(server, code, reason, yes))
    });
    failing.collect()
}

fn said(server: &Nameserver, code: Code, reason: &str, disagree: bool) -> Finding {
    let tail = if disagree { "; another nameserver has an address" } else { "" };
    let subject = server.address.to_string();
    Finding::new(code, subject, format!("{reason}{tail}")).of(Some(Family::of(server.address)))
}

fn one_name(
    plan: &Plan,
    seen: &Seen,
    in_cluster: &[(&Nameserver, Knows)],
    name: &str,
) -> Vec<Finding> {
    let known = seen.nameservers.iter().filter_map(|s| Some((s, names::name(s, name)?)));
    let known: Vec<_> = known.collect();
    let yes = known.iter().any(|(_, knows)| *knows == Knows::Yes);
    let zone = zone(&plan.dns, &seen.file);
    let bare = name.trim_end_matches('.');
    let inside = zone.is_some_and(|zone| bare.ends_with(&format!(".{zone}")));
    let failing = known.iter().filter_map(|(server, knows)| {
        let cluster_works =
            in_cluster.iter().any(|(s, k)| s.address == server.address && *k == Knows::Yes);
        let (code, reason) = match knows {
            Knows::Yes | Knows::Unclear => return None,
            Knows::No(reason) | Knows::Fails(_, reason) if yes => (Code::DnsSplitBrain, reason),
            Knows::No(reason) => (Code::DnsNameMissing, reason),
            Knows::Fails(_, reason) if cluster_works && !inside => (Code::DnsUpstreamDown, reason),
            Knows::Fails(code, reason) => (*code, reason),
        };
        let mut finding = Finding { subject: name.to_owned(), ..said(server, code, reason, yes) };
        let walks = judge_names::walks(seen, name, server);
        if code == Code::DnsNameMissing {
            let cost = judge_names::cost(&walks);
            let _ = write!(finding.reason, "; {cost} queries in vain");
        }
        Some(finding.with("walks", judge_names::evidence(&walks)))
    });
    failing.collect()
}

/// A truncated answer to a configured name, and no way to the whole one.
fn truncated(server: &Nameserver) -> Vec<Finding> {
    let cut = server.asked.iter().filter_map(|asked| {
        let Purpose::Name(name) = &asked.purpose else { return None };
        asked.reply().filter(|reply| reply.truncated && asked.transport == Transport::Udp)?;
        let same = |other: &&super::Asked| {
            other.transport == Transport::Tcp && other.question == asked.question
        };
        let again = server.asked.iter().filter(|a| a.purpose == asked.purpose).find(same)?;
        if again.reply().is_some() || matches!(again.outcome, Outcome::Masked { .. }) {
            return None;
        }
        let reason = format!(
            "ask {} for {} {}: UDP is truncated, TCP {}",
            server.address,
            asked.question.name,
            asked.question.record.name(),
            path::happened(&again.outcome)
        );
        Some(
            Finding::new(Code::DnsTruncatedNoTcp, name, reason)
                .of(Some(Family::of(server.address))),
        )
    });
    cut.collect()
}

/// The API server's address according to DNS and to the environment.
fn mismatch(plan: &Plan, seen: &Seen) -> Option<Finding> {
    let wanted = plan.service?.ip();
    let (server, found) = seen.nameservers.iter().find_map(|server| {
        let found: Vec<IpAddr> = cluster_addresses(server);
        let same_family = found.iter().any(|ip| Family::of(*ip) == Family::of(wanted));
        (same_family && !found.contains(&wanted)).then_some((server, found))
    })?;
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    let reason = format!(
        "ask {} for kubernetes.default: {}, but KUBERNETES_SERVICE_HOST is {wanted}",
        server.address,
        found.join(", ")
    );
    Some(Finding::new(Code::DnsApiMismatch, server.address.to_string(), reason))
}

fn cluster_addresses(server: &Nameserver) -> Vec<IpAddr> {
    let of = [Purpose::Path, Purpose::Aaaa];
    of.iter().filter_map(|p| server.reply(p)).flat_map(|r| r.addresses.clone()).collect()
}

/// What there was no time to ask for, where it would have decided something: the way to a
/// nameserver, and names under test of which none is known to have an address.
fn unasked(plan: &Plan, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tell = |subject: &str, what: String| {
        let reason = format!("{what}: the deadline came before the question");
        findings.push(Finding::unseen(Layer::Dns, subject, reason));
    };
    for server in &seen.nameservers {
        let unasked = |transport| {
            server.path(transport).is_some_and(|asked| asked.outcome == Outcome::Unasked)
        };
        if unasked(Transport::Udp) || unasked(Transport::Tcp) {
            tell(&server.address.to_string(), format!("ask {}", server.address));
        }
    }
    for name in plan.dns.names().filter(|name| !pinned::pinned(seen, name)) {
        let known = || seen.nameservers.iter().filter_map(|s| names::name(s, name));
        if known().any(|knows| knows == Knows::Unclear) && known().all(|k| k == Knows::Unclear) {
            tell(name, format!("ask for {name}"));
        }
    }
    findings
}

/// Who could not be asked, and whom it would take.
fn masked(seen: &Seen) -> Option<Finding> {
    let mut over: Vec<String> = Vec::new();
    let mut why = None;
    for server in &seen.nameservers {
        for asked in server.asked.iter().filter(|asked| asked.purpose == Purpose::Path) {
            if let Outcome::Masked { reason } = &asked.outcome {
                over.push(format!("{} over {}", server.address, asked.transport));
                why = Some(reason);
            }
        }
    }
    let reason = format!("ask {}: the mesh would answer: {}", over.join(", "), why?);
    Some(Finding::new(Code::DnsMasked, "nameservers", reason))
}

/// What is proved where nothing failed; none where nobody could be asked.
fn holds(plan: &Plan, seen: &Seen) -> Option<Finding> {
    let over = |server: &Nameserver| {
        let answered = [Transport::Udp, Transport::Tcp].into_iter().filter(|transport| {
            server.path(*transport).is_some_and(|asked| asked.reply().is_some())
        });
        let names: Vec<String> = answered.map(|transport| transport.to_string()).collect();
        (!names.is_empty()).then(|| format!("{} over {}", server.address, names.join(" and ")))
    };
    let servers: Vec<String> = seen.nameservers.iter().filter_map(over).collect();
    if servers.is_empty() {
        return None;
    }
    let mut reason = format!("answered by {}", servers.join(", "));
    let first = seen.nameservers.iter().map(cluster_addresses).find(|found| !found.is_empty());
    if let (Some(zone), Some(found)) = (zone(&plan.dns, &seen.file), first) {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let _ = write!(reason, "; kubernetes.default.svc.{zone} is {}", found.join(", "));
    }
    let schema = seen.nameservers.iter().find_map(|s| s.reply(&Purpose::Schema)?.texts.first());
    if let Some(version) = schema {
        let _ = write!(reason, "; DNS schema {version}");
    }
    let answering = seen.nameservers.iter().filter(|server| answers(server));
    let families: BTreeSet<String> =
        answering.map(|server| Family::of(server.address).to_string()).collect();
    let families = Vec::from_iter(families);
    Some(Finding::new(Code::DnsHolds, "nameservers", reason).with("families", families))
}
