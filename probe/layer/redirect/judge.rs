//! From what was seen to findings: pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde_json::Value;

use super::{
    aggregate::{Broken, aggregate},
    blind::blind_spots,
    destination::may_be_had,
    flow::{Flow, Promise, Proof, Sender, Transport},
    live::is_proxy,
    outcome::{Dummy, Observed, Outcome, Seen},
    phrase,
    vantage::{Play, Vantage, oddity},
    verdict::{Context, Verdict},
};
use crate::{
    capture::{Capture, Interception},
    finding::{Code, Finding, Severity},
    pod::{Family, Listener},
};

/// Flows listed as evidence of one finding.
pub(super) const LISTED: usize = 8;

/// The layer's findings, and what was proved.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// The findings, broken promises first.
    pub findings: Vec<Finding>,
    /// How many flows hold, by what they prove.
    pub proved: BTreeMap<Proof, usize>,
    /// Proofs that lack in a family all they consist of there.
    pub unproved: BTreeSet<Proof>,
    /// What was tried, but nothing could be told of: probes of this identity that failed.
    pub unclear: BTreeSet<Proof>,
}

/// Judges what the redirect layer saw; `pod` are the pod's own addresses.
#[must_use]
pub fn judge(capture: &Capture, pod: &[IpAddr], seen: &Seen) -> Judged {
    let verdicts = verdicts(capture, pod, seen);
    let mut proved = BTreeMap::new();
    for (observed, verdict) in &verdicts {
        if matches!(verdict, Verdict::Holds | Verdict::Differs(_)) {
            *proved.entry(observed.flow.proof).or_default() += 1;
        }
    }
    let broken = aggregated(capture, seen, &verdicts);
    let mut findings = broken_promises(capture, &broken);
    findings.extend(passthrough_missing(seen, &broken));
    findings.extend(listeners(&seen.dummies));
    findings.extend(identity(capture, &seen.vantage));
    findings.extend(blind_spots(seen, &verdicts));
    let intact = findings.iter().all(|finding| finding.severity != Severity::Fail);
    if intact && !proved.is_empty() {
        findings.push(holds(&proved));
    }
    let (unproved, mut unclear) = lacking(&verdicts);
    unclear.extend(occupied(seen, &unproved));
    Judged { findings, proved, unproved, unclear }
}

/// The flows that were not as promised, each with the code of the finding that it belongs to.
#[must_use]
pub fn broken<'s>(capture: &Capture, pod: &[IpAddr], seen: &'s Seen) -> Vec<(&'s Observed, Code)> {
    aggregated(capture, seen, &verdicts(capture, pod, seen))
}

/// Those of them that are failures.
#[must_use]
pub fn failed<'s>(capture: &Capture, pod: &[IpAddr], seen: &'s Seen) -> Vec<(&'s Observed, Code)> {
    let mut broken = broken(capture, pod, seen);
    broken.retain(|(_, code)| code.meaning().severity == Severity::Fail);
    broken
}

/// Every flow with its verdict, and with the code of the finding that it belongs to.
pub(super) fn settled<'s>(
    capture: &Capture,
    pod: &[IpAddr],
    seen: &'s Seen,
) -> Vec<(&'s Observed, Verdict, Option<Code>)> {
    let verdicts = verdicts(capture, pod, seen);
    let mut broken = aggregated(capture, seen, &verdicts).into_iter();
    let code = |verdict: &Verdict| match verdict {
        Verdict::Holds => None,
        Verdict::Blind(code) => Some(*code),
        // In the order of the verdicts that have one.
        Verdict::Differs(_) | Verdict::Broken(_) => broken.next().map(|(_, code)| code),
    };
    let codes: Vec<Option<Code>> = verdicts.iter().map(|(_, v)| v).map(code).collect();
    verdicts.into_iter().zip(codes).map(|((observed, v), code)| (observed, v, code)).collect()
}

/// What a verdict says, as long as nobody declared otherwise.
pub(super) fn severity(verdict: Verdict, code: Option<Code>) -> Severity {
    match (verdict, code) {
        (Verdict::Holds, _) | (_, None) => Severity::Ok,
        (Verdict::Blind(_), _) => Severity::Unknown,
        (Verdict::Differs(_) | Verdict::Broken(_), Some(code)) => code.meaning().severity,
    }
}

fn aggregated<'s>(
    capture: &Capture,
    seen: &'s Seen,
    verdicts: &[(&'s Observed, Verdict)],
) -> Vec<Broken<'s>> {
    let code = |verdict: &Verdict| match verdict {
        Verdict::Differs(code) | Verdict::Broken(code) => Some(*code),
        Verdict::Holds | Verdict::Blind(_) => None,
    };
    let broken = verdicts.iter().filter_map(|(observed, v)| Some((*observed, code(v)?)));
    let mut broken: Vec<Broken> = broken.collect();
    aggregate(&seen.flows, capture, &mut broken);
    broken
}

fn verdicts<'s>(capture: &Capture, pod: &[IpAddr], seen: &'s Seen) -> Vec<(&'s Observed, Verdict)> {
    let proxy_answers = !matches!(seen.vantage.proxy, Play::Cannot { .. });
    let transparent =
        seen.dummies.iter().any(|dummy| dummy.transparent) || proxy_is_transparent(capture, seen);
    let proxy_by_group = seen.vantage.proxy_by_group(capture);
    let vanishes = vanishes(capture, &seen.flows);
    let live = seen.live.as_deref();
    let deaf = deaf(&seen.flows);
    let untraceable = if live.is_some() { untraceable(&seen.flows) } else { BTreeSet::new() };
    let context = Context {
        capture,
        pod,
        proxy_answers,
        proxy_by_group,
        live,
        transparent,
        vanishes,
        untraceable,
        dialled: !seen.peers.is_empty(),
        deaf,
    };
    let verdicts: Vec<(&Observed, Verdict)> =
        seen.flows.iter().map(|o| (o, context.verdict(o))).collect();
    without_other_versions(&verdicts)
}

/// A running proxy that takes inbound traffic by TPROXY has a transparent listener for it.
fn proxy_is_transparent(capture: &Capture, seen: &Seen) -> bool {
    let takes = |held: &Listener| {
        held.transport == Transport::Tcp
            && held.address.port() == capture.inbound_port
            && is_proxy(capture, held.uid)
    };
    capture.interception == Interception::Tproxy && seen.live.iter().flatten().any(takes)
}

/// Whether packets that TPROXY cannot hand over vanish: by declaration, or because one did.
fn vanishes(capture: &Capture, flows: &[Observed]) -> Option<bool> {
    let vanished = |o: &Observed| {
        matches!(o.flow.promise, Promise::Transparent(_))
            && matches!(o.outcome, Outcome::Silent { .. })
    };
    let declared = capture.native_nftables.map(|native| !native);
    declared.or_else(|| flows.iter().any(vanished).then_some(true))
}

/// The node's probes come from one of the addresses that are known: where that passes, what becomes of
/// the others tells nothing.
fn without_other_versions<'o>(
    verdicts: &[(&'o Observed, Verdict)],
) -> Vec<(&'o Observed, Verdict)> {
    let from_node = |o: &Observed| o.flow.sender == Sender::Outside && o.flow.source.is_some();
    let passes = |to| {
        let mut holding = verdicts.iter().filter(|(o, v)| from_node(o) && *v == Verdict::Holds);
        holding.any(|(o, _)| o.flow.destination == to)
    };
    let settled = |(o, verdict): &(&'o Observed, Verdict)| {
        let other = from_node(o)
            && *verdict == Verdict::Broken(Code::ExclusionMissing)
            && passes(o.flow.destination);
        (*o, if other { Verdict::Blind(Code::NotObservable) } else { *verdict })
    };
    verdicts.iter().map(settled).collect()
}

/// Families in which nobody was seen to hold a connection from outside.
fn untraceable(flows: &[Observed]) -> BTreeSet<Family> {
    let outside = || flows.iter().filter(|o| o.flow.sender == Sender::Outside);
    let traced = |o: &&Observed| matches!(o.outcome, Outcome::Taken { .. });
    let traced: BTreeSet<Family> = outside().filter(traced).map(|o| o.flow.family).collect();
    outside().map(|o| o.flow.family).filter(|family| !traced.contains(family)).collect()
}

/// Families in which every packet from outside was met with silence.
fn deaf(flows: &[Observed]) -> BTreeSet<Family> {
    let sent = || {
        flows.iter().filter(|o| {
            o.flow.sender == Sender::Outside && !matches!(o.outcome, Outcome::NotSent { .. })
        })
    };
    let silent = |o: &&Observed| matches!(o.outcome, Outcome::Silent { .. });
    let heard: BTreeSet<Family> = sent().filter(|o| !silent(o)).map(|o| o.flow.family).collect();
    sent().map(|o| o.flow.family).filter(|family| !heard.contains(family)).collect()
}

/// What is not proved in some family, and what some kind of probe could tell nothing of. One
/// family, sender or transport does not speak for another.
fn lacking(verdicts: &[(&Observed, Verdict)]) -> (BTreeSet<Proof>, BTreeSet<Proof>) {
    let kind = |f: &Flow| (f.proof, f.family, f.sender, f.transport);
    // DNS has rules for each transport; port 53 of the proxy on loopback is but a hint at them, and an
    // answer from outside but a preparation.
    let dns = |f: &Flow| (f.proof == Proof::Dns).then_some((f.sender, f.transport));
    let in_family = |f: &Flow| (f.proof, f.family, dns(f));
    let a_hint = |f: &&Flow| f.proof == Proof::Dns && f.sender != Sender::App;
    let holds = |v: &Verdict| matches!(v, Verdict::Holds | Verdict::Differs(_));
    let held = || verdicts.iter().filter(|(_, v)| holds(v)).map(|(o, _)| &o.flow);
    let proved: BTreeSet<_> = held().map(in_family).collect();
    let of_kind: BTreeSet<_> = held().map(kind).collect();
    let all = verdicts.iter().map(|(observed, _)| &observed.flow).filter(|f| !a_hint(f));
    let unproved = all.filter(|f| !proved.contains(&in_family(f))).map(|f| f.proof);
    // A reset came from somewhere: a rule that leads to a dead port concerns this one destination.
    // Not so at an address that somebody may have: a node answers for services itself (IPVS).
    let alone = |o: &Observed| {
        matches!(o.outcome, Outcome::Refused { .. }) && !may_be_had(o.flow.destination.ip())
    };
    let unclear = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Blind(Code::ProbeFailed))
        .filter(|(observed, _)| alone(observed) || !of_kind.contains(&kind(&observed.flow)))
        .map(|(observed, _)| observed.flow.proof);
    (unproved.collect(), unclear.collect())
}

/// Proofs of which nothing holds in some family because somebody else has the port where they would
/// show: his is then what the pod's traffic meets.
fn occupied(seen: &Seen, unproved: &BTreeSet<Proof>) -> BTreeSet<Proof> {
    let taken = |flow: &Flow| {
        let (Promise::Captured(port) | Promise::Transparent(port)) = flow.promise else {
            return false;
        };
        let here = |d: &Dummy| d.error.is_some() && (d.port, d.family) == (port, flow.family);
        seen.dummies.iter().any(here)
    };
    let unsent = |o: &&Observed| {
        let plays = !matches!(seen.vantage.play(o.flow.sender), Play::Cannot { .. });
        plays && matches!(o.outcome, Outcome::NotSent { .. }) && taken(&o.flow)
    };
    // What arrives is not for everybody to make, and port 53 of the proxy on loopback is but a hint.
    let counts = |f: &Flow| {
        f.sender != Sender::Outside && !(f.proof == Proof::Dns && f.sender == Sender::Proxy)
    };
    let proofs = seen.flows.iter().filter(unsent).map(|o| &o.flow).filter(|f| counts(f));
    proofs.map(|flow| flow.proof).filter(|proof| unproved.contains(proof)).collect()
}

/// Codes that are told apart for what arrives from outside: those of single flows.
const SPLIT: [Code; 7] = [
    Code::InboundEscaped,
    Code::InboundWrongPort,
    Code::ExclusionCaptured,
    Code::ExclusionMissing,
    Code::CaptureDropped,
    Code::CaptureRefused,
    Code::TrafficDiverted,
];

/// One finding a code and family, its reason told by its first flow; where nothing at all is
/// redirected, one for all families.
fn broken_promises(capture: &Capture, broken: &[Broken]) -> Vec<Finding> {
    let mut groups: BTreeMap<(Code, Option<Family>, bool), Vec<&Observed>> = BTreeMap::new();
    for (observed, code) in broken {
        let family = (*code != Code::RedirectMissing).then_some(observed.flow.family);
        // Other rules act on what arrives.
        let outside = SPLIT.contains(code) && observed.flow.sender == Sender::Outside;
        groups.entry((*code, family, outside)).or_default().push(observed);
    }
    groups.into_iter().map(|((code, ..), flows)| broken_promise(capture, code, &flows)).collect()
}

fn broken_promise(capture: &Capture, code: Code, flows: &[&Observed]) -> Finding {
    let first = flows[0];
    let families: BTreeSet<Family> = flows.iter().map(|o| o.flow.family).collect();
    let families: Vec<Family> = families.into_iter().collect();
    let told = format!("{}{}", phrase::common(code, &families, capture), phrase::broken(first));
    let reason = match flows.len() {
        1 => told,
        2 => format!("{told} (and 1 more flow)"),
        n => format!("{told} (and {} more flows)", n - 1),
    };
    let listed: Vec<Value> = flows.iter().take(LISTED).map(|o| phrase::evidence(o)).collect();
    Finding::new(code, phrase::subject(&first.flow), reason)
        .of((families.len() == 1).then_some(families[0]))
        .with("flows", listed)
        .with("count", flows.len())
}

/// The mesh puts `::6` on lo whoever looks; where no IPv6 rule works, that is the greater fact.
fn passthrough_missing(seen: &Seen, broken: &[Broken]) -> Option<Finding> {
    let greater = [Code::InboundAddressMissing, Code::RedirectMissing, Code::RedirectFamilyMissing];
    let told = broken.iter().any(|(o, c)| o.flow.family == Family::Ipv6 && greater.contains(c));
    let reason =
        "look for ::6 on lo: it is not there, so that the mesh's IPv6 passthrough is broken";
    (seen.passthrough_v6 == Some(false) && !told)
        .then(|| Finding::new(Code::InboundAddressMissing, "::6", reason).of(Some(Family::Ipv6)))
}

fn identity(capture: &Capture, vantage: &Vantage) -> Option<Finding> {
    let told = oddity(capture, vantage)?;
    let subject = format!("{}:{}", vantage.uid, vantage.gid);
    Some(Finding::new(Code::IdentityDiffers, subject, told))
}

/// The first listener of each kind of trouble.
fn listeners(dummies: &[Dummy]) -> Vec<Finding> {
    let taken = dummies.iter().find(|d| d.error.as_deref() == Some("EADDRINUSE"));
    let failed =
        dummies.iter().find(|d| d.error.as_deref().is_some_and(|error| error != "EADDRINUSE"));
    let taken = taken.map(|dummy| {
        let owner = match dummy.owner_uid {
            Some(uid) => format!("a process of uid {uid}"),
            None => "a process that the kernel does not name".to_owned(),
        };
        let what = format!("port {}", dummy.port);
        let reason = format!("bind {} {what}: {owner} already listens there", dummy.transport);
        Finding::new(Code::ListenerPortTaken, what, reason)
            .of(Some(dummy.family))
            .with("ownerUid", dummy.owner_uid)
    });
    let failed = failed.map(|dummy| {
        let what = format!("port {}", dummy.port);
        let error = dummy.error.as_deref().unwrap_or_default();
        let reason = format!("listen on {} {} {what}: {error}", dummy.family, dummy.transport);
        Finding::new(Code::ListenerFailed, what, reason).of(Some(dummy.family))
    });
    taken.into_iter().chain(failed).collect()
}

fn holds(proved: &BTreeMap<Proof, usize>) -> Finding {
    let parts: Vec<String> =
        proved.iter().map(|(proof, count)| format!("{} {count}", proof.name())).collect();
    let total: usize = proved.values().sum();
    let reason = format!("{total} flows went as promised: {}", parts.join(", "));
    Finding::new(Code::RedirectHolds, "redirect", reason)
}
