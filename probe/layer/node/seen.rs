//! What was seen of the node: plain data, and what follows from it at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    chain::{self, Chain},
    conf,
    host::{Kind, Lost, Place},
    program::{Head, Machine},
    run_plugin::Ran,
    runtime::Runtime,
};

/// What lies where a configuration should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Its text; bytes that are no UTF-8 are replaced, secrets masked.
    Text(String),
    /// Too long to be read; its size in bytes.
    Long(u64),
    /// No file.
    Odd(Kind),
    /// Nothing, or nothing that could be read.
    Lost(Lost),
}

/// One configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its path without symbolic links.
    pub real: String,
    /// What it holds.
    pub content: Content,
}

/// A program in one of the plugin directories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// What lies at its path.
    pub place: Result<Place, Lost>,
    /// What its first bytes say; absent for what is no file.
    pub head: Option<Result<Head, Lost>>,
    /// The file that runs it, where it needs one.
    pub interpreter: Option<Result<Place, Lost>>,
}

/// Everything that was seen of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Why the host's root could not be opened: the errno's name.
    pub closed: Option<String>,
    /// Whether the whole root is there, not single directories of it: then what is not found is not
    /// there.
    pub whole: bool,
    /// The machine that the host's own programs are for.
    pub machine: Option<Machine>,
    /// The runtimes whose sockets are there.
    pub runtimes: Vec<Runtime>,
    /// The directories of configurations, in order.
    pub conf_dirs: Vec<String>,
    /// The directories of plugins, in order.
    pub bin_dirs: Vec<String>,
    /// The names in directories.
    pub listings: BTreeMap<String, Result<Vec<String>, Lost>>,
    /// Configuration files by their paths.
    pub files: BTreeMap<String, File>,
    /// The programs by their paths.
    pub programs: BTreeMap<String, Program>,
    /// What the programs of the active configuration answered, by their paths, if they were run.
    #[serde(default)]
    pub answers: BTreeMap<String, Ran>,
    /// What else configurations name, by path.
    pub mentioned: BTreeMap<String, Result<Place, Lost>>,
    /// Flannel's subnets, where its file is there.
    pub flannel: Option<String>,
    /// The sandboxes that the runtime has, by their ids; absent where that could not be seen.
    pub sandboxes: Option<BTreeSet<String>>,
    /// Who holds addresses, by the file of the reservation.
    pub reservations: BTreeMap<String, String>,
}

impl Seen {
    /// Whether it is certain that nothing lies there: a path that ends outside of what is mounted
    /// tells nothing.
    #[must_use]
    pub fn gone(&self, lost: &Lost) -> bool {
        let directory = lost.at.rsplit_once('/').map_or("", |(directory, _)| directory);
        let opened = |path: &String| {
            let path = path.trim_end_matches('/');
            directory == path || directory.starts_with(&format!("{path}/"))
        };
        let listed = self.listings.iter().filter(|(_, names)| names.is_ok());
        lost.absent() && (self.whole || listed.map(|(path, _)| path).any(opened))
    }

    /// The configuration files that runtimes look at, in their order; those of the first directory
    /// that has any.
    #[must_use]
    pub fn candidates(&self) -> Vec<String> {
        let of = |directory: &String| {
            let names = self.listings.get(directory)?.as_ref().ok()?;
            let paths = names.iter().filter(|name| conf::is_candidate(name));
            let paths = paths.map(|name| join(directory, name));
            let is_file = |path: &String| {
                self.files
                    .get(path)
                    .is_none_or(|file| file.content != Content::Odd(Kind::Directory))
            };
            Some(paths.filter(is_file).collect::<Vec<String>>())
        };
        self.conf_dirs.iter().filter_map(of).find(|paths| !paths.is_empty()).unwrap_or_default()
    }

    /// Everything that one of the configuration files runs; none where libcni refuses it.
    #[must_use]
    pub fn chain(&self, path: &str) -> Option<Chain> {
        let Content::Text(text) = &self.files.get(path)?.content else { return None };
        conf::read(path, text).ok().map(|list| chain::follow(self, path, &list))
    }
}

/// A path below a directory.
#[must_use]
pub fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}
