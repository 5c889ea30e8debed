//! Flags of the dns layer.

use std::{net::IpAddr, path::PathBuf, str::FromStr};

use clap::Args;

use super::values::list;
use crate::plan::{DnsPlan, service_name};

/// What the dns layer looks at.
#[derive(Debug, Args)]
#[command(next_help_heading = "DNS")]
pub struct DnsArgs {
    /// The resolver configuration.
    #[arg(
        long,
        env = "PODPROBE_RESOLV_CONF",
        value_name = "PATH",
        default_value = "/etc/resolv.conf"
    )]
    resolv_conf: PathBuf,

    /// The cluster's domain, if the search list does not tell it.
    #[arg(long, env = "PODPROBE_CLUSTER_DOMAIN", value_name = "DOMAIN", value_parser = name)]
    cluster_domain: Option<String>,

    /// Names that must have an address; asked for as glibc walks the search list.
    #[arg(
        long,
        env = "PODPROBE_DNS_NAME",
        value_name = "NAME,…",
        default_value = "",
        hide_default_value = true
    )]
    dns_name: Names,

    /// Nameservers to ask besides those of the file.
    #[arg(
        long,
        env = "PODPROBE_NAMESERVER",
        value_name = "ADDRESS,…",
        default_value = "",
        hide_default_value = true
    )]
    nameserver: Servers,

    /// The file of names that need no nameserver.
    #[arg(long, env = "PODPROBE_HOSTS", value_name = "PATH", default_value = "/etc/hosts")]
    hosts: PathBuf,

    /// Ask each nameserver so many short questions in a row, and as many pairs of A and AAAA from
    /// one port, as C libraries do; tells losses and the race that delays lookups by seconds.
    #[arg(
        long,
        env = "PODPROBE_DNS_BURST",
        value_name = "N",
        default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(..=MOST_BURST)
    )]
    dns_burst: u32,
}

/// A burst is no load test.
const MOST_BURST: i64 = 100;
/// What shows a race that is lost now and then.
const BURST: u32 = 10;

impl DnsArgs {
    /// The plan; a race shows in many questions alone, so that who counts races asks some.
    pub(super) fn into_plan(self, races: bool) -> DnsPlan {
        let burst = match self.dns_burst {
            0 if races => BURST,
            asked => asked,
        };
        DnsPlan {
            resolv_conf: self.resolv_conf,
            cluster_domain: self.cluster_domain,
            names: self.dns_name.0,
            nameservers: self.nameserver.0,
            hosts: self.hosts,
            burst,
            service_host: service_name(),
        }
    }
}

/// A comma-separated list of names.
#[derive(Clone, Debug)]
struct Names(Vec<String>);

impl FromStr for Names {
    type Err = String;
    fn from_str(text: &str) -> Result<Names, String> {
        list(text, name).map(Names)
    }
}

/// A name as RFC 1035 limits it; any characters but white space, for DNS has them all.
fn name(text: &str) -> Result<String, String> {
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let fits = |label: &str| (1..=63).contains(&label.len()) && label.is_ascii();
    if text.len() <= 253 && labels.clone().all(fits) && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no DNS name"))
    }
}

/// A comma-separated list of addresses.
#[derive(Clone, Debug)]
struct Servers(Vec<IpAddr>);

impl FromStr for Servers {
    type Err = String;
    fn from_str(text: &str) -> Result<Servers, String> {
        let one = |text: &str| text.parse().map_err(|_| format!("{text:?} is no IP address"));
        list(text, one).map(Servers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_checked_before_they_are_asked_for() {
        assert!("db.prod, example.com.".parse::<Names>().is_ok_and(|names| names.0.len() == 2));
        for bad in ["a..b", "a b", "ä.example", &"a".repeat(64)] {
            assert!(bad.parse::<Names>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            let _ = (text.parse::<Names>(), text.parse::<Servers>());
        }
    }
}
