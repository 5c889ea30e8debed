//! Which configuration file each container runtime takes.
//!
//! containerd sorts the files of the directory by their bytes and takes the first; if that one is
//! broken, it takes none, and the node is not ready (containerd/go-cni `opts.go`, `loadFromConfDir`,
//! with `max_conf_num = 1`). CRI-O passes over files that are broken, and over those whose plugins
//! are missing or do not answer when they are asked for their version (cri-o/ocicni
//! `pkg/ocicni/ocicni.go`, `loadNetworks`; containernetworking/cni `libcni/api.go`,
//! `ValidateNetworkList`).

use super::{
    conf::{self, List, Refused},
    fit::{Fitness, fitness},
    runtime::Runtime,
    seen::{Content, Seen},
    spot::Spot,
};
use crate::finding::Code;

/// go-cni's limit, in bytes.
const LARGEST: u64 = 2 * 1024 * 1024;

/// A file, as libcni reads it.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A configuration.
    Taken(List),
    /// None.
    Refused(Refused),
    /// podprobe could not read it: why.
    Unseen(String),
}

/// Reads one of the candidates.
#[must_use]
pub fn verdict(seen: &Seen, path: &str) -> Verdict {
    let invalid = |said: String| {
        let spot = Spot { line: 1, column: 1 };
        Verdict::Refused(Refused { code: Some(Code::CniConfigInvalid), spot, said })
    };
    let Some(file) = seen.files.get(path) else { return Verdict::Unseen(format!("read {path}")) };
    match &file.content {
        Content::Text(text) => match conf::read(path, text) {
            Ok(list) => Verdict::Taken(list),
            Err(refused) if refused.code.is_some() => by_directory(seen, path, text, refused),
            Err(refused) => Verdict::Unseen(format!("read {path}: {}", refused.said)),
        },
        Content::Long(size) if *size > LARGEST => {
            invalid(format!("it has {size} bytes, and containerd reads no more than {LARGEST}"))
        }
        Content::Long(size) => Verdict::Unseen(format!("read {path}: it has {size} bytes")),
        Content::Odd(kind) => invalid(format!("it is a {}, not a file", kind.name())),
        Content::Lost(lost) if seen.gone(lost) => {
            invalid(format!("it is a symbolic link, and {} is not there", lost.at))
        }
        Content::Lost(lost) => {
            Verdict::Unseen(format!("read {path}: {} at {}", lost.errno, lost.at))
        }
    }
}

/// Since libcni 1.3 plugins may lie in a directory of the network's name, beside a list that has
/// none: then the version of the runtime decides.
fn by_directory(seen: &Seen, path: &str, text: &str, refused: Refused) -> Verdict {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let name = value.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let plugins = super::seen::join(directory, name);
    let names = seen.listings.get(&plugins).and_then(|names| names.as_ref().ok());
    let there = names.is_some_and(|names| names.iter().any(|name| conf::extension(name) == "conf"));
    if refused.code == Some(Code::CniConfigKind) && there {
        return Verdict::Unseen(format!(
            "read {path}: its plugins are in {plugins}, which only newer runtimes look at"
        ));
    }
    Verdict::Refused(refused)
}

/// What a runtime takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This file.
    File(String),
    /// None, because of this file.
    Nothing(String),
    /// podprobe cannot tell, because of this file: why.
    Unseen(String, String),
}

impl Choice {
    /// In words.
    #[must_use]
    pub fn said(&self) -> String {
        match self {
            Choice::File(path) => format!("takes {path}"),
            Choice::Nothing(path) => format!("takes nothing, because of {path}"),
            Choice::Unseen(path, _) => format!("may take {path}"),
        }
    }

    /// The file that decides.
    #[must_use]
    pub fn file(&self) -> &str {
        match self {
            Choice::File(path) | Choice::Nothing(path) | Choice::Unseen(path, _) => path,
        }
    }
}

/// What a runtime takes of these files, which are in its order; none of none.
#[must_use]
pub fn choose(seen: &Seen, runtime: Runtime, candidates: &[String]) -> Option<Choice> {
    let first = candidates.first()?;
    if runtime == Runtime::Containerd {
        return Some(match verdict(seen, first) {
            Verdict::Taken(_) => Choice::File(first.clone()),
            Verdict::Refused(_) => Choice::Nothing(first.clone()),
            Verdict::Unseen(why) => Choice::Unseen(first.clone(), why),
        });
    }
    for path in candidates {
        match verdict(seen, path) {
            Verdict::Taken(list) => match runnable(seen, &list) {
                Fitness::Fit(_) => return Some(Choice::File(path.clone())),
                Fitness::Unfit(..) => {}
                Fitness::Unseen(why) => return Some(Choice::Unseen(path.clone(), why)),
            },
            Verdict::Refused(_) => {}
            Verdict::Unseen(why) => return Some(Choice::Unseen(path.clone(), why)),
        }
    }
    Some(Choice::Nothing(first.clone()))
}

/// Whether all plugins of the list itself answer; CRI-O does not ask for those behind them.
fn runnable(seen: &Seen, list: &List) -> Fitness {
    let mut all = list.plugins.iter().map(|plugin| fitness(seen, &plugin.kind));
    all.find(|one| !matches!(one, Fitness::Fit(_))).unwrap_or(Fitness::Fit(String::new()))
}
