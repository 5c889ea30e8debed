//! A mesh that captures what the pod sends: who accepts is not who was meant.

use super::Cluster;
use crate::world::server::{SERVER_HELLO, Server, says};
use crate::world::{Backend, Launch, Rules, Who};

const OUTSIDE: &str = "10.88.0.1:6443";

/// Istio's rules in the pod.
fn captured() -> Cluster {
    let cluster = Cluster::programmed();
    cluster.pod.load(Backend::IptablesNft, &Rules::istio());
    cluster
}

fn launch<'p>(cluster: &'p Cluster, who: Who, more: &[&str]) -> Launch<'p> {
    let mut flags = vec!["check", "service", "--mesh", "istio", "--output", "json"];
    flags.extend(more);
    cluster.pod.launch(who, &flags).env("KUBERNETES_SERVICE_HOST", super::API)
}

#[test]
fn an_application_cannot_tell_and_the_proxy_can() {
    let cluster = captured();
    let app = launch(&cluster, Who::App, &[]).run().expect(5);
    assert_eq!(app.codes("unknown"), ["proof-required", "service-masked"], "{app}");
    assert!(app.reason("service-masked").contains("needs uid 1337"), "{app}");
    for who in [Who::Proxy, Who::Root] {
        let nobody = launch(&cluster, who, &[]).run().expect(50);
        assert_eq!(nobody.cause(), "service-refused", "{who:?}: {nobody}");
    }
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    for who in [Who::Proxy, Who::Root] {
        let run = launch(&cluster, who, &[]).run().expect(0);
        assert_eq!(run.codes("ok"), ["service-holds"], "{who:?}: {run}");
    }
}

#[test]
fn a_listener_in_the_pod_that_accepts_proves_nothing() {
    let cluster = captured();
    let _dummy = Server::here("127.0.0.1:15001", says(SERVER_HELLO));
    let app = launch(&cluster, Who::App, &[]).run().expect(5);
    assert_eq!(app.codes("unknown"), ["proof-required", "service-masked"], "{app}");
    assert_eq!(app.codes("ok"), Vec::<String>::new(), "{app}");
    assert!(app.reason("service-masked").contains("whose is not known"), "{app}");
    // The proxy's connections pass the capture, to the server which is not there.
    let proxy = launch(&cluster, Who::Proxy, &[]).run().expect(50);
    assert_eq!(proxy.cause(), "service-refused", "{proxy}");
}

#[test]
fn an_excluded_api_server_is_looked_at_by_anybody() {
    let cluster = Cluster::programmed();
    let rules = Rules::istio_excl().replace("10.96.64.0/18", "10.96.0.0/16");
    cluster.pod.load(Backend::IptablesNft, &rules);
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    let excluded = ["--exclude-outbound-cidrs", "10.96.0.0/16"];
    let run = launch(&cluster, Who::App, &excluded).run().expect(0);
    assert_eq!(run.codes("ok"), ["service-holds"], "{run}");
}

#[test]
fn a_policy_behind_the_mesh_is_seen_by_the_proxy_alone() {
    let cluster = captured();
    let _server = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    cluster.pod.node.filter("forward", "ip protocol tcp reject with icmp admin-prohibited");
    let app = launch(&cluster, Who::App, &[]).run().expect(5);
    assert_eq!(app.codes("fail"), Vec::<String>::new(), "{app}");
    let proxy = launch(&cluster, Who::Proxy, &[]).run().expect(50);
    assert_eq!(proxy.cause(), "service-rejected", "{proxy}");
    assert!(proxy.reason("service-rejected").contains("(ICMP 3/13)"), "{proxy}");
}

#[cfg(feature = "tls")]
mod through_the_sidecar {
    use std::io::copy;
    use std::net::{TcpListener, TcpStream};

    use super::super::ready::{Answers, Authority, mounted};
    use super::{captured, launch};
    use crate::world::{Server, Who, as_owner};

    /// The sidecar: it passes what it gets on to the API server, with its own user's sockets.
    fn sidecar() -> Server {
        let listener = TcpListener::bind("127.0.0.1:15001").expect("listen");
        let upstream = || as_owner(1337, || TcpStream::connect("10.96.0.1:443"));
        Server::with(listener, move |client| {
            let Ok(server) = upstream() else { return };
            let (mut from_server, mut to_server) = (server.try_clone().expect("clone"), server);
            let (mut from_client, mut to_client) = (client.try_clone().expect("clone"), client);
            let up = std::thread::spawn(move || {
                let _ = copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(std::net::Shutdown::Write);
            });
            let _ = copy(&mut from_server, &mut to_client);
            let _ = to_client.shutdown(std::net::Shutdown::Both);
            let _ = up.join();
        })
    }

    #[test]
    fn a_certificate_is_proof_and_bytes_are_not() {
        let cluster = captured();
        let authority = Authority::new();
        let _api = authority.server(&cluster, &Answers::ok());
        let _sidecar = sidecar();
        let bytes = launch(&cluster, Who::App, &[]).run().expect(5);
        assert!(bytes.reason("service-masked").contains("TLS comes back"), "{bytes}");
        let flags = mounted(&cluster, &authority);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let proof = launch(&cluster, Who::App, &flags).run().expect(0);
        assert!(proof.reason("service-holds").contains("through the mesh's proxy"), "{proof}");
        // Somebody else's certificate at the other end is no proof of the API server.
        let other = mounted(&cluster, &Authority::new());
        let other: Vec<&str> = other.iter().map(String::as_str).collect();
        let foreign = launch(&cluster, Who::App, &other).run().expect(5);
        assert_eq!(foreign.codes("unknown"), ["proof-required", "service-masked"], "{foreign}");
    }
}
