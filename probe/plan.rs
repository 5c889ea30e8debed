//! Plan: what was asked, resolved. Nothing is looked at yet.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    capture::Capture,
    finding::Layer,
    layer::redirect::{Addresses, Proof},
    pod::{Family, Pod},
};

/// Whether a broken promise blocks the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Exit with the cause's code.
    Enforce,
    /// Report, but exit 0.
    Warn,
    /// Look at nothing and exit 0.
    Off,
}

/// What was asked for; everything that judging needs besides what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// `gate` or `check`.
    pub command: String,
    /// The profile's name.
    pub mesh: String,
    /// The promise.
    pub capture: Capture,
    /// The declared families; absent: those of the pod's global addresses.
    pub families: Option<Vec<Family>>,
    /// The API server's service address, which the kubelet gives to every pod.
    pub service: Option<IpAddr>,
    /// Who the application is, where podprobe may choose.
    pub app: Option<(u32, u32)>,
    /// The layers to look at, in causal order.
    pub layers: Vec<Layer>,
    /// Proofs without which the run is no success.
    pub require: Vec<Proof>,
    /// Whether a broken promise blocks the pod.
    pub mode: Mode,
    /// The exit code for a redirect failure.
    pub redirect_exit_code: u8,
    /// How long `gate` keeps trying, in milliseconds.
    pub deadline_ms: u64,
    /// How long a packet may stay unanswered, in milliseconds.
    pub timeout_ms: u64,
    /// How long everything must hold, in milliseconds; 0 for one look.
    pub stable_for_ms: u64,
}

impl Plan {
    /// How long a packet may stay unanswered.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The addresses that flows are made from: the declared families, or the pod's own.
    #[must_use]
    pub fn addresses(&self, pod: &Pod) -> Addresses {
        let of = |family: &Family| pod.global_addresses(*family);
        let both = [Family::Ipv4, Family::Ipv6];
        let families: Vec<Family> = match &self.families {
            Some(declared) => declared.clone(),
            // "Could not look" is not "has none": then IPv4 is tested, and IPv6 where the
            // kernel lets us open its sockets.
            None if pod.addresses.seen().is_none() => both.to_vec(),
            None => both.into_iter().filter(|family| !of(family).is_empty()).collect(),
        };
        let pod = families.iter().flat_map(of).collect();
        Addresses { families, pod, service: self.service, seed: 0 }
    }

    /// Whether a layer was asked for.
    #[must_use]
    pub fn asks(&self, layer: Layer) -> bool {
        self.layers.contains(&layer)
    }
}
