//! What the kernel sends: netlink datagrams, packets, structures.

use std::io;

use crate::{
    net::{
        arp,
        netlink::{notices, read_datagram},
        path_mtu, ping, segment, sock_diag,
    },
    pod::{Link, address, link, lookup, neighbour, route, rule},
};

/// The sequence number that is waited for; the corpus has it.
const SEQUENCE: u32 = 1;

/// A datagram, and each body in it as if it were of each kind; and all of it as one body.
pub(super) fn netlink(bytes: &[u8]) {
    assert!(notices::kinds(bytes).len() <= notices::Kind::ALL.len());
    let mut bodies = vec![bytes.to_vec()];
    let _: io::Result<_> = read_datagram(bytes, SEQUENCE, &mut |body| bodies.push(body.to_vec()));
    let all: usize = bodies.iter().skip(1).map(Vec::len).sum();
    assert!(all <= bytes.len(), "{all} bytes of {}", bytes.len());
    let links: Vec<Link> = bodies.iter().filter_map(|body| link::read(body)).collect();
    for body in &bodies {
        let _ = address::read(body, &links);
        let mut routes = Vec::new();
        route::read(body, &links, &mut routes);
        assert!(routes.len() <= body.len(), "{} routes", routes.len());
        let _ = (rule::read(body), neighbour::read(body), lookup::read(body, &links));
        let _ = (sock_diag::read_ends(body), sock_diag::read_socket(body));
    }
}

/// What comes back through a TUN device or a raw socket, and `TCP_INFO`.
pub(super) fn packet(bytes: &[u8]) {
    if let Some((to, _)) = segment::read(bytes) {
        let version = bytes[0] >> 4;
        assert_eq!(version == 4, to.is_ipv4(), "{to}");
    }
    if let Some((_, hardware)) = arp::sender(bytes) {
        assert!(bytes.len() >= 28, "{hardware:?} of {} bytes", bytes.len());
    }
    for to in ["10.0.0.1", "fd00::1"] {
        let to = to.parse().expect("an address");
        let request = ping::request(to);
        assert!(!ping::is_reply(to, &request), "a request is no reply");
        let _ = ping::is_reply(to, bytes);
    }
    let _ = path_mtu::read(bytes);
}
