//! Beside a mesh that takes what podprobe sends: the sidecar may answer in the target's place.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::real::Nginx;
use super::{fine, unknown};
use crate::world::{Backend, Output, Pod, Rules, Who, World, as_owner};

fn captured() -> Pod {
    Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio())
}

/// As an application in Istio's mesh.
fn run(pod: &Pod, target: &str) -> Output {
    let line = ["check", "reach", "--mesh", "istio", "--output", "json", "-t", target];
    pod.run(Who::App, &line)
}

/// A sidecar on the outbound port of the pod.
fn sidecar(serve: impl Fn(TcpStream) + Send + 'static) {
    let listener = as_owner(1337, || TcpListener::bind("0.0.0.0:15001").expect("listen"));
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
}

#[test]
fn a_proxy_that_takes_connections_and_says_nothing_proves_nothing() {
    let pod = captured();
    sidecar(|mut stream| {
        thread::spawn(move || stream.read_to_end(&mut Vec::new()));
    });
    for target in
        ["192.0.2.1:80", "tls://192.0.2.1:443?timeout=300ms", "http://192.0.2.1/?timeout=300ms"]
    {
        unknown(run(&pod, target), "reach-masked");
    }
}

#[test]
fn a_missing_proxy_refuses_for_nobody_but_itself() {
    let pod = captured();
    for target in ["192.0.2.1:80", "tls://192.0.2.1:443", "http://192.0.2.1/", "grpc://192.0.2.1:1"]
    {
        unknown(run(&pod, target), "reach-masked");
    }
}

#[test]
fn the_proxys_own_503_is_not_the_targets() {
    let pod = captured();
    sidecar(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nserver: envoy\r\n\r\nUF");
    });
    unknown(run(&pod, "http://192.0.2.1/"), "reach-masked");
}

#[test]
fn what_only_the_far_side_can_say_is_proof_through_a_proxy() {
    let pod = captured();
    let nginx = Nginx::on(&pod);
    sidecar(|stream| {
        thread::spawn(move || {
            let far = as_owner(1337, || TcpStream::connect("10.77.0.1:8443")).expect("nginx");
            let pairs = [(&stream, &far), (&far, &stream)];
            thread::scope(|scope| {
                for (mut from, mut to) in pairs {
                    scope.spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(std::net::Shutdown::Write);
                    });
                }
            });
        });
    });
    let ca = nginx.ca_file.display().to_string();
    let line = ["check", "reach", "--mesh", "istio", "--output", "json", "--ca-file", &ca, "-t"];
    let run = |target| pod.run(Who::App, &[&line[..], &[target]].concat());
    fine(run("tls://10.77.0.1:8443"));
    fine(run("https://10.77.0.1:8443/"));
    unknown(run("10.77.0.1:8443"), "reach-masked");
}

#[test]
fn a_masked_target_is_no_success_beside_rules_that_hold() {
    let pod = captured();
    let line = ["check", "redirect,reach", "--mesh", "istio", "--output", "json"];
    pod.run(Who::App, &["check", "redirect", "--mesh", "istio"]).expect(0);
    let run = pod.run(Who::App, &[&line[..], &["-t", "192.0.2.1:80"]].concat());
    let run = unknown(run, "reach-masked");
    assert!(run.report()["cause"]["reason"].to_string().contains("look at every target"), "{run}");
}
