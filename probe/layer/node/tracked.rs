//! The node's counters of connection tracking, below the host's root.

use super::host::Host;
use crate::{
    finding::Layer,
    plan::Plan,
    pod::{
        Look,
        track::{self, Drops},
    },
};

/// The node's, where its root was named and holds its `/proc`; else those of this namespace.
#[must_use]
pub fn tracked(plan: &Plan) -> Look<Drops> {
    let read = || {
        let host = Host::open(&plan.node.host_root).ok()?;
        let (_, bytes) = host.read(track::NODES, track::LONGEST).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    track::drops(plan.asks(Layer::Node).then(read).flatten().as_deref())
}
