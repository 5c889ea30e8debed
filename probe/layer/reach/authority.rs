//! Host and port in a target's URL.

use std::net::IpAddr;

use super::target::{Host, Place};

/// `host:port`, with the scheme's own port where it has one.
pub(super) fn place(authority: &str, default: Option<u16>) -> Result<Place, String> {
    let (text, port) = match authority.rsplit_once(':') {
        Some((text, port)) if !port.ends_with(']') => (text, Some(port)),
        _ => (authority, None),
    };
    if text.contains(':') && !text.starts_with('[') {
        return Err(format!("{authority:?}: write an IPv6 address in [ ]"));
    }
    let host = host(text)?;
    let port = match (port, default) {
        (None, Some(port)) => port,
        (None, None) => return Err(format!("port is missing: write {host}:PORT")),
        (Some(port), _) => match port.parse() {
            Ok(0) | Err(_) => return Err(format!("{port:?} is no port: 1 to 65535")),
            Ok(port) => port,
        },
    };
    Ok(Place { host, port })
}

/// A name, or an address; one of IPv6 in brackets.
pub(super) fn host(text: &str) -> Result<Host, String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|inner| inner.parse().ok());
        return address
            .map(|ip| Host::Address(IpAddr::V6(ip)))
            .ok_or_else(|| format!("{text:?} is no IPv6 address"));
    }
    if let Ok(ip) = text.parse() {
        return Ok(Host::Address(ip));
    }
    let bare = text.strip_suffix('.').unwrap_or(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(plain);
    // What ends in a number is an address to some and a name to others (RFC 3986, WHATWG URL).
    let number =
        bare.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if text.is_empty() {
        Err("host is missing".to_owned())
    } else if text.len() > 253 || number || !bare.split('.').all(label) {
        Err(format!("{text:?} is no host: a name, an IPv4 address, or an IPv6 address in [ ]"))
    } else {
        Ok(Host::Name(text.to_ascii_lowercase()))
    }
}
