//! Judging the node: what new pods will be made with, and whether that can work.

use serde_json::json;

use super::{
    active, chain,
    choose::{Choice, Verdict, choose, verdict},
    conf::{self, Refused},
    runtime::{OTHER_CONF_DIRS, Runtime},
    seen::{Content, Seen, join},
    spot, version,
};
use crate::{
    finding::{Code, Finding, Severity},
    plan::Plan,
};

/// What is judged, and for which runtime.
pub(super) struct Judging<'a> {
    pub(super) plan: &'a Plan,
    pub(super) seen: &'a Seen,
    /// The one whose choice counts: containerd, unless CRI-O's socket alone is there.
    pub(super) runtime: Runtime,
    candidates: Vec<String>,
}

/// Judges the node's CNI configuration.
#[must_use]
pub fn judge(plan: &Plan, seen: &Seen) -> Vec<Finding> {
    let mut findings = judge_files(plan, seen);
    for finding in &mut findings {
        finding.reason = printable(&finding.reason);
        finding.subject = printable(&finding.subject);
    }
    findings
}

/// Names in the node's files may hold anything: what a terminal would obey is escaped.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

fn judge_files(plan: &Plan, seen: &Seen) -> Vec<Finding> {
    let runtime = Runtime::that_counts(&seen.runtimes);
    let judging = Judging { plan, seen, runtime, candidates: seen.candidates() };
    if let Some(errno) = &seen.closed {
        let root = plan.node.host_root.display();
        return vec![unseen("host root", format!("open the host's root {root}: {errno}"))];
    }
    let mut findings = judging.unseen_directories();
    let Some(choice) = choose(seen, runtime, &judging.candidates) else {
        findings.extend(findings.is_empty().then(|| judging.none()));
        return findings;
    };
    let path = choice.file();
    match (&choice, verdict(seen, path)) {
        (_, Verdict::Refused(refused)) => findings.push(judging.refused(path, &refused)),
        (Choice::Unseen(_, why), _) => findings.push(unseen(path, why.clone())),
        (_, Verdict::Unseen(why)) => findings.push(unseen(path, why)),
        (_, Verdict::Taken(list)) => findings.extend(active::judge(&judging, path, &list)),
    }
    findings.extend(judging.skipped(path));
    let spoiled = |f: &Finding| matches!(f.severity, Severity::Fail | Severity::Unknown);
    if !findings.iter().any(spoiled) {
        findings.insert(0, judging.holds(path));
    }
    findings
}

/// "Could not look".
pub(super) fn unseen(subject: &str, reason: String) -> Finding {
    Finding::new(Code::NodeUnseen, subject, reason)
}

impl Judging<'_> {
    /// Directories of configurations that come before the one that counts, and could not be read.
    fn unseen_directories(&self) -> Vec<Finding> {
        let counts = |directory: &&String| {
            !self.candidates.first().is_some_and(|file| file.starts_with(&join(directory, "")))
        };
        let finding = |directory: &String| {
            let lost = self.seen.listings.get(directory)?.as_ref().err()?;
            let reason = format!("read the directory {directory}: {} at {}", lost.errno, lost.at);
            (!self.seen.gone(lost)).then(|| unseen(directory, reason))
        };
        self.seen.conf_dirs.iter().take_while(counts).filter_map(finding).collect()
    }

    fn none(&self) -> Finding {
        let directories = self.seen.conf_dirs.join(", ");
        let mut reason =
            format!("look for a CNI configuration in {directories}: no network config found");
        let elsewhere = OTHER_CONF_DIRS.iter().filter_map(|directory| {
            let names = self.seen.listings.get(*directory)?.as_ref().ok()?;
            names.iter().find(|name| conf::is_candidate(name)).map(|name| join(directory, name))
        });
        let elsewhere: Vec<String> = elsewhere.collect();
        if !elsewhere.is_empty() {
            reason = format!("{reason}; but there is {}", elsewhere.join(", "));
        }
        Finding::new(Code::CniConfigNone, directories, reason)
    }

    fn refused(&self, path: &str, refused: &Refused) -> Finding {
        let spot::Spot { line, column } = refused.spot;
        let code = refused.code.unwrap_or(Code::CniConfigInvalid);
        let reason = format!("read {path}, line {line}, column {column}: {}", refused.said);
        let mut finding = self.with_choices(Finding::new(code, path, reason));
        if let Some(Content::Text(text)) = self.seen.files.get(path).map(|file| &file.content) {
            let [shown, caret] = spot::excerpt(text, refused.spot);
            if !shown.trim().is_empty() {
                finding.reason = format!("{}; there: {}", finding.reason, shown.trim());
            }
            finding = finding.with("excerpt", vec![shown, caret]);
        }
        finding.with("line", line).with("column", column)
    }

    /// Says what each runtime takes, where they differ and the node may have either.
    pub(super) fn with_choices(&self, mut finding: Finding) -> Finding {
        let both = [Runtime::Containerd, Runtime::CriO];
        let choices = both.map(|runtime| choose(self.seen, runtime, &self.candidates));
        let [Some(containerd), Some(crio)] = choices else { return finding };
        if containerd != crio && self.seen.runtimes.len() != 1 {
            let said = format!("containerd {}, CRI-O {}", containerd.said(), crio.said());
            finding.reason = format!("{} ({said})", finding.reason);
        }
        finding.with("choices", json!({ "containerd": containerd.said(), "cri-o": crio.said() }))
    }

    /// Files that are passed over: broken ones, and other networks.
    fn skipped(&self, active: &str) -> Vec<Finding> {
        let (mut broken, mut networks) = (Vec::new(), Vec::new());
        let chain = self.seen.chain(active);
        for path in self.candidates.iter().filter(|path| *path != active) {
            match verdict(self.seen, path) {
                Verdict::Refused(refused) => {
                    let spot::Spot { line, column } = refused.spot;
                    broken.push(format!("{path}, line {line}, column {column}: {}", refused.said));
                }
                Verdict::Taken(list) => {
                    let kinds: Vec<&str> = list.plugins.iter().map(|p| p.kind.as_str()).collect();
                    if !chain.as_ref().is_some_and(|chain| covers(chain, path, &kinds)) {
                        networks.push(format!("{path} ({})", kinds.join(", ")));
                    }
                }
                Verdict::Unseen(_) => {}
            }
        }
        let taken = format!("{} takes {active}", self.runtime.name());
        let finding = |code, list: &[String], verb: &str| {
            let reason = format!("{taken}, and {verb} {}", list.join("; "));
            (!list.is_empty() && chain.is_some()).then(|| Finding::new(code, active, reason))
        };
        let broken = finding(Code::CniConfigSkipped, &broken, "not what is broken:");
        let networks = finding(Code::CniConfigShadowed, &networks, "never");
        broken.into_iter().chain(networks).map(|finding| self.with_choices(finding)).collect()
    }

    fn holds(&self, path: &str) -> Finding {
        let chain = self.seen.chain(path).unwrap_or_default();
        let kinds: Vec<&str> = chain.uses.iter().map(|used| used.kind.as_str()).collect();
        let who = match self.seen.runtimes.as_slice() {
            [] | [_, _, ..] => "containerd and CRI-O take",
            [Runtime::Containerd] => "containerd takes",
            [Runtime::CriO] => "CRI-O takes",
        };
        let reason = format!("{who} {path}, and can run {}", kinds.join(", "));
        let mut finding = Finding::new(Code::NodeHolds, path, reason);
        let aside = self.set_aside(path);
        if !aside.is_empty() {
            finding = finding.with("setAside", aside);
        }
        let versions = version::told(self.seen, &chain);
        if !versions.is_empty() {
            finding = finding.with("supportedVersions", versions);
        }
        if !chain.unfollowed.is_empty() {
            finding = finding.with("notLookedAt", chain.unfollowed);
        }
        finding.with("pluginDirectories", self.seen.bin_dirs.clone())
    }

    /// Files that were configurations once, such as those that Cilium renames to `.cilium_bak`.
    fn set_aside(&self, path: &str) -> Vec<String> {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let names = self.seen.listings.get(directory).and_then(|names| names.as_ref().ok());
        let aside = |name: &&String| {
            let other = [".conf.", ".conflist.", ".json.", ".cilium_bak"];
            other.iter().any(|part| name.contains(part)) && !conf::is_candidate(name)
        };
        names.into_iter().flatten().filter(aside).cloned().collect()
    }
}

/// Whether a file that is passed over has nothing that is not run anyway: Multus' delegates lie
/// beside it, as do the originals of copied configurations; loopback is run for each pod.
fn covers(chain: &chain::Chain, path: &str, kinds: &[&str]) -> bool {
    let runs =
        |kind: &&str| *kind == "loopback" || chain.uses.iter().any(|used| used.kind == *kind);
    let daemon_decides = chain.uses.iter().any(|used| chain::is_multus(&used.kind));
    let daemon_decides = daemon_decides && !chain.unfollowed.is_empty();
    chain.files.contains(path) || daemon_decides || kinds.iter().all(runs)
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
