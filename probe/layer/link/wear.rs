//! Links that lose packets while one looks.

use crate::{
    finding::{Code, Finding, Layer},
    pod::{Look, wear::Losses},
};

/// Judges what was lost between the beginning and the end of a look.
#[must_use]
pub fn judge_losses(before: &Look<Vec<Losses>>, after: &Look<Vec<Losses>>) -> Vec<Finding> {
    match (before, after) {
        (Look::Seen(before), Look::Seen(after)) => risen(before, after),
        (blind @ Look::Blind { .. }, _) | (_, blind) => {
            let reason = format!("losses of interfaces not observable: {}", blind.why());
            vec![Finding::unseen(Layer::Link, "losses", reason)]
        }
    }
}

fn risen(before: &[Losses], after: &[Losses]) -> Vec<Finding> {
    let risen = after.iter().filter_map(|now| {
        let same = |was: &&Losses| was.link == now.link && was.counter == now.counter;
        let was = before.iter().find(same)?;
        let more = now.packets.checked_sub(was.packets).filter(|more| *more > 0)?;
        let reason = format!(
            "count what {} loses: {} rose by {more} while podprobe looked, to {}",
            now.link, now.counter, now.packets
        );
        Some(Finding::new(Code::LinkDropsRising, &now.link, reason).with(&now.counter, more))
    });
    risen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(packets: u64) -> Look<Vec<Losses>> {
        Look::Seen(vec![Losses { link: "eth0".into(), counter: "rx_dropped".into(), packets }])
    }

    #[test]
    fn counters_that_cannot_be_read_are_neither_yes_nor_no() {
        let blind = || Look::Blind { operation: "read".into(), errno: "ENOENT".into() };
        for (before, after) in [(blind(), losses(1)), (losses(1), blind())] {
            let found = judge_losses(&before, &after);
            assert_eq!(found[0].code, Code::ProbeFailed);
            assert!(found[0].reason.ends_with("read: ENOENT"), "{}", found[0].reason);
        }
    }

    #[test]
    fn a_counter_that_rises_is_told_and_one_that_stands_is_not() {
        assert!(judge_losses(&losses(7), &losses(7)).is_empty());
        let found = judge_losses(&losses(7), &losses(9));
        assert_eq!(found[0].code, Code::LinkDropsRising);
        assert!(found[0].reason.contains("rx_dropped rose by 2"), "{}", found[0].reason);
        assert!(judge_losses(&losses(9), &losses(2)).is_empty(), "an interface was made anew");
    }
}
