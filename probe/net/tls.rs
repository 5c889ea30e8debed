//! TLS over an open connection, with the reason of each failure as a fact.

use std::{fmt::Write, io, path::Path, sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage, RootCertStore,
    SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::TlsConnector;
pub use tokio_rustls::client::TlsStream;

use super::{dial::millis, errno_name};
use crate::layer::exchange::{BadCertificate, TlsFailure};

/// Whom a client trusts, ready for any number of connections.
#[derive(Clone, Debug)]
pub struct Roots {
    config: Arc<ClientConfig>,
    verifies: bool,
}

/// What is known of the other side after a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Such as `TLSv1.3`.
    pub version: String,
    /// The protocol that both sides agreed on by ALPN.
    pub alpn: Option<String>,
    /// Its certificate, in DER.
    pub leaf: Option<Vec<u8>>,
}

impl Roots {
    /// Takes any certificate: who the other side is, is not verified. That it has the
    /// certificate's key still is.
    #[must_use]
    pub fn anybody() -> Roots {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Anybody { provider });
        let builder = versions().dangerous().with_custom_certificate_verifier(verifier);
        Roots { config: Arc::new(builder.with_no_client_auth()), verifies: false }
    }

    /// Trusts the authorities of a PEM file; what is no certificate in it is skipped, as OpenSSL
    /// does.
    ///
    /// # Errors
    /// The file cannot be read, or has no authority that could be trusted.
    pub fn read(path: &Path) -> Result<Roots, TlsFailure> {
        let failure = |problem: String| {
            let path = path.display().to_string();
            Err(TlsFailure::Roots { path, problem })
        };
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) => return failure(format!("cannot be read: {}", errno_name(&error))),
        };
        let mut store = RootCertStore::empty();
        let certificates = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
        store.add_parsable_certificates(certificates);
        if store.is_empty() {
            return failure("has no certificate in PEM".to_owned());
        }
        let config = versions().with_root_certificates(store).with_no_client_auth();
        Ok(Roots { config: Arc::new(config), verifies: true })
    }

    /// The same, offering these protocols by ALPN, such as `h2`.
    #[must_use]
    pub fn offering(&self, protocols: &[&str]) -> Roots {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Roots { config: Arc::new(config), verifies: self.verifies }
    }

    /// Whether a handshake proves who the other side is.
    #[must_use]
    pub fn verifies(&self) -> bool {
        self.verifies
    }
}

/// A client with all versions that rustls has, TLS 1.2 and 1.3.
fn versions() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let provider = Arc::new(ring::default_provider());
    match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(builder) => builder,
        Err(error) => unreachable!("ring has the ciphers of both versions: {error}"),
    }
}

/// Shakes hands within `patience`. The name is verified, and sent as SNI unless it is an address.
///
/// # Errors
/// What became of it instead.
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    server_name: &str,
    roots: &Roots,
    patience: Duration,
) -> Result<TlsStream<S>, TlsFailure> {
    let Ok(name) = ServerName::try_from(server_name.to_owned()) else {
        return Err(TlsFailure::ServerName { name: server_name.to_owned() });
    };
    let connector = TlsConnector::from(Arc::clone(&roots.config));
    match timeout(patience, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => Err(TlsFailure::Silent { waited_ms: millis(patience) }),
    }
}

/// What is known of the other side of this connection.
#[must_use]
pub fn peer<S>(stream: &TlsStream<S>) -> Peer {
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str());
    Peer {
        version: version.unwrap_or("TLS").replace('_', "."),
        alpn: session.alpn_protocol().map(|name| name.escape_ascii().to_string()),
        leaf: session.peer_certificates().and_then(|all| all.first()).map(|leaf| leaf.to_vec()),
    }
}

/// rustls' own error travels inside the stream's.
fn failure(error: &io::Error) -> TlsFailure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        None if error.kind() == io::ErrorKind::UnexpectedEof => TlsFailure::Ended { errno: None },
        None => TlsFailure::Ended { errno: Some(errno_name(error)) },
        Some(Error::InvalidCertificate(error)) => TlsFailure::Certificate(bad(error)),
        Some(Error::AlertReceived(alert)) => {
            TlsFailure::Alert { name: snake(&format!("{alert:?}")) }
        }
        Some(
            error @ Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge
                | InvalidMessage::InvalidEmptyPayload,
            ),
        ) => TlsFailure::NotTls { problem: error.to_string() },
        Some(error) => TlsFailure::Protocol { problem: error.to_string() },
    }
}

fn bad(error: &CertificateError) -> BadCertificate {
    match error {
        CertificateError::ExpiredContext { time, not_after } => {
            BadCertificate::Expired { not_after: not_after.as_secs(), now: time.as_secs() }
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            BadCertificate::NotYetValid { not_before: not_before.as_secs(), now: time.as_secs() }
        }
        CertificateError::UnknownIssuer => BadCertificate::UnknownAuthority,
        CertificateError::BadSignature => BadCertificate::OtherAuthority,
        CertificateError::NotValidForNameContext { expected, presented } => {
            BadCertificate::WrongName {
                expected: expected.to_str().into_owned(),
                presented: presented.iter().map(|name| plain(name)).collect(),
            }
        }
        error => BadCertificate::Invalid { problem: error.to_string() },
    }
}

/// rustls names them as `DnsName("kubernetes")` and `IpAddress(10.96.0.1)`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// `HandshakeFailure` is `handshake_failure` in RFC 8446.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        // Writing to a String cannot fail.
        let _ = write!(snake, "{}", character.to_ascii_lowercase());
    }
    snake
}

/// Trusts everybody who has the key of the certificate that he shows.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};
    use rustls::{ServerConfig, pki_types::PrivateKeyDer};
    use tokio_rustls::TlsAcceptor;

    use super::*;

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

    fn shake(acceptor: &TlsAcceptor, name: &str, roots: &Roots) -> Result<Peer, TlsFailure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (here, there) = tokio::io::duplex(1 << 16);
            let (client, _) =
                tokio::join!(connect(here, name, roots, PATIENCE), acceptor.accept(there));
            client.map(|stream| peer(&stream))
        })
    }

    fn trusting(pem: &str) -> Roots {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), pem).expect("write");
        Roots::read(file.path()).expect("roots")
    }

    #[test]
    fn an_address_or_a_name_in_the_certificate_holds() {
        let (acceptor, pem) = server(&names());
        for name in ["kubernetes", "10.96.0.1"] {
            let peer = shake(&acceptor, name, &trusting(&pem)).expect("a handshake");
            assert_eq!(peer.version, "TLSv1.3");
            assert!(peer.leaf.is_some_and(|leaf| pem.len() > leaf.len()));
        }
    }

    #[test]
    fn each_thing_wrong_with_a_certificate_is_named() {
        let (acceptor, pem) = server(&names());
        let expected = "10.0.0.1".to_owned();
        let presented = vec!["kubernetes".to_owned(), "10.96.0.1".to_owned()];
        let wrong = TlsFailure::Certificate(BadCertificate::WrongName { expected, presented });
        assert_eq!(shake(&acceptor, "10.0.0.1", &trusting(&pem)), Err(wrong));

        let (_, other) = server(&names());
        let failed = TlsFailure::Certificate(BadCertificate::OtherAuthority);
        assert_eq!(shake(&acceptor, "kubernetes", &trusting(&other)), Err(failed));

        let mut params = names();
        params.distinguished_name.push(DnType::CommonName, "somebody else");
        let (_, other) = server(&params);
        let failed = TlsFailure::Certificate(BadCertificate::UnknownAuthority);
        assert_eq!(shake(&acceptor, "kubernetes", &trusting(&other)), Err(failed));

        let mut params = names();
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        let (acceptor, pem) = server(&params);
        let failed = shake(&acceptor, "kubernetes", &trusting(&pem)).expect_err("expired");
        assert!(failed.told().contains("ended at 2001-01-01T00:00:00Z; it is 20"), "{failed:?}");

        let mut params = names();
        params.not_before = rcgen::date_time_ymd(2900, 1, 1);
        params.not_after = rcgen::date_time_ymd(2901, 1, 1);
        let (acceptor, pem) = server(&params);
        let failed = shake(&acceptor, "kubernetes", &trusting(&pem)).expect_err("not yet");
        assert!(failed.told().contains("begins at 2900-01-01T00:00:00Z"), "{failed:?}");
    }

    #[test]
    fn anybody_takes_what_nobody_vouches_for() {
        let (acceptor, _) = server(&names());
        assert!(shake(&acceptor, "elsewhere.example", &Roots::anybody()).is_ok());
        assert!(!Roots::anybody().verifies());
    }

    #[test]
    fn a_file_without_a_certificate_is_no_trust() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "-----BEGIN NOTHING-----\n").expect("write");
        for path in [file.path(), Path::new("/nowhere/ca.crt")] {
            assert!(matches!(Roots::read(path), Err(TlsFailure::Roots { .. })), "{path:?}");
        }
    }

    #[test]
    fn an_alerts_name_is_written_as_in_the_standard() {
        assert_eq!(snake("HandshakeFailure"), "handshake_failure");
    }
}
