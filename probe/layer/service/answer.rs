//! What the first bytes of the answer to a TLS `ClientHello` mean.

use super::outcome::Outcome;
use crate::layer::exchange::escaped;

/// A handshake record (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;
/// An alert record.
const ALERT: u8 = 0x15;
/// An alert with its record's header: nothing of it needs more bytes to be understood.
pub(super) const ENOUGH: usize = 7;

/// What the first bytes of the answer mean; there is at least one.
pub(crate) fn heard(bytes: &[u8]) -> Outcome {
    match bytes {
        [HANDSHAKE, 3, ..] | [HANDSHAKE] => Outcome::ServerHello,
        [ALERT, 3, _, _, _, _, description, ..] => Outcome::Alert { description: *description },
        _ => Outcome::NotTls { said: escaped(bytes) },
    }
}

/// An alert's name (RFC 8446 §6), of those that a server answers a first message with.
pub(super) fn alert(description: u8) -> String {
    let name = match description {
        10 => "unexpected_message",
        40 => "handshake_failure",
        47 => "illegal_parameter",
        50 => "decode_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        109 => "missing_extension",
        112 => "unrecognized_name",
        116 => "certificate_required",
        _ => return format!("alert {description}"),
    };
    format!("alert {name}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_record_of_tls_is_shown() {
        let said = r"HTTP/1.1 400 Bad Request\r\n".to_owned();
        assert_eq!(heard(b"HTTP/1.1 400 Bad Request\r\n"), Outcome::NotTls { said });
        assert_eq!(heard(&[0x15, 3, 3, 0, 2, 2, 40]), Outcome::Alert { description: 40 });
        assert_eq!(heard(&[0x16, 3, 3, 0, 90, 2]), Outcome::ServerHello);
        assert!(!heard(&[0x16, b' ', b'l', b'i']).is_tls());
        assert!(!heard(&[0x15]).is_tls());
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 1..40)) {
            let tls = heard(&bytes).is_tls();
            prop_assert!(!tls || bytes[0] == HANDSHAKE || bytes[0] == ALERT);
        }
    }
}
