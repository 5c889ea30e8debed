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
/// A point of X25519: any 32 bytes are one, and no secret is made with this one.
const POINT: [u8; 32] = [9; 32];

/// A `ClientHello` of TLS 1.2 and 1.3 at once (RFC 8446 §4.1.2, appendix D) in one record, of
/// exactly this many bytes or of as few as it takes. Clients within a cluster send no server name:
/// they dial an address.
#[must_use]
pub fn client_hello(server_name: Option<&str>, length: usize) -> Vec<u8> {
    let bare = record(&message(server_name, None));
    match length.min(LARGEST).checked_sub(bare.len() + EXTENSION_HEADER) {
        Some(padding) => record(&message(server_name, Some(padding))),
        None => bare,
    }
}

fn record(message: &[u8]) -> Vec<u8> {
    // Version 1.0 stands in the first record of every client (RFC 8446, 5.1).
    [&[HANDSHAKE, 3, 1][..], &sized(message)].concat()
}

fn message(server_name: Option<&str>, padding: Option<usize>) -> Vec<u8> {
    let numbers = |list: &[u16]| list.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let share = [&GROUPS[0].to_be_bytes()[..], &sized(&POINT)].concat();
    let mut extensions = [
        extension(0x0017, &[]),  // extended master secret
        extension(0xff01, &[0]), // renegotiation info
        extension(0x000a, &sized(&numbers(&GROUPS))),
        extension(0x000b, &[1, 0]), // uncompressed points
        extension(0x000d, &sized(&numbers(&SIGNATURES))),
        extension(0x0033, &sized(&share)),
        extension(0x002b, &[4, 3, 4, 3, 3]), // TLS 1.3, TLS 1.2
        extension(0x002d, &[1, 1]),          // key exchange modes
    ]
    .concat();
    if let Some(name) = server_name {
        let entry = [&[0][..], &sized(name.as_bytes())].concat();
        extensions.extend(extension(0, &sized(&entry)));
    }
    if let Some(padding) = padding {
        extensions.extend(extension(PADDING, &vec![0; padding]));
    }
    let body = [
        &[3, 3][..],
        &[0x70; 32], // random
        &[32],
        &[0x71; 32], // a session id, as middleboxes of TLS 1.2 expect
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
            let hello = client_hello(None, length);
            assert_eq!(hello.len(), length);
            assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), length - 5);
        }
        assert_eq!(client_hello(None, LARGEST + 1).len(), LARGEST);
        assert!(client_hello(None, 0).len() < 300);
    }

    #[test]
    fn the_counts_fit_together() {
        for name in [None, Some("api.example.com")] {
            let hello = client_hello(name, 0);
            assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), hello.len() - 5);
            assert_eq!(usize::from(u16::from_be_bytes([hello[7], hello[8]])), hello.len() - 9);
        }
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
        fn any_length_is_met_or_the_least(length in 0_usize..20_000, name in "[a-z0-9.-]{1,253}") {
            for name in [None, Some(name.as_str())] {
                let (hello, least) = (client_hello(name, length), client_hello(name, 0));
                prop_assert!(hello.len() == length.min(LARGEST) || hello.len() == least.len());
                prop_assert!(least.len() > name.map_or(0, str::len));
            }
        }
    }
}
