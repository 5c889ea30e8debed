//! Several addresses of one name: a target that must answer is reached when one of them answers,
//! and one that must be blocked holds when none does. Pure.

use std::fmt::Write;

use super::{
    outcome::Probe,
    target::{Host, Target},
    verdict::Complaint,
};
use crate::finding::{Code, Finding, Severity};

/// A probe and what is made of it.
type Judged<'s> = (&'s Probe, Result<String, Complaint>);

/// Whether both are addresses of one name, in one family, asked the same.
pub(super) fn of_one_name(targets: &[Target], one: &Probe, other: &Probe) -> bool {
    let target = &targets[one.target];
    let named = target.via.is_none() && matches!(target.host(), Some(Host::Name(_)));
    named
        && one.target == other.target
        && one.family == other.family
        && one.question == other.question
}

/// The addresses that are not as they should be.
pub(super) struct Failing<'s> {
    /// The one with the deepest cause, or the first of those.
    pub(super) first: (&'s Probe, &'s Complaint),
    /// The others, in the order of the answer.
    pub(super) others: Vec<(&'s Probe, &'s Complaint)>,
    /// The target must answer, and another address of its name does.
    pub(super) target_is_reached: bool,
    /// How many addresses were tried.
    tried: usize,
}

impl<'s> Failing<'s> {
    /// Those of one group, if there are any.
    pub(super) fn of(target: &Target, group: &'s [Judged<'s>]) -> Option<Failing<'s>> {
        let failing =
            group.iter().filter_map(|(probe, judged)| Some((*probe, judged.as_ref().err()?)));
        let mut others: Vec<_> = failing.collect();
        let (at, _) = others.iter().enumerate().min_by_key(|(_, (_, (code, _)))| *code)?;
        let target_is_reached = target.blocked.is_none() && others.len() < group.len();
        Some(Failing { first: others.remove(at), others, target_is_reached, tried: group.len() })
    }

    /// Failures beside an address that answers: applications come there now and then, or first.
    /// What could not be tried is none.
    pub(super) fn beside_others(&self, target: &Target) -> Option<Finding> {
        let all = std::iter::once(&self.first).chain(&self.others);
        let failed: Vec<_> =
            all.filter(|(_, (code, _))| code.meaning().severity == Severity::Fail).collect();
        let (first, _) = failed.first()?;
        let each: Vec<String> =
            failed.iter().map(|(probe, (_, told))| format!("{} {told}", place(probe))).collect();
        let reason = format!(
            "reach {}: {} of {} addresses of the name {} not as it should, beside others that are: {}",
            target.name,
            failed.len(),
            self.tried,
            if failed.len() == 1 { "is" } else { "are" },
            each.join("; ")
        );
        let addresses: Vec<String> = failed.iter().map(|(probe, _)| place(probe)).collect();
        let codes: Vec<&str> = failed.iter().map(|(_, (code, _))| code.name()).collect();
        let finding = Finding::new(Code::ReachAddressDown, &target.name, reason).of(first.family);
        Some(finding.with("addresses", addresses).with("codes", codes).with("tried", self.tried))
    }

    /// What became of the others, after the first one's sentence.
    pub(super) fn others_told(&self) -> String {
        let (first, (code, _)) = self.first;
        let (same, different): (Vec<_>, Vec<_>) =
            self.others.iter().partition(|(_, (other, _))| other == code);
        let mut told = String::new();
        if !same.is_empty() {
            let same: Vec<String> = same.iter().map(|(probe, _)| place(probe)).collect();
            let _ = write!(told, "; the same of {}", same.join(", "));
        }
        for (probe, (_, what)) in different {
            let _ = write!(told, "; {} {what}", place(probe));
        }
        if first.untried > 0 && *code != Code::ReachUnproven {
            let _ = write!(told, "; not tried: {} more of the name's addresses", first.untried);
        }
        told
    }

    pub(super) fn others_addresses(&self) -> Vec<String> {
        self.others.iter().map(|(probe, _)| place(probe)).collect()
    }
}

/// The address, without a port where there is none.
pub(super) fn place(probe: &Probe) -> String {
    match probe.address {
        Some(to) if to.port() == 0 => to.ip().to_string(),
        Some(to) => to.to_string(),
        None => String::new(),
    }
}
