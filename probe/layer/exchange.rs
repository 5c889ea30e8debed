//! Why TLS or HTTP over an open connection came to nothing: plain data for the layers that speak
//! them.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Why a TLS handshake failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum TlsFailure {
    /// Not begun: the file of trusted authorities is of no use.
    Roots {
        /// The file.
        path: String,
        /// Why.
        problem: String,
    },
    /// Not begun: neither a DNS name nor an address.
    ServerName {
        /// What was given.
        name: String,
    },
    /// The other side does not speak TLS.
    NotTls {
        /// What was wrong with its first bytes.
        problem: String,
    },
    /// The other side speaks TLS, and ended the handshake.
    Alert {
        /// The alert's name as in RFC 8446.
        name: String,
    },
    /// The other side's certificate does not hold.
    Certificate(BadCertificate),
    /// Both sides have no version or cipher in common, or one of them broke the protocol.
    Protocol {
        /// What rustls says.
        problem: String,
    },
    /// The connection ended within the handshake.
    Ended {
        /// The errno's name, if it was an error and no orderly end.
        errno: Option<String>,
    },
    /// The other side keeps silent within the handshake.
    Silent {
        /// How long it was waited for.
        waited_ms: u64,
    },
}

/// What is wrong with a certificate. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum BadCertificate {
    /// Over.
    Expired {
        /// Its last second.
        not_after: u64,
        /// This node's clock.
        now: u64,
    },
    /// Not begun, or this node's clock is behind.
    NotYetValid {
        /// Its first second.
        not_before: u64,
        /// This node's clock.
        now: u64,
    },
    /// No trusted authority has signed it.
    UnknownAuthority,
    /// Signed with another key than the trusted authority of the signer's name has: every
    /// cluster's authority has the same name.
    OtherAuthority,
    /// Made out for somebody else.
    WrongName {
        /// Who was meant.
        expected: String,
        /// Who it is made out for.
        presented: Vec<String>,
    },
    /// Anything else.
    Invalid {
        /// What rustls says.
        problem: String,
    },
}

impl TlsFailure {
    /// What became of it: the end of a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            TlsFailure::Roots { path, problem } => format!("cannot begin: {path}: {problem}"),
            TlsFailure::ServerName { name } => {
                format!("cannot begin: {name:?} is neither a DNS name nor an address")
            }
            TlsFailure::NotTls { problem } => format!("is answered by no TLS: {problem}"),
            TlsFailure::Alert { name } => format!("is ended by the alert {name}"),
            TlsFailure::Certificate(bad) => format!("fails: the certificate {}", bad.told()),
            TlsFailure::Protocol { problem } => format!("fails: {problem}"),
            TlsFailure::Ended { errno } => ended(errno.as_deref()),
            TlsFailure::Silent { waited_ms } => format!("gets no answer in {waited_ms} ms"),
        }
    }
}

impl BadCertificate {
    /// What is wrong with it: the predicate of "the certificate".
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            BadCertificate::Expired { not_after, now } => {
                format!("ended at {}; it is {} here", date(*not_after), date(*now))
            }
            BadCertificate::NotYetValid { not_before, now } => {
                format!("begins at {}; it is {} here", date(*not_before), date(*now))
            }
            BadCertificate::UnknownAuthority => "is signed by no trusted authority".to_owned(),
            BadCertificate::OtherAuthority => "is signed by an authority that has a trusted \
                                               one's name, but another key"
                .to_owned(),
            BadCertificate::WrongName { expected, presented } if presented.is_empty() => {
                format!("names nobody, not {expected}")
            }
            BadCertificate::WrongName { expected, presented } => {
                format!("names {}, not {expected}", presented.join(", "))
            }
            BadCertificate::Invalid { problem } => format!("is invalid: {problem}"),
        }
    }
}

fn date(seconds: u64) -> String {
    match SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        // humantime knows the years until 9999.
        Some(time) if seconds < 253_402_300_800 => {
            humantime::format_rfc3339_seconds(time).to_string()
        }
        _ => format!("{seconds} s after 1970"),
    }
}

/// Why a request got no HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum HttpFailure {
    /// What came is not HTTP.
    NotHttp {
        /// Its beginning, escaped.
        said: String,
    },
    /// The connection ended before the head of an answer was complete.
    Ended {
        /// The errno's name, if it was an error and no orderly end.
        errno: Option<String>,
        /// What had come, escaped.
        said: String,
    },
    /// No complete head of an answer.
    Silent {
        /// How long it was waited for.
        waited_ms: u64,
    },
}

impl HttpFailure {
    /// What became of it: the end of a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            HttpFailure::NotHttp { said } => format!("is answered by no HTTP: \"{said}\""),
            HttpFailure::Ended { errno, said } => {
                let how = ended(errno.as_deref());
                if said.is_empty() { how } else { format!("{how} after \"{said}\"") }
            }
            HttpFailure::Silent { waited_ms } => format!("gets no answer in {waited_ms} ms"),
        }
    }
}

/// What an end of the connection means, by its errno: the end of a sentence.
#[must_use]
pub fn ended(errno: Option<&str>) -> String {
    match errno {
        None => "ends with the connection".to_owned(),
        Some("ECONNRESET" | "EPIPE") => "is reset".to_owned(),
        Some(errno) => format!("ends with {errno}"),
    }
}

/// How much of what somebody said is shown.
const SHOWN: usize = 80;

/// The beginning of foreign bytes, so that it can stand in a sentence: printable, bounded, one line.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let tail = if bytes.len() > SHOWN { "…" } else { "" };
    format!("{}{tail}", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_certificate_says_what_is_wrong_with_it() {
        let expired = BadCertificate::Expired { not_after: 1_000_000_000, now: 1_000_000_060 };
        assert_eq!(
            expired.told(),
            "ended at 2001-09-09T01:46:40Z; it is 2001-09-09T01:47:40Z here"
        );
        let presented = vec!["kubernetes".to_owned(), "10.96.0.1".to_owned()];
        let other = BadCertificate::WrongName { expected: "10.0.0.1".to_owned(), presented };
        assert_eq!(other.told(), "names kubernetes, 10.96.0.1, not 10.0.0.1");
    }

    #[test]
    fn what_was_said_is_one_short_printable_line() {
        assert_eq!(escaped(b"HTTP/1.1 400 Bad Request\r\n"), r"HTTP/1.1 400 Bad Request\r\n");
        assert_eq!(escaped(&[0xff, b'"', 0]), r#"\xff\"\x00"#);
        assert!(escaped(&[b'a'; 200]).ends_with("a…"));
    }

    proptest! {
        #[test]
        fn foreign_dates_and_bytes_never_panic(at in any::<u64>(), bytes: Vec<u8>) {
            prop_assert!(!date(at).is_empty());
            prop_assert!(escaped(&bytes).chars().all(|c| c == '…' || (' '..='~').contains(&c)));
        }
    }
}
