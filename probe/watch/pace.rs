//! When which layer is looked at: cheap looks often, dear ones seldom, and no two pods in step.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::finding::Layer;

/// Layers that are due within this time are looked at together: the pod itself is looked at once.
const TOGETHER: Duration = Duration::from_millis(500);

/// How long after a look at a layer the next one follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace(BTreeMap<Layer, Duration>);

impl Default for Pace {
    fn default() -> Pace {
        Pace(Layer::ALL.into_iter().map(|layer| (layer, usual(layer))).collect())
    }
}

/// A look that stays in the pod takes a millisecond; one at packet sizes sends full packets.
fn usual(layer: Layer) -> Duration {
    Duration::from_secs(match layer {
        Layer::Link | Layer::Route => 10,
        Layer::Redirect | Layer::Dns | Layer::Service | Layer::Reach => 30,
        Layer::Node => 60,
        Layer::Mtu => 300,
    })
}

impl Pace {
    /// The usual pace with other times for some layers.
    #[must_use]
    pub fn with(times: impl IntoIterator<Item = (Layer, Duration)>) -> Pace {
        let mut pace = Pace::default();
        pace.0.extend(times);
        pace
    }

    /// The time between two looks at a layer.
    #[must_use]
    pub fn of(&self, layer: Layer) -> Duration {
        self.0.get(&layer).copied().unwrap_or_else(|| usual(layer))
    }
}

/// What is looked at next.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    next: BTreeMap<Layer, Instant>,
}

impl Schedule {
    /// Everything is due now.
    pub(super) fn new(layers: &[Layer], pace: Pace, now: Instant) -> Schedule {
        Schedule { pace, next: layers.iter().map(|layer| (*layer, now)).collect() }
    }

    /// When the next look begins; none where there is nothing to look at.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next.values().min().copied()
    }

    /// The layers whose turn it is.
    pub(super) fn due(&self, now: Instant) -> Vec<Layer> {
        let due = self.next.iter().filter(|(_, at)| **at <= now + TOGETHER);
        due.map(|(layer, _)| *layer).collect()
    }

    /// A layer was looked at: its next turn comes after its time, a tenth earlier or later by
    /// `chance`, any number.
    pub(super) fn looked(&mut self, layer: Layer, now: Instant, chance: u64) {
        let wait = jittered(self.pace.of(layer), chance);
        self.next.entry(layer).and_modify(|next| *next = now + wait);
    }

    /// Their turn comes at once.
    pub(super) fn hurry(&mut self, layers: impl IntoIterator<Item = Layer>, at: Instant) {
        for layer in layers {
            self.next.entry(layer).and_modify(|next| *next = at.min(*next));
        }
    }

    /// Their turn does not come before that.
    pub(super) fn hold(&mut self, layer: Layer, until: Instant) {
        self.next.entry(layer).and_modify(|next| *next = until.max(*next));
    }
}

/// Between nine and eleven tenths of the time.
pub(super) fn jittered(time: Duration, chance: u64) -> Duration {
    let thousandths = 900 + u32::try_from(chance % 201).unwrap_or_default();
    time.saturating_mul(thousandths) / 1000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAYERS: [Layer; 3] = [Layer::Link, Layer::Redirect, Layer::Mtu];

    #[test]
    fn everything_is_due_at_first_and_each_layer_again_after_its_time() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&LAYERS, Pace::default(), start);
        assert_eq!(schedule.due(start), LAYERS);
        for layer in LAYERS {
            schedule.looked(layer, start, 100);
        }
        assert_eq!(schedule.due(start), []);
        assert_eq!(schedule.next(), Some(start + Duration::from_secs(10)));
        assert_eq!(schedule.due(start + Duration::from_secs(10)), [Layer::Link]);
        assert_eq!(schedule.due(start + Duration::from_secs(30)), LAYERS[..2]);
        assert_eq!(schedule.due(start + Duration::from_mins(5)), LAYERS);
    }

    #[test]
    fn a_hurried_layer_comes_first_and_a_held_one_later_than_its_turn() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&LAYERS, Pace::default(), start);
        for layer in LAYERS {
            schedule.looked(layer, start, 100);
        }
        schedule.hurry([Layer::Mtu], start + Duration::from_secs(1));
        assert_eq!(schedule.due(start + Duration::from_secs(1)), [Layer::Mtu]);
        schedule.hold(Layer::Link, start + Duration::from_mins(1));
        assert_eq!(schedule.due(start + Duration::from_secs(30)), LAYERS[1..]);
        // Who is not watched is not hurried.
        schedule.hurry([Layer::Dns], start);
        assert!(!schedule.due(start + Duration::from_hours(1)).contains(&Layer::Dns));
    }

    #[test]
    fn a_layer_may_have_another_time() {
        let pace = Pace::with([(Layer::Mtu, Duration::from_secs(7))]);
        assert_eq!(pace.of(Layer::Mtu), Duration::from_secs(7));
        assert_eq!(pace.of(Layer::Link), Duration::from_secs(10));
    }

    proptest! {
        #[test]
        fn chance_moves_a_turn_by_a_tenth_at_most(ms in 1_u64..10_000_000, chance: u64) {
            let time = Duration::from_millis(ms);
            let wait = jittered(time, chance);
            prop_assert!(wait >= time * 9 / 10 && wait <= time * 11 / 10);
        }
    }
}
