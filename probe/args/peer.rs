//! Flags of `peer`.

use std::{
    net::SocketAddr, ops::RangeInclusive, path::PathBuf, process::ExitCode, str::FromStr,
    time::Duration,
};

use clap::Args;

use super::{
    listen::Listen,
    values::{duration, list},
};
use crate::{
    deliver,
    layer::dns::is_name,
    logging::{self, LogArgs},
    peer::{PeerPlan, secret},
    plan::{PeerAsked, PeerHost},
};

/// What the far side does for whom.
#[derive(Debug, Args)]
pub struct PeerArgs {
    /// Where to listen, over TCP and UDP: ADDRESS:PORT, or :PORT for all addresses.
    #[arg(long, env = "PODPROBE_LISTEN", value_name = "ADDRESS:PORT,…", default_value = ":7000")]
    listen: Listen,

    /// Only who knows the text of this file is dialled; without it, everybody who can reach the peer.
    #[arg(long, env = "PODPROBE_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// The ports that are dialled back, at the address that asks and no other.
    #[arg(
        long,
        env = "PODPROBE_ALLOW_PORTS",
        value_name = "FROM-TO,…",
        default_value = "80,443,1024-65535"
    )]
    allow_ports: Ranges,

    /// Requests a second from one source, after a burst of four times as many.
    #[arg(long, env = "PODPROBE_RATE", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,

    /// How long one connection attempt may take.
    #[arg(long, env = "PODPROBE_DIAL_TIMEOUT", value_name = "DURATION", default_value = "1s", value_parser = duration)]
    dial_timeout: Duration,

    #[command(flatten)]
    log: LogArgs,
}

impl PeerArgs {
    /// Serves until it is told to end.
    pub(super) fn run(self) -> ExitCode {
        logging::start(&self.log);
        match self.into_plan() {
            Ok(plan) => deliver::run_peer(plan),
            Err(problem) => deliver::bad_usage(&problem),
        }
    }

    /// Resolves what was typed; one sentence where the token cannot be read.
    fn into_plan(self) -> Result<PeerPlan, String> {
        Ok(PeerPlan {
            listen: self.listen.0,
            token: self.token_file.map(|file| secret(&file)).transpose()?,
            ports: self.allow_ports.0,
            rate: self.rate,
            timeout: self.dial_timeout,
        })
    }
}

/// Flags about the peer that is asked.
#[derive(Debug, Args)]
pub struct AskPeerArgs {
    /// Ask a podprobe outside (`podprobe peer`) to connect to this pod, and see what becomes of it. Of
    /// several, and of a name's addresses, the first of each family is asked. It must not be in a mesh.
    #[arg(long, env = "PODPROBE_PEER", value_name = "HOST:PORT,…", value_parser = hosts)]
    peer: Option<Hosts>,

    /// The file with the secret that the peer wants.
    #[arg(long, env = "PODPROBE_PEER_TOKEN_FILE", value_name = "FILE", requires = "peer")]
    peer_token_file: Option<PathBuf>,
}

impl AskPeerArgs {
    /// The peer, if one was named; one sentence where its token cannot be read.
    pub(super) fn into_plan(self) -> Result<Option<PeerAsked>, String> {
        // It is read again for each look, for secrets change.
        self.peer_token_file.as_deref().map(secret).transpose()?;
        let asked = |Hosts(hosts)| PeerAsked { hosts, token_file: self.peer_token_file };
        Ok(self.peer.map(asked))
    }
}

/// Addresses and names with ports.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hosts(Vec<PeerHost>);

fn hosts(text: &str) -> Result<Hosts, String> {
    let one = |text: &str| {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(PeerHost::Address(address));
        }
        let (name, port) = text.rsplit_once(':').unwrap_or_default();
        match super::values::one_port(port) {
            Ok(port) if !name.is_empty() && is_name(name) => {
                Ok(PeerHost::Name(name.to_owned(), port))
            }
            _ => Err(format!(
                "{text:?} is no peer: write podprobe-peer.podprobe:7000, 10.0.0.9:7000 or [fd00::9]:7000"
            )),
        }
    };
    match list(text, one)? {
        none if none.is_empty() => Err("no peer is named".to_owned()),
        hosts => Ok(Hosts(hosts)),
    }
}

/// Names with ports.
#[derive(Clone, Debug)]
pub(super) struct Names(pub(super) Vec<(String, u16)>);

/// Names alone: of an address, there is nothing to choose.
pub(super) fn names(text: &str) -> Result<Names, String> {
    let one = |host: PeerHost| match host {
        PeerHost::Name(name, port) => Ok((name, port)),
        PeerHost::Address(address) => {
            Err(format!("{address} is no name: write podprobe-canary.podprobe.svc:7000"))
        }
    };
    hosts(text)?.0.into_iter().map(one).collect::<Result<_, _>>().map(Names)
}

/// A list of ports and ranges of ports.
#[derive(Clone, Debug)]
struct Ranges(Vec<RangeInclusive<u16>>);

impl FromStr for Ranges {
    type Err = String;
    fn from_str(text: &str) -> Result<Ranges, String> {
        let one = |text: &str| {
            let (from, to) = text.split_once('-').unwrap_or((text, text));
            match (super::values::one_port(from), super::values::one_port(to)) {
                (Ok(from), Ok(to)) if from <= to => Ok(from..=to),
                _ => Err(format!("{text:?} is no port and no range such as 1024-65535")),
            }
        };
        list(text, one).map(Ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_an_address_or_a_name_with_a_port() {
        let Hosts(all) = hosts("10.0.0.9:7000,[fd00::9]:7000,peer.podprobe:7000").expect("peers");
        assert!(
            matches!(&all[..], [PeerHost::Address(_), PeerHost::Address(_), PeerHost::Name(name, 7000)] if name == "peer.podprobe")
        );
        for bad in ["", "10.0.0.9", "peer:0", "fd00::9:7000:", "a b:80", ":7000"] {
            assert!(hosts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_the_wrong_way_round_is_refused() {
        assert!("2000-1000".parse::<Ranges>().is_err());
        assert!("0-80".parse::<Ranges>().is_err());
        let Ranges(ranges) = "80,1024-65535".parse().expect("ranges");
        assert_eq!(ranges, [80..=80, 1024..=65535]);
    }
}
