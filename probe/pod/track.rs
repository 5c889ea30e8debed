//! What connection tracking has dropped so far, from the counters of a network namespace: looked at
//! only when asked, for they say nothing of a single packet.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use serde::{Deserialize, Serialize};

use super::Look;

/// The counters of the namespace that reads it, a row for each processor (kernel
/// `net/netfilter/nf_conntrack_standalone.c`, `ct_cpu_seq_show`).
const COUNTERS: &str = "/proc/net/stat/nf_conntrack";
/// Those of the first process' namespace, below the host's root: the node's.
pub const NODES: &str = "/proc/1/net/stat/nf_conntrack";
/// Writable by its owner in the machine's own namespace alone (same file of the kernel).
const MOST: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
/// The longest table that is read: thousands of processors.
pub const LONGEST: u64 = 1024 * 1024;

/// Whose table it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// The node's.
    Node,
    /// That of the namespace in which podprobe runs, which is not known to be the node's.
    Namespace,
}

/// What was dropped since the namespace was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drops {
    /// Whose table.
    pub table: Table,
    /// Entries that could not be put into the table: another packet's was there first.
    pub insert_failed: u64,
    /// Packets dropped for that, or because the table is full.
    pub drop: u64,
}

/// The node's counters where `nodes` gives their text, else this namespace's.
#[must_use]
pub fn drops(nodes: Option<&str>) -> Look<Drops> {
    if let Some(drops) = nodes.and_then(|text| read(text, Table::Node)) {
        return Look::Seen(drops);
    }
    let found = fs::read_to_string(COUNTERS).and_then(|text| {
        read(&text, own_table()).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    });
    Look::of(&format!("read {COUNTERS}"), found)
}

fn own_table() -> Table {
    let writable =
        |file: &Path| fs::metadata(file).is_ok_and(|m| m.permissions().mode() & 0o200 != 0);
    if writable(Path::new(MOST)) { Table::Node } else { Table::Namespace }
}

/// Sums the rows, in which numbers are hexadecimal; none where a column is missing or odd.
fn read(text: &str, table: Table) -> Option<Drops> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split_whitespace().collect();
    let rows: Vec<Vec<&str>> = lines
        .map(|line| line.split_whitespace().collect())
        .filter(|row: &Vec<&str>| !row.is_empty())
        .collect();
    let sum = |name: &str| {
        let column = names.iter().position(|known| *known == name)?;
        let number = |row: &Vec<&str>| u64::from_str_radix(row.get(column)?, 16).ok();
        rows.iter().map(number).try_fold(0_u64, |sum, number| Some(sum.saturating_add(number?)))
    };
    let (insert_failed, drop) = (sum("insert_failed")?, sum("drop")?);
    (!rows.is_empty()).then_some(Drops { table, insert_failed, drop })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two processors of a Linux 6.18, which has a column less than its headings are wide.
    const TEXT: &str = "\
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00000012  00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 0000000a 00000010 00000000 00000000  00000000 00000000 00000000 00000000
00000012  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 000000ff 00000000 00000000  00000000 00000000 00000000 00000000
";

    #[test]
    fn rows_are_summed_and_hexadecimal() {
        let drops = Drops { table: Table::Namespace, insert_failed: 11, drop: 271 };
        assert_eq!(read(TEXT, Table::Namespace), Some(drops));
    }

    #[test]
    fn columns_are_found_by_name() {
        let text = "drop insert_failed\n01 02\n";
        let drops = Drops { table: Table::Node, insert_failed: 2, drop: 1 };
        assert_eq!(read(text, Table::Node), Some(drops));
    }

    #[test]
    fn what_is_not_there_is_not_zero() {
        for text in [
            "",
            "drop insert_failed\n",
            "drop\n01\n",
            "drop insert_failed\n01\n",
            "drop insert_failed\n01 zz\n",
        ] {
            assert_eq!(read(text, Table::Node), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "(drop|insert_failed|[0-9a-f]{1,20}|[ \n\r])*", any in "\\PC*") {
            let _ = (read(&text, Table::Node), read(&any, Table::Node));
        }
    }
}
