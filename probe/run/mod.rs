//! Running a plan: look, and for `gate` look again until everything holds or time is up.

mod look;

use std::{
    sync::mpsc::Sender,
    time::{Duration, Instant},
};

use tokio::time::sleep;

pub use look::{Scope, Sofar, Step, look_within};

use crate::{
    finding::{Code, Layer},
    judge,
    layer::redirect,
    net::signal::Ends,
    plan::Plan,
    record::{Course, RECORDING_VERSION, Recording, Seen},
    report::{Report, Verdict},
    rules,
};

/// The first pause between two looks; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause between two looks.
const LAST_PAUSE: Duration = Duration::from_millis(250);

/// A look with less time than this may take who is slow for somebody who is silent.
const HASTE: Duration = Duration::from_millis(1500);
/// What a look at somebody silent takes, and more.
const UNHURRIED: Duration = Duration::from_secs(4);

/// Runs the plan to its end: one look, or for a plan that waits, looks until it holds (and keeps
/// holding for `--stable-for`), the deadline passes, or a signal arrives. `waiting` is told each
/// look after which another one follows, `steps` how far each look is.
///
/// # Errors
/// One sentence when signal handlers cannot be installed.
pub async fn run(
    plan: Plan,
    steps: Option<Sender<Step>>,
    waiting: impl FnMut(&Report),
) -> Result<Recording, String> {
    let mut ends = Ends::install()?;
    let mut rounds = Rounds::new(plan, steps);
    let signal = tokio::select! {
        biased;
        signal = ends.next() => Some(signal),
        () = rounds.until_settled(waiting) => None,
    };
    rounds.recording.course.signal = signal;
    if signal.is_some() {
        rounds.recording.course.elapsed_ms = rounds.elapsed_ms();
        rounds.keep_what_was_cut();
    }
    Ok(rounds.recording)
}

struct Rounds {
    started: Instant,
    recording: Recording,
    held_since: Option<Instant>,
    /// The first look that did not see what held before: what breaks in the middle of a look is half seen,
    /// and the next one sees all of it.
    half_seen: Option<(Instant, Option<Seen>)>,
    /// The look that goes on.
    under_way: Option<Seen>,
    /// The last look that had time enough.
    unhurried: Option<Seen>,
    /// Who is told how far each look is.
    steps: Option<Sender<Step>>,
}

impl Rounds {
    fn new(plan: Plan, steps: Option<Sender<Step>>) -> Rounds {
        let course = Course::default();
        let recording =
            Recording { recording_version: RECORDING_VERSION, plan, seen: None, course };
        Rounds {
            started: Instant::now(),
            recording,
            held_since: None,
            half_seen: None,
            under_way: None,
            unhurried: None,
            steps,
        }
    }

    async fn until_settled(&mut self, mut waiting: impl FnMut(&Report)) {
        let mut pause = FIRST_PAUSE;
        loop {
            let patience = self.until_deadline().max(self.least_patience());
            let start = Instant::now();
            let steps = self.steps.clone();
            look::look(&mut self.recording.plan, patience, &mut self.under_way, steps).await;
            self.recording.seen = self.under_way.take();
            self.recording.course.attempts += 1;
            self.recording.course.elapsed_ms = self.elapsed_ms();
            let crowded = start.elapsed() + look::SCARCE > patience;
            let report = self.judged(patience < HASTE, crowded);
            self.note_when_ready(&report);
            if self.is_settled(&report, start) {
                if report.verdict == Verdict::Ok && !self.recording.course.broke {
                    self.await_inbound().await;
                }
                read_rules(&mut self.recording).await;
                return;
            }
            waiting(&report);
            sleep(pause.min(self.until_it_matters())).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Last of all: whoever probes is answered only when everything else holds.
    async fn await_inbound(&mut self) {
        let Some(port) = self.recording.plan.await_inbound else { return };
        let patience = self.until_deadline();
        if let Some(seen) = &mut self.recording.seen {
            tracing::info!("waiting: for a connection from outside to port {port}");
            let awaited = redirect::wait_for(port, &self.recording.plan, &seen.pod, patience).await;
            seen.awaited = Some(awaited);
        }
        self.recording.course.elapsed_ms = self.elapsed_ms();
    }

    /// Of a first look that does not come to its end, what it has seen so far is better than
    /// nothing; later, the whole look before it is.
    fn keep_what_was_cut(&mut self) {
        if self.recording.seen.is_none() && self.under_way.is_some() {
            self.recording.seen = self.under_way.take();
            self.recording.course.cut = true;
            self.recording.course.attempts += 1;
        }
    }

    /// What held is not broken because somebody is slow, or for want of time to hold.
    fn least_patience(&self) -> Duration {
        let targets = &self.recording.plan.reach.targets;
        let hold = targets.iter().filter_map(|target| target.blocked).max().unwrap_or(0);
        let least = UNHURRIED + Duration::from_millis(hold);
        self.held_since.map_or(Duration::ZERO, |_| least)
    }

    /// The look just made; or the last one that had time enough, where both end above redirection:
    /// haste can prove that everything holds, and not what does not. `crowded`: the look used its
    /// time up, so that the last layers had little of it; that is better than no time at all.
    fn judged(&mut self, hasty: bool, crowded: bool) -> Report {
        let report = judge::judge(&self.recording);
        if !self.recording.plan.waits {
            return report;
        }
        if !hasty && (!crowded || self.unhurried.is_none()) {
            self.unhurried.clone_from(&self.recording.seen);
            return report;
        }
        let above = |report: &Report| {
            report.cause.as_ref().is_some_and(|cause| cause.layer > Layer::Redirect)
        };
        let unproven = report.findings.iter().any(|finding| finding.code == Code::ReachUnproven);
        if !(above(&report) || unproven) || self.unhurried.is_none() {
            return report;
        }
        let hurried = std::mem::replace(&mut self.recording.seen, self.unhurried.clone());
        let before = judge::judge(&self.recording);
        if above(&before) {
            return before;
        }
        self.recording.seen = hurried;
        report
    }

    fn note_when_ready(&mut self, report: &Report) {
        let course = &mut self.recording.course;
        if report.verdict == Verdict::Ok {
            course.ready_ms.get_or_insert(course.elapsed_ms);
        } else if course.ready_ms.is_none() {
            course.last_missing.clone_from(&report.cause);
        }
    }

    /// Whether another look would serve nothing. What a slow look saw at its beginning says nothing about its end:
    /// to have held for a time, it must hold in a look that began after it.
    fn is_settled(&mut self, report: &Report, began: Instant) -> bool {
        let plan = &self.recording.plan;
        let stable_for = Duration::from_millis(plan.stable_for_ms);
        if report.verdict == Verdict::Ok {
            if self.broke_for_a_moment() {
                return true;
            }
            let since = *self.held_since.get_or_insert_with(Instant::now);
            return stable_for.is_zero() || began >= since + stable_for;
        }
        if self.held_since.is_some() {
            let first = || (Instant::now(), self.recording.seen.clone());
            let is_first = self.half_seen.is_none();
            let (since, _) = self.half_seen.get_or_insert_with(first);
            // The kernel tells of a lost carrier within a second; until then nothing has a name.
            if is_first || report.verdict == Verdict::Unknown && since.elapsed() < HASTE {
                return false;
            }
        }
        self.recording.course.broke = self.held_since.is_some();
        !plan.waits
            || self.recording.course.broke
            || needs_another_identity(report)
            || self.until_deadline().is_zero()
    }

    /// What holds now was seen to fail: that is told. What could only not be proved holds all the same.
    fn broke_for_a_moment(&mut self) -> bool {
        let Some((_, seen)) = self.half_seen.take() else { return false };
        let now = std::mem::replace(&mut self.recording.seen, seen);
        if judge::judge(&self.recording).verdict == Verdict::Fail {
            self.recording.course.broke = true;
            return true;
        }
        self.recording.seen = now;
        false
    }

    /// The last look falls on the deadline, or on the end of `--stable-for`, and not after it.
    fn until_it_matters(&self) -> Duration {
        let stable_for = Duration::from_millis(self.recording.plan.stable_for_ms);
        match self.held_since {
            Some(since) => stable_for.saturating_sub(since.elapsed()),
            None => self.until_deadline(),
        }
    }

    fn until_deadline(&self) -> Duration {
        let deadline = Duration::from_millis(self.recording.plan.deadline_ms);
        deadline.saturating_sub(self.started.elapsed())
    }

    /// Milliseconds since the start, to a tenth.
    fn elapsed_ms(&self) -> f64 {
        (self.started.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
    }
}

/// Where flows failed, the rules tell why, if they may be read.
pub async fn read_rules(recording: &mut Recording) {
    let Recording { plan, seen: Some(seen), .. } = recording else { return };
    if let Some(redirect) = &seen.redirect {
        seen.rules = rules::observe(plan, &seen.pod, redirect).await;
    }
}

/// The identity stays as it is: waiting for another proof would be in vain.
fn needs_another_identity(report: &Report) -> bool {
    let transient = [
        Code::MeshNotDetected,
        Code::ListenerPortTaken,
        Code::ListenerFailed,
        Code::ProbeFailed,
        Code::MtuUntested,
        Code::ReachUnproven,
    ];
    report.verdict == Verdict::Unknown
        && !report
            .findings
            .iter()
            .any(|finding| transient.contains(&finding.code) || redirect::may_show_later(finding))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round that has held for a second, and what it found.
    fn holding(stable_for_ms: u64) -> (Rounds, Report) {
        let plan = Plan::new("gate", "none", crate::profile::NONE.capture());
        let mut rounds = Rounds::new(Plan { stable_for_ms, waits: true, ..plan }, None);
        rounds.held_since = Instant::now().checked_sub(Duration::from_secs(1));
        let report = judge::judge(&rounds.recording);
        (rounds, Report { verdict: Verdict::Ok, ..report })
    }

    #[test]
    fn a_look_that_began_before_a_stable_time_was_over_does_not_end_it() {
        let (mut rounds, report) = holding(500);
        let since = rounds.held_since.expect("it holds");
        assert!(!rounds.is_settled(&report, since + Duration::from_millis(499)));
        assert!(rounds.is_settled(&report, since + Duration::from_millis(500)));
    }

    #[test]
    fn without_a_stable_time_the_first_look_that_holds_is_enough() {
        let (mut rounds, report) = holding(0);
        let began = rounds.started;
        rounds.held_since = None;
        assert!(rounds.is_settled(&report, began));
    }
}
