//! What was asked for and not seen: "could not look" must not read as "yes".

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    finding::{Code, Finding, Layer, Severity, declared},
    layer::redirect::Proof,
    plan::Plan,
    record::Seen,
};

/// How little an unknown explains that these proofs are missing: least, a sender who could not be
/// played and whose flows would not have proved them.
fn remoteness(finding: &Finding, missing: &[&str]) -> u8 {
    let proofs = finding.evidence.get("proofs").and_then(Value::as_array);
    let concerns = |proofs: &Vec<Value>| {
        proofs.iter().filter_map(Value::as_str).any(|proof| missing.contains(&proof))
    };
    match (finding.code, proofs) {
        (
            Code::ProbeRewritten | Code::ProbeExempt | Code::ProbeNotSeen | Code::ListenerPortTaken,
            _,
        ) => 0,
        (Code::NotObservable, None) => 2,
        (Code::NotObservable, Some(proofs)) if concerns(proofs) => 3,
        (Code::NotObservable, Some(_)) => 4,
        _ => 1,
    }
}

/// Proofs that were asked for and not made. Where redirection was asked for, at least one proof
/// is, and each one that this identity can try; and so is a look at each layer above it.
pub(super) fn unmet(
    plan: &Plan,
    findings: &[Finding],
    proved: &BTreeMap<Proof, usize>,
    (unproved, unclear): &(&BTreeSet<Proof>, &BTreeSet<Proof>),
) -> Option<Finding> {
    if findings.iter().any(|f| f.severity == Severity::Fail) {
        return None;
    }
    let redirect = plan.asks(Layer::Redirect);
    let lacks = |p: &&Proof| !proved.contains_key(p) || unproved.contains(p);
    let required = plan.require.iter().filter(lacks);
    let missing: BTreeSet<&str> = required.chain(*unclear).map(|proof| proof.name()).collect();
    let missing: Vec<&str> = missing.into_iter().collect();
    let unseen = ABOVE.iter().find_map(|layer| unseen(plan, findings, *layer));
    let matters = |f: &&Finding| match f.layer {
        Layer::Redirect => true,
        Layer::Link | Layer::Route => !redirect,
        above => !redirect && unseen.is_some_and(|unseen| unseen.layer == above),
    };
    let unknown = findings
        .iter()
        .filter(|f| f.severity == Severity::Unknown)
        .filter(matters)
        .min_by_key(|f| remoteness(f, &missing));
    if !redirect && unknown.is_none() {
        return None;
    }
    // A failure that was declared not to be one has been looked at all the same.
    let lowered = findings.iter().find(|f| f.layer == Layer::Redirect && declared::is_lowered(f));
    let why = unknown.or(lowered).map_or("nothing was observed", |f| &f.reason);
    let reason = if !missing.is_empty() {
        format!("prove {}: {why}", missing.join(", "))
    } else if !redirect {
        format!("look at what was asked for: {why}")
    } else if proved.is_empty() && lowered.is_none() {
        format!("prove anything about redirection: {why}")
    } else if let Some(unseen) = unseen {
        format!("look at {}: {}", subject(unseen.layer), unseen.reason)
    } else {
        return None;
    };
    let spoken_of =
        if missing.is_empty() && !proved.is_empty() { unseen.or(unknown) } else { unknown };
    let mut finding = Finding::new(Code::ProofRequired, "--require", reason);
    if let Some(unknown) = spoken_of {
        finding.hint.clone_from(&unknown.hint);
    }
    Some(finding)
}

/// The layers above redirection.
const ABOVE: [Layer; 5] = [Layer::Dns, Layer::Service, Layer::Reach, Layer::Mtu, Layer::Node];

/// A layer that was asked for and of which nothing is known, although nothing is broken that would have
/// ended the look before: what nobody looked at holds no more than what nobody could look at.
pub(super) fn unreached(plan: &Plan, seen: &Seen, findings: &[Finding]) -> Option<Finding> {
    if findings.iter().any(|f| f.severity == Severity::Fail || declared::is_lowered(f)) {
        return None;
    }
    let told = |layer: Layer| {
        // What redirection proves is counted, and without targets there is nothing to reach.
        layer == Layer::Redirect
            || (layer == Layer::Reach && plan.reach.targets.is_empty())
            || findings.iter().any(|f| f.layer == layer && tells(f))
    };
    let silent = |layer: &Layer| !seen.has(*layer) || !told(*layer);
    let layer = plan.layers.iter().copied().find(silent)?;
    let reason = format!("look at {}: nothing was seen", subject(layer));
    Some(Finding::new(Code::ProofRequired, "--require", reason))
}

/// Whether it is told of what was looked at itself: not of a file that names it.
fn tells(finding: &Finding) -> bool {
    let answers = finding.layer == Layer::Service && finding.severity == Severity::Warn;
    answers || finding.code == holds(finding.layer) || finding.severity == Severity::Unknown
}

/// What says that something of the layer is as it should be.
fn holds(layer: Layer) -> Code {
    match layer {
        Layer::Link => Code::LinkHolds,
        Layer::Route => Code::RouteHolds,
        Layer::Redirect => Code::RedirectHolds,
        Layer::Dns => Code::DnsHolds,
        Layer::Service => Code::ServiceHolds,
        Layer::Reach => Code::ReachHolds,
        Layer::Mtu => Code::MtuHolds,
        Layer::Node => Code::NodeHolds,
    }
}

/// What could not be looked at in a layer that was asked for. Among nameservers and among the
/// peers of full packets one answer is enough; targets and the API server were each meant.
fn unseen<'f>(plan: &Plan, findings: &'f [Finding], layer: Layer) -> Option<&'f Finding> {
    let enough = match layer {
        Layer::Dns => Some(Code::DnsHolds),
        Layer::Mtu => Some(Code::MtuHolds),
        _ => None,
    };
    let seen = findings.iter().any(|finding| Some(finding.code) == enough);
    let unknown = |f: &&Finding| f.layer == layer && f.severity == Severity::Unknown;
    let missed = |f: &&Finding| plan.by_name.contains(&layer) || !is_nobody(f);
    findings.iter().filter(unknown).find(missed).filter(|_| plan.asks(layer) && !seen)
}

/// Nobody was named to be looked at, as outside of Kubernetes: that is missed by who asked for the
/// layer by its name.
fn is_nobody(finding: &Finding) -> bool {
    let none = || finding.evidence.get("peers").and_then(Value::as_u64) == Some(0);
    finding.code == Code::ServiceUnset || (finding.code == Code::MtuUntested && none())
}

/// What a layer looks at, as the object of a sentence.
fn subject(layer: Layer) -> &'static str {
    match layer {
        Layer::Link => "the links",
        Layer::Route => "the routes",
        Layer::Redirect => "redirection",
        Layer::Dns => "the nameservers",
        Layer::Service => "the API server",
        Layer::Reach => "every target",
        Layer::Mtu => "packet sizes",
        Layer::Node => "the node",
    }
}
