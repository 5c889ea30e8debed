//! Flags of the mtu layer.

use std::{net::SocketAddr, str::FromStr};

use clap::Args;

use super::values::list;
use crate::plan::MtuPlan;

/// Whom the mtu layer exchanges full packets with.
#[derive(Debug, Args)]
#[command(next_help_heading = "MTU")]
pub struct MtuArgs {
    /// Exchange full packets with these, too, besides the nameservers and the API server: DNS at
    /// port 53, TLS at any other.
    #[arg(
        long,
        env = "PODPROBE_MTU_TARGET",
        value_name = "ADDRESS:PORT,…",
        default_value = "",
        hide_default_value = true
    )]
    mtu_target: Targets,
}

impl MtuArgs {
    pub(super) fn into_plan(self) -> MtuPlan {
        MtuPlan { targets: self.mtu_target.0 }
    }
}

/// A comma-separated list of addresses with ports.
#[derive(Clone, Debug)]
struct Targets(Vec<SocketAddr>);

impl FromStr for Targets {
    type Err = String;
    fn from_str(text: &str) -> Result<Targets, String> {
        let one = |text: &str| match text.parse::<SocketAddr>() {
            Ok(to) if to.port() != 0 && !to.ip().is_unspecified() => Ok(to),
            _ => Err(format!("{text:?} is no target: write 10.0.0.1:443 or [fd00::1]:443")),
        };
        list(text, one).map(Targets)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_target_is_an_address_and_a_port() {
        let targets: Targets = "10.0.0.1:443, [fd00::1]:53".parse().expect("targets");
        assert_eq!(targets.0.len(), 2);
        for bad in ["10.0.0.1", "example.com:443", "10.0.0.1:0", "0.0.0.0:443"] {
            assert!(bad.parse::<Targets>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            let _ = text.parse::<Targets>();
        }
    }
}
