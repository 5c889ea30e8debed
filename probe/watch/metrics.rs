//! The state as OpenMetrics; what a series costs in a large cluster: `docs/scale.md`.

use std::{
    sync::atomic::AtomicU64,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use super::{process::Process, standing::Condition, state::State};
use crate::{
    finding::{Finding, Severity},
    report::{Report, Verdict, openmetrics::tidy, steady::steady},
};

/// Series of findings at most: the worst ones.
const MOST_FINDINGS: usize = 32;

/// What a layer's series are told apart by.
type OfLayer = [(&'static str, &'static str); 1];
/// What a finding's are.
type OfFinding = Vec<(&'static str, String)>;
/// What a peer's or a target's are.
type OfOne = [(&'static str, String); 1];
/// A gauge of seconds.
type Seconds = Gauge<f64, AtomicU64>;

/// The exposition.
pub(super) fn exposition(state: &State, process: Option<&Process>) -> String {
    let mut registry = Registry::with_prefix("podprobe");
    build(&mut registry, state);
    layers(&mut registry, state);
    if let Some(report) = &state.report {
        findings(&mut registry, report);
        proofs(&mut registry, report);
    }
    peers(&mut registry, state);
    let notices = Family::<OfLayer, Counter>::default();
    for (kind, count) in &state.notices {
        notices.get_or_create(&[("kind", kind.name())]).inc_by(*count);
    }
    let help = "Notices of the kernel about what changed in the pod";
    registry.register("network_events", help, notices);
    // What has the names that everybody gives it.
    let mut common = Registry::default();
    targets(&mut common, state);
    if let Some(process) = process {
        process.register(&mut common, seconds(state.began.0));
    }
    let (mut text, mut more) = (String::new(), String::new());
    // A string takes everything.
    let _ = encode(&mut text, &registry);
    let _ = encode(&mut more, &common);
    // One exposition has one end.
    text.strip_suffix("# EOF\n").unwrap_or(&text).to_owned() + &more
}

fn build(registry: &mut Registry, state: &State) {
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "Which podprobe this is", version);
    let started: Gauge = Gauge::default();
    started.set(state.started().into());
    registry.register("started", "Whether everything held once, as /startupz says", started);
    let ready: Gauge = Gauge::default();
    ready.set(state.ready().into());
    registry.register("ready", "Whether traffic may come, as /readyz says", ready);
    if let Some(ms) = state.ready_ms {
        let first = Seconds::default();
        first.set(ms / 1000.0);
        let help = "From the start until everything asked for held for the first time";
        registry.register_with_unit("network_ready", help, Unit::Seconds, first);
    }
    let Some(report) = &state.report else { return };
    let run = Info::new([("mesh", report.mesh.clone())]);
    registry.register("run", "What is watched", run);
    let verdict: Gauge = Gauge::default();
    verdict.set(match report.verdict {
        Verdict::Ok => 0,
        Verdict::Unknown => 1,
        Verdict::Fail => 3,
    });
    let help = "0 everything asked for holds, 1 a proof could not be made, 3 broken";
    registry.register("verdict", help, verdict);
}

fn layers(registry: &mut Registry, state: &State) {
    let result = Family::<OfLayer, Gauge>::default();
    let looks = Family::<OfLayer, Counter>::default();
    let spent = Family::<OfLayer, Counter<f64, AtomicU64>>::default();
    let looked = Family::<OfLayer, Seconds>::default();
    let drifts = Family::<OfLayer, Counter>::default();
    let flickers = Family::<OfLayer, Counter>::default();
    let broken = Family::<OfLayer, Seconds>::default();
    for (layer, standing) in &state.layers {
        let label = [("layer", layer.name())];
        if let Some(level) = standing.result.level() {
            result.get_or_create(&label).set(level);
        }
        looks.get_or_create(&label).inc_by(standing.looks);
        spent.get_or_create(&label).inc_by(standing.spent.as_secs_f64());
        drifts.get_or_create(&label).inc_by(standing.drifts);
        flickers.get_or_create(&label).inc_by(standing.flickers);
        if let Some((at, _)) = standing.looked {
            looked.get_or_create(&label).set(seconds(at));
        }
        if standing.result == Condition::Fail {
            broken.get_or_create(&label).set(seconds(standing.since.0));
        }
    }
    let help =
        "How a layer stands: 0 ok, 1 unknown, 2 warn, 3 fail; absent where it is not reached";
    registry.register("layer_result", help, result);
    registry.register("looks", "Looks taken at a layer", looks);
    registry.register_with_unit("look", "Time spent in them", Unit::Seconds, spent);
    let help = "When a layer was looked at last";
    registry.register_with_unit("last_look_timestamp", help, Unit::Seconds, looked);
    registry.register("drifts", "How often a layer held and then broke", drifts);
    let help = "How often a layer looked broken and held at the next look";
    registry.register("flickers", help, flickers);
    let help = "Since when a layer is broken; absent while it is not";
    registry.register_with_unit("broken_since_timestamp", help, Unit::Seconds, broken);
}

/// What is not ok, the worst first; without addresses and ports that change from look to look,
/// several may be one series.
fn findings(registry: &mut Registry, report: &Report) {
    let mut worst: Vec<&Finding> =
        report.findings.iter().filter(|finding| finding.severity != Severity::Ok).collect();
    worst.sort_by_key(|finding| std::cmp::Reverse(level(finding.severity)));
    let results = Family::<OfFinding, Gauge>::default();
    let mut told = std::collections::BTreeSet::new();
    for finding in worst {
        let mut labels = vec![
            ("code", finding.code.name().to_owned()),
            ("layer", finding.layer.name().to_owned()),
            ("subject", tidy(&steady(&finding.subject, &report.addresses))),
        ];
        labels.extend(finding.family.map(|family| ("family", family.to_string().to_lowercase())));
        if told.len() < MOST_FINDINGS && told.insert(labels.clone()) {
            results.get_or_create(&labels).set(level(finding.severity));
        }
    }
    let help = "What was found and is not ok: 1 unknown, 2 warn, 3 fail; at most 32";
    registry.register("check_result", help, results);
}

fn proofs(registry: &mut Registry, report: &Report) {
    let proofs = Family::<OfLayer, Gauge>::default();
    for (proof, count) in &report.proved {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        proofs.get_or_create(&[("proof", proof.name())]).set(count);
    }
    registry.register("proofs", "Flows that went as promised in the latest look", proofs);
}

/// As `blackbox_exporter` names it, so that its dashboards and rules work.
fn targets(registry: &mut Registry, state: &State) {
    if state.targets.is_empty() {
        return;
    }
    let success = Family::<OfOne, Gauge>::default();
    for (target, found) in &state.targets {
        if let Some(found) = found {
            success.get_or_create(&[("target", tidy(target))]).set(i64::from(*found));
        }
    }
    let help = "Whether a target is as it should be; absent where that could not be seen";
    registry.register("probe_success", help, success);
}

fn peers(registry: &mut Registry, state: &State) {
    if state.peers.is_empty() {
        return;
    }
    let result = Family::<OfOne, Gauge>::default();
    let time = Family::<OfOne, Seconds>::default();
    for (peer, standing) in &state.peers {
        let label = [("peer", peer.to_string())];
        result.get_or_create(&label).set(if standing.problem.is_some() { 3 } else { 0 });
        if let Some(round_trip) = standing.round_trip {
            time.get_or_create(&label).set(round_trip.as_secs_f64());
        }
    }
    let help = "Whether a peer answers, and reaches this pod: 0 it does, 3 it does not";
    registry.register("peer_result", help, result);
    let help = "From a question to a peer until its answer";
    registry.register_with_unit("peer_round_trip", help, Unit::Seconds, time);
}

fn level(severity: Severity) -> i64 {
    match severity {
        Severity::Ok => 0,
        Severity::Unknown => 1,
        Severity::Warn => 2,
        Severity::Fail => 3,
    }
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
