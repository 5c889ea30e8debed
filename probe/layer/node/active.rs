//! Judging the configuration that pods are made with.

use std::collections::BTreeSet;

use super::{
    chain::{self, Chain, Role, Use},
    conf::{self, List, VERSIONS},
    fit::{Fitness, fitness},
    judge::{Judging, unseen},
    mesh, needs, pool,
    runtime::Runtime,
    seen::Content,
    spot, version,
};
use crate::finding::{Code, Finding};

/// Plugins that may well stand in a list more than once, with other settings each time
/// (containernetworking/plugins `plugins/meta`).
const REPEATABLE: [&str; 5] = ["tuning", "sbr", "vrf", "route-override", "debug"];

/// Judges the active configuration.
pub(super) fn judge(judging: &Judging, path: &str, list: &List) -> Vec<Finding> {
    let chain = chain::follow(judging.seen, path, list);
    let mut findings = file(judging, path, list);
    findings.extend(circles(&chain));
    findings.extend(lost(judging, &chain));
    findings.extend(duplicates(judging, &chain));
    findings.extend(programs(judging, &chain));
    findings.extend(version::judge(judging, path, list, &chain));
    findings.extend(mesh::judge(judging, path, &chain));
    findings.extend(missing(judging, &chain));
    findings.extend(pool::judge(judging.seen, &chain));
    findings
}

/// `/etc/cni/net.d/10-calico.conflist, line 12, column 15`.
pub(super) fn at(judging: &Judging, file: &str, pointer: &str) -> String {
    match judging.seen.files.get(file).map(|file| &file.content) {
        Some(Content::Text(text)) => {
            let spot::Spot { line, column } = spot::of(text, pointer);
            format!("{file}, line {line}, column {column}")
        }
        _ => file.to_owned(),
    }
}

fn file(judging: &Judging, path: &str, list: &List) -> Vec<Finding> {
    let mut findings = Vec::new();
    // CRI-O takes the file's name for a missing one.
    let named = list.name.is_empty() && judging.runtime == Runtime::CriO;
    if !conf::is_name(&list.name) && !named {
        let place = at(judging, path, "/name");
        let reason = match list.name.as_str() {
            "" => format!("read {place}: the network has no name, and each pod is refused"),
            name => {
                format!("read {place}: {name:?} is no name for a network, and each pod is refused")
            }
        };
        findings.push(Finding::new(Code::CniConfigInvalid, path, reason));
    }
    if list.plugins.iter().all(|plugin| plugin.kind == "loopback") {
        let reason = format!("read {path}: its only plugin is loopback, so that pods get no eth0");
        findings.push(Finding::new(Code::CniConfigLoopbackOnly, path, reason));
    }
    let place = at(judging, path, "/cniVersion");
    let version = match &list.version {
        None => Some(format!("read {path}: no cniVersion, which counts as 0.1.0 or 0.2.0")),
        Some(version) if VERSIONS.contains(&version.as_str()) => None,
        Some(version) => {
            Some(format!("read {place}: cniVersion {version:?} is no released version"))
        }
    };
    findings.extend(version.map(|reason| Finding::new(Code::CniConfigVersion, path, reason)));
    let text = match judging.seen.files.get(path).map(|file| &file.content) {
        Some(Content::Text(text)) => text.as_str(),
        _ => "",
    };
    if let Some(byte) = text.find("\r\n") {
        let spot::Spot { line, column } = spot::Spot::at(text, byte);
        let reason =
            format!("read {path}, line {line}, column {column}: lines end with carriage returns");
        findings.push(Finding::new(Code::CniConfigCrlf, path, reason));
    }
    findings
}

fn circles(chain: &Chain) -> Option<Finding> {
    let cycle = chain.cycles.first()?;
    let reason = format!("follow {}: it leads back to itself", cycle.join(" → "));
    let subject = cycle.first().cloned().unwrap_or_default();
    Some(Finding::new(Code::CniChainCycle, subject, reason).with("cycles", chain.cycles.clone()))
}

/// What Multus refers to and cannot take.
fn lost(judging: &Judging, chain: &Chain) -> Vec<Finding> {
    let finding = |(path, why): &(String, String)| {
        let reason = format!("follow multus to its network {path}: {why}");
        judging.with_choices(Finding::new(Code::CniDelegateMissing, path, reason))
    };
    chain.lost.iter().map(finding).collect()
}

/// A plugin twice in one list; a mesh's plugin twice anywhere, for each time it acts on the same pod.
fn duplicates(judging: &Judging, chain: &Chain) -> Vec<Finding> {
    let mut findings = Vec::new();
    let plugins = chain.uses.iter().filter(|used| matches!(used.role, Role::Plugin(_)));
    let plugins: Vec<&Use> = plugins.collect();
    let mut told = BTreeSet::new();
    for (index, used) in plugins.iter().enumerate() {
        let again = plugins[index + 1..].iter().find(|other| {
            other.kind == used.kind && (other.list == used.list || mesh::is_mesh(&used.kind))
        });
        let Some(again) = again else { continue };
        if REPEATABLE.contains(&used.kind.as_str()) || !told.insert(&used.kind) {
            continue;
        }
        let [one, other] = [used, again].map(|used| at(judging, &used.file, &used.pointer));
        let reason = format!(
            "follow the chain: {} is run twice for each pod, by {one} and by {other}",
            used.kind
        );
        findings.push(Finding::new(Code::CniChainDuplicate, used.kind.as_str(), reason));
    }
    findings
}

fn programs(judging: &Judging, chain: &Chain) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for used in chain.uses.iter().filter(|used| told.insert(used.kind.as_str())) {
        let place = at(judging, &used.file, &used.pointer);
        let what = match used.role {
            Role::Plugin(number) => format!("plugin {number}"),
            Role::Ipam => "IPAM plugin".to_owned(),
        };
        let asked = format!("find {} ({what} of {place})", used.kind);
        match fitness(judging.seen, &used.kind) {
            Fitness::Fit(_) => {}
            Fitness::Unseen(why) => {
                findings.push(unseen(&used.kind, format!("{asked}: {why}")));
            }
            Fitness::Unfit(code, said) => {
                let finding = Finding::new(code, used.kind.as_str(), format!("{asked}: {said}"));
                findings.push(judging.with_choices(finding));
            }
        }
    }
    findings
}

/// What plugins need besides, and is not there.
fn missing(judging: &Judging, chain: &Chain) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for used in &chain.uses {
        for need in needs::of(used) {
            let Some(Err(lost)) = judging.seen.mentioned.get(&need.path) else { continue };
            if !judging.seen.gone(lost) || !told.insert(need.path.clone()) {
                continue;
            }
            let place = at(judging, &used.file, &used.pointer);
            let reason = format!(
                "look for {}, {}, which {} of {place} needs: {} is not there",
                need.path, need.what, used.kind, lost.at
            );
            findings.push(Finding::new(need.code, need.path, reason));
        }
    }
    findings
}
