//! Packets that are lost inside the pod: connect(2) says nothing of an OUTPUT rule that drops, for TCP
//! takes it for any other loss (kernel `tcp_connect`), but the kernel counts what it could not send
//! again.

use std::fs;

/// The namespace's own counters (kernel `net/ipv4/proc.c`).
const COUNTERS: &str = "/proc/self/net/netstat";

/// How many TCP segments the namespace could not send again so far; none where that cannot be read.
pub(super) fn unsent() -> Option<u64> {
    counter(&fs::read_to_string(COUNTERS).ok()?, "TcpExt:", "TCPRetransFail")
}

/// A line of names, then a line of values.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
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
