//! From a recording to its report: pure, the same on the pod and on another machine.

#[cfg(test)]
mod proof_tests;
mod refused;
mod shorten;
mod unmet;

use std::{borrow::Cow, net::IpAddr};

use crate::{
    cause::cause,
    detect::Detected,
    finding::{Code, Finding, Layer, Severity, declared},
    layer::{
        dns, link, mtu, node, reach,
        redirect::{self, Judged, Proof},
        route, service,
    },
    plan::{Mode, Plan},
    pod::{Family, Pod},
    record::{Course, Recording, Seen},
    report::{REPORT_VERSION, Report, Verdict, duration, next},
    rules,
};

/// Exit code for a required proof that could not be made.
const EXIT_PROOF: u8 = 5;
/// Exit code for what held and then broke within `--stable-for`.
const EXIT_BROKE: u8 = 90;
/// Added to a signal's number, as shells do.
const EXIT_SIGNAL: i32 = 128;

/// Judges a recording.
#[must_use]
pub fn judge(recording: &Recording) -> Report {
    let Recording { plan, seen, course, .. } = recording;
    let Judged { mut findings, proved, unproved, unclear } =
        seen.as_ref().map(|s| look(plan, s)).unwrap_or_default();
    findings.extend(late(course));
    declared::declare(&plan.severity, &mut findings);
    // Of a look that was cut, nobody knows what it would have proved.
    if let Some(seen) = seen.as_ref().filter(|_| !course.cut) {
        let plan = &before_awaiting(plan, seen);
        let unmet = unmet::unmet(plan, &findings, &proved, &(&unproved, &unclear));
        findings.extend(unmet.or_else(|| unmet::unreached(plan, seen, &findings)));
    }
    let cause = cause(&findings);
    let verdict = match &cause {
        _ if seen.is_none() => Verdict::Unknown,
        None if course.cut => Verdict::Unknown,
        None => Verdict::Ok,
        Some(cause) if cause.code == Code::ProofRequired => Verdict::Unknown,
        Some(_) => Verdict::Fail,
    };
    let exit_code = match (course.signal, plan.mode) {
        (Some(signal), _) => u8::try_from(EXIT_SIGNAL.saturating_add(signal)).unwrap_or(u8::MAX),
        (None, Mode::Warn | Mode::Off) => 0,
        (None, Mode::Enforce) => match (verdict, &cause) {
            (Verdict::Ok, _) | (_, None) => 0,
            _ if course.broke => EXIT_BROKE,
            (Verdict::Unknown, _) => EXIT_PROOF,
            (Verdict::Fail, Some(cause)) if cause.layer == Layer::Redirect => {
                plan.redirect_exit_code
            }
            (Verdict::Fail, Some(cause)) => cause.code.exit_code(cause.layer),
        },
    };
    let reached =
        |layer: &Layer| *layer == Layer::Link || seen.as_ref().is_some_and(|seen| seen.has(*layer));
    Report {
        schema_version: REPORT_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: plan.command.clone(),
        mesh: plan.mesh.clone(),
        uid: seen.as_ref().map(|s| s.pod.identity.uid),
        gid: seen.as_ref().map(|s| s.pod.identity.gid),
        families: seen.as_ref().map(|s| plan.addresses(&s.pod).families).unwrap_or_default(),
        addresses: seen.as_ref().map(|s| own_addresses(&s.pod)).unwrap_or_default(),
        verdict,
        exit_code,
        next: next::next(cause.as_ref(), &findings, plan, seen.as_ref()),
        cause,
        findings: shorten::shortened(&findings),
        proofs: proved.values().sum(),
        proved,
        flows: seen.as_ref().filter(|_| plan.flows).map(|s| flows(plan, s)).unwrap_or_default(),
        not_reached: plan.layers.iter().copied().filter(|layer| !reached(layer)).collect(),
        not_asked: Layer::IN_THE_POD.into_iter().filter(|layer| !plan.asks(*layer)).collect(),
        attempts: course.attempts,
        elapsed_ms: course.elapsed_ms,
        ready_ms: course.ready_ms,
        signal: course.signal,
        broke: course.broke,
    }
}

/// Every flow of the redirect layer.
#[must_use]
pub fn flows(plan: &Plan, seen: &Seen) -> Vec<redirect::FlowShown> {
    let Some(redirect) = &seen.redirect else { return Vec::new() };
    let own = plan.addresses(&seen.pod).pod;
    redirect::shown(&plan.capture, &seen.pod, &own, &plan.severity, redirect)
}

/// What is still to be waited for is not required yet.
fn before_awaiting<'p>(plan: &'p Plan, seen: &Seen) -> Cow<'p, Plan> {
    let mut plan = Cow::Borrowed(plan);
    if plan.await_inbound.is_some() && seen.awaited.is_none() {
        plan.to_mut().require.retain(|proof| *proof != Proof::Arriving);
    }
    plan
}

/// What the pod waited for, where it came late.
fn late(course: &Course) -> Option<Finding> {
    let (ready_ms, missing) = (course.ready_ms?, course.last_missing.as_ref()?);
    let reason = format!(
        "the network was ready {} after the start; until then {}: {}",
        duration(ready_ms),
        missing.code,
        missing.reason
    );
    let finding = Finding::new(Code::NetworkLate, "network", reason);
    Some(Finding { layer: missing.layer, ..finding }.with("missing", missing.code.name()))
}

/// The pod's global addresses, IPv4 first.
fn own_addresses(pod: &Pod) -> Vec<IpAddr> {
    let both = [Family::Ipv4, Family::Ipv6];
    both.into_iter().flat_map(|family| pod.global_addresses(family)).collect()
}

/// The findings and proofs of one look.
#[must_use]
pub fn look(plan: &Plan, seen: &Seen) -> Judged {
    let mut judged = Judged { findings: before_redirect(plan, seen), ..Judged::default() };
    judged.findings.extend(which_mesh(plan, seen));
    if let Some(redirect_seen) = &seen.redirect {
        let addresses = plan.addresses(&seen.pod);
        let mut redirect = redirect::judge(&plan.capture, &addresses.pod, redirect_seen);
        if let Some(rules_seen) = &seen.rules {
            rules::explain(plan, seen, rules_seen, &mut redirect.findings);
            redirect.findings.extend(rules::mixed(&rules_seen.dump));
        }
        if let Some(wanted) = plan.capture.marked_route {
            let missing = redirect::judge_marked_route(wanted, &addresses.families, &seen.pod);
            if missing.iter().any(|finding| finding.severity == Severity::Fail) {
                redirect.findings.retain(|finding| finding.code != Code::RedirectHolds);
            }
            redirect.findings.extend(missing);
        }
        if redirect.findings.iter().any(|finding| finding.evidence.contains_key("flows")) {
            redirect::draw(&mut redirect.findings, redirect_seen, &flows(plan, seen));
        }
        judged.findings.extend(redirect.findings);
        judged = Judged { findings: judged.findings, ..redirect };
        if let Some(awaited) = &seen.awaited {
            let finding = redirect::judge_awaited(&plan.capture, &addresses.pod, awaited);
            if finding.severity == Severity::Ok {
                *judged.proved.entry(Proof::Arriving).or_default() += 1;
                judged.unproved.remove(&Proof::Arriving);
            } else {
                judged.findings.retain(|finding| finding.code != Code::RedirectHolds);
                judged.unclear.insert(Proof::Arriving);
            }
            judged.findings.push(finding);
        }
    }
    if let Some(dns_seen) = &seen.dns {
        judged.findings.extend(dns::judge(plan, &seen.pod, dns_seen));
    }
    if let Some([before, after]) = &seen.tracking {
        judged.findings.extend(dns::judge_drops(before, after));
    }
    if let Some(service_seen) = &seen.service {
        judged.findings.extend(service::judge(plan, &seen.pod, service_seen));
    }
    if let Some(reach_seen) = &seen.reach {
        judged.findings.extend(reach::judge(plan, &seen.pod, reach_seen));
    }
    if let Some(mtu_seen) = &seen.mtu {
        judged.findings.extend(mtu::judge(&seen.pod, mtu_seen));
    }
    if let Some(node_seen) = &seen.node {
        judged.findings.extend(node::judge(plan, node_seen));
    }
    refused::blind(&seen.pod, &mut judged);
    declared::declare(&plan.severity, &mut judged.findings);
    judged
}

/// What was decided where no mesh was declared.
fn which_mesh(plan: &Plan, seen: &Seen) -> Option<Finding> {
    if let Some(Detected { mesh, because }) = &plan.detected {
        let reason = format!("this is {mesh}: {because}");
        return Some(Finding::new(Code::MeshDetected, mesh, reason));
    }
    let uid = seen.pod.identity.uid;
    let reason = format!(
        "tell which mesh this is: no annotation, policy rule, listener, and nothing that uid {uid} sends shows one"
    );
    // For the other layers it is enough that nothing takes what is sent.
    let asked = plan.asks(Layer::Redirect);
    let undecided = asked && !plan.candidates.is_empty() && seen.survey.is_some();
    undecided.then(|| Finding::new(Code::MeshNotDetected, "mesh", reason))
}

/// The findings of the layers that redirection stands on.
#[must_use]
pub fn before_redirect(plan: &Plan, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    if plan.asks(Layer::Link) {
        findings.extend(link::judge(plan, &seen.pod, &seen.environment));
        if let Some([before, after]) = &seen.losses {
            findings.extend(link::judge_losses(before, after));
        }
        if let Some(asked) = &seen.claims {
            findings.extend(link::judge_claims(&seen.pod, asked));
        }
    }
    if let Some(routes) = &seen.route {
        findings.extend(route::judge(plan, &seen.pod, &seen.environment, routes));
    }
    declared::declare(&plan.severity, &mut findings);
    findings
}
