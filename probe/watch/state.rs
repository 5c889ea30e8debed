//! What a watch knows at this moment: what HTTP tells, and what a new report changes.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use hyper::body::Bytes;

use super::{
    drift::{self, Say, Voice},
    history::{Change, History},
    peers::PeerStanding,
    standing::{Condition, results},
};
use crate::{
    finding::{Layer, Severity},
    net::netlink::notices::Kind,
    plan::Mode,
    report::{Report, Verdict, json},
    secret::masked,
};

/// A watch that gets no further for so long is not alive: no look takes that long, whoever is silent.
pub(super) const STUCK: Duration = Duration::from_mins(3);

/// One layer.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// How it stands.
    pub(super) result: Condition,
    /// Since when.
    pub(super) since: (SystemTime, Instant),
    /// When it was looked at last.
    pub(super) looked: Option<(SystemTime, Instant)>,
    /// How long that took.
    pub(super) took: Duration,
    /// Looks taken.
    pub(super) looks: u64,
    /// Time spent in them.
    pub(super) spent: Duration,
    /// How often it held and then broke.
    pub(super) drifts: u64,
    /// How often it looked broken and held at the next look.
    pub(super) flickers: u64,
    /// The time between two looks.
    pub(super) interval: Duration,
}

/// Everything.
#[derive(Debug)]
pub(super) struct State {
    /// When the watch began.
    pub(super) began: (SystemTime, Instant),
    /// What makes it unready.
    ready_layers: Vec<Layer>,
    /// Whether what is broken makes it unready at all.
    mode: Mode,
    /// The latest report.
    pub(super) report: Option<Arc<Report>>,
    /// The same as text, once somebody has asked for it.
    shown: Option<Bytes>,
    /// The latest in which nothing was broken.
    good: Option<Arc<Report>>,
    /// The watched layers.
    pub(super) layers: BTreeMap<Layer, Standing>,
    /// Milliseconds until everything held for the first time.
    pub(super) ready_ms: Option<f64>,
    /// It was told to end.
    pub(super) stopping: bool,
    /// When it last got further.
    pub(super) beat: Instant,
    /// The last hour.
    pub(super) history: History,
    /// Notices of the kernel about what changed.
    pub(super) notices: BTreeMap<Kind, u64>,
    /// The peers that are asked.
    pub(super) peers: BTreeMap<IpAddr, PeerStanding>,
    /// Whether each target is as it should be, where that could be seen.
    pub(super) targets: BTreeMap<String, Option<bool>>,
    voice: Voice<Layer>,
}

/// The state, shared with those who answer requests.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<State>>);

impl Shared {
    /// Nothing was looked at yet.
    pub(super) fn new(
        layers: impl IntoIterator<Item = (Layer, Duration)>,
        ready_layers: Vec<Layer>,
        mode: Mode,
    ) -> Shared {
        let began = (SystemTime::now(), Instant::now());
        let standing = |interval| Standing {
            result: Condition::NotLooked,
            since: began,
            looked: None,
            took: Duration::ZERO,
            looks: 0,
            spent: Duration::ZERO,
            drifts: 0,
            flickers: 0,
            interval,
        };
        let layers = layers.into_iter().map(|(layer, time)| (layer, standing(time))).collect();
        Shared(Arc::new(Mutex::new(State {
            began,
            ready_layers,
            mode,
            report: None,
            shown: None,
            good: None,
            layers,
            ready_ms: None,
            stopping: false,
            beat: began.1,
            history: History::default(),
            notices: Kind::ALL.map(|kind| (kind, 0)).into(),
            peers: BTreeMap::new(),
            targets: BTreeMap::new(),
            voice: Voice::default(),
        })))
    }

    /// The state, for a moment without waiting for anything.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The report as its readers see it, made once: they share it.
    pub(super) fn shown(&mut self) -> Option<Bytes> {
        let report = self.report.as_deref()?;
        let made = || Bytes::from(masked(&json::document(report)).into_owned());
        Some(self.shown.get_or_insert_with(made).clone())
    }

    /// How the layers stand.
    pub(super) fn results(&self) -> BTreeMap<Layer, Condition> {
        self.layers.iter().map(|(layer, standing)| (*layer, standing.result)).collect()
    }

    /// Whether everything held once.
    pub(super) fn started(&self) -> bool {
        self.ready_ms.is_some() || self.layers.is_empty()
    }

    /// The layers because of which it is not ready; those that are named, and broken.
    pub(super) fn unready(&self) -> Vec<Layer> {
        // What lies behind a broken layer does not work either.
        let broken = |layer: &Layer| {
            let result = self.layers.get(layer).map(|standing| standing.result);
            matches!(result, Some(Condition::Fail | Condition::NotReached))
        };
        if self.mode == Mode::Enforce {
            self.ready_layers.iter().copied().filter(broken).collect()
        } else {
            Vec::new()
        }
    }

    /// Whether traffic may come.
    pub(super) fn ready(&self) -> bool {
        self.started() && !self.stopping && self.unready().is_empty()
    }

    /// Whether it gets further.
    pub(super) fn alive(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.beat) < STUCK
    }

    /// These layers were looked at just now.
    pub(super) fn looked(&mut self, spent: &[(Layer, Duration)]) {
        let now = (SystemTime::now(), Instant::now());
        self.beat = now.1;
        for (layer, took) in spent {
            if let Some(standing) = self.layers.get_mut(layer) {
                standing.looked = Some(now);
                standing.took = *took;
                standing.looks += 1;
                standing.spent += *took;
            }
        }
    }

    /// Takes a report for what is so from now on. What drifted is logged here, and only here; true
    /// if something did.
    pub(super) fn take(&mut self, report: Report) -> bool {
        let now = (SystemTime::now(), Instant::now());
        let layers: Vec<Layer> = self.layers.keys().copied().collect();
        let results = results(&report, &layers);
        let mut drifted = false;
        for (layer, result) in &results {
            drifted |= self.moved(*layer, *result, &report, now);
        }
        self.history.note(now.0, &results);
        let report = Arc::new(report);
        if report.verdict == Verdict::Ok {
            self.ready_ms = self.ready_ms.or(Some(report.elapsed_ms));
        }
        let broken = |finding: &crate::finding::Finding| finding.severity == Severity::Fail;
        if !report.findings.iter().any(broken) {
            self.good = Some(report.clone());
        }
        self.report = Some(report);
        self.shown = None;
        self.beat = now.1;
        drifted
    }

    /// One layer stands like this now; whether it drifted.
    fn moved(
        &mut self,
        layer: Layer,
        to: Condition,
        report: &Report,
        now: (SystemTime, Instant),
    ) -> bool {
        let started = self.started();
        let Some(standing) = self.layers.get_mut(&layer) else { return false };
        let from = standing.result;
        let lasted = now.1.saturating_duration_since(standing.since.1);
        if from == to {
            return false;
        }
        standing.result = to;
        standing.since = now;
        let drifted = to == Condition::Fail && started && from != Condition::NotReached;
        standing.drifts += u64::from(drifted);
        let finding = drift::failure(report, layer);
        let text = match (from, to) {
            _ if drifted => drift::broke(layer, lasted, self.good.as_deref(), report),
            (Condition::Fail, Condition::NotReached) => format!("{} is not reached", layer.name()),
            (Condition::Fail, _) => drift::mended(layer, lasted),
            (_, Condition::Fail) => finding.map(|f| f.reason.clone()).unwrap_or_default(),
            _ => worst(report, layer),
        };
        let code = finding.map(|finding| finding.code);
        let logged = drifted || (from == Condition::Fail && started);
        if logged {
            say(self.voice.may(layer, now.1), drifted, &text);
        }
        let change = Change { at: now.0, layer, from, to, code, text };
        if from != Condition::NotLooked || to == Condition::Fail {
            self.history.keep(change);
        }
        drifted
    }
}

/// What is worth a word in a layer that is not broken.
fn worst(report: &Report, layer: Layer) -> String {
    let noted = |severity: Severity| {
        report.findings.iter().find(|f| f.layer == layer && f.severity == severity)
    };
    noted(Severity::Warn)
        .or_else(|| noted(Severity::Unknown))
        .map_or_else(String::new, |finding| format!("{}: {}", finding.code, finding.reason))
}

fn say(say: Say, broke: bool, text: &str) {
    let more = match say {
        Say::Nothing => return,
        Say::Aloud => "",
        Say::Last => " (the last of this layer that is logged in an hour)",
    };
    if broke {
        tracing::error!("drift: {text}{more}");
    } else {
        tracing::info!("{text}{more}");
    }
}
