//! Where a filter of system calls refuses what every probe needs, what fails is no word about the network.

use std::collections::BTreeSet;

use crate::{
    finding::{Finding, Layer, Severity},
    layer::redirect::Judged,
    pod::Pod,
};

/// The layers that are looked at by sending and receiving.
const BY_PROBES: [Layer; 5] =
    [Layer::Redirect, Layer::Dns, Layer::Service, Layer::Reach, Layer::Mtu];

/// In the place of complaints: that they could not be looked into.
pub(super) fn blind(pod: &Pod, judged: &mut Judged) {
    let calls = &pod.identity.refused_calls;
    if calls.is_empty() {
        return;
    }
    let is_told = |finding: &Finding| {
        finding.severity > Severity::Unknown && BY_PROBES.contains(&finding.layer)
    };
    let told = judged.findings.iter().filter(|finding| is_told(finding));
    let layers: BTreeSet<Layer> = told.map(|finding| finding.layer).collect();
    judged.findings.retain(|finding| !is_told(finding));
    if layers.contains(&Layer::Redirect) {
        judged.unclear.extend(judged.unproved.iter().copied());
    }
    let reason = format!(
        "tell anything by probes: a filter of system calls (seccomp) refuses {}",
        calls.join(", ")
    );
    judged.findings.extend(layers.into_iter().map(|layer| {
        Finding {
            hint: "run podprobe under RuntimeDefault, or under its own profile (manifests/seccomp)"
                .to_owned(),
            ..Finding::unseen(layer, "system calls", &reason)
        }
    }));
}
