//! The TLS handshake: who answers is always noted, and checked where there is a CA file to check
//! it against.

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    der,
    http::ended,
    outcome::{Certificate, Problem},
    target::{Host, Tls},
};

/// Shakes hands, and checks the chain afterwards: a bad one is a fact, and not the end.
pub(super) struct Handshaker {
    provider: Arc<CryptoProvider>,
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

/// The certificates of a PEM file, as roots.
///
/// # Errors
/// One clause.
pub fn roots(path: &Path) -> Result<RootCertStore, String> {
    let told = |error: &dyn std::fmt::Display| format!("read {}: {error}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| told(&error))? {
        let certificate = certificate.map_err(|error| told(&error))?;
        roots.add(certificate).map_err(|error| told(&error))?;
    }
    if roots.is_empty() { Err(told(&"no certificate in it")) } else { Ok(roots) }
}

impl Handshaker {
    /// With the certificates of this file as roots.
    ///
    /// # Errors
    /// One clause.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Handshaker, String> {
        let provider = Arc::new(ring::default_provider());
        let verifier = |path| {
            let roots = Arc::new(roots(path)?);
            WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(|error| error.to_string())
        };
        let verifier = ca_file.map(verifier).transpose()?;
        Ok(Handshaker { provider, verifier })
    }

    /// Shakes hands over a new connection.
    ///
    /// # Errors
    /// One clause: how it ended.
    pub(super) async fn shake(
        &self,
        stream: TcpStream,
        host: &Host,
        tls: &Tls,
        protocol: Option<&[u8]>,
    ) -> Result<(TlsStream<TcpStream>, Certificate), String> {
        let name = server_name(host, tls)?;
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(self.provider.clone())))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name.clone(), stream).await.map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
            inner.map_or_else(|| ended(&error), clause)
        })?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = self.certificate(chain, &name, tls);
        Ok((stream, certificate))
    }

    fn certificate(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        tls: &Tls,
    ) -> Certificate {
        let Some((leaf, rest)) = chain.split_first() else { return Certificate::default() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let left_s = der::not_after(leaf).map(|end| end - seconds);
        let verifier = self.verifier.as_ref().filter(|_| !tls.unverified);
        let problem = verifier.and_then(|verifier| {
            let now = UnixTime::since_unix_epoch(now);
            verifier.verify_server_cert(leaf, rest, name, &[], now).err().as_ref().map(problem)
        });
        Certificate { left_s, checked: verifier.is_some(), problem }
    }
}

fn server_name(host: &Host, tls: &Tls) -> Result<ServerName<'static>, String> {
    let text = match (&tls.sni, host) {
        (Some(sni), _) => sni.clone(),
        (None, Host::Address(ip)) => return Ok(ServerName::from(*ip)),
        (None, Host::Name(name)) => name.clone(),
    };
    let name = ServerName::try_from(text.trim_end_matches('.').to_owned());
    name.map_err(|_| format!("cannot begin: {text:?} is no name for TLS"))
}

fn problem(error: &Error) -> Problem {
    let text = clause(error);
    match error {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Problem::Name(text),
        Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Problem::Time(text),
        _ => Problem::Chain(text),
    }
}

fn clause(error: &Error) -> String {
    match error {
        Error::InvalidMessage(_) => "brings no TLS".to_owned(),
        Error::AlertReceived(alert) => format!("is ended by the alert {alert:?}"),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the CA file does not have its issuer".to_owned()
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "no certificate of the CA file has signed it".to_owned()
        }
        Error::InvalidCertificate(why) => why.to_string(),
        other => format!("fails: {other}"),
    }
}

/// Takes any certificate, if its owner holds the key: what it is worth is judged later.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
