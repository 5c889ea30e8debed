//! A TLS `ClientHello` without cryptography, and what its answer's first bytes mean.
//!
//! The handshake is never finished, so the key share may be any 32 bytes. The message is of TLS 1.2
//! and 1.3 at once (RFC 8446 §4.1.2, appendix D).

use super::outcome::Outcome;
use crate::layer::exchange::escaped;

/// A handshake record (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;
/// An alert record.
const ALERT: u8 = 0x15;
/// An alert with its record's header: nothing of it needs more bytes to be understood.
pub(super) const ENOUGH: usize = 7;

/// TLS 1.3's three, then those of TLS 1.2 that Go, OpenSSL and rustls servers have, forward secrecy
/// first.
const SUITES: [u16; 14] = [
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
    0x009d, 0x002f,
];
/// X25519, P-256, P-384.
const GROUPS: [u16; 3] = [0x001d, 0x0017, 0x0018];
/// ECDSA, RSA-PSS and PKCS #1 with SHA-2, and Ed25519.
const SIGNATURES: [u16; 10] =
    [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0603, 0x0806, 0x0601, 0x0807];

/// The message in its record, with this server name. In-cluster clients send none: they dial an
/// address.
pub(super) fn client_hello(server_name: Option<&str>) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0x70; 32]); // the random
    body.push(32);
    body.extend([0x71; 32]); // a session id, as middleboxes of TLS 1.2 expect
    body.extend(counted(2, &words(&SUITES)));
    body.extend([1, 0]); // no compression
    let mut extensions = Vec::new();
    if let Some(name) = server_name {
        let entry = [&[0][..], &counted(2, name.as_bytes())].concat();
        extensions.extend(extension(0, &counted(2, &entry)));
    }
    extensions.extend(extension(0x0017, &[])); // extended master secret
    extensions.extend(extension(0xff01, &[0])); // renegotiation info
    extensions.extend(extension(0x000a, &counted(2, &words(&GROUPS))));
    extensions.extend(extension(0x000b, &[1, 0])); // uncompressed points
    extensions.extend(extension(0x000d, &counted(2, &words(&SIGNATURES))));
    let share = [&GROUPS[0].to_be_bytes()[..], &counted(2, &[9; 32])].concat();
    extensions.extend(extension(0x0033, &counted(2, &share)));
    extensions.extend(extension(0x002b, &[4, 3, 4, 3, 3])); // TLS 1.3, TLS 1.2
    extensions.extend(extension(0x002d, &[1, 1])); // key exchange modes
    body.extend(counted(2, &extensions));
    let message = [&[1][..], &counted(3, &body)].concat();
    [&[HANDSHAKE, 3, 1][..], &counted(2, &message)].concat()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(2, data)].concat()
}

/// The bytes after their count, which takes so many octets.
fn counted(octets: usize, bytes: &[u8]) -> Vec<u8> {
    let count = bytes.len().to_be_bytes();
    [&count[count.len() - octets..], bytes].concat()
}

/// What the first bytes of the answer mean; there is at least one.
pub(super) fn heard(bytes: &[u8]) -> Outcome {
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
    fn the_counts_fit_together() {
        for name in [None, Some("api.example.com")] {
            let hello = client_hello(name);
            assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), hello.len() - 5);
            assert_eq!(
                usize::from(u16::from_be_bytes([hello[7], hello[8]])),
                hello.len() - 9,
                "{hello:?}"
            );
        }
        assert!(client_hello(None).len() < 300);
    }

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

        #[test]
        fn any_name_can_be_sent(name in "[a-z0-9.-]{1,253}") {
            prop_assert!(client_hello(Some(&name)).len() > name.len());
        }
    }
}
