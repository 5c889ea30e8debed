//! The TLS handshake with a target: who answers is always noted, and checked where there is a CA
//! file to check it against.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::TcpStream;

use super::{
    der,
    outcome::Certificate,
    target::{Host, Place, Tls},
};
use crate::net::tls::{Client, Session, TlsStream};

/// Shakes hands over a new connection; a certificate that does not hold is not the end.
///
/// # Errors
/// One clause: how it ended.
pub(super) async fn shake(
    client: &Client,
    stream: TcpStream,
    place: &Place,
    tls: &Tls,
    protocol: Option<&str>,
    patience: Duration,
) -> Result<(TlsStream<TcpStream>, Certificate), String> {
    let name = match (&tls.sni, &place.host) {
        (Some(sni), _) => sni.clone(),
        (None, Host::Address(ip)) => ip.to_string(),
        (None, Host::Name(name)) => name.clone(),
    };
    let session = client.connect(stream, &name, protocol, patience).await;
    let Session { stream, leaf, chain } = session.map_err(|failure| failure.told())?;
    let chain = chain.filter(|_| !tls.unverified);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let left_s = leaf.as_deref().and_then(der::not_after).map(|end| end - now);
    let certificate =
        Certificate { left_s, checked: chain.is_some(), problem: chain.and_then(Result::err) };
    Ok((stream, certificate))
}
