//! `--readyz`: each thing that a certificate and an answer can say.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Cluster, fine, found, run};
use crate::world::server::{SERVER_HELLO, Server, says};

const OUTSIDE: &str = "10.88.0.1:6443";

/// The cluster's certificate authority.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What an API server shows and says.
#[derive(Clone)]
pub struct Answers {
    /// The whole answer.
    says: &'static str,
    addresses: Vec<[u8; 4]>,
    years: (i32, i32),
}

impl Answers {
    /// A good server.
    pub fn ok() -> Answers {
        Answers::with("200 OK", "ok")
    }

    fn with(status: &'static str, body: &'static str) -> Answers {
        let length = body.len();
        let says = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
        Answers { says: says.leak(), addresses: vec![[10, 96, 0, 1]], years: (2001, 2900) }
    }
}

impl Authority {
    /// Each cluster has one, and all have the same name.
    pub fn new() -> Authority {
        Authority::called("kubernetes")
    }

    fn called(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    /// An API server with a certificate of this authority, behind the service.
    pub fn server(&self, cluster: &Cluster, answers: &Answers) -> Server {
        let says = answers.says;
        let config = Arc::new(self.config(answers));
        Server::on(&cluster.outside, OUTSIDE, move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            let mut tls = StreamOwned::new(session, stream);
            let mut request = Vec::new();
            let mut byte = [0];
            // It ends early with a bare hello, or a client that does not trust this server.
            while !request.ends_with(b"\r\n\r\n") {
                let Ok(1) = tls.read(&mut byte) else { return };
                request.push(byte[0]);
            }
            let request = String::from_utf8(request).expect("text");
            let wanted = request.starts_with("GET /readyz HTTP/1.1\r\nHost: 10.96.0.1\r\n")
                && request.contains("Authorization: Bearer a.b.c\r\n");
            let refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            let says = if wanted { says } else { refusal };
            // A client may have had enough.
            let _ = tls.write_all(says.as_bytes()).and_then(|()| tls.flush());
        })
    }

    fn config(&self, answers: &Answers) -> ServerConfig {
        let mut params = CertificateParams::new(vec!["kubernetes".to_owned()]).expect("names");
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let addresses = answers.addresses.iter().map(|ip| SanType::IpAddress((*ip).into()));
        params.subject_alt_names.extend(addresses);
        params.not_before = rcgen::date_time_ymd(answers.years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(answers.years.1, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let chain = vec![certificate.der().clone()];
        builder.with_no_client_auth().with_single_cert(chain, key).expect("a server")
    }
}

/// The service account as the kubelet mounts it, and the flags that say where.
pub fn mounted(cluster: &Cluster, authority: &Authority) -> Vec<String> {
    let (ca, token) = (cluster.pod.file("ca.crt"), cluster.pod.file("token"));
    std::fs::write(&ca, &authority.certificate).expect("write");
    std::fs::write(&token, "a.b.c\n").expect("write");
    let [ca, token] = [ca, token].map(|path| path.display().to_string());
    ["--readyz", "--api-ca", &ca, "--api-token", &token].map(str::to_owned).to_vec()
}

/// A run against a server that the mounted authority has signed, unless it is another one's.
fn asked(answers: &Answers, signer: Option<&Authority>) -> crate::world::Output {
    let cluster = Cluster::programmed();
    let authority = Authority::new();
    let _api = signer.unwrap_or(&authority).server(&cluster, answers);
    let flags = mounted(&cluster, &authority);
    run(&cluster.pod, &flags.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_server_that_answers_is_reached_whatever_it_allows() {
    for (status, body) in
        [("200 OK", "ok"), ("401 Unauthorized", "{}"), ("403 Forbidden", "{\"kind\":\"Status\"}")]
    {
        let run = fine(asked(&Answers::with(status, body), None));
        let said = run.reason("service-holds");
        assert!(said.contains(&format!("answers /readyz with {status}")), "{run}");
    }
}

#[test]
fn a_server_that_is_not_ready_says_what_fails() {
    let body = "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n";
    let run =
        found(asked(&Answers::with("500 Internal Server Error", body), None), "service-not-ready");
    let said = run.reason("service-not-ready");
    assert!(said.contains("500 Internal Server Error: etcd failed: reason withheld"), "{run}");
}

#[test]
fn another_status_is_worth_a_word() {
    let run = asked(&Answers::with("302 Found", ""), None);
    found(run, "service-unexpected-answer");
}

#[test]
fn what_is_wrong_with_a_certificate_is_named() {
    let bad = |answers: &Answers, signer: Option<&Authority>, words: &str| {
        let run = found(asked(answers, signer), "service-certificate");
        assert!(run.reason("service-certificate").contains(words), "{words}: {run}");
    };
    let years = |from, until| Answers { years: (from, until), ..Answers::ok() };
    bad(&years(2001, 2002), None, "the certificate ended at 2002-01-01T00:00:00Z; it is 20");
    bad(&years(2900, 2901), None, "the certificate begins at 2900-01-01T00:00:00Z; it is 20");
    let elsewhere = Answers { addresses: vec![[10, 0, 0, 1]], ..Answers::ok() };
    bad(&elsewhere, None, "names kubernetes, 10.0.0.1, not 10.96.0.1");
    bad(&Answers::ok(), Some(&Authority::new()), "a trusted one's name, but another key");
    bad(&Answers::ok(), Some(&Authority::called("proxy")), "signed by no trusted authority");
}

#[test]
fn nothing_is_said_to_who_cannot_prove_who_he_is() {
    let authority = Authority::new();
    let proxy = Authority::called("proxy");
    for (signer, proven) in [(&authority, true), (&proxy, false)] {
        let cluster = Cluster::programmed();
        let config = Arc::new(signer.config(&Answers::ok()));
        let (tell, heard) = std::sync::mpsc::channel();
        let _api = Server::on(&cluster.outside, OUTSIDE, move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            let read = StreamOwned::new(session, stream).read(&mut [0; 64]);
            tell.send(read.unwrap_or(0)).expect("the test waits");
        });
        let flags = mounted(&cluster, &authority);
        let run = run(&cluster.pod, &flags.iter().map(String::as_str).collect::<Vec<_>>());
        // The bare hello, and the connection of the request.
        let next = || heard.recv_timeout(Duration::from_secs(10)).expect("a connection");
        let heard = [next(), next()];
        assert_eq!(heard.iter().sum::<usize>() > 0, proven, "{heard:?} {run}");
        assert_eq!(run.findings("service-certificate").is_empty(), proven, "{run}");
    }
}

#[test]
fn without_authorities_nothing_is_verified_and_no_token_is_sent() {
    let cluster = Cluster::programmed();
    let authority = Authority::new();
    let _api = authority.server(&cluster, &Answers::ok());
    let run = run(&cluster.pod, &["--readyz"]).expect(5);
    assert_eq!(run.codes("unknown"), ["proof-required", "service-unverified"], "{run}");
    assert!(run.reason("service-unverified").contains("ca.crt: cannot be read: ENOENT"), "{run}");
}

#[test]
fn without_a_token_the_request_is_sent_all_the_same() {
    let cluster = Cluster::programmed();
    let authority = Authority::new();
    let _api = authority.server(&cluster, &Answers::ok());
    let mut flags = mounted(&cluster, &authority);
    flags.truncate(3);
    let run = run(&cluster.pod, &flags.iter().map(String::as_str).collect::<Vec<_>>());
    // This server refuses whoever has no token.
    let run = found(run, "service-unexpected-answer");
    assert!(run.reason("service-unexpected-answer").contains("400 Bad Request"), "{run}");
}

#[test]
fn a_hello_that_is_no_handshake_fails_at_the_request() {
    let cluster = Cluster::programmed();
    let _api = Server::on(&cluster.outside, OUTSIDE, says(SERVER_HELLO));
    fine(run(&cluster.pod, &[]));
    let flags = mounted(&cluster, &Authority::new());
    let run = run(&cluster.pod, &flags.iter().map(String::as_str).collect::<Vec<_>>());
    found(run, "service-request-failed");
}
