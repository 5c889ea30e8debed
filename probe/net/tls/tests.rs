//! Handshakes with servers of this process, over a pipe.

use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::layer::exchange::BadCertificate;

const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate that vouches for itself, and its server.
fn server(params: &CertificateParams) -> (TlsAcceptor, String) {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions");
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = builder
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a server");
    (TlsAcceptor::from(Arc::new(config)), certificate.pem())
}

fn names() -> CertificateParams {
    let mut params = CertificateParams::new(vec!["kubernetes".to_owned()]).expect("names");
    params.subject_alt_names.push(SanType::IpAddress([10, 96, 0, 1].into()));
    params
}

type Over = tokio::io::DuplexStream;

fn shake(acceptor: &TlsAcceptor, name: &str, client: &Client) -> Result<Session<Over>, TlsFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let (here, there) = tokio::io::duplex(1 << 16);
        let (session, _) =
            tokio::join!(client.connect(here, name, None, PATIENCE), acceptor.accept(there));
        session
    })
}

fn proven(acceptor: &TlsAcceptor, name: &str, pem: &str) -> Result<(), TlsFailure> {
    shake(acceptor, name, &trusting(pem))?.proven().map(|_| ())
}

fn trusting(pem: &str) -> Client {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pem).expect("write");
    Client::new(Some(file.path())).expect("authorities")
}

#[test]
fn an_address_or_a_name_in_the_certificate_holds() {
    let (acceptor, pem) = server(&names());
    for name in ["kubernetes", "10.96.0.1"] {
        let session = shake(&acceptor, name, &trusting(&pem)).expect("a handshake");
        assert!(session.leaf.as_ref().is_some_and(|leaf| pem.len() > leaf.len()));
        assert_eq!(session.chain, Some(Ok(())));
        assert!(session.proven().is_ok());
    }
}

#[test]
fn each_thing_wrong_with_a_certificate_is_named() {
    let (acceptor, pem) = server(&names());
    let expected = "10.0.0.1".to_owned();
    let presented = vec!["kubernetes".to_owned(), "10.96.0.1".to_owned()];
    let wrong = TlsFailure::Certificate(BadCertificate::WrongName { expected, presented });
    assert_eq!(proven(&acceptor, "10.0.0.1", &pem), Err(wrong));

    let (_, other) = server(&names());
    let failed = TlsFailure::Certificate(BadCertificate::OtherAuthority);
    assert_eq!(proven(&acceptor, "kubernetes", &other), Err(failed));

    let mut params = names();
    params.distinguished_name.push(DnType::CommonName, "somebody else");
    let (_, other) = server(&params);
    let failed = TlsFailure::Certificate(BadCertificate::UnknownAuthority);
    assert_eq!(proven(&acceptor, "kubernetes", &other), Err(failed));

    let mut params = names();
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let (acceptor, pem) = server(&params);
    let failed = proven(&acceptor, "kubernetes", &pem).expect_err("expired");
    assert!(failed.told().contains("ended at 2001-01-01T00:00:00Z; it is 20"), "{failed:?}");

    let mut params = names();
    params.not_before = rcgen::date_time_ymd(2900, 1, 1);
    params.not_after = rcgen::date_time_ymd(2901, 1, 1);
    let (acceptor, pem) = server(&params);
    let failed = proven(&acceptor, "kubernetes", &pem).expect_err("not yet");
    assert!(failed.told().contains("begins at 2900-01-01T00:00:00Z"), "{failed:?}");
}

#[test]
fn without_authorities_anybody_shakes_hands_and_nobody_is_proven() {
    let (acceptor, _) = server(&names());
    let anybody = Client::new(None).expect("a client");
    let session = shake(&acceptor, "elsewhere.example", &anybody).expect("a handshake");
    assert_eq!(session.chain, None);
    let failed = TlsFailure::Certificate(BadCertificate::UnknownAuthority);
    assert_eq!(session.proven().map(|_| ()), Err(failed));
}

#[test]
fn a_file_without_a_certificate_is_no_trust() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "-----BEGIN NOTHING-----\n").expect("write");
    for path in [file.path(), Path::new("/nowhere/ca.crt")] {
        assert!(matches!(Client::new(Some(path)), Err(TlsFailure::Roots { .. })), "{path:?}");
    }
}
