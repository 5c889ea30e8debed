//! The network validator's arguments, and the plan that they stand for.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use clap::Parser;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::super::told;
use crate::{plan::Plan, pod::Family, profile::LINKERD};

/// Drop-in for Linkerd's network validator: tests that this pod's traffic is captured as Linkerd
/// promises, and nothing else.
///
/// It keeps trying until --timeout, and sends nothing beyond the first hop.
#[derive(Debug, Parser)]
#[command(name = "linkerd-network-validator", version, max_term_width = 100)]
pub(super) struct Args {
    /// What is logged, as [TARGET=]LEVEL,…
    #[arg(
        long,
        env = "LINKERD_NETWORK_VALIDATOR_LOG_LEVEL",
        value_name = "DIRECTIVES",
        default_value = "info"
    )]
    pub(super) log_level: Directives,

    /// The form of the log: plain or json.
    #[arg(
        long,
        env = "LINKERD_NETWORK_VALIDATOR_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "plain"
    )]
    pub(super) log_format: LogFormat,

    /// How long it keeps trying.
    #[arg(long, default_value = "10s", value_parser = timeout)]
    pub(super) timeout: Duration,

    /// Where connections must be redirected to; its port is the proxy's outbound port. An IPv4
    /// address asks for IPv4, [::] for the families of the pod.
    #[arg(long, default_value = "0.0.0.0:4140", value_parser = with_port)]
    pub(super) listen_addr: SocketAddr,

    /// Its family is tested. Nothing is sent there: in its place stand addresses that nobody has,
    /// and no packet gets beyond the first hop.
    #[arg(long, default_value = "192.0.2.2:1404")]
    pub(super) connect_addr: SocketAddr,

    /// Where the reason of a failure goes, if the file exists; or none.
    #[arg(
        long,
        env = "PODPROBE_TERMINATION_MESSAGE",
        value_name = "PATH",
        default_value = "/dev/termination-log"
    )]
    pub(super) termination_message: PathBuf,
}

impl Args {
    /// The plan: Linkerd's promise, as far as these arguments declare it.
    pub(super) fn plan(&self) -> Plan {
        let mut capture = LINKERD.capture();
        capture.outbound_port = self.listen_addr.port();
        if capture.inbound_port == capture.outbound_port {
            capture.inbound_port = LINKERD.outbound_port;
        }
        // Which ports the CNI plugin skips is nowhere in the arguments: its default is none, pods
        // add their own (`config.linkerd.io/skip-outbound-ports`), the control plane the API's.
        capture.exclude_outbound_ports.clear();
        capture.tolerated_outbound_ports = SKIPPED_PORTS.to_vec();
        let mut plan = Plan::new("linkerd-network-validator", LINKERD.name, capture);
        plan.waits = true;
        plan.deadline_ms = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        plan.families = self.families();
        plan.service = plan.service.map(|service| told::unskipped(service, &SKIPPED_PORTS));
        plan
    }

    /// The families to test; none for those of the pod, which the chart asks for by `[::]` where
    /// IPv6 is not disabled.
    fn families(&self) -> Option<Vec<Family>> {
        let listen = self.listen_addr.ip();
        if listen == IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED) {
            return None;
        }
        let mut families = vec![Family::of(listen), Family::of(self.connect_addr.ip())];
        families.sort_unstable();
        families.dedup();
        Some(families)
    }
}

/// Outbound ports that Linkerd's charts skip (`proxyInit.ignoreOutboundPorts`,
/// `kubeAPIServerPorts`) and that pods are likely to skip: that these escape proves nothing.
const SKIPPED_PORTS: [u16; 6] = [80, 443, 4567, 4568, 6443, 8080];

/// `plain` or `json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogFormat {
    /// For people.
    Plain,
    /// A document a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;
    fn from_str(text: &str) -> Result<LogFormat, String> {
        match text {
            "plain" => Ok(LogFormat::Plain),
            "json" => Ok(LogFormat::Json),
            _ => Err("must be 'plain' or 'json'".to_owned()),
        }
    }
}

/// What is logged: `info`, `linkerd=debug,info`.
#[derive(Clone, Debug)]
pub(super) struct Directives(pub(super) Targets);

impl FromStr for Directives {
    type Err = String;
    /// Without directives errors are logged. Those that select spans are passed over: here are none.
    fn from_str(text: &str) -> Result<Directives, String> {
        let plain =
            text.split(',').map(str::trim).filter(|part| !part.contains(['[', ']', '{', '}']));
        let plain: Vec<&str> = plain.filter(|part| !part.is_empty()).collect();
        if plain.is_empty() {
            return Ok(Directives(Targets::new().with_default(LevelFilter::ERROR)));
        }
        let parsed = plain.join(",").parse::<Targets>();
        parsed.map(Directives).map_err(|error| error.to_string())
    }
}

/// An address with a port to listen on.
fn with_port(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            Err("the proxy's outbound port is missing".to_owned())
        }
        Ok(address) => Ok(address),
        Err(error) => Err(error.to_string()),
    }
}

/// A number with one of upstream's units; only 0 needs none.
fn timeout(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("{text:?} has no number of its unit"))?;
    let unit = match unit {
        "" if number == 0 => 0,
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(format!("{unit:?} is no unit: write ms, s, m, h or d")),
    };
    let ms = number.checked_mul(unit).ok_or("longer than time itself")?;
    Ok(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tracing::Level;

    use super::*;

    fn parsed(line: &str) -> Args {
        Args::try_parse_from(line.split_whitespace()).expect("arguments")
    }

    #[test]
    fn the_injected_arguments_ask_for_ipv4_and_ten_seconds() {
        let plan = parsed(
            "x --log-format plain --log-level debug --connect-addr 1.1.1.1:20001 \
             --listen-addr 0.0.0.0:4140 --timeout 10s",
        )
        .plan();
        assert_eq!(plan.families, Some(vec![Family::Ipv4]));
        assert_eq!(
            (plan.deadline_ms, plan.capture.outbound_port, plan.waits),
            (10_000, 4140, true)
        );
    }

    #[test]
    fn the_families_are_those_of_the_addresses_or_of_the_pod() {
        let families = |line: &str| parsed(&format!("x {line}")).plan().families;
        assert_eq!(families("--listen-addr [::]:4140 --connect-addr [fd00::1]:20001"), None);
        assert_eq!(
            families("--listen-addr [::1]:4140 --connect-addr [fd00::1]:1"),
            Some(vec![Family::Ipv6])
        );
        assert_eq!(
            families("--connect-addr [fd00::1]:20001"),
            Some(vec![Family::Ipv4, Family::Ipv6])
        );
    }

    #[test]
    fn a_proxy_on_the_other_port_still_has_two_ports() {
        let capture = parsed("x --listen-addr 0.0.0.0:4143").plan().capture;
        assert_eq!((capture.outbound_port, capture.inbound_port), (4143, 4140));
    }

    #[test]
    fn timeouts_have_upstreams_units() {
        for (text, ms) in
            [("0", 0), ("0s", 0), ("250ms", 250), (" 120s ", 120_000), ("2d", 172_800_000)]
        {
            assert_eq!(timeout(text), Ok(Duration::from_millis(ms)), "{text:?}");
        }
        for text in ["", "120", "s", "foobars", "1.5s", "1s500ms", "-1s", "18446744073709551615s"] {
            assert!(timeout(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn directives_are_levels_targets_or_both() {
        let shown = |text: &str, target: &str, level| {
            let Directives(targets) = text.parse().expect("directives");
            targets.would_enable(target, &level)
        };
        assert!(shown("debug", "linkerd_network_validator", Level::DEBUG));
        assert!(!shown("linkerd=debug,warn", "x", Level::INFO));
        assert!(shown("linkerd=debug,warn", "linkerd_network_validator", Level::DEBUG));
        assert!(shown("[conn{client}]=trace,info", "x", Level::INFO));
        assert!(shown("", "x", Level::ERROR) && !shown("", "x", Level::WARN));
        assert!("linkerd=loud".parse::<Directives>().is_err());
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            let _ = (timeout(&text), text.parse::<Directives>(), with_port(&text));
            if let Ok(args) = Args::try_parse_from(text.split_whitespace()) {
                let _ = args.plan();
            }
        }
    }
}
