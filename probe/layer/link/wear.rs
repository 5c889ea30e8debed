//! Links that lose packets while one looks.

use crate::{
    finding::{Code, Finding},
    pod::wear::Losses,
};

/// Judges what was lost between the beginning and the end of a look.
#[must_use]
pub fn judge_losses(before: &[Losses], after: &[Losses]) -> Vec<Finding> {
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

    fn losses(packets: u64) -> Vec<Losses> {
        vec![Losses { link: "eth0".into(), counter: "rx_dropped".into(), packets }]
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
