//! One look at everything that was asked for, layer by layer.

use std::time::{Duration, Instant};

use crate::{
    detect,
    finding::{Finding, Layer, Severity},
    judge,
    layer::{dns, link, mtu, node, reach, redirect, route, service},
    plan::{Extra, Listeners, Plan},
    pod::{self, Pod},
    profile,
    record::Seen,
};

/// A layer that begins with less than this takes who is slow for somebody who is silent, and ends
/// after the time that there is.
pub(super) const SCARCE: Duration = Duration::from_secs(1);

/// One look: at the pod, and where that was asked for at its node. What was seen so far is in
/// `slot` at any time, for a look that is cut short.
pub(super) async fn look(plan: &mut Plan, patience: Duration, slot: &mut Option<Seen>) {
    let start = Instant::now();
    let drops = plan.extra.contains(&Extra::LinkDrops);
    let before = drops.then(pod::losses);
    let pod = pod::snapshot(&plan.watched_ports());
    let environment = pod::environment::look(&pod, &plan.dns.resolv_conf);
    let seen = slot.insert(Seen::of(pod, environment));
    look_at_pod(plan, seen, start, patience).await;
    seen.losses = before.map(|before| [before, pod::losses()]);
    // The node's files stand beside: they tell why a pod has no network, and break no other layer.
    if plan.asks(Layer::Node) {
        seen.node = Some(node::observe(plan));
    }
}

/// Layer by layer; a broken link, route or redirection ends it, for the next layers follow from it.
/// Decides which mesh this is, where the plan leaves that open. Waits for who does not answer no
/// longer than `patience`.
async fn look_at_pod(plan: &mut Plan, seen: &mut Seen, start: Instant, patience: Duration) {
    let left = || patience.saturating_sub(start.elapsed());
    if plan.extra.contains(&Extra::AddressConflict) {
        seen.claims = Some(link::claims(&seen.pod).await);
    }
    if plan.asks(Layer::Route) && !broken(&judge::before_redirect(plan, seen)) {
        let routes = route::observe(plan, &seen.pod, &seen.environment, patience).await;
        seen.route = Some(routes);
    }
    if broken(&judge::before_redirect(plan, seen)) {
        return;
    }
    if plan.asks(Layer::Redirect) {
        look_at_redirect(plan, seen).await;
    }
    if broken(&judge::look(plan, seen).findings) {
        return;
    }
    // From here on each layer is looked at, whatever became of the others: who answers tells why
    // the rest does not.
    if plan.asks(Layer::Dns) {
        let counted = plan.extra.contains(&Extra::ConntrackDrops);
        let before = counted.then(|| node::tracked(plan));
        seen.dns = Some(dns::observe(plan, &seen.pod, left()).await);
        seen.tracking = before.map(|before| [before, node::tracked(plan)]);
    }
    // When time is nearly up and the cause is known, the rest is left: haste tells nothing new.
    let late = |plan: &Plan, seen: &Seen| {
        plan.waits && left() < SCARCE && broken(&judge::look(plan, seen).findings)
    };
    if plan.asks(Layer::Service) && !late(plan, seen) {
        let service = service::observe(plan, &seen.pod, &seen.environment, left()).await;
        seen.service = Some(service);
    }
    if plan.asks(Layer::Reach) && !late(plan, seen) {
        seen.reach = Some(reach::observe(plan, &seen.pod, left()).await);
    }
    if plan.asks(Layer::Mtu) && !late(plan, seen) {
        let known = mtu::Known {
            service: seen.service.as_ref(),
            reach: seen.reach.as_ref(),
            redirect: seen.redirect.as_ref(),
        };
        seen.mtu = Some(mtu::observe(plan, &seen.pod, known, left()).await);
    }
}

fn broken(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Fail)
}

async fn look_at_redirect(plan: &mut Plan, seen: &mut Seen) {
    if !plan.candidates.is_empty() {
        seen.survey = survey(plan, &seen.pod).await;
    }
    if plan.candidates.is_empty() {
        let addresses = plan.addresses(&seen.pod);
        seen.redirect = Some(redirect::observe(plan, &addresses, &seen.pod).await);
    }
}

/// Decides which mesh this is; gives what was seen of packets, if it took packets.
async fn survey(plan: &mut Plan, pod: &Pod) -> Option<redirect::Seen> {
    let annotations = std::fs::read_to_string(&plan.annotations).unwrap_or_default();
    let told = detect::by_annotations(&annotations).or_else(|| detect::by_pod(pod));
    if let Some(detected) = told {
        plan.decide(detected);
        return None;
    }
    let capture = profile::NONE.capture();
    let without_mesh =
        Plan { capture, listeners: Listeners::Bind, inject: false, peer: None, ..plan.clone() };
    let seen = redirect::observe(&without_mesh, &plan.addresses(pod), pod).await;
    if let Some(detected) = detect::by_flows(&seen) {
        plan.decide(detected);
    }
    Some(seen)
}
