//! The last hour, bounded: the worst of each minute, and what changed.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::standing::Condition;
use crate::finding::{Code, Layer};

/// Minutes that are kept.
const MINUTES: usize = 60;
/// Changes that are kept.
const CHANGES: usize = 100;
/// Characters of a change's sentence that are kept.
const LONGEST: usize = 400;

/// What was seen in one minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Minute {
    /// Its beginning.
    #[serde(serialize_with = "rfc3339")]
    pub at: SystemTime,
    /// The worst of each layer.
    pub worst: BTreeMap<Layer, Condition>,
}

/// A layer that stands otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When it was seen.
    #[serde(serialize_with = "rfc3339")]
    pub at: SystemTime,
    /// The layer.
    pub layer: Layer,
    /// How it stood.
    pub from: Condition,
    /// How it stands.
    pub to: Condition,
    /// The worst finding's code, if anything was found.
    pub code: Option<Code>,
    /// One sentence.
    pub text: String,
}

/// What was seen lately, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// At most an hour's; a minute without a look is absent.
    pub minutes: VecDeque<Minute>,
    /// The latest.
    pub changes: VecDeque<Change>,
}

impl History {
    /// Notes how the layers stand now.
    pub(super) fn note(&mut self, now: SystemTime, results: &BTreeMap<Layer, Condition>) {
        let at = minute(now);
        if self.minutes.back().is_none_or(|last| last.at != at) {
            self.minutes.push_back(Minute { at, worst: BTreeMap::new() });
        }
        if let Some(last) = self.minutes.back_mut() {
            for (layer, result) in results {
                let worst = last.worst.entry(*layer).or_insert(*result);
                *worst = (*worst).max(*result);
            }
        }
        let oldest = at - Duration::from_secs(60 * (MINUTES as u64 - 1));
        // A clock that was set back leaves what lies ahead of it.
        self.minutes.retain(|minute| minute.at >= oldest && minute.at <= at);
    }

    /// Keeps a change.
    pub(super) fn keep(&mut self, mut change: Change) {
        if let Some((end, _)) = change.text.char_indices().nth(LONGEST) {
            change.text.truncate(end);
            change.text.push('…');
        }
        if self.changes.len() == CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }
}

/// The beginning of the minute.
fn minute(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UNIX_EPOCH + Duration::from_secs(since - since % 60)
}

/// A time as RFC 3339 writes it, to the second.
///
/// # Errors
/// The serializer's own.
pub fn rfc3339<S: serde::Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_seconds(*time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn change(text: &str) -> Change {
        let (from, to) = (Condition::Ok, Condition::Fail);
        Change { at: at(0), layer: Layer::Link, from, to, code: None, text: text.to_owned() }
    }

    #[test]
    fn a_minute_is_as_bad_as_its_worst_second_and_an_hour_is_kept() {
        let mut history = History::default();
        for second in (0..7200).step_by(10) {
            let result = if second == 3610 { Condition::Fail } else { Condition::Ok };
            history.note(at(second), &BTreeMap::from([(Layer::Dns, result)]));
        }
        assert_eq!(history.minutes.len(), MINUTES);
        assert_eq!(history.minutes[0].at, at(3600));
        assert_eq!(history.minutes[0].worst[&Layer::Dns], Condition::Fail);
        assert_eq!(history.minutes[1].worst[&Layer::Dns], Condition::Ok);
    }

    #[test]
    fn minutes_that_are_over_for_an_hour_go_even_where_nothing_was_seen_meanwhile() {
        let mut history = History::default();
        let results = BTreeMap::from([(Layer::Dns, Condition::Ok)]);
        for second in [0, 60, 10_000] {
            history.note(at(second), &results);
        }
        assert_eq!(history.minutes.len(), 1);
        // The clock is set back.
        history.note(at(300), &results);
        assert_eq!(history.minutes.iter().map(|minute| minute.at).collect::<Vec<_>>(), [at(300)]);
    }

    #[test]
    fn changes_are_bounded_in_number_and_length() {
        let mut history = History::default();
        for count in 0..250 {
            history.keep(change(&format!("{count} {}", "ü".repeat(1000))));
        }
        assert_eq!(history.changes.len(), CHANGES);
        assert!(history.changes.iter().all(|change| change.text.chars().count() <= LONGEST + 1));
        assert!(history.changes[0].text.starts_with("150 "));
    }
}
