//! One look at everything that was asked for, layer by layer.

use std::{
    sync::mpsc::Sender,
    time::{Duration, Instant},
};

use crate::{
    detect,
    finding::{Finding, Layer, Severity},
    judge,
    layer::{dns, link, mtu, node, reach, redirect, route, service},
    plan::{Extra, Listeners, Plan},
    pod::{self, Pod, file},
    profile,
    record::Seen,
};

/// A layer that begins with less than this takes who is slow for somebody who is silent, and ends
/// after the time that there is.
pub(super) const SCARCE: Duration = Duration::from_secs(1);
/// Layers for which it counts what the mesh takes.
const MASKED: [Layer; 5] = [Layer::Redirect, Layer::Dns, Layer::Service, Layer::Reach, Layer::Mtu];

/// One look: at the pod, and where that was asked for at its node. What was seen so far is in
/// `slot` at any time, for a look that is cut short.
pub(super) async fn look(
    plan: &mut Plan,
    patience: Duration,
    slot: &mut Option<Seen>,
    steps: Option<Sender<Step>>,
) {
    look_within(plan, patience, slot, &mut Scope { steps, ..Scope::default() }).await;
}

/// How far a look is, for who watches it.
#[derive(Clone, Debug)]
pub enum Step {
    /// A layer is looked at from now on.
    Looking(Layer),
    /// It was looked at.
    Looked(Layer, Box<Sofar>),
}

/// What is known in the middle of a look.
#[derive(Clone, Debug)]
pub struct Sofar {
    /// The plan; which mesh this is may be decided by now.
    pub plan: Plan,
    /// What was seen.
    pub seen: Seen,
}

/// Which layers a look is for, and what it took. Of the others, what an earlier look saw still
/// stands.
#[derive(Default)]
pub struct Scope {
    /// Those whose turn it is; none for all.
    pub due: Option<Vec<Layer>>,
    /// The earlier look.
    pub before: Option<Seen>,
    /// The layers that were looked at, and how long that took.
    pub spent: Vec<(Layer, Duration)>,
    /// Who is told how far the look is.
    pub steps: Option<Sender<Step>>,
}

impl Scope {
    /// What the earlier look saw of a layer whose turn it is not; none where it has to be looked
    /// at, because it is due or was not reached.
    fn kept<T>(&mut self, layer: Layer, of: impl Fn(&mut Seen) -> Option<T>) -> Option<T> {
        let due = self.due.as_ref().is_none_or(|due| due.contains(&layer));
        if due { None } else { self.before.as_mut().and_then(of) }
    }

    /// A layer begins; gives the time.
    fn looking(&self, layer: Layer) -> Instant {
        self.tell(|| Step::Looking(layer));
        Instant::now()
    }

    fn looked(&mut self, layer: Layer, since: Instant, plan: &Plan, seen: &Seen) {
        self.spent.push((layer, since.elapsed()));
        let sofar = || Box::new(Sofar { plan: plan.clone(), seen: seen.clone() });
        self.tell(|| Step::Looked(layer, sofar()));
    }

    fn tell(&self, step: impl FnOnce() -> Step) {
        if let Some(steps) = &self.steps {
            // Whoever listened may have gone; the look goes on.
            let _ = steps.send(step());
        }
    }
}

/// One look within its scope.
pub async fn look_within(
    plan: &mut Plan,
    patience: Duration,
    slot: &mut Option<Seen>,
    scope: &mut Scope,
) {
    let start = Instant::now();
    let drops = plan.extra.contains(&Extra::LinkDrops);
    let before = drops.then(pod::losses);
    let pod = pod::snapshot(&plan.watched_ports());
    let environment = pod::environment::look(&pod, &plan.dns.resolv_conf);
    let seen = slot.insert(Seen::of(pod, environment));
    if plan.asks(Layer::Link) {
        scope.looked(Layer::Link, start, plan, seen);
    }
    look_at_pod(plan, seen, start, patience, scope).await;
    seen.losses = before.map(|before| [before, pod::losses()]);
    // The node's files stand beside: they tell why a pod has no network, and break no other layer.
    if plan.asks(Layer::Node) {
        seen.node = scope.kept(Layer::Node, |before| before.node.take());
        if seen.node.is_none() {
            let since = scope.looking(Layer::Node);
            seen.node = Some(node::observe(plan));
            scope.looked(Layer::Node, since, plan, seen);
        }
    }
}

/// Layer by layer; a broken link, route or redirection ends it, for the next layers follow from it.
/// Decides which mesh this is, where the plan leaves that open. Waits for who does not answer no
/// longer than `patience`.
async fn look_at_pod(
    plan: &mut Plan,
    seen: &mut Seen,
    start: Instant,
    patience: Duration,
    scope: &mut Scope,
) {
    let left = || patience.saturating_sub(start.elapsed());
    if plan.extra.contains(&Extra::AddressConflict) {
        seen.claims = scope.kept(Layer::Link, |before| before.claims.take());
        if seen.claims.is_none() {
            seen.claims = Some(link::claims(&seen.pod).await);
        }
    }
    if plan.asks(Layer::Route) && !broken(&judge::before_redirect(plan, seen)) {
        seen.route = scope.kept(Layer::Route, |before| before.route.take());
        if seen.route.is_none() {
            let since = scope.looking(Layer::Route);
            let routes = route::observe(plan, &seen.pod, &seen.environment, patience).await;
            seen.route = Some(routes);
            scope.looked(Layer::Route, since, plan, seen);
        }
    }
    if broken(&judge::before_redirect(plan, seen)) {
        return;
    }
    // The layers above want to know, too, whose answers they would get.
    if !plan.candidates.is_empty() && MASKED.iter().any(|layer| plan.asks(*layer)) {
        seen.survey = survey(plan, &seen.pod).await;
    }
    if plan.asks(Layer::Redirect) {
        seen.redirect = scope.kept(Layer::Redirect, |before| before.redirect.take());
        if seen.redirect.is_none() {
            let since = scope.looking(Layer::Redirect);
            look_at_redirect(plan, seen).await;
            scope.looked(Layer::Redirect, since, plan, seen);
        } else {
            seen.rules = scope.before.as_mut().and_then(|before| before.rules.take());
        }
    }
    if broken(&judge::look(plan, seen).findings) {
        return;
    }
    // From here on each layer is looked at, whatever became of the others: who answers tells why
    // the rest does not.
    if plan.asks(Layer::Dns) {
        look_at_dns(plan, seen, left(), scope).await;
    }
    // When time is nearly up and the cause is known, the rest is left: haste tells nothing new.
    let late = |plan: &Plan, seen: &Seen| {
        plan.waits && left() < SCARCE && broken(&judge::look(plan, seen).findings)
    };
    if plan.asks(Layer::Service) && !late(plan, seen) {
        seen.service = scope.kept(Layer::Service, |before| before.service.take());
        if seen.service.is_none() {
            let since = scope.looking(Layer::Service);
            let service = service::observe(plan, &seen.pod, &seen.environment, left()).await;
            seen.service = Some(service);
            scope.looked(Layer::Service, since, plan, seen);
        }
    }
    if plan.asks(Layer::Reach) && !late(plan, seen) {
        seen.reach = scope.kept(Layer::Reach, |before| before.reach.take());
        if seen.reach.is_none() {
            let since = scope.looking(Layer::Reach);
            seen.reach = Some(reach::observe(plan, &seen.pod, left()).await);
            scope.looked(Layer::Reach, since, plan, seen);
        }
    }
    if plan.asks(Layer::Mtu) && !late(plan, seen) {
        seen.mtu = scope.kept(Layer::Mtu, |before| before.mtu.take());
        if seen.mtu.is_none() {
            let since = scope.looking(Layer::Mtu);
            let known = mtu::Known {
                service: seen.service.as_ref(),
                reach: seen.reach.as_ref(),
                redirect: seen.redirect.as_ref(),
            };
            seen.mtu = Some(mtu::observe(plan, &seen.pod, known, left()).await);
            scope.looked(Layer::Mtu, since, plan, seen);
        }
    }
}

async fn look_at_dns(plan: &Plan, seen: &mut Seen, patience: Duration, scope: &mut Scope) {
    seen.dns = scope.kept(Layer::Dns, |before| before.dns.take());
    if seen.dns.is_some() {
        seen.tracking = scope.before.as_mut().and_then(|before| before.tracking.take());
        return;
    }
    let since = scope.looking(Layer::Dns);
    let counted = plan.extra.contains(&Extra::ConntrackDrops);
    let before = counted.then(|| node::tracked(plan));
    seen.dns = Some(dns::observe(plan, &seen.pod, patience).await);
    seen.tracking = before.map(|before| [before, node::tracked(plan)]);
    scope.looked(Layer::Dns, since, plan, seen);
}

fn broken(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Fail)
}

async fn look_at_redirect(plan: &mut Plan, seen: &mut Seen) {
    if plan.candidates.is_empty() {
        let addresses = plan.addresses(&seen.pod);
        seen.redirect = Some(redirect::observe(plan, &addresses, &seen.pod).await);
    }
}

/// Decides which mesh this is; gives what was seen of packets, if it took packets.
async fn survey(plan: &mut Plan, pod: &Pod) -> Option<redirect::Seen> {
    let annotations = file::text(&plan.annotations).unwrap_or_default();
    let told = detect::by_annotations(&annotations).or_else(|| detect::by_pod(pod));
    if let Some(detected) = told {
        plan.decide(detected);
        return None;
    }
    let capture = profile::NONE.capture();
    let without_mesh =
        Plan { capture, listeners: Listeners::Bind, inject: false, peer: None, ..plan.clone() };
    let seen = redirect::observe(&without_mesh, &plan.addresses(pod), pod).await;
    match detect::by_flows(&seen) {
        Some(detected) => plan.decide(detected),
        // Nothing takes what this uid sends.
        None => plan.capture = profile::NONE.capture(),
    }
    Some(seen)
}
