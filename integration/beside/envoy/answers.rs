//! What the proxy answers in the place of a target, told apart from what the target answers.

use super::Envoy;
use crate::world::server::{closes, hangs, resets, says};
use crate::world::{Backend, OpenSsl, Output, Pod, Rules, Server, Who, World};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// An answer of the target itself.
const SICK: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nserver: nginx\r\nContent-Length: 4\r\n\r\nsick";
/// An answer of the target's own gateway.
const GATEWAY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nserver: istio-envoy\r\nContent-Length: 19\r\n\r\n\
    no healthy upstream";

fn sidecar() -> (Pod, Envoy) {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let envoy = Envoy::sidecar(&pod);
    (pod, envoy)
}

/// As an application in Istio's mesh.
fn run(pod: &Pod, target: &str) -> Output {
    let line = ["check", "reach", "--mesh", "istio", "--output", "json", "-t", target];
    pod.run(Who::App, &line)
}

/// The proxy says that it failed, by these flags and words.
#[track_caller]
fn proxy_failed(run: &Output, flags: &str, words: &str) {
    assert_eq!((run.code, run.codes("fail")), (60, vec!["reach-proxy-failed".to_owned()]), "{run}");
    let found = run.findings("reach-proxy-failed");
    assert_eq!(found[0]["evidence"]["envoyFlags"], flags, "{run}");
    assert!(run.reason("reach-proxy-failed").contains(words), "{run}");
}

/// Nobody knows whether the target answered, and these words say why.
#[track_caller]
fn unknown(run: &Output, words: &str) {
    assert_eq!((run.code, run.codes("fail")), (5, Vec::new()), "{run}");
    assert!(run.reason("reach-masked").contains(words), "{run}");
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn a_target_that_refuses_is_told_by_the_proxys_503() {
    let (pod, _envoy) = sidecar();
    proxy_failed(&run(&pod, "http://10.77.0.1/to"), "UF", "could not connect to the target");
    proxy_failed(&run(&pod, "http://10.77.0.1/retried"), "UF,URX", "status 503");
    proxy_failed(&run(&pod, "http://10.77.0.1/none"), "UH", "no healthy endpoint");
    proxy_failed(&run(&pod, "grpc://10.77.0.1:80"), "UF", "could not connect to the target");
    // The proxy's user goes past the proxy, to the target's own refusal.
    let root =
        ["check", "reach", "--mesh", "istio", "--output", "json", "-t", "http://10.77.0.1/to"];
    let root = pod.run(Who::Root, &root).expect(60);
    assert_eq!(root.codes("fail"), ["reach-refused"], "{root}");
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn a_target_that_accepts_and_goes_is_told_by_the_proxys_503() {
    let (pod, _envoy) = sidecar();
    for (flags, serve) in [("UC", closes as fn(_)), ("UC", resets), ("UT", hangs)] {
        let server = Server::on(&pod.node, "10.77.0.1:80", serve);
        proxy_failed(&run(&pod, "http://10.77.0.1/to"), flags, "the target");
        drop(server);
        crate::world::until("the port's end", || pod.node.sh("ss -Htln 'sport = :80'").is_empty());
    }
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn an_answer_of_the_proxys_own_that_is_no_failure_proves_nothing() {
    let (pod, _envoy) = sidecar();
    let _server = Server::on(&pod.node, "10.77.0.1:80", says(OK));
    unknown(&run(&pod, "http://10.77.0.1/elsewhere"), "answered by the mesh's proxy");
    unknown(&run(&pod, "http://10.77.0.1/nowhere"), "no route (Envoy: NR)");
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn what_the_target_answers_through_the_proxy_is_the_targets() {
    let (pod, _envoy) = sidecar();
    let server = Server::on(&pod.node, "10.77.0.1:80", says(OK));
    run(&pod, "http://10.77.0.1/to").holds(&["reach-holds"]);
    drop(server);
    for (answer, words) in [(SICK, "status 503, not"), (GATEWAY, "status 503, not")] {
        crate::world::until("the port's end", || pod.node.sh("ss -Htln 'sport = :80'").is_empty());
        let server = Server::on(&pod.node, "10.77.0.1:80", says(answer));
        let through = run(&pod, "http://10.77.0.1/to").expect(60);
        assert_eq!(through.codes("fail"), ["reach-http-status"], "{through}");
        assert!(through.reason("reach-http-status").contains(words), "{through}");
        let past =
            ["check", "reach", "--mesh", "none", "--output", "json", "-t", "http://10.77.0.1/to"];
        let past = pod.run(Who::Proxy, &past).expect(60);
        assert_eq!(past.codes("fail"), ["reach-http-status"], "{past}");
        let by_envoy = past.reason("reach-http-status").contains("an Envoy before the target");
        assert_eq!(by_envoy, answer == GATEWAY, "{past}");
        drop(server);
    }
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn a_connection_that_the_proxy_takes_and_resets_says_so() {
    let (pod, _envoy) = sidecar();
    let target = run(&pod, "tls://10.77.0.1:8443");
    unknown(&target, "the mesh's proxy took the connection, and the TLS handshake ");
    unknown(&target, "could not connect to the target (Envoy: UF), or the target ended it");
    unknown(&run(&pod, "10.77.0.1:8443"), "the mesh would answer");
    let service = ["check", "service", "--mesh", "istio", "--output", "json"];
    let service = pod.launch(Who::App, &service).env("KUBERNETES_SERVICE_HOST", "10.77.0.1").run();
    // Port 443 is where this Envoy speaks TLS itself.
    assert!(service.reason("service-masked").contains("whose is not known"), "{service}");
    let service = ["check", "service", "--mesh", "istio", "--output", "json"];
    let service = pod.launch(Who::App, &service).env("KUBERNETES_SERVICE_HOST", "10.77.0.1");
    let service = service.env("KUBERNETES_SERVICE_PORT", "6443").run().expect(5);
    assert!(service.reason("service-masked").contains("(Envoy: UF)"), "{service}");
}

#[cfg(feature = "tls")]
#[test]
#[ignore = "needs Envoy: make test-beside"]
fn a_certificate_is_the_targets_only_if_the_ca_says_so() {
    let (pod, _envoy) = sidecar();
    let _target = OpenSsl::on(&pod, &pod.node, "10.77.0.1:8443", 1, &[]);
    // The target's own, through the proxy; whose it is, nobody checked.
    unknown(&run(&pod, "tls://10.77.0.1:8443"), "that may be the mesh's proxy");
    let ca = pod.file("openssl-10.77.0.crt").display().to_string();
    let line = ["check", "reach", "--mesh", "istio", "--output", "json", "--ca-file", &ca, "-t"];
    let run = |target| pod.run(Who::App, &[&line[..], &[target]].concat());
    // The proxy's own, where it ends TLS.
    unknown(&run("tls://10.77.0.1:443"), "may be the mesh's proxy's");
    proxy_failed(&run("https://10.77.0.1/to"), "UF", "could not connect to the target");
    // The proxy wants a certificate of the client.
    unknown(&run("tls://10.77.0.1:9443"), "whether the target had a part in that is not known");
}
