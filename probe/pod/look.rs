//! The result of looking at one part of the pod, where "could not look" is never "no".

use std::io;

use serde::{Deserialize, Serialize};

use crate::net::errno_name;

/// What was seen, or why nothing could be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look<T> {
    /// The kernel answered.
    Seen(T),
    /// The kernel, or the sandbox around us, refused.
    Blind {
        /// What was tried, such as `dump links`.
        operation: String,
        /// The error by its name in errno(3), such as `EPERM`.
        errno: String,
    },
}

impl<T> Look<T> {
    /// What was seen, if anything could be.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Blind { .. } => None,
        }
    }

    /// Why it could not be looked at: operation and errno; empty when it was seen.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Seen(_) => String::new(),
            Self::Blind { operation, errno } => format!("{operation}: {errno}"),
        }
    }

    /// The look that `operation` made.
    pub(crate) fn of(operation: &str, result: io::Result<T>) -> Self {
        result.map_or_else(|error| Self::blind(operation, &error), Self::Seen)
    }

    /// The look that failed in `operation`.
    pub(crate) fn blind(operation: &str, error: &io::Error) -> Self {
        Self::Blind { operation: operation.to_owned(), errno: errno_name(error) }
    }
}

impl<T> Look<Vec<T>> {
    /// What is known to be there: empty when nothing could be seen.
    pub(crate) fn list(&self) -> &[T] {
        self.seen().map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    #[test]
    fn blind_has_nothing_to_show() {
        let look: Look<Vec<u8>> = Look::of("dump links", Err(Errno::EACCES.into()));
        assert_eq!(look.seen(), None);
        assert!(matches!(&look, Look::Blind { errno, .. } if errno == "EACCES"));
        assert!(look.list().is_empty());
        assert_eq!(Look::of("x", Ok(1)).seen(), Some(&1));
    }
}
