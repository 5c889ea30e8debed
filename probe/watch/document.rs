//! The state as `/history.json`: what the page shows besides the report.

use std::{
    net::IpAddr,
    time::{Duration, Instant, SystemTime},
};

use serde::Serialize;

use super::{
    history::{Change, Minute, rfc3339},
    standing::Condition,
    state::State,
};
use crate::finding::Layer;

/// The version of the format.
const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'s> {
    schema_version: u32,
    #[serde(serialize_with = "rfc3339")]
    now: SystemTime,
    #[serde(serialize_with = "rfc3339")]
    started_at: SystemTime,
    pod: Option<String>,
    version: &'static str,
    mesh: Option<&'s str>,
    ready_ms: Option<f64>,
    started: bool,
    ready: bool,
    layers: Vec<OfLayer>,
    peers: Vec<OfPeer<'s>>,
    minutes: Vec<&'s Minute>,
    changes: Vec<&'s Change>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfLayer {
    layer: Layer,
    interval_ms: u64,
    since_look_ms: Option<u64>,
    look_ms: f64,
    result: Condition,
    #[serde(serialize_with = "rfc3339")]
    since: SystemTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfPeer<'s> {
    peer: IpAddr,
    round_trip_ms: Option<f64>,
    #[serde(serialize_with = "rfc3339")]
    since: SystemTime,
    problem: Option<&'s str>,
}

/// The document.
pub(super) fn history(state: &State) -> String {
    let now = Instant::now();
    let layers = state.layers.iter().map(|(layer, standing)| OfLayer {
        layer: *layer,
        interval_ms: millis(standing.interval),
        since_look_ms: standing.looked.map(|(_, at)| millis(now.saturating_duration_since(at))),
        look_ms: tenths(standing.took),
        result: standing.result,
        since: standing.since.0,
    });
    let peers = state.peers.iter().map(|(peer, standing)| OfPeer {
        peer: *peer,
        round_trip_ms: standing.round_trip.map(tenths),
        since: standing.since,
        problem: standing.problem.as_deref(),
    });
    let document = Document {
        schema_version: VERSION,
        now: SystemTime::now(),
        started_at: state.began.0,
        pod: nix::sys::utsname::uname()
            .ok()
            .and_then(|name| name.nodename().to_str().map(str::to_owned)),
        version: env!("CARGO_PKG_VERSION"),
        mesh: state.report.as_ref().map(|report| report.mesh.as_str()),
        ready_ms: state.ready_ms,
        started: state.started(),
        ready: state.ready(),
        layers: layers.collect(),
        peers: peers.collect(),
        minutes: state.history.minutes.iter().collect(),
        changes: state.history.changes.iter().collect(),
    };
    let mut text = serde_json::to_string(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Milliseconds, to a tenth.
fn tenths(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
