//! What rustls' errors mean, as facts.

use std::{fmt::Write, io};

use rustls::{CertificateError, Error, InvalidMessage};

use crate::{
    layer::exchange::{BadCertificate, TlsFailure},
    net::errno_unless_end,
};

/// rustls' own error travels inside the stream's.
pub(super) fn failure(error: &io::Error) -> TlsFailure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        None => TlsFailure::Ended { errno: errno_unless_end(error) },
        Some(error @ Error::InvalidCertificate(_)) => TlsFailure::Certificate(bad(error)),
        Some(Error::AlertReceived(alert)) => {
            TlsFailure::Alert { name: snake(&format!("{alert:?}")) }
        }
        Some(
            error @ Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge
                | InvalidMessage::InvalidEmptyPayload,
            ),
        ) => TlsFailure::NotTls { problem: error.to_string() },
        Some(error) => TlsFailure::Protocol { problem: error.to_string() },
    }
}

/// What a check of the chain found.
pub(super) fn bad(error: &Error) -> BadCertificate {
    match error {
        Error::InvalidCertificate(error) => bad_certificate(error),
        error => BadCertificate::Invalid { problem: error.to_string() },
    }
}

fn bad_certificate(error: &CertificateError) -> BadCertificate {
    match error {
        CertificateError::ExpiredContext { time, not_after } => {
            BadCertificate::Expired { not_after: not_after.as_secs(), now: time.as_secs() }
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            BadCertificate::NotYetValid { not_before: not_before.as_secs(), now: time.as_secs() }
        }
        CertificateError::UnknownIssuer => BadCertificate::UnknownAuthority,
        CertificateError::BadSignature => BadCertificate::OtherAuthority,
        CertificateError::NotValidForNameContext { expected, presented } => {
            BadCertificate::WrongName {
                expected: expected.to_str().into_owned(),
                presented: presented.iter().map(|name| plain(name)).collect(),
            }
        }
        error => BadCertificate::Invalid { problem: error.to_string() },
    }
}

/// rustls names them as `DnsName("kubernetes")` and `IpAddress(10.96.0.1)`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// `HandshakeFailure` is `handshake_failure` in RFC 8446.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        // Writing to a String cannot fail.
        let _ = write!(snake, "{}", character.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alerts_name_is_written_as_in_the_standard() {
        assert_eq!(snake("HandshakeFailure"), "handshake_failure");
    }
}
