//! Link: interfaces, their addresses, and what the environment says about both.

mod address;
mod claim;
mod conflict;
mod environment;
mod interface;
#[cfg(test)]
mod judge_tests;
mod limits;
mod wear;

use crate::{
    finding::{Code, Finding, Layer, Severity},
    plan::Plan,
    pod::{Environment, Family, Link, Pod},
};

pub use claim::{Asked, Claim, claims, planned};
pub use conflict::judge_claims;
pub use wear::judge_losses;

/// Both families, the older first.
const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

/// Judges interfaces and addresses.
#[must_use]
pub fn judge(plan: &Plan, pod: &Pod, environment: &Environment) -> Vec<Finding> {
    let Some(links) = pod.links.seen() else {
        let reason = format!("interfaces not observable: {}", pod.links.why());
        return vec![Finding::unseen(Layer::Link, "links", reason)];
    };
    let expected = Expected::of(plan, environment);
    let mut findings = interface::judge(links, pod, environment, &expected);
    // Without an interface that works, what is wrong with its addresses follows from that.
    let broken = [Code::LinkNoPodInterface, Code::LinkDown];
    if !findings.iter().any(|finding| broken.contains(&finding.code)) {
        findings.extend(address::judge(pod, environment, &expected));
    }
    findings.extend(limits::judge(&environment.limits));
    findings.extend(environment::judge(environment));
    if pod.addresses.seen().is_none() {
        let reason = format!("addresses not observable: {}", pod.addresses.why());
        findings.push(Finding::unseen(Layer::Link, "addresses", reason));
    } else if !findings.iter().any(|finding| finding.severity == Severity::Fail) {
        findings.insert(0, holds(links, pod, environment));
    }
    findings
}

fn holds(links: &[Link], pod: &Pod, environment: &Environment) -> Finding {
    let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
    let own: Vec<String> = FAMILIES
        .into_iter()
        .flat_map(|family| pod.global_addresses(family))
        .map(|ip| ip.to_string())
        .collect();
    let told = if environment.pod_ips.is_empty() { "" } else { ", as POD_IP says" };
    let reason = format!("{} up, addresses {}{told}", names.join(", "), own.join(", "));
    Finding::new(Code::LinkHolds, "links", reason)
}

/// The families that the pod was promised.
struct Expected {
    /// By `--families`, which is the last word.
    declared: Option<Vec<Family>>,
    /// By `POD_IP` and `POD_IPS`.
    told: Vec<Family>,
}

impl Expected {
    fn of(plan: &Plan, environment: &Environment) -> Expected {
        let told = environment.pod_ips.iter().map(|ip| Family::of(*ip)).collect();
        Expected { declared: plan.families.clone(), told }
    }

    /// Who promised the family, if anybody did.
    fn promised_by(&self, family: Family) -> Option<&'static str> {
        match &self.declared {
            Some(declared) => declared.contains(&family).then_some("--families"),
            None => self.told.contains(&family).then_some("POD_IPS"),
        }
    }

    /// Whether the family was left out on purpose.
    fn excludes(&self, family: Family) -> bool {
        self.declared.as_ref().is_some_and(|declared| !declared.contains(&family))
    }
}
