//! What must be said over a connection: HTTP, TLS, gRPC, by real servers and by odd ones.

use std::time::Duration;

use socket2::SockRef;

use super::real::{Nginx, health_service};
use super::{fails, fine, launch, pod, run, says};
use crate::world::server::{Server, hangs, says as says_it};
use crate::world::{Output, Pod};

/// With the CA that signed nginx's certificates.
fn checked(pod: &Pod, nginx: &Nginx, target: &str) -> Output {
    let ca = nginx.ca_file.display().to_string();
    launch(pod, &[target]).env("PODPROBE_CA_FILE", &ca).run()
}

#[test]
fn a_status_is_right_or_wrong() {
    let pod = pod();
    let _nginx = Nginx::on(&pod);
    for path in ["ok", "moved"] {
        fine(run(&pod, &[&format!("http://10.77.0.1:8080/{path}")]));
    }
    let gone = fails(run(&pod, &["http://10.77.0.1:8080/gone"]), "reach-http-status");
    says(&gone, "reach-http-status", "status 404, not 200 to 399");
    fine(run(&pod, &["http://10.77.0.1:8080/gone?status=404,410"]));
    let moved = fails(run(&pod, &["http://10.77.0.1:8080/moved?status=200"]), "reach-http-status");
    says(&moved, "reach-http-status", "status 301, not 200");
    // Envoy's own answer means something under capture alone.
    fails(run(&pod, &["http://10.77.0.1:8080/sick"]), "reach-http-status");
}

#[test]
fn what_is_no_http_is_shown_and_a_reset_is_told_from_silence() {
    let pod = pod();
    let _ssh = Server::on(&pod.node, "10.77.0.1:22", says_it(b"SSH-2.0-OpenSSH_9.2\r\n"));
    let shown = fails(run(&pod, &["http://10.77.0.1:22/"]), "reach-protocol");
    says(&shown, "reach-protocol", "SSH-2.0-OpenSSH");
    let _reset = Server::on(&pod.node, "10.77.0.1:81", |stream| {
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let reset = fails(run(&pod, &["http://10.77.0.1:81/"]), "reach-protocol");
    says(&reset, "reach-protocol", "is reset");
    let _mute = Server::on(&pod.node, "10.77.0.1:82", hangs);
    let mute = fails(run(&pod, &["http://10.77.0.1:82/?timeout=300ms"]), "reach-protocol");
    says(&mute, "reach-protocol", "gets no answer in 300 ms");
    let _late = Server::on(&pod.node, "10.77.0.1:83", |mut stream| {
        use std::io::Write;
        let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200");
        let _ = stream.write_all(b" OK\r\n\r\n");
        let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    });
    fine(run(&pod, &["http://10.77.0.1:83/"]));
}

#[test]
fn a_certificate_is_checked_against_the_ca_file() {
    let pod = pod();
    let nginx = Nginx::on(&pod);
    let good = fine(checked(&pod, &nginx, "tls://10.77.0.1:8443"));
    says(&good, "reach-holds", "certificate for 90 more days");
    fine(checked(&pod, &nginx, "https://web.test:8443/?via=10.77.0.1"));
    for (target, code, words) in [
        ("tls://10.77.0.1:8445", "reach-tls-untrusted", "signed by no trusted authority"),
        (
            "tls://10.77.0.1:8443?sni=api.test",
            "reach-tls-name",
            "names web.test, 10.77.0.1, not api.test",
        ),
        ("https://10.77.0.1:8444/", "reach-tls-expired", "ended at 20"),
        ("tls://10.77.0.1:8446?min-days=14", "reach-tls-expiring", "ends in 5 days, not 14"),
    ] {
        let run = fails(checked(&pod, &nginx, target), code);
        says(&run, code, words);
    }
    fine(checked(&pod, &nginx, "tls://10.77.0.1:8446?min-days=4"));
    fine(checked(&pod, &nginx, "tls://10.77.0.1:8445?verify=no"));
    fine(checked(&pod, &nginx, "tls://10.77.0.1:8444?verify=no"));
}

#[test]
fn without_a_ca_file_it_says_that_nobody_checked() {
    let pod = pod();
    let _nginx = Nginx::on(&pod);
    let other = fine(run(&pod, &["tls://10.77.0.1:8445"]));
    says(&other, "reach-holds", "without --ca-file");
    // That it is over is known without any CA.
    let over = fails(run(&pod, &["tls://10.77.0.1:8444"]), "reach-tls-expired");
    says(&over, "reach-tls-expired", "ended 3 days ago");
}

#[test]
fn a_port_without_tls_does_not_shake_hands() {
    let pod = pod();
    let _nginx = Nginx::on(&pod);
    let plain = fails(run(&pod, &["tls://10.77.0.1:8080"]), "reach-tls-failed");
    says(&plain, "reach-tls-failed", "is answered by no TLS");
    let _mute = Server::on(&pod.node, "10.77.0.1:82", hangs);
    let mute = fails(run(&pod, &["https://10.77.0.1:82/?timeout=300ms"]), "reach-tls-failed");
    says(&mute, "reach-tls-failed", "the TLS handshake gets no answer in 300 ms");
    // The other way round: nginx answers 400 to plain HTTP.
    fails(run(&pod, &["http://10.77.0.1:8443/"]), "reach-http-status");
}

#[test]
fn a_grpc_server_serves_or_does_not() {
    let pod = pod();
    let nginx = Nginx::on(&pod);
    health_service(&pod);
    fine(run(&pod, &["grpc://10.77.0.1:50051"]));
    for (service, words) in [("down", "says NOT_SERVING of down"), ("nosuch", "NOT_FOUND")] {
        let target = format!("grpc://10.77.0.1:50051/{service}");
        says(
            &fails(run(&pod, &[&target]), "reach-grpc-not-serving"),
            "reach-grpc-not-serving",
            words,
        );
    }
    let run1 = fine(checked(&pod, &nginx, "grpcs://10.77.0.1:8443"));
    says(&run1, "reach-holds", "SERVING, certificate for 90 more days");
    let plain = fails(run(&pod, &["grpc://10.77.0.1:8080"]), "reach-protocol");
    says(&plain, "reach-protocol", "the gRPC call");
}
