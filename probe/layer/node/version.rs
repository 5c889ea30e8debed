//! Whether the plugins of the active configuration start, and know the version that it is written in.

use std::collections::BTreeSet;

use super::{
    active::at,
    answer::{Answer, answer},
    chain::{self, Chain, Use},
    conf::{self, List, word},
    fit::{Fitness, fitness},
    judge::{Judging, unseen},
    program::Head,
    seen::{Content, Seen},
};
use crate::finding::{Code, Finding};

/// What no version counts as (containernetworking/cni `pkg/version/conf.go`).
const UNNAMED: &str = "0.1.0";

/// Judges what plugins answered, if they were run.
pub(super) fn judge(judging: &Judging, path: &str, list: &List, chain: &Chain) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for used in &chain.uses {
        let wanted = wanted(judging.seen, path, list, chain, used);
        if told.insert((used.kind.as_str(), wanted.clone())) {
            findings.extend(one(judging, used, wanted.as_deref()));
        }
    }
    findings
}

fn one(judging: &Judging, used: &Use, wanted: Option<&str>) -> Option<Finding> {
    let Fitness::Fit(program) = fitness(judging.seen, &used.kind) else { return None };
    let answer = answered(judging.seen, &program)?;
    let asked = format!("run {program} with CNI_COMMAND=VERSION");
    let finding =
        |code, why: String| Some(Finding::new(code, used.kind.as_str(), format!("{asked}: {why}")));
    match answer {
        Answer::Unseen(why) => Some(unseen(&used.kind, format!("{asked}: {why}"))),
        Answer::Dead(why) => finding(Code::CniPluginDoesNotStart, why),
        Answer::Untold(why) => finding(Code::CniPluginVersionUntold, why),
        Answer::Supports(versions) => {
            let wanted = wanted.filter(|wanted| !versions.iter().any(|v| v == wanted))?;
            let place = at(judging, &used.file, &used.pointer);
            let versions = versions.join(", ");
            let why = format!("it supports {versions}, and {place} is written in {wanted}");
            finding(Code::CniPluginVersionUnsupported, why)
        }
    }
}

/// The versions that plugins told, for the report: `ptp 0.3.1, 0.4.0`.
pub(super) fn told(seen: &Seen, chain: &Chain) -> Vec<String> {
    let kinds: BTreeSet<&str> = chain.uses.iter().map(|used| used.kind.as_str()).collect();
    let of = |kind: &str| {
        let Fitness::Fit(program) = fitness(seen, kind) else { return None };
        match answered(seen, &program)? {
            Answer::Supports(versions) => Some(format!("{kind} {}", versions.join(", "))),
            _ => None,
        }
    };
    kinds.into_iter().filter_map(of).collect()
}

fn answered(seen: &Seen, program: &str) -> Option<Answer> {
    let ran = seen.answers.get(program)?;
    let head = seen.programs.get(program).and_then(|program| program.head.as_ref());
    let linked = matches!(head, Some(Ok(Head::Elf { interpreter: Some(_), .. })));
    Some(answer(ran, seen.whole, linked))
}

/// The version that a plugin is spoken to in. Behind Multus each network has its own; what is not
/// said there is not known.
fn wanted(seen: &Seen, path: &str, list: &List, chain: &Chain, used: &Use) -> Option<String> {
    let unnamed = || UNNAMED.to_owned();
    let multus = chain.uses.iter().any(|used| chain::is_multus(&used.kind));
    let first = chain.uses.first().map(|used| used.list);
    if !multus || Some(used.list) == first {
        return Some(list.version.clone().unwrap_or_else(unnamed));
    }
    let own = word(&used.value, "cniVersion").map(str::to_owned);
    own.or_else(|| match &seen.files.get(&used.file).filter(|_| used.file != path)?.content {
        Content::Text(text) => {
            let list = conf::read(&used.file, text).ok()?;
            Some(list.version.unwrap_or_else(unnamed))
        }
        _ => None,
    })
}
