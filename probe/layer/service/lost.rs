//! Packets that are lost inside the pod: connect(2) says nothing of an OUTPUT rule that drops, for TCP
//! takes it for any other loss (kernel `tcp_connect`), but the kernel counts what it could not send
//! again.

use crate::net::counters::{self, NETSTAT};

/// How many TCP segments the namespace could not send again so far; none where that cannot be read.
pub(super) fn unsent() -> Option<u64> {
    counters::read(NETSTAT, "TcpExt:", "TCPRetransFail")
}
