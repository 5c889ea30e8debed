//! Whether connection tracking dropped packets while nameservers were asked.

use crate::{
    finding::{Code, Finding, Layer},
    pod::{
        Look,
        track::{Drops, Table},
    },
};

/// Judges what was dropped before and after the questions.
#[must_use]
pub fn judge_drops(before: &Look<Drops>, after: &Look<Drops>) -> Option<Finding> {
    let unseen = |why: String| {
        let reason = format!("count what connection tracking drops: {why}");
        Some(Finding::unseen(Layer::Dns, "connection tracking", reason))
    };
    let (Look::Seen(before), Look::Seen(after)) = (before, after) else {
        let why = if before.seen().is_none() { before.why() } else { after.why() };
        return unseen(why);
    };
    if before.table != after.table {
        return unseen("the node's table was seen only once".to_owned());
    }
    let failed = after.insert_failed.saturating_sub(before.insert_failed);
    let dropped = after.drop.saturating_sub(before.drop);
    let whose = match after.table {
        Table::Node => "of the node",
        Table::Namespace => "of this network namespace, which is not known to be the node's",
    };
    if failed > 0 || dropped > 0 {
        let reason = format!(
            "count what connection tracking drops while nameservers are asked: in the table {whose}, insert_failed rose by {failed} to {} and drop by {dropped} to {}",
            after.insert_failed, after.drop
        );
        let finding = Finding::new(Code::ConntrackInsertFailed, "connection tracking", reason);
        return Some(finding.with("insertFailed", failed).with("drop", dropped));
    }
    let nothing = "nothing in the table of this network namespace; the node's, where packets to services race, is not seen from here";
    let finding = (after.table == Table::Namespace).then(|| unseen(nothing.to_owned()));
    finding.flatten().map(|mut finding| {
        "run it with hostNetwork, or with the host's root mounted and named by --host-root"
            .clone_into(&mut finding.hint);
        finding
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drops(table: Table, insert_failed: u64, drop: u64) -> Look<Drops> {
        Look::Seen(Drops { table, insert_failed, drop })
    }

    fn code(before: &Look<Drops>, after: &Look<Drops>) -> Option<Code> {
        judge_drops(before, after).map(|finding| finding.code)
    }

    #[test]
    fn either_counter_that_rises_is_told() {
        for table in [Table::Node, Table::Namespace] {
            for after in [drops(table, 8, 3), drops(table, 7, 4)] {
                let found = code(&drops(table, 7, 3), &after);
                assert_eq!(found, Some(Code::ConntrackInsertFailed));
            }
        }
    }

    #[test]
    fn what_stands_is_in_order_on_the_node_alone() {
        let node = drops(Table::Node, 7, 3);
        assert_eq!(code(&node, &node), None);
        let own = drops(Table::Namespace, 7, 3);
        assert_eq!(code(&own, &own), Some(Code::ProbeFailed));
        assert_eq!(code(&node, &own), Some(Code::ProbeFailed), "two tables are not compared");
    }

    #[test]
    fn counters_that_cannot_be_read_are_neither_yes_nor_no() {
        let blind = Look::Blind { operation: "read".into(), errno: "ENOENT".into() };
        let node = drops(Table::Node, 0, 0);
        assert_eq!(code(&blind, &node), Some(Code::ProbeFailed));
        assert_eq!(code(&node, &blind), Some(Code::ProbeFailed));
    }
}
