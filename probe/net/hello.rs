//! The first message of TLS, as any client sends it, of any size; and whether its answer is whole.
//!
//! No handshake comes of it: the server sends its certificate, and the connection is closed.

/// A record's header.
const RECORD_HEADER: usize = 5;
/// The largest record (RFC 8446, 5.1).
pub const LARGEST: usize = RECORD_HEADER + (1 << 14);
/// The record type of an alert.
const ALERT: u8 = 21;
/// The record type of handshake messages.
const HANDSHAKE: u8 = 22;
/// The record type of what is encrypted.
const DATA: u8 = 23;
/// The message that ends a server's flight in TLS 1.2.
const SERVER_HELLO_DONE: u8 = 14;
/// The extension that says nothing (RFC 7685).
const PADDING: u16 = 21;
/// An extension's header.
const EXTENSION_HEADER: usize = 4;

/// TLS 1.3 and 1.2, with AES-GCM or `ChaCha20`, by ECDSA or RSA.
const SUITES: [u16; 10] =
    [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8, 0x009c];
/// P-256 with SHA-256, Ed25519, RSA-PSS and PKCS#1 with SHA-256 to SHA-512, P-384 with SHA-384.
const SIGNATURES: [u16; 9] =
    [0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601];
/// A point of X25519: any 32 bytes are one, and no secret is made with this one.
const POINT: [u8; 32] = [9; 32];

/// A `ClientHello` in one record of exactly this many bytes, or of as few as it takes.
#[must_use]
pub fn client_hello(length: usize) -> Vec<u8> {
    let bare = record(&message(None));
    match length.min(LARGEST).checked_sub(bare.len() + EXTENSION_HEADER) {
        Some(padding) => record(&message(Some(padding))),
        None => bare,
    }
}

fn record(message: &[u8]) -> Vec<u8> {
    // Version 1.0 stands in the first record of every client (RFC 8446, 5.1).
    [&[HANDSHAKE, 3, 1][..], &sized(message)].concat()
}

fn message(padding: Option<usize>) -> Vec<u8> {
    let numbers = |list: &[u16]| list.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let mut extensions = [
        extension(10, &sized(&numbers(&[0x001d, 0x0017, 0x0018]))), // groups
        extension(11, &[1, 0]),                                     // uncompressed points
        extension(13, &sized(&numbers(&SIGNATURES))),
        extension(43, &[4, 3, 4, 3, 3]), // versions 1.3 and 1.2
        extension(51, &sized(&[&[0, 0x1d][..], &sized(&POINT)].concat())), // key share
    ]
    .concat();
    if let Some(padding) = padding {
        extensions.extend(extension(PADDING, &vec![0; padding]));
    }
    let body = [
        &[3, 3][..],
        &[0x70; 32], // random
        &[0],        // no session
        &sized(&numbers(&SUITES)),
        &[1, 0], // no compression
        &sized(&extensions),
    ]
    .concat();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[1], &length[1..], &body].concat()
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized(value)].concat()
}

/// Behind its own length in two octets.
fn sized(value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&length[..], value].concat()
}

/// Whether nothing more is to be expected of the server: an alert, something that is no TLS, or its
/// whole flight. In TLS 1.3 the end of that is encrypted; then silence behind a whole record tells.
#[must_use]
pub fn is_whole(answer: &[u8], silent: bool) -> bool {
    let mut rest = answer;
    let (mut messages, mut encrypted) = (Vec::new(), false);
    while let Some((&[kind, _, _, high, low], body)) = rest.split_first_chunk::<RECORD_HEADER>() {
        if kind == ALERT || !(20..=24).contains(&kind) {
            return true;
        }
        let Some((body, behind)) = body.split_at_checked(u16::from_be_bytes([high, low]).into())
        else {
            return false;
        };
        if kind == HANDSHAKE {
            messages.extend_from_slice(body);
        }
        encrypted |= kind == DATA;
        rest = behind;
    }
    let no_tls = rest.first().is_some_and(|kind| !(20..=24).contains(kind));
    no_tls || ends_flight(&messages) || (encrypted && silent && rest.is_empty())
}

fn ends_flight(mut messages: &[u8]) -> bool {
    while let Some((&[kind, a, b, c], body)) = messages.split_first_chunk::<4>() {
        if kind == SERVER_HELLO_DONE {
            return true;
        }
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        let Some(behind) = body.get(length..) else { return false };
        messages = behind;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hello_is_as_long_as_it_was_asked_for() {
        for length in [500, 1448, 4344, LARGEST] {
            let hello = client_hello(length);
            assert_eq!(hello.len(), length);
            assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), length - 5);
        }
        assert_eq!(client_hello(LARGEST + 1).len(), LARGEST);
        assert!(client_hello(0).len() < 300);
    }

    #[test]
    fn a_flight_ends_with_the_servers_done_or_with_an_alert() {
        let hello = [22, 3, 3, 0, 6, 2, 0, 0, 2, 7, 7];
        let done = [22, 3, 3, 0, 4, 14, 0, 0, 0];
        assert!(!is_whole(&hello, true));
        assert!(is_whole(&[&hello[..], &done].concat(), false));
        assert!(!is_whole(&[&hello[..], &done[..8]].concat(), true));
        assert!(is_whole(&[21, 3, 3, 0, 2, 2, 40], false));
    }

    #[test]
    fn an_encrypted_flight_ends_when_nothing_more_comes() {
        let flight = [22, 3, 3, 0, 6, 2, 0, 0, 2, 7, 7, 23, 3, 3, 0, 1, 9];
        assert!(!is_whole(&flight, false));
        assert!(is_whole(&flight, true));
        assert!(!is_whole(&flight[..16], true));
    }

    #[test]
    fn what_is_no_tls_is_an_answer() {
        assert!(is_whole(b"HTTP/1.1 400 Bad Request", false));
        assert!(!is_whole(&[], true));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), silent: bool) {
            let _ = is_whole(&bytes, silent);
        }

        #[test]
        fn any_length_is_met_or_the_least(length in 0_usize..20_000) {
            let hello = client_hello(length);
            prop_assert!(hello.len() == length.min(LARGEST) || hello.len() == client_hello(0).len());
        }
    }
}
