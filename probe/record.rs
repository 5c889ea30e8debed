//! Everything that was seen, so that it can be judged again, elsewhere and later.

use serde::{Deserialize, Serialize};

use crate::{
    cause::Cause,
    finding::Layer,
    layer::{dns, link, mtu, node, reach, redirect, route, service},
    plan::Plan,
    pod::{Environment, Look, Pod, track::Drops, wear::Losses},
    rules,
};

/// The version of the recording's format.
pub const RECORDING_VERSION: u32 = 1;

/// What one look at the pod saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The pod snapshot.
    pub pod: Pod,
    /// What the container is told about its network.
    #[serde(default)]
    pub environment: Environment,
    /// What links had lost at the beginning and at the end of the look, where that was asked for.
    #[serde(default)]
    pub losses: Option<[Look<Vec<Losses>>; 2]>,
    /// Who claims addresses on the pod's links, where that was asked for.
    #[serde(default)]
    pub claims: Option<Vec<link::Asked>>,
    /// The route layer; absent where the link layer is broken or it was not asked for.
    #[serde(default)]
    pub route: Option<route::Seen>,
    /// What became of packets before it was decided which mesh this is; absent where that was
    /// declared, or told by less.
    pub survey: Option<redirect::Seen>,
    /// The redirect layer; absent where an earlier layer is broken or it was not asked for.
    pub redirect: Option<redirect::Seen>,
    /// What came while a probe from outside was waited for; absent where none was.
    #[serde(default)]
    pub awaited: Option<redirect::Awaited>,
    /// The rules, where flows failed and this process may read them.
    #[serde(default)]
    pub rules: Option<rules::Seen>,
    /// The dns layer; likewise.
    pub dns: Option<dns::Seen>,
    /// What connection tracking had dropped before and after the nameservers were asked, where that
    /// was asked for.
    #[serde(default)]
    pub tracking: Option<[Look<Drops>; 2]>,
    /// The service layer; likewise.
    #[serde(default)]
    pub service: Option<service::Seen>,
    /// The reach layer; likewise.
    #[serde(default)]
    pub reach: Option<reach::Seen>,
    /// The mtu layer; likewise.
    #[serde(default)]
    pub mtu: Option<mtu::Seen>,
    /// The node layer, if it was asked for: it stands beside the pod's own.
    #[serde(default)]
    pub node: Option<node::Seen>,
}

impl Seen {
    /// A look at which nothing but the pod itself was seen yet.
    #[must_use]
    pub fn of(pod: Pod, environment: Environment) -> Seen {
        Seen {
            pod,
            environment,
            losses: None,
            claims: None,
            route: None,
            survey: None,
            redirect: None,
            awaited: None,
            rules: None,
            dns: None,
            tracking: None,
            service: None,
            reach: None,
            mtu: None,
            node: None,
        }
    }

    /// Whether the layer was looked at; the links always are.
    #[must_use]
    pub fn has(&self, layer: Layer) -> bool {
        match layer {
            Layer::Link => true,
            Layer::Route => self.route.is_some(),
            Layer::Redirect => self.redirect.is_some(),
            Layer::Dns => self.dns.is_some(),
            Layer::Service => self.service.is_some(),
            Layer::Reach => self.reach.is_some(),
            Layer::Mtu => self.mtu.is_some(),
            Layer::Node => self.node.is_some(),
        }
    }
}

/// How the look came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Course {
    /// Looks taken, this one included.
    pub attempts: u32,
    /// Milliseconds from the start until this look ended.
    pub elapsed_ms: f64,
    /// The signal that ended the run, if one did.
    pub signal: Option<i32>,
    /// The look did not come to its end: what is missing was not reached, and proves nothing.
    #[serde(default)]
    pub cut: bool,
    /// Whether everything held in an earlier look and then did not.
    pub broke: bool,
    /// Milliseconds from the start until the first look in which everything held.
    #[serde(default)]
    pub ready_ms: Option<f64>,
    /// The cause of the last look before that one, if there was one.
    #[serde(default)]
    pub last_missing: Option<Cause>,
}

/// A plan, what was seen, and how: enough to make the same report again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// [`RECORDING_VERSION`].
    pub recording_version: u32,
    /// What was asked.
    pub plan: Plan,
    /// What was seen, if anything was before a signal ended the run.
    pub seen: Option<Seen>,
    /// How it came about.
    pub course: Course,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// One sentence: not JSON, not a recording, or of another version.
    pub fn parse(text: &str) -> Result<Recording, String> {
        let version = serde_json::from_str::<serde_json::Value>(text)
            .map_err(|error| format!("not JSON: {error}"))?
            .get("recordingVersion")
            .and_then(serde_json::Value::as_u64);
        match version {
            Some(version) if version == u64::from(RECORDING_VERSION) => {
                serde_json::from_str(text).map_err(|error| format!("not a recording: {error}"))
            }
            Some(version) => Err(format!(
                "recording version {version}, but this podprobe reads version {RECORDING_VERSION}"
            )),
            None => Err("not a recording: recordingVersion is missing".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Recording;

    #[test]
    fn a_recording_of_another_version_is_refused_by_name() {
        let refused = Recording::parse(r#"{"recordingVersion": 7}"#);
        assert!(refused.is_err_and(|problem| problem.contains("version 7")));
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC*") {
            prop_assert!(Recording::parse(&text).is_err());
        }
    }
}
