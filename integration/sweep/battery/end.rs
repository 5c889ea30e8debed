//! Where a flow ends.

use std::fmt;
use std::io;

/// What became of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A listener of the pod answered: its port, and the destination that it was told.
    Pod(String),
    /// So did a transparent one, which packets reach without a change of their destination.
    Transparent(String),
    /// A listener of the node answered.
    Node(String),
    /// The kernel or a packet said no, in these words.
    Error(io::ErrorKind),
    /// Nothing happened.
    Silent,
}

impl End {
    /// The listener of the pod, if one answered.
    pub fn in_pod(&self) -> Option<&str> {
        match self {
            End::Pod(listener) => Some(listener),
            _ => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Pod(listener) => write!(f, "{listener}"),
            End::Transparent(listener) => write!(f, "{listener}, transparently"),
            End::Node(listener) => write!(f, "the node's {listener}"),
            End::Error(kind) => write!(f, "{kind}"),
            End::Silent => f.write_str("silence"),
        }
    }
}
