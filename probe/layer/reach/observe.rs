//! Trying every target, side by side: as many connections at once as there are descriptors for.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use futures_util::stream::{self, StreamExt};

use super::{jobs::Planner, looker::Looker, once::Tools, outcome::Seen};
use crate::{layer::egress::Egress, net::limit, plan::Plan, pod::Pod, report::progress};

/// Targets tried at the same time, if there are descriptors for so many.
const AT_ONCE: usize = 8192;
/// Descriptors for everything else: streams, netlink, a ladder's sockets.
const SPARE: u64 = 64;
/// Ladders in one look: each takes 18 packets, and many targets are lost at the same place.
const LADDERS: u32 = 16;

/// Tries the plan's targets; of a plan that waits, for `patience`.
pub async fn observe(plan: &Plan, pod: &Pod, patience: Duration) -> Seen {
    let looker = Looker {
        plan,
        pod,
        egress: Egress::new(plan, pod),
        tools: tools(plan),
        ladders: Cell::new(LADDERS),
        until: plan.waits.then(|| Instant::now() + patience),
    };
    let families = plan.families_out(pod);
    let jobs = Planner { plan, pod, families, patience }.jobs().await;
    let count = jobs.len();
    let room = limit::descriptors(count as u64 + SPARE).saturating_sub(SPARE);
    let at_once = usize::try_from(room).unwrap_or(AT_ONCE).clamp(1, AT_ONCE);
    let probes = stream::iter(jobs.into_iter().enumerate())
        .map(async |(at, job)| (at, looker.probe(job).await))
        .buffer_unordered(at_once);
    let mut probes = std::pin::pin!(probes);
    let mut all = Vec::with_capacity(count);
    while let Some(probe) = probes.next().await {
        all.push(probe);
        progress::count("targets", all.len(), count);
    }
    all.sort_unstable_by_key(|(at, _)| *at);
    Seen { probes: all.into_iter().map(|(_, probe)| probe).collect() }
}

#[cfg(feature = "tls")]
fn tools(plan: &Plan) -> Tools {
    use crate::net::tls::Client;

    let any = plan.reach.targets.iter().any(|target| target.kind.tls().is_some());
    let new = || Client::new(plan.reach.ca_file.as_deref()).map_err(|failure| failure.told());
    Tools { shaker: any.then(new) }
}

#[cfg(not(feature = "tls"))]
fn tools(_: &Plan) -> Tools {
    Tools {}
}
