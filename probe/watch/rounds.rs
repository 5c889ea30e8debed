//! The rounds of a watch: who is due is looked at, what looks newly broken is looked at again before it
//! counts, and the kernel's notices bring a round forward.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, Instant},
};

use tokio::time::{sleep, sleep_until, timeout};

use super::{
    WatchPlan,
    pace::Schedule,
    standing::{Condition, newly_broken, results},
    state::Shared,
};
use crate::{
    finding::{Code, Layer},
    judge,
    layer::{reach, redirect},
    net::netlink::notices::{Kind, Notices},
    plan::{Listeners, Plan},
    pod::{self, Pod},
    record::{Course, RECORDING_VERSION, Recording},
    report::{Report, Verdict},
    run::{Scope, look_within, read_rules},
};

/// How long a look may wait for whoever does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses before what looks newly broken is looked at again.
const DOUBTS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// What is broken is looked at again after this, or earlier where that is its time.
const WHILE_BROKEN: Duration = Duration::from_secs(10);
/// Pauses between looks until everything held for the first time: they double.
const AT_FIRST: Duration = Duration::from_millis(50);
/// Notices come in swarms: a CNI plugin changes many things at once.
const SWARM: Duration = Duration::from_millis(50);
/// Notices bring no more than one look in this time.
const BREATH: Duration = Duration::from_secs(1);
/// How long the proxy may take to listen, after its ports were bound until everything held.
const PROXY_START: Duration = Duration::from_mins(2);

/// Goes on for ever.
pub(super) struct Rounds {
    recording: Recording,
    state: Shared,
    schedule: Schedule,
    notices: Option<Notices>,
    /// No notice brings a look before this.
    breath: Instant,
    /// The pause after the next look that does not hold, as long as none ever did.
    pause: Duration,
    /// What was said to be waited for.
    told: Option<Code>,
    /// Until when the proxy is waited for that takes the ports over from us.
    succession: Option<Instant>,
}

impl Rounds {
    pub(super) fn new(plan: &WatchPlan, state: Shared) -> Rounds {
        let mut look = plan.look.clone();
        // Beside an application, a proxy could start at any moment, and must find its ports free.
        if look.listeners == Listeners::Auto {
            look.listeners = Listeners::Live;
        }
        let schedule = Schedule::new(&look.layers, plan.pace.clone(), Instant::now());
        let notices = Notices::subscribe()
            .inspect_err(|error| tracing::warn!("changes are not noticed at once: {error}"));
        Rounds {
            recording: Recording {
                recording_version: RECORDING_VERSION,
                plan: look,
                seen: None,
                course: Course::default(),
            },
            state,
            schedule,
            notices: notices.ok(),
            breath: Instant::now(),
            pause: AT_FIRST,
            told: None,
            succession: None,
        }
    }

    /// Waits for the next round, and makes it; `published` is told each report that counts, with
    /// what was seen, and whether something drifted.
    pub(super) async fn run(&mut self, mut published: impl FnMut(&Report, &Recording, bool)) {
        loop {
            let due = self.next().await;
            self.state.lock().beat = Instant::now();
            if due.is_empty() {
                continue;
            }
            let report = self.round(due).await;
            let targets = self.targets();
            let drifted = {
                let mut state = self.state.lock();
                state.targets = targets;
                state.take(report.clone())
            };
            self.plan_next(&report);
            published(&report, &self.recording, drifted);
        }
    }

    /// The layers whose turn comes next; none where a notice turned out to be about nothing.
    async fn next(&mut self) -> Vec<Layer> {
        let next = self.schedule.next().map(tokio::time::Instant::from_std);
        let turn = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = turn => {}
            kinds = notice(self.notices.as_ref()) => match kinds {
                Some(kinds) => self.noticed(kinds).await,
                // The socket is broken; what is looked at in its time is enough.
                None => self.notices = None,
            }
        }
        self.schedule.due(Instant::now())
    }

    /// Something changed: if it is the pod's, everything that stands on it is looked at.
    async fn noticed(&mut self, mut kinds: BTreeSet<Kind>) {
        sleep_until(self.breath.max(Instant::now() + SWARM).into()).await;
        while let Ok(Some(more)) = timeout(Duration::ZERO, notice(self.notices.as_ref())).await {
            kinds.extend(more);
        }
        self.breath = Instant::now() + BREATH;
        let pod = pod::snapshot(&self.recording.plan.watched_ports());
        let known = self.recording.seen.as_ref().map(|seen| &seen.pod);
        // A device of our own comes and goes, and is no part of the pod.
        if known.is_some_and(|known| same(known, &pod)) {
            return;
        }
        let mut state = self.state.lock();
        for kind in kinds {
            *state.notices.entry(kind).or_default() += 1;
        }
        let now = Instant::now();
        let stands_on_it = [Layer::Link, Layer::Route, Layer::Redirect];
        self.schedule.hurry(stands_on_it.into_iter().chain(broken(&state.results())), now);
        // The proxy that has not started yet is not taken for absent.
        if let Some(until) = self.succession {
            self.schedule.hold(Layer::Redirect, until);
        }
    }

    /// Looks; and where a layer looks newly broken that held, looks at it again, for a busy node is
    /// slow, and one lost packet is no drift.
    async fn round(&mut self, due: Vec<Layer>) -> Report {
        let (before, started) = {
            let state = self.state.lock();
            (state.results(), state.started())
        };
        let mut report = self.look(due).await;
        let layers = self.recording.plan.layers.clone();
        let mut doubtful = newly_broken(&before, &results(&report, &layers));
        if doubtful.is_empty() || !started {
            return report;
        }
        // Routers answer seldom whom they have just answered: the first look saw most.
        let first = (report.clone(), self.recording.seen.clone());
        for pause in DOUBTS {
            sleep(pause).await;
            report = self.look(doubtful.clone()).await;
            let now = results(&report, &layers);
            let mut state = self.state.lock();
            for layer in doubtful.iter().filter(|layer| now.get(layer) != Some(&Condition::Fail)) {
                if let Some(standing) = state.layers.get_mut(layer) {
                    standing.flickers += 1;
                }
            }
            drop(state);
            if newly_broken(&before, &now) != doubtful {
                doubtful = newly_broken(&before, &now);
                if doubtful.is_empty() {
                    return report;
                }
            }
        }
        if newly_broken(&before, &results(&first.0, &layers)) == doubtful {
            (report, self.recording.seen) = first;
        }
        report
    }

    /// One look at these layers; the others stand as they were seen.
    async fn look(&mut self, due: Vec<Layer>) -> Report {
        let before = self.recording.seen.take();
        let mut scope = Scope { due: Some(due.clone()), before, spent: Vec::new(), steps: None };
        let plan = &mut self.recording.plan;
        look_within(plan, PATIENCE, &mut self.recording.seen, &mut scope).await;
        let now = Instant::now();
        for layer in due.into_iter().chain(scope.spent.iter().map(|(layer, _)| *layer)) {
            self.schedule.looked(layer, now, chance());
        }
        self.state.lock().looked(&scope.spent);
        let began = self.state.lock().began.1;
        self.recording.course.attempts = self.recording.course.attempts.saturating_add(1);
        self.recording.course.elapsed_ms = millis(began.elapsed());
        let report = self.judged().await;
        let course = &mut self.recording.course;
        if report.verdict == Verdict::Ok {
            course.ready_ms.get_or_insert(course.elapsed_ms);
        } else if course.ready_ms.is_none() {
            course.last_missing.clone_from(&report.cause);
        }
        report
    }

    /// What the look means; where redirection is the cause, with the rules that tell why.
    async fn judged(&mut self) -> Report {
        let report = judge::judge(&self.recording);
        if report.cause.as_ref().is_none_or(|cause| cause.layer != Layer::Redirect) {
            return report;
        }
        read_rules(&mut self.recording).await;
        judge::judge(&self.recording)
    }

    /// How each target was found; nothing of them where they were not reached.
    fn targets(&self) -> BTreeMap<String, Option<bool>> {
        let Recording { plan, seen: Some(seen), .. } = &self.recording else {
            return BTreeMap::new();
        };
        let found = seen.reach.as_ref().map(|reach| reach::successes(plan, &seen.pod, reach));
        found.unwrap_or_default()
    }

    /// What is broken is looked at again soon, and everything soon until it held for the first time.
    fn plan_next(&mut self, report: &Report) {
        let now = Instant::now();
        let (results, started) = {
            let state = self.state.lock();
            (state.results(), state.started())
        };
        if !started {
            self.say_what_is_missing(report);
            self.schedule.hurry(self.recording.plan.layers.clone(), now + self.pause);
            self.pause = (self.pause * 2).min(WHILE_BROKEN);
            return;
        }
        self.schedule.hurry(broken(&results), now + WHILE_BROKEN);
        self.hand_over(report, now);
    }

    /// Once for each cause, as long as nothing held.
    fn say_what_is_missing(&mut self, report: &Report) {
        let Some(cause) = &report.cause else { return };
        if self.told != Some(cause.code) {
            tracing::info!("waiting: {}: {}", cause.code, cause.reason);
            self.told = Some(cause.code);
        }
    }

    /// After everything held for the first time, the capture ports are the proxy's; it is not taken for
    /// absent before it had time to start.
    fn hand_over(&mut self, report: &Report, now: Instant) {
        let plan = &mut self.recording.plan;
        if plan.listeners == Listeners::Bind && report.verdict == Verdict::Ok {
            plan.listeners = Listeners::Live;
            self.succession = Some(now + PROXY_START);
        }
        let Some(until) = self.succession else { return };
        let pod = self.recording.seen.as_ref().map(|seen| &seen.pod);
        let taken = pod.is_some_and(|pod| holds_ports(plan, pod));
        if taken || now >= until {
            self.succession = None;
            self.schedule.hurry([Layer::Redirect], now);
        } else {
            self.schedule.hold(Layer::Redirect, until);
        }
    }
}

/// Whether somebody listens at a capture port.
fn holds_ports(plan: &Plan, pod: &Pod) -> bool {
    redirect::running_proxy(plan, pod).is_some_and(|held| !held.is_empty())
}

/// Notices, where the kernel gives any; none when it gives no more.
async fn notice(notices: Option<&Notices>) -> Option<BTreeSet<Kind>> {
    match notices {
        Some(notices) => notices.next().await.ok(),
        None => pending().await,
    }
}

/// Whether links, addresses, routes and rules are the same; what listens changes all the time.
fn same(one: &Pod, other: &Pod) -> bool {
    one.links == other.links
        && one.addresses == other.addresses
        && one.routes == other.routes
        && one.rules == other.rules
}

fn broken(results: &BTreeMap<Layer, Condition>) -> Vec<Layer> {
    let fails = results.iter().filter(|(_, result)| **result == Condition::Fail);
    fails.map(|(layer, _)| *layer).collect()
}

/// Any number.
pub(super) fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Milliseconds, to a tenth.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
