//! A finding: one judged fact about this pod, with its code, its sentence and its evidence.

mod catalogue;
mod code;
pub mod declared;
mod diagnosis;
mod dns;
mod link;
mod mtu;
mod node;
mod reach;
mod redirect;
mod resolver;
mod route;
mod service;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pod::Family;

pub use catalogue::{Meaning, explain_all, explain_one};
pub use code::Code;

/// What a finding means for the start of the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The promise holds, and there is proof.
    Ok,
    /// Could not look: neither yes nor no.
    Unknown,
    /// Worth a person's attention; does not block.
    Warn,
    /// The promise is broken; blocks the start of the pod.
    Fail,
}

impl Severity {
    /// The name in JSON and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Unknown => "unknown",
            Severity::Warn => "warn",
            Severity::Fail => "fail",
        }
    }

    /// The word printed in the text report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Unknown => "unknown",
            Severity::Warn => "warn",
            Severity::Fail => "FAIL",
        }
    }
}

/// The layers, in causal order: what is broken in an early one explains the later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Interfaces and addresses.
    Link,
    /// Routes.
    Route,
    /// The mesh's traffic redirection.
    Redirect,
    /// resolv.conf and the nameservers.
    Dns,
    /// The API server's service address.
    Service,
    /// The targets that were named.
    Reach,
    /// Packet sizes.
    Mtu,
    /// The node's CNI configuration, as the container runtime reads it.
    Node,
}

impl Layer {
    /// Every layer, in causal order.
    pub const ALL: [Layer; 8] = [
        Layer::Link,
        Layer::Route,
        Layer::Redirect,
        Layer::Dns,
        Layer::Service,
        Layer::Reach,
        Layer::Mtu,
        Layer::Node,
    ];

    /// The layers that are looked at unless others are named: those that send nothing beyond the
    /// first hop.
    pub const BY_DEFAULT: [Layer; 3] = [Layer::Link, Layer::Route, Layer::Redirect];

    /// Those that need no target and no part of the node.
    pub const IN_THE_POD: [Layer; 6] =
        [Layer::Link, Layer::Route, Layer::Redirect, Layer::Dns, Layer::Service, Layer::Mtu];

    /// The name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Layer::Link => "link",
            Layer::Route => "route",
            Layer::Redirect => "redirect",
            Layer::Dns => "dns",
            Layer::Service => "service",
            Layer::Reach => "reach",
            Layer::Mtu => "mtu",
            Layer::Node => "node",
        }
    }

    /// The exit code when the root cause lies in this layer.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Layer::Link => 10,
            Layer::Route => 20,
            Layer::Redirect => 30,
            Layer::Dns => 40,
            Layer::Service => 50,
            Layer::Reach => 60,
            Layer::Mtu => 70,
            Layer::Node => 80,
        }
    }
}

/// One judged fact. Severity and hint belong to the code, reason and evidence to this pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What kind of fact; stable across releases.
    pub code: Code,
    /// What it means for the start of the pod.
    pub severity: Severity,
    /// Where in the causal order it stands.
    pub layer: Layer,
    /// What it is about: a flow, an interface, a port.
    pub subject: String,
    /// The address family, where the fact belongs to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// One sentence: operation, object, cause, with this pod's values.
    pub reason: String,
    /// The observations behind the reason.
    pub evidence: BTreeMap<String, Value>,
    /// What to do next; no values.
    pub hint: String,
}

impl Finding {
    /// A finding with the severity, layer and hint of its code.
    #[must_use]
    pub fn new(code: Code, subject: impl Into<String>, reason: impl Into<String>) -> Finding {
        let meaning = code.meaning();
        Finding {
            code,
            severity: meaning.severity,
            layer: meaning.layer,
            subject: subject.into(),
            family: None,
            reason: reason.into(),
            evidence: BTreeMap::new(),
            hint: meaning.hint.to_owned(),
        }
    }

    /// "Could not look", said of a whole layer.
    #[must_use]
    pub fn unseen(layer: Layer, subject: &str, reason: impl Into<String>) -> Finding {
        Finding { layer, ..Finding::new(Code::ProbeFailed, subject, reason) }
    }

    /// The same finding, said of one address family.
    #[must_use]
    pub fn of(mut self, family: Option<Family>) -> Finding {
        self.family = family;
        self
    }

    /// The same finding with one more piece of evidence.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Finding {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }
}
