//! Kuma's transparent proxy configuration, as far as it says what is captured (kuma
//! `pkg/transparentproxy/config/config.go`). Fields that podprobe does not know are passed over.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use super::arguments::{family_mode, port};
use crate::{
    capture::{Capture, Cidrs, Dns, Exempt, Ports, Reach},
    pod::Family,
    profile::KUMA,
};

/// The whole; what is absent has Kuma's default.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Config {
    ip_family_mode: Option<String>,
    #[serde(rename = "kumaDPUser")]
    user: Option<Word>,
    redirect: Redirect,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Redirect {
    inbound: TrafficFlow,
    outbound: TrafficFlow,
    dns: DnsFlow,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TrafficFlow {
    enabled: Option<bool>,
    port: Option<Word>,
    include_ports: Option<Words>,
    exclude_ports: Option<Words>,
    #[serde(rename = "excludePortsForUIDs")]
    for_uids: Option<Words>,
    #[serde(rename = "excludePortsForIPs")]
    for_ips: Option<Words>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DnsFlow {
    enabled: bool,
    port: Option<Word>,
    capture_all: bool,
    skip_conntrack_zone_split: bool,
}

/// A number, or text that stands for one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Word {
    Number(u64),
    Text(String),
}

impl Word {
    fn text(&self) -> String {
        match self {
            Word::Number(number) => number.to_string(),
            Word::Text(text) => text.trim().to_owned(),
        }
    }
}

/// A list, or the same with commas.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    List(Vec<Word>),
    One(Word),
}

/// Each word of a list that may be absent.
fn words(list: Option<&Words>) -> Vec<String> {
    let texts: Vec<String> = match list {
        None => Vec::new(),
        Some(Words::List(list)) => list.iter().map(Word::text).collect(),
        Some(Words::One(word)) => vec![word.text()],
    };
    let each = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    each.filter(|word| !word.is_empty()).map(String::from).collect()
}

fn ports(list: Option<&Words>) -> Result<Vec<u16>, String> {
    words(list).iter().map(|word| port(word)).collect()
}

impl Config {
    /// Whether the proxy's user is declared.
    pub(super) fn names_user(&self) -> bool {
        self.user.as_ref().is_some_and(|user| !user.text().is_empty())
    }

    /// Writes what is declared into the promise, and gives the families; none for the pod's.
    ///
    /// # Errors
    /// The field and what is wrong with its value.
    pub(super) fn apply(&self, capture: &mut Capture) -> Result<Option<Vec<Family>>, String> {
        self.user(capture)?;
        let Redirect { inbound, outbound, dns } = &self.redirect;
        inbound.inbound(capture).map_err(|problem| format!("redirect.inbound: {problem}"))?;
        outbound.outbound(capture).map_err(|problem| format!("redirect.outbound: {problem}"))?;
        dns.apply(capture).map_err(|problem| format!("redirect.dns: {problem}"))?;
        family_mode(self.ip_family_mode.as_deref().unwrap_or_default())
            .map_err(|problem| format!("ipFamilyMode: {problem}"))
    }

    /// On Kubernetes always a number (kuma `pkg/transparentproxy/kubernetes/kubernetes_config.go`).
    fn user(&self, capture: &mut Capture) -> Result<(), String> {
        let Some(user) = self.user.as_ref().map(Word::text).filter(|user| !user.is_empty()) else {
            return Ok(());
        };
        let uid: u32 =
            user.parse().map_err(|_| format!("kumaDPUser: {user:?} is a name; write its uid"))?;
        let (default, gid) = KUMA.proxy;
        capture.proxy = (uid, if uid == default { gid } else { uid });
        capture.exempt = Exempt::Owner { uids: vec![uid], gids: Vec::new() };
        Ok(())
    }
}

impl TrafficFlow {
    fn inbound(&self, capture: &mut Capture) -> Result<(), String> {
        if let Some(word) = &self.port {
            capture.inbound_port = port(&word.text())?;
        }
        // builder_table_nat.go: exclusions count where nothing is included.
        let included = ports(self.include_ports.as_ref())?;
        if self.enabled == Some(false) {
            capture.include_inbound_ports = Ports::Only(Vec::new());
        } else if included.is_empty() {
            capture.exclude_inbound_ports = ports(self.exclude_ports.as_ref())?;
        } else {
            capture.include_inbound_ports = Ports::Only(included);
        }
        Ok(())
    }

    fn outbound(&self, capture: &mut Capture) -> Result<(), String> {
        if let Some(word) = &self.port {
            capture.outbound_port = port(&word.text())?;
        }
        if self.enabled == Some(false) {
            // The chain for everything outbound returns at once, the proxy's traffic included.
            capture.include_outbound_cidrs = Cidrs::Only(Vec::new());
            capture.proxy_to_pod = Reach::Nothing;
            capture.passthrough = false;
            return Ok(());
        }
        let included = ports(self.include_ports.as_ref())?;
        if included.is_empty() {
            capture.exclude_outbound_ports = ports(self.exclude_ports.as_ref())?;
        } else {
            capture.include_outbound_cidrs = Cidrs::Only(Vec::new());
            capture.include_outbound_ports = included;
        }
        for ip in words(self.for_ips.as_ref()) {
            capture.exclude_outbound_cidrs.push(network(&ip)?);
        }
        // `tcp:22,80-90:1000`: whether that is this pod's application is not known here.
        for rule in words(self.for_uids.as_ref()) {
            capture.tolerated_outbound_ports.extend(excused(&rule));
        }
        Ok(())
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    parsed.map(|net| net.trunc()).map_err(|_| format!("{text:?} is no network"))
}

/// The ports among those probed that a rule for some users names: `PORTS:UIDS` or
/// `PROTOCOL:PORTS:UIDS`, a comma already taken for the end of a word.
fn excused(rule: &str) -> Vec<u16> {
    let numbers =
        |part: &str| part.split('-').filter_map(|n| n.parse::<u16>().ok()).collect::<Vec<_>>();
    let inside = |range: &[u16], port: u16| match range {
        [first, last] => (*first..=*last).contains(&port),
        [only] => *only == port,
        _ => false,
    };
    let ranges: Vec<Vec<u16>> = rule.split(':').map(numbers).collect();
    let everything = rule.split(':').any(|part| part == "*");
    let probed = [80, 443, 6443, 8080];
    probed.into_iter().filter(|p| everything || ranges.iter().any(|r| inside(r, *p))).collect()
}

impl DnsFlow {
    fn apply(&self, capture: &mut Capture) -> Result<(), String> {
        if let Some(word) = &self.port {
            capture.dns_port = port(&word.text())?;
        }
        capture.dns = match (self.enabled, self.capture_all) {
            (false, _) => Dns::NONE,
            (true, true) => Dns { zones: !self.skip_conntrack_zone_split, ..KUMA.dns },
            // Only queries to the nameservers of resolv.conf are captured: none that is probed.
            (true, false) => Dns { tcp_spared: true, ..Dns::NONE },
        };
        Ok(())
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
