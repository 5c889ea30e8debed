//! Why a connection to somebody outside did not come about: plain data for the layers that make
//! real ones.

use std::io;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::redirect::Offender;
use crate::net::errno_name;

/// No connection, or no answer, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Failure {
    /// Refused: by whom, if ICMP told; a reset carries no name.
    Refused {
        /// The sender of the ICMP message.
        by: Option<Offender>,
    },
    /// The kernel or a router refused.
    Failed {
        /// The system call.
        operation: String,
        /// The errno's name.
        errno: String,
        /// The sender of the ICMP message, if there was one.
        by: Option<Offender>,
    },
    /// No answer.
    Silent {
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// Not tried, for an answer would not have been the other side's.
    Masked {
        /// Who would be needed.
        reason: String,
    },
}

impl Failure {
    /// What an error of this system call stands for.
    #[must_use]
    pub fn of(operation: &str, error: &io::Error, by: Option<Offender>) -> Failure {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ECONNREFUSED | Errno::ECONNRESET) => Failure::Refused { by },
            _ => Failure::Failed { operation: operation.to_owned(), errno: errno_name(error), by },
        }
    }

    /// The sender of the ICMP message that refused, if one did.
    #[must_use]
    pub fn by(&self) -> Option<&Offender> {
        match self {
            Failure::Refused { by } | Failure::Failed { by, .. } => by.as_ref(),
            Failure::Silent { .. } | Failure::Masked { .. } => None,
        }
    }

    /// What became of it: the end of a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Failure::Refused { by: None } => "is refused by a reset".to_owned(),
            Failure::Refused { by: Some(by) } => format!("is refused by {by}"),
            Failure::Failed { operation, errno, by: None } => {
                format!("fails: {operation}: {errno}")
            }
            Failure::Failed { errno, by: Some(by), .. } => {
                format!("is rejected with {errno} by {by}")
            }
            Failure::Silent { waited_ms } => format!("gets no answer in {waited_ms} ms"),
            Failure::Masked { reason } => format!("is not tried: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_refused_is_named_with_type_and_code() {
        let by = Offender { address: [10, 0, 0, 1].into(), icmp_type: 3, icmp_code: 13 };
        let error = io::Error::from_raw_os_error(Errno::EHOSTUNREACH as i32);
        let failure = Failure::of("connect", &error, Some(by));
        assert_eq!(failure.told(), "is rejected with EHOSTUNREACH by 10.0.0.1 (ICMP 3/13)");
        assert_eq!(failure.by(), Some(&by));
    }

    #[test]
    fn a_reset_is_a_refusal_without_a_name() {
        let error = io::Error::from_raw_os_error(Errno::ECONNREFUSED as i32);
        assert_eq!(Failure::of("connect", &error, None), Failure::Refused { by: None });
    }
}
