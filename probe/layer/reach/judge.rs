//! From what became of the targets to findings: pure. Failures are told one by one, what holds is
//! counted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use super::{
    addresses::{self, Failing},
    outcome::{Outcome, Probe, Seen},
    target::{Families, Target},
    verdict::{Complaint, verdict},
    who::who,
};
use crate::{
    finding::{Code, Finding, Layer, Severity},
    layer::{attempt::Failure, ladder::Lost},
    plan::Plan,
    pod::{Family, Pod},
};

/// Targets that hold and are named in the sentence.
const NAMED: usize = 4;

/// Judges the layer; findings of one code stand together.
#[must_use]
pub fn judge(plan: &Plan, pod: &Pod, seen: &Seen) -> Vec<Finding> {
    let targets = &plan.reach.targets;
    let known: Vec<&Probe> =
        seen.probes.iter().filter(|probe| probe.target < targets.len()).collect();
    let alive: BTreeSet<IpAddr> =
        known.iter().filter(|p| p.heard()).filter_map(|p| Some(p.address?.ip())).collect();
    let judged: Vec<(&Probe, Result<String, Complaint>)> = known
        .iter()
        .map(|probe| {
            let heard = probe.address.is_some_and(|to| alive.contains(&to.ip()));
            (*probe, verdict(&targets[probe.target], pod, probe, heard))
        })
        .collect();
    // Where one family is enough, the other one's failure is none.
    let enough: BTreeSet<usize> = judged
        .iter()
        .filter(|(probe, result)| targets[probe.target].families == Families::Any && result.is_ok())
        .map(|(probe, _)| probe.target)
        .collect();
    let mut held = Held::default();
    let mut complaints: BTreeMap<Code, Vec<Finding>> = BTreeMap::new();
    for group in judged.chunk_by(|(a, _), (b, _)| addresses::of_one_name(targets, a, b)) {
        let at = group[0].0.target;
        let target = &targets[at];
        for (probe, words) in group.iter().filter_map(|(p, r)| Some((p, r.as_ref().ok()?))) {
            held.add(target, probe, words);
            if let Some(slow) = slow(target, probe) {
                complaints.entry(slow.code).or_default().push(slow);
            }
        }
        let found = match Failing::of(target, group) {
            None => None,
            Some(failing) if failing.target_is_reached => failing.beside_others(target),
            Some(_) if enough.contains(&at) => None,
            Some(failing) => Some(finding(target, pod, &failing)),
        };
        if let Some(finding) = found {
            complaints.entry(finding.code).or_default().push(finding);
        }
    }
    let mut findings: Vec<Finding> = held.finding().into_iter().collect();
    findings.extend(complaints.into_values().flatten());
    findings.extend(untried(targets, &known));
    findings
}

/// Targets that nobody tried to reach.
fn untried(targets: &[Target], probes: &[&Probe]) -> Vec<Finding> {
    let tried: BTreeSet<usize> = probes.iter().map(|probe| probe.target).collect();
    let unseen = |(_, target): (usize, &Target)| {
        let reason = format!("reach {}: it was not tried", target.name);
        Finding::unseen(Layer::Reach, &target.name, reason)
    };
    targets.iter().enumerate().filter(|(at, _)| !tried.contains(at)).map(unseen).collect()
}

/// Whether each target is as it should be, by its name; none where that could not be seen.
#[must_use]
pub fn successes(plan: &Plan, pod: &Pod, seen: &Seen) -> BTreeMap<String, Option<bool>> {
    let findings = judge(plan, pod, seen);
    let success = |(at, target): (usize, &Target)| {
        let said = |severity: Severity| {
            findings.iter().any(|f| f.subject == target.name && f.severity == severity)
        };
        let tried = seen.probes.iter().any(|probe| probe.target == at);
        let success = if said(Severity::Fail) {
            Some(false)
        } else {
            (tried && !said(Severity::Unknown)).then_some(true)
        };
        (target.name.clone(), success)
    };
    plan.reach.targets.iter().enumerate().map(success).collect()
}

fn finding(target: &Target, pod: &Pod, failing: &Failing) -> Finding {
    let (probe, (code, told)) = failing.first;
    let tries = if probe.tries > 1 && target.blocked.is_none() {
        format!(" ({} attempts)", probe.tries)
    } else {
        String::new()
    };
    let must = if *code == Code::ReachOpenButBlocked { ", but must be blocked" } else { "" };
    let others = failing.others_told();
    let reason = format!("reach {}: {told}{tries}{must}{others}", label(target, probe));
    let mut finding = Finding::new(*code, &target.name, reason).of(probe.family);
    if !failing.others.is_empty() {
        finding = finding.with("alsoFailing", failing.others_addresses());
    }
    for (name, value) in evidence(pod, probe) {
        finding = finding.with(name, value);
    }
    finding
}

/// The target's name, and its address where the name has it not.
fn label(target: &Target, probe: &Probe) -> String {
    let question = probe
        .question
        .map_or_else(String::new, |(record, over)| format!(" {} over {over}", record.name()));
    let scheme = target.kind.scheme();
    let place = match (probe.address, target.host()) {
        (Some(_), _) => Some(addresses::place(probe)),
        (None, Some(host)) => Some(host.to_string()),
        (None, None) => None,
    };
    match place.filter(|place| !target.name.contains(place.as_str())) {
        Some(place) if target.name.starts_with(scheme) => {
            format!("{} ({place}){question}", target.name)
        }
        Some(place) => format!("{} ({scheme} {place}){question}", target.name),
        None => format!("{}{question}", target.name),
    }
}

/// What a correlation with other layers may need.
fn evidence(pod: &Pod, probe: &Probe) -> Vec<(&'static str, Value)> {
    let mut all: Vec<(&'static str, Value)> = vec![("tries", probe.tries.into())];
    if let Some(to) = probe.address {
        all.push(("address", to.to_string().into()));
    }
    let by = match &probe.outcome {
        Outcome::Not(failure) => failure.by(),
        _ => None,
    };
    if let Some(by) = by {
        let who = format!("{:?}", who(pod, by.address, probe.address.map(|to| to.ip())));
        all.push(("refusedBy", by.address.to_string().into()));
        all.push(("refuser", who.to_lowercase().into()));
        all.push(("icmp", format!("{}/{}", by.icmp_type, by.icmp_code).into()));
    }
    if let Some(trouble) = probe.trouble() {
        all.push(("answeredBy", "envoy".into()));
        all.push(("envoyFlags", trouble.flags.as_str().into()));
    }
    if let Outcome::Not(Failure::Failed { errno, .. }) = &probe.outcome {
        all.push(("errno", errno.as_str().into()));
    }
    if let Some(ladder) = &probe.ladder {
        let (lost, hops, farthest) = match ladder.lost() {
            Lost::Near => ("near", 0, None),
            Lost::AtNode(ip) => ("node", 1, Some(ip)),
            Lost::Beyond { hops, address } => ("beyond", hops, Some(address)),
            Lost::Nowhere => ("nowhere", 0, None),
        };
        all.push(("lost", lost.into()));
        if let Some(farthest) = farthest {
            all.push(("farthestHop", farthest.to_string().into()));
            all.push(("hops", hops.into()));
        }
    }
    all
}

fn slow(target: &Target, probe: &Probe) -> Option<Finding> {
    let limit = target.slow_ms.filter(|_| target.blocked.is_none())?;
    let took = probe.elapsed_us / 1000;
    let reason = || {
        let label = label(target, probe);
        format!("reach {label}: answers after {took} ms, which is more than {limit} ms")
    };
    (took > limit)
        .then(|| Finding::new(Code::ReachSlow, &target.name, reason()).of(probe.family))
        .map(|finding| finding.with("elapsedMs", took))
}

/// What holds.
#[derive(Default)]
struct Held {
    answering: Vec<String>,
    blocked: Vec<String>,
    unchecked: usize,
    families: BTreeSet<Family>,
}

impl Held {
    fn add(&mut self, target: &Target, probe: &Probe, words: &str) {
        let words = if words.is_empty() { String::new() } else { format!(" {words}") };
        let label = label(target, probe);
        if target.blocked.is_some() {
            self.blocked.push(format!("{label}{words}"));
        } else {
            let ms = std::time::Duration::from_micros(probe.elapsed_us).as_secs_f64() * 1000.0;
            self.answering.push(format!("{label}{words} in {ms:.1} ms"));
        }
        self.families.extend(probe.family.filter(|_| target.blocked.is_none()));
        self.unchecked += usize::from(probe.certificate().is_some_and(|c| !c.checked));
    }

    fn finding(self) -> Option<Finding> {
        let (answering, blocked) = (self.answering.len(), self.blocked.len());
        let families: Vec<String> = self.families.iter().map(ToString::to_string).collect();
        if answering + blocked == 0 {
            return None;
        }
        let clause = |what: &str, all: &[String]| match all.len() {
            0 => None,
            n if n <= NAMED => Some(format!("{what}: {}", all.join(", "))),
            n => Some(format!("{what}: {n}, the first is {}", all[0])),
        };
        let parts = [clause("answering", &self.answering), clause("blocked", &self.blocked)];
        let mut reason = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        if self.unchecked > 0 {
            reason += "; without --ca-file, nobody checked who showed the certificate";
        }
        let mut targets = self.answering;
        targets.extend(self.blocked);
        Some(
            Finding::new(Code::ReachHolds, "targets", reason)
                .with("answering", answering)
                .with("blocked", blocked)
                .with("families", families)
                .with("targets", targets),
        )
    }
}
