//! The forms of flag values: lists, durations, layers, proofs, networks.

use std::{net::IpAddr, str::FromStr, time::Duration};

use clap::ValueEnum;
use ipnet::IpNet;

use crate::{
    capture::{Cidrs, Ports},
    finding::{
        Layer,
        declared::{self, Declared},
    },
    layer::redirect::Proof,
    plan::Extra,
    pod::Family,
};

/// A comma-separated list; the empty text is the empty list.
pub(super) fn list<T>(
    text: &str,
    one: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(one).collect()
}

/// A comma-separated list of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortList(pub Vec<u16>);

impl FromStr for PortList {
    type Err = String;
    fn from_str(text: &str) -> Result<PortList, String> {
        list(text, port).map(PortList)
    }
}

fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{text:?} is no port: 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

/// A port that is listened on or dialled.
pub fn one_port(text: &str) -> Result<u16, String> {
    port(text)
}

/// Ports to listen on at once: each is a socket for each family and protocol, and a container may
/// have no more than 1024 of them.
pub fn few_ports(text: &str) -> Result<PortList, String> {
    let most = 64;
    let ports: PortList = text.parse()?;
    let count = ports.0.len();
    if count > most { Err(format!("{count} ports, at most {most}")) } else { Ok(ports) }
}

/// `*` or ports.
pub fn ports(text: &str) -> Result<Ports, String> {
    if text.trim() == "*" { Ok(Ports::All) } else { list(text, port).map(Ports::Only) }
}

/// `*` or networks.
pub fn cidrs(text: &str) -> Result<Cidrs, String> {
    if text.trim() == "*" { Ok(Cidrs::All) } else { list(text, network).map(Cidrs::Only) }
}

/// A comma-separated list of networks or addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networks(pub Vec<IpNet>);

impl FromStr for Networks {
    type Err = String;
    fn from_str(text: &str) -> Result<Networks, String> {
        list(text, network).map(Networks)
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map(|net| net.trunc())
        .map_err(|_| format!("{text:?} is no network: write 10.0.0.0/8 or fd00::/8"))
}

/// A comma-separated list of families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Families(pub Vec<Family>);

impl FromStr for Families {
    type Err = String;
    fn from_str(text: &str) -> Result<Families, String> {
        let one = |text: &str| {
            text.parse().map_err(|_| format!("{text:?} is no family: write ipv4 or ipv6"))
        };
        let mut families: Vec<Family> = list(text, one)?;
        families.sort_unstable();
        families.dedup();
        Ok(Families(families))
    }
}

/// A comma-separated list of layers; `all` stands for those inside the pod: the node's files are
/// no pod's business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// Every layer that is meant.
    pub each: Vec<Layer>,
    /// Those that are called by their names.
    pub by_name: Vec<Layer>,
}

impl Layers {
    /// These, by their names.
    pub fn named(layers: Vec<Layer>) -> Layers {
        Layers { each: layers.clone(), by_name: layers }
    }

    /// Several lists in one.
    pub fn joined<'l>(lists: impl IntoIterator<Item = &'l Layers>) -> Layers {
        lists.into_iter().fold(Layers::default(), |mut all, list| {
            all.each.extend(&list.each);
            all.by_name.extend(&list.by_name);
            all
        })
    }
}

impl FromStr for Layers {
    type Err = String;
    fn from_str(text: &str) -> Result<Layers, String> {
        Ok(Layers::joined(&list(text, layers)?))
    }
}

fn layers(text: &str) -> Result<Layers, String> {
    if text == "all" {
        // Targets are asked for by naming them.
        let apart = [Layer::Node, Layer::Reach];
        let each = Layer::ALL.into_iter().filter(|layer| !apart.contains(layer)).collect();
        return Ok(Layers { each, by_name: Vec::new() });
    }
    let found = Layer::ALL.into_iter().find(|layer| layer.name() == text);
    found.map(|layer| Layers::named(vec![layer])).ok_or_else(|| {
        let names: Vec<&str> = Layer::ALL.iter().map(|layer| layer.name()).collect();
        format!("{text:?} is no layer: {}, all", names.join(", "))
    })
}

/// What `check` is to look at: layers, or `inbound`, which is the redirect layer with the demand that
/// something was seen to arrive from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The layers.
    pub layers: Layers,
    /// Proofs without which it is no success.
    pub require: Vec<Proof>,
}

impl FromStr for Subject {
    type Err = String;
    fn from_str(text: &str) -> Result<Subject, String> {
        if text == "inbound" {
            let layers = Layers::named(vec![Layer::Redirect]);
            return Ok(Subject { layers, require: vec![Proof::Arriving] });
        }
        text.parse().map(|layers| Subject { layers, require: Vec::new() })
    }
}

/// A comma-separated list of looks besides the usual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extras(pub Vec<Extra>);

impl FromStr for Extras {
    type Err = String;
    fn from_str(text: &str) -> Result<Extras, String> {
        let one = |text: &str| {
            Extra::from_str(text, false).map_err(|_| {
                let names = Extra::value_variants().iter().filter_map(Extra::to_possible_value);
                let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
                format!("{text:?} is no such look: {}", names.join(", "))
            })
        };
        list(text, one).map(Extras)
    }
}

/// A comma-separated list of proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proofs(pub Vec<Proof>);

impl FromStr for Proofs {
    type Err = String;
    fn from_str(text: &str) -> Result<Proofs, String> {
        let one = |text: &str| {
            Proof::ALL.into_iter().find(|proof| proof.name() == text).ok_or_else(|| {
                let names: Vec<&str> = Proof::ALL.iter().map(|proof| proof.name()).collect();
                format!("{text:?} is no proof: {}", names.join(", "))
            })
        };
        list(text, one).map(Proofs)
    }
}

/// A comma-separated list of `CODE=SEVERITY`, each code once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severities(pub Declared);

impl FromStr for Severities {
    type Err = String;
    fn from_str(text: &str) -> Result<Severities, String> {
        let mut severities = Declared::new();
        for (code, severity) in list(text, declared::parse)? {
            if severities.insert(code, severity).is_some() {
                return Err(format!("{code} is there twice"));
            }
        }
        Ok(Severities(severities))
    }
}

/// `250ms`, `5s`, `1m`; at most a day, so that sums of times cannot overflow.
///
/// # Errors
/// One clause.
pub fn duration(text: &str) -> Result<Duration, String> {
    let day = Duration::from_hours(24);
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= day => Ok(duration),
        Ok(_) => Err("longer than a day".to_owned()),
        Err(error) => Err(format!("{error}; write 250ms, 5s or 1m")),
    }
}

/// Whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_value_is_an_empty_list_and_a_star_is_everything() {
        assert_eq!(ports(""), Ok(Ports::Only(vec![])));
        assert_eq!(ports("*"), Ok(Ports::All));
        assert_eq!(cidrs(""), Ok(Cidrs::Only(vec![])));
        assert_eq!("80, 443".parse(), Ok(PortList(vec![80, 443])));
    }

    #[test]
    fn a_network_is_truncated_and_an_address_is_a_network_of_one() {
        let parsed: Networks = "10.1.2.3/8,fd00::1".parse().expect("networks");
        let texts: Vec<String> = parsed.0.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.0.0.0/8", "fd00::1/128"]);
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            let _ = (ports(&text), cidrs(&text), duration(&text));
            let _ = (text.parse::<Families>(), text.parse::<Layers>(), text.parse::<Proofs>());
            let _ = text.parse::<Severities>();
        }

        #[test]
        fn ports_survive_a_round_trip(wanted in prop::collection::vec(1_u16.., 0..9)) {
            let text = wanted.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
            prop_assert_eq!(text.parse(), Ok(PortList(wanted)));
        }
    }
}
