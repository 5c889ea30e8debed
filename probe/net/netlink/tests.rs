//! Datagrams as the kernel writes them, and as it never would.

use super::*;
use netlink_packet_route::link::LinkHeader;
use proptest::prelude::*;

fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + body.len()).unwrap();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn read(bytes: &[u8], sequence: u32) -> (io::Result<Part>, Vec<Vec<u8>>) {
    let mut bodies = Vec::new();
    let part = read_datagram(bytes, sequence, &mut |body| bodies.push(body.to_vec()));
    (part, bodies)
}

#[test]
fn request_carries_header_and_body() {
    let bytes = super::message(18, 0x301, 7, &LinkHeader::default());
    let message = NetlinkBuffer::new_checked(&bytes[..]).unwrap();
    assert_eq!(message.length(), 32);
    assert_eq!(message.message_type(), 18);
    assert_eq!(message.sequence_number(), 7);
    assert_eq!(message.flags(), 0x301);
}

#[test]
fn attributes_of_a_request_are_read_back() {
    let sent: [(u16, &[u8]); 2] = [(1, &[10, 0, 0, 1, 7]), (3, b"eth0")];
    let request = Request { header: LinkHeader::default(), attributes: &sent };
    let bytes = super::message(18, 1, 7, &request);
    assert_eq!(bytes.len(), HEADER_BYTES + 16 + 12 + 8);
    let read: Vec<(u16, Vec<u8>)> = attributes(&bytes[HEADER_BYTES..], 16)
        .map(|attribute| (attribute.kind(), attribute.value().to_vec()))
        .collect();
    assert_eq!(read, sent.map(|(kind, value)| (kind, value.to_vec())));
}

#[test]
fn bodies_of_this_dump_are_read_to_its_end() {
    let bytes = [
        message(16, 2, 4, b"old"),
        message(16, 2, 5, b"first"),
        message(16, 2, 5, b"second"),
        message(NLMSG_DONE, 2, 5, &[0; 4]),
    ]
    .concat();
    let (part, bodies) = read(&bytes, 5);
    assert_eq!(part.unwrap(), Part { done: true, consistent: true });
    assert_eq!(bodies, [b"first".to_vec(), b"second".to_vec()]);
}

#[test]
fn interrupted_dump_is_marked() {
    let bytes = message(NLMSG_DONE, 2 | NLM_F_DUMP_INTR, 5, &[]);
    assert_eq!(read(&bytes, 5).0.unwrap(), Part { done: true, consistent: false });
}

#[test]
fn error_and_failed_end_become_their_errno() {
    for kind in [NLMSG_ERROR, NLMSG_DONE] {
        let bytes = message(kind, 0, 5, &(-1_i32).to_ne_bytes());
        let error = read(&bytes, 5).0.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(1));
    }
    assert!(check_status(&i32::MIN.to_ne_bytes()).is_err());
}

#[test]
fn cut_message_is_an_error() {
    let bytes = message(16, 2, 5, b"first");
    let error = read(&bytes[..18], 5).0.unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::EBADMSG as i32));
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, 5);
        for attribute in attributes(&bytes, 16) {
            let _ = (attribute.kind(), attribute.value());
        }
    }

    #[test]
    fn garbage_behind_a_good_header_never_panics(
        body in proptest::collection::vec(any::<u8>(), 0..60), kind in 0u16..40, cut in 0usize..80,
    ) {
        let bytes = message(kind, 2, 5, &body);
        let _ = read(&bytes[..cut.min(bytes.len())], 5);
    }
}
