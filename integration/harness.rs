//! The world itself, without podprobe: what the other tests take for granted.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::world::{Backend, Pod, Rules, World, as_owner, sh};

#[test]
fn a_hop_limit_of_one_expires_at_the_node_in_both_families() {
    let pod = World::DUAL.start();
    for target in ["192.0.2.1:80", "[2001:db8::1]:80"] {
        let error = dial(target, 1, None).expect_err("nothing may answer");
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{target}: {error}");
    }
    assert_eq!(pod.node.packets(), (2, 0));
}

#[test]
fn a_higher_hop_limit_is_counted_and_gets_nowhere() {
    let pod = World::DUAL.start();
    for target in ["192.0.2.1:80", "[2001:db8::1]:80"] {
        let error = dial(target, 64, None).expect_err("nothing may answer");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{target}: {error}");
    }
    let (seen, far) = pod.node.packets();
    assert!(far >= 2 && seen == far, "{far} of {seen} packets could travel on");
}

#[test]
fn a_silent_node_answers_nothing() {
    let pod = World::DUAL.silent_node().start();
    for target in ["192.0.2.1:80", "[2001:db8::1]:80"] {
        let error = dial(target, 1, None).expect_err("nothing may answer");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{target}: {error}");
    }
    assert!(pod.node.packets().0 >= 2);
}

#[test]
fn every_back_end_captures_the_application_and_spares_the_proxy() {
    for backend in Backend::ALL {
        let _pod = Pod::with(World::DUAL, backend, &Rules::istio());
        let listeners = ["0.0.0.0:15001", "[::]:15001"].map(listen);
        for target in ["192.0.2.1:80", "[2001:db8::1]:80"] {
            dial(target, 1, None).unwrap_or_else(|error| panic!("{backend:?} {target}: {error}"));
            dial(target, 1, Some(1337)).expect_err("the proxy is spared");
        }
        drop(listeners);
    }
}

#[test]
fn every_rule_set_loads_by_every_back_end() {
    for rules in [Rules::istio(), Rules::istio_dns(), Rules::istio_excl()] {
        for backend in Backend::ALL {
            Pod::with(World::DUAL, backend, &rules);
        }
    }
}

#[test]
fn a_world_ends_with_its_test() {
    let pod = World::V4.start();
    let file = pod.file("x");
    sh(&format!("touch {}", file.display()));
    drop(pod);
    assert!(!file.exists());
}

fn listen(at: &str) -> Socket {
    let address: SocketAddr = at.parse().expect("an address");
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    if address.is_ipv6() {
        socket.set_only_v6(true).expect("IPV6_V6ONLY");
    }
    socket.bind(&address.into()).expect("bind");
    socket.listen(8).expect("listen");
    socket
}

/// Connects with this hop limit, by a socket of that owner.
fn dial(target: &str, hops: u32, owner: Option<u32>) -> std::io::Result<()> {
    let address: SocketAddr = target.parse().expect("an address");
    let socket = as_owner(owner.unwrap_or(0), || {
        Socket::new(Domain::for_address(address), Type::STREAM, None)
    })?;
    if address.is_ipv6() {
        socket.set_unicast_hops_v6(hops)?;
    } else {
        socket.set_ttl_v4(hops)?;
    }
    nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::Ipv6RecvErr, &true).ok();
    socket.connect_timeout(&address.into(), Duration::from_millis(1500))
}
