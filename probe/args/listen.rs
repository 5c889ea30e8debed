//! Where to listen.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use super::values::list;

/// Addresses to listen on.
#[derive(Clone, Debug)]
pub(super) struct Listen(pub(super) Vec<SocketAddr>);

impl FromStr for Listen {
    type Err = String;
    fn from_str(text: &str) -> Result<Listen, String> {
        let one = |text: &str| match text.strip_prefix(':').map(str::parse) {
            Some(Ok(port)) => {
                let all: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
                Ok(all.map(|address| SocketAddr::new(address, port)).to_vec())
            }
            _ => text.parse().map(|address| vec![address]).map_err(|_| {
                format!("{text:?} is no ADDRESS:PORT; write 10.0.0.9:7000, [fd00::9]:7000 or :7000")
            }),
        };
        match list(text, one)?.concat() {
            empty if empty.is_empty() => Err("no address to listen on".to_owned()),
            addresses => Ok(Listen(addresses)),
        }
    }
}

impl Listen {
    /// The same, as this pod itself reaches them: by loopback, where that is all addresses.
    pub(super) fn by_loopback(&self) -> Vec<SocketAddr> {
        let here = |at: &SocketAddr| {
            let loopback: IpAddr = match at.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            SocketAddr::new(loopback, at.port())
        };
        self.0.iter().map(here).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_listens_in_both_families() {
        let Listen(addresses) = ":7000".parse().expect("a port");
        assert_eq!(addresses.len(), 2);
        assert!("10.0.0.9".parse::<Listen>().is_err(), "a port is missing");
        assert!("".parse::<Listen>().is_err());
    }

    #[test]
    fn all_addresses_are_reached_by_loopback_and_one_as_it_is() {
        let listen: Listen = ":9464,10.0.0.9:80".parse().expect("addresses");
        let here = listen.by_loopback().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(here, ["127.0.0.1:9464", "[::1]:9464", "10.0.0.9:80"]);
    }
}
