//! What becomes of the proxy's own work meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::Envoy;
use crate::world::{Backend, Pod, Rules, Server, Who, World, as_owner, server::says};

const ROUNDS: usize = 20;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// A client's request to the outside, which the rules bring to Envoy.
fn request() -> String {
    let mut stream = TcpStream::connect("10.77.0.1:80").expect("Envoy accepts");
    stream
        .write_all(b"GET /to HTTP/1.1\r\nHost: outside\r\nConnection: close\r\n\r\n")
        .expect("write");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
#[ignore = "needs Envoy: make test-beside"]
fn twenty_looks_cost_no_client_a_request_and_envoy_no_listener() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let envoy = Envoy::sidecar(&pod);
    let _outside = Server::on(&pod.node, "10.77.0.1:80", says(OK));
    let listeners = envoy.stat("listener_manager.total_listeners_active");
    let (answered, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        // A thread that starts here stands in this pod, too.
        let client = scope.spawn(|| {
            as_owner(65532, || {
                while answered.load(Ordering::Relaxed) < ROUNDS || !over.load(Ordering::Relaxed) {
                    let answer = request();
                    let by_envoy = answer.contains("server: envoy");
                    assert!(answer.starts_with("HTTP/1.1 200") && by_envoy, "{answer}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        });
        for who in [Who::App, Who::Root].into_iter().cycle().take(ROUNDS) {
            pod.run(who, &["check"]).expect(0);
        }
        over.store(true, Ordering::Relaxed);
        client.join().expect("every request is answered");
    });
    assert_eq!(envoy.stat("listener_manager.total_listeners_active"), listeners);
    assert!(
        envoy.stat("http.http.downstream_rq_2xx") >= ROUNDS as u64,
        "the requests went elsewhere"
    );
    assert_eq!(envoy.stat("http.http.downstream_rq_5xx"), 0);
}
