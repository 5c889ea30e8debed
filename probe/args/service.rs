//! Flags of the service layer.

use std::{net::IpAddr, path::PathBuf, str::FromStr};

use clap::Args;

use super::values::list;
use crate::plan::{ApiPlan, ApiServer};

/// What the service layer looks at.
#[derive(Debug, Args)]
#[command(next_help_heading = "Service")]
pub struct ServiceArgs {
    /// The API server, instead of `KUBERNETES_SERVICE_HOST`; in a cluster of both families, the
    /// service's address of each.
    #[arg(
        long,
        env = "PODPROBE_API_SERVER",
        value_name = "HOST:PORT,…",
        default_value = "",
        hide_default_value = true
    )]
    api_server: Servers,

    /// Verify the API server's certificate, and ask it whether it is ready.
    #[arg(
        long,
        env = "PODPROBE_READYZ",
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        hide_default_value = true,
        action = clap::ArgAction::Set
    )]
    readyz: bool,

    /// The authorities for that certificate, in PEM.
    #[arg(
        long,
        env = "PODPROBE_API_CA",
        value_name = "PATH",
        default_value = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
    )]
    api_ca: PathBuf,

    /// The token to send to it.
    #[arg(
        long,
        env = "PODPROBE_API_TOKEN",
        value_name = "PATH",
        default_value = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    )]
    api_token: PathBuf,
}

impl ServiceArgs {
    pub(super) fn into_plan(self) -> ApiPlan {
        ApiPlan {
            servers: self.api_server.0,
            readyz: self.readyz,
            ca: self.api_ca,
            token: self.api_token,
        }
    }
}

/// A comma-separated list of API servers.
#[derive(Clone, Debug)]
struct Servers(Vec<ApiServer>);

impl FromStr for Servers {
    type Err = String;
    fn from_str(text: &str) -> Result<Servers, String> {
        list(text, server).map(Servers)
    }
}

/// `HOST`, `HOST:PORT`, `[IPV6]:PORT`, or an IPv6 address alone; the port is 443 unless named.
fn server(text: &str) -> Result<ApiServer, String> {
    let wrong = || format!("{text:?} is no HOST:PORT");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(wrong)?,
        None if text.parse::<IpAddr>().is_ok() => (text, ""),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?,
        None if port.is_empty() => 443,
        None => return Err(wrong()),
    };
    let is_name = |host: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        host.len() <= 253 && !host.is_empty() && host.bytes().all(fits)
    };
    let is_address = host.parse::<IpAddr>().is_ok();
    if is_address || (is_name(host) && !text.starts_with('[')) {
        Ok(ApiServer { host: host.to_owned(), port })
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::server;

    #[test]
    fn hosts_with_and_without_port_are_told_apart_from_addresses() {
        let read = |text: &str| server(text).map(|server| (server.host, server.port)).ok();
        let is = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(read("10.96.0.1"), is("10.96.0.1", 443));
        assert_eq!(read("10.96.0.1:6443"), is("10.96.0.1", 6443));
        assert_eq!(read("fd96::1"), is("fd96::1", 443));
        assert_eq!(read("[fd96::1]:6443"), is("fd96::1", 6443));
        assert_eq!(read("api.example.com:6443"), is("api.example.com", 6443));
        for wrong in ["", ":443", "a:", "a:0", "a:b", "[a]:1", "[fd96::1]x", "https://a", "a b"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            let _ = server(&text);
        }
    }
}
