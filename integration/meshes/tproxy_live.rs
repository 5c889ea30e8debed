//! Istio's TPROXY mode beside the running proxy: its listener is transparent, so that nothing that arrives may vanish.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::thread;

use socket2::{Domain, Socket, Type};

use super::{Mesh, proofs};
use crate::world::{Backend, Pod, Rules, Who, World, as_owner};

/// The proxy's own identity, as which inbound traffic can be made.
const PROXY: Who = Who::Ids(0, 1337);
const TPROXY: Mesh = Mesh { name: "istio-tproxy", proxy: PROXY, flags: &[] };

/// A stand-in for Envoy as root, on both ports and in both families, that closes what it accepts.
fn envoy() {
    for port in [15001, 15006] {
        for ip in [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()] {
            let at = SocketAddr::new(ip, port);
            let socket = Socket::new(Domain::for_address(at), Type::STREAM, None).expect("socket");
            if at.is_ipv6() {
                socket.set_only_v6(true).expect("IPV6_V6ONLY");
            }
            socket.set_ip_transparent_v4(true).expect("IP_TRANSPARENT");
            socket.bind(&at.into()).expect("the port is free");
            socket.listen(64).expect("listen");
            accept(socket.into());
        }
    }
}

fn accept(listener: TcpListener) {
    thread::spawn(move || listener.incoming().for_each(drop));
}

#[test]
fn beside_the_proxy_intact_rules_hold() {
    for backend in Backend::ALL {
        let pod = Pod::with(World::DUAL, backend, &Rules::istio_tproxy());
        envoy();
        for who in TPROXY.everybody() {
            TPROXY.passes(&pod, who, &[]);
        }
        TPROXY.passes(&pod, Who::Proxy, &[]);
        for who in [PROXY, Who::Root] {
            TPROXY.passes(&pod, who, &["--require", "inbound"]);
        }
    }
}

#[test]
fn beside_the_proxy_vanishing_is_no_evidence() {
    let rules = Rules::istio_tproxy()
        .replace("--on-port 15006", "--on-port 15099")
        .replace("ip to :15006", "ip to :15099");
    for backend in Backend::ALL {
        let pod = Pod::with(World::V4, backend, &rules);
        envoy();
        let causes: &[&str] = &["capture-dropped", "redirect-missing", "inbound-escaped"];
        TPROXY.sees(&pod, PROXY, causes);
        TPROXY.sees(&pod, Who::Root, causes);
    }
}

#[test]
fn beside_the_proxy_what_passes_mangle_by_has_escaped() {
    let rules = Rules::istio_tproxy()
        .without("-A PREROUTING -p tcp -j ISTIO_INBOUND")
        .without("prerouting meta l4proto tcp counter jump istio-inbound");
    for backend in Backend::ALL {
        let pod = Pod::with(World::V4, backend, &rules);
        envoy();
        // An application of root is not the proxy, though the proxy is root as well.
        accept(TcpListener::bind("0.0.0.0:8080").expect("the port is free"));
        let causes: &[&str] = &["redirect-missing", "inbound-escaped"];
        TPROXY.sees(&pod, PROXY, causes);
        TPROXY.sees(&pod, Who::Root, causes);
    }
}

/// Native nftables lets go on what it cannot hand over, here to a server of another container.
#[test]
fn before_the_proxy_another_containers_server_is_no_diversion() {
    for backend in Backend::ALL {
        let pod = Pod::with(World::V4, backend, &Rules::istio_tproxy());
        let bind = || TcpListener::bind("0.0.0.0:8080").expect("the port is free");
        accept(as_owner(1000, bind));
        for who in TPROXY.everybody() {
            let run = TPROXY.run(&pod, who, &[]).expect(0);
            assert!(proofs(&run) > 10, "{backend:?} {who:?}: {run}");
        }
    }
}
