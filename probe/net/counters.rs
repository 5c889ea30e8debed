//! The namespace's own protocol counters (kernel `net/ipv4/proc.c`).

use std::fs;

/// Those of the standard (RFC 1213): groups such as `Tcp:`.
pub const SNMP: &str = "/proc/self/net/snmp";
/// The kernel's own: groups such as `TcpExt:`.
pub const NETSTAT: &str = "/proc/self/net/netstat";

/// A counter; none where it cannot be read.
#[must_use]
pub fn read(file: &str, group: &str, name: &str) -> Option<u64> {
    counter(&fs::read_to_string(file).ok()?, group, name)
}

/// A line of names, then a line of values.
pub(crate) fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut both = names.split_ascii_whitespace().zip(values.split_ascii_whitespace());
    both.find(|(one, _)| *one == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::counter;

    #[test]
    fn the_value_stands_below_its_name() {
        let text = "TcpExt: SyncookiesSent TCPRetransFail TCPRcvCoalesce\nTcpExt: 1 22 3\n\
                    IpExt: InNoRoutes\nIpExt: 7\n";
        assert_eq!(counter(text, "TcpExt:", "TCPRetransFail"), Some(22));
        assert_eq!(counter(text, "IpExt:", "InNoRoutes"), Some(7));
        assert_eq!(counter(text, "TcpExt:", "InNoRoutes"), None);
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "(TcpExt:|A| |[0-9]|\\n){0,40}") {
            let _ = counter(&text, "TcpExt:", "A");
        }
    }
}
