//! TLS over an open connection, with the reason of each failure as a fact.
//!
//! A certificate that does not hold is a fact as well, and not the handshake's end: what may be
//! sent only to whom it names goes over [`Session::proven`].

mod anybody;
mod failure;
#[cfg(test)]
mod tests;

use std::{fmt, path::Path, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring,
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
use anybody::Anybody;

/// Who shakes hands, and whom he trusts: for any number of connections.
pub struct Client {
    config: ClientConfig,
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Session<S> {
    /// Whom it leads to may be nobody that is trusted.
    pub stream: TlsStream<S>,
    /// The other side's certificate, in DER.
    pub leaf: Option<Vec<u8>>,
    /// Whether a trusted authority vouches for it under the name that was asked for; none where
    /// nobody is trusted.
    pub chain: Option<Result<(), BadCertificate>>,
}

impl Client {
    /// Trusts the authorities of a PEM file, if there is one; what is no certificate in it is
    /// skipped, as OpenSSL does. All versions that rustls has, TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// The file cannot be read, or has no authority that could be trusted.
    pub fn new(ca_file: Option<&Path>) -> Result<Client, TlsFailure> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = match builder.with_safe_default_protocol_versions() {
            Ok(builder) => builder.dangerous(),
            Err(error) => unreachable!("ring has the ciphers of both versions: {error}"),
        };
        let anybody = Arc::new(Anybody(provider.clone()));
        let mut config = builder.with_custom_certificate_verifier(anybody).with_no_client_auth();
        config.resumption = Resumption::disabled();
        let verifier = |path| {
            let authorities = Arc::new(authorities(path)?);
            let builder = WebPkiServerVerifier::builder_with_provider(authorities, provider);
            builder.build().map_err(|error| unusable(path, error.to_string()))
        };
        Ok(Client { config, verifier: ca_file.map(verifier).transpose()? })
    }

    /// Shakes hands within `patience`, offering this protocol by ALPN. The name is verified, and
    /// sent as SNI unless it is an address.
    ///
    /// # Errors
    /// What became of it instead.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        server_name: &str,
        protocol: Option<&str>,
        patience: Duration,
    ) -> Result<Session<S>, TlsFailure> {
        let Ok(name) = ServerName::try_from(server_name.trim_end_matches('.').to_owned()) else {
            return Err(TlsFailure::ServerName { name: server_name.to_owned() });
        };
        let mut config = self.config.clone();
        config.alpn_protocols = protocol.iter().map(|name| name.as_bytes().to_vec()).collect();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = match timeout(patience, connector.connect(name.clone(), stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failure::failure(&error)),
            Err(_) => return Err(TlsFailure::Silent { waited_ms: millis(patience) }),
        };
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let leaf = shown.first().map(|leaf| leaf.to_vec());
        let chain = self.verifier.as_ref().map(|verifier| check(verifier, shown, &name));
        Ok(Session { stream, leaf, chain })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("verifies", &self.verifier.is_some()).finish_non_exhaustive()
    }
}

impl<S> Session<S> {
    /// The connection, if it leads to whom it was asked for.
    ///
    /// # Errors
    /// What is wrong with the certificate; where nobody is trusted, that nobody is.
    pub fn proven(self) -> Result<TlsStream<S>, TlsFailure> {
        match self.chain {
            Some(Ok(())) => Ok(self.stream),
            Some(Err(bad)) => Err(TlsFailure::Certificate(bad)),
            None => Err(TlsFailure::Certificate(BadCertificate::UnknownAuthority)),
        }
    }
}

/// The certificates of a PEM file.
fn authorities(path: &Path) -> Result<RootCertStore, TlsFailure> {
    let text = crate::pod::file::all(path);
    let text =
        text.map_err(|error| unusable(path, format!("cannot be read: {}", errno_name(&error))))?;
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok));
    if store.is_empty() {
        return Err(unusable(path, "has no certificate in PEM".to_owned()));
    }
    Ok(store)
}

fn unusable(path: &Path, problem: String) -> TlsFailure {
    TlsFailure::Roots { path: path.display().to_string(), problem }
}

fn check(
    verifier: &WebPkiServerVerifier,
    shown: &[CertificateDer<'_>],
    name: &ServerName<'_>,
) -> Result<(), BadCertificate> {
    let Some((leaf, rest)) = shown.split_first() else {
        return Err(BadCertificate::Invalid { problem: "none was shown".to_owned() });
    };
    let checked = verifier.verify_server_cert(leaf, rest, name, &[], UnixTime::now());
    checked.map(|_| ()).map_err(|error| failure::bad(&error))
}
