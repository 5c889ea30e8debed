//! Everything that a configuration runs: its plugins, their IPAM plugins and their delegates, also
//! those in other files.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    conf::{self, List, Plugin, field, word},
    seen::{Content, Seen},
    spot::Spot,
};

/// More programs than any configuration names: further ones are not followed.
const MOST_USES: usize = 500;

/// Part of what a plugin is to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It stands in a list of plugins; its place there, from 1.
    Plugin(usize),
    /// It gives addresses to another plugin.
    Ipam,
}

/// One program that is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The program's name.
    pub kind: String,
    /// What it is.
    pub role: Role,
    /// The file that names it.
    pub file: String,
    /// Where in that file.
    pub pointer: String,
    /// What it is told.
    pub value: Value,
    /// Which list of plugins it belongs to, counted through all files.
    pub list: usize,
    /// The network's name.
    pub network: String,
}

/// Everything that is run from one file on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// The programs, in order.
    pub uses: Vec<Use>,
    /// The files that were passed through.
    pub files: BTreeSet<String>,
    /// Ways that come back to where they were: the files, the first one again at the end.
    pub cycles: Vec<Vec<String>>,
    /// Files that are referred to, and have not been looked at yet.
    pub wanted: BTreeSet<String>,
    /// What is referred to and is not there, or is no configuration: what, and why.
    pub lost: Vec<(String, String)>,
    /// What decides and cannot be seen in files.
    pub unfollowed: Vec<String>,
    lists: usize,
}

/// Follows a configuration.
#[must_use]
pub fn follow(seen: &Seen, path: &str, list: &List) -> Chain {
    let mut chain = Chain::default();
    let mut trail = vec![path.to_owned()];
    chain.list(seen, list, &mut trail);
    chain
}

/// Whether this plugin is Multus, which has delegates for plugins.
#[must_use]
pub fn is_multus(kind: &str) -> bool {
    ["multus", "multus-shim"].contains(&kind)
}

/// The directory of programs that Multus is told to look at, besides the runtime's.
#[must_use]
pub fn own_directory(used: &Use) -> Option<String> {
    let told = word(&used.value, "binDir").filter(|path| path.starts_with('/'))?;
    is_multus(&used.kind).then(|| on_host(told))
}

/// A path as Multus has it: its daemon's are below `/host`, where it has the host's root.
fn on_host(path: &str) -> String {
    let below = path.strip_prefix("/host").filter(|rest| rest.starts_with('/'));
    below.unwrap_or(path).trim_end_matches('/').to_owned()
}

impl Chain {
    fn list(&mut self, seen: &Seen, list: &List, trail: &mut Vec<String>) {
        self.lists += 1;
        let number = self.lists;
        self.files.extend(trail.last().cloned());
        for (index, plugin) in list.plugins.iter().enumerate() {
            if self.uses.len() > MOST_USES {
                return;
            }
            self.plugin(seen, plugin, (number, index + 1), &list.name, trail);
        }
    }

    fn plugin(
        &mut self,
        seen: &Seen,
        plugin: &Plugin,
        (list, place): (usize, usize),
        network: &str,
        trail: &mut Vec<String>,
    ) {
        let file = trail.last().cloned().unwrap_or_default();
        let mut add = |kind: &str, role: Role, pointer: &str, value: &Value| {
            let (kind, pointer) = (kind.to_owned(), pointer.to_owned());
            let (file, value, network) = (file.clone(), value.clone(), network.to_owned());
            self.uses.push(Use { kind, role, file, pointer, value, list, network });
        };
        let Plugin { kind, value, pointer } = plugin;
        add(kind, Role::Plugin(place), pointer, value);
        let ipam = field(value, "ipam");
        let flannel = kind == "flannel";
        if let Some((key, ipam)) = ipam
            && let Some(name) = word(ipam, "type")
        {
            add(name, Role::Ipam, &format!("{pointer}/{key}"), ipam);
        } else if flannel {
            // What flannel hands on unless it is told otherwise (flannel-io/cni-plugin,
            // `flannel_linux.go`).
            add("host-local", Role::Ipam, pointer, ipam.map_or(&Value::Null, |(_, ipam)| ipam));
        }
        if is_multus(kind) {
            self.multus(seen, plugin, network, trail);
            return;
        }
        let delegate = field(value, "delegate").filter(|(_, delegate)| delegate.is_object());
        let (at, delegate) = match delegate {
            Some((key, delegate)) => (format!("{pointer}/{key}"), delegate.clone()),
            None if flannel => (pointer.clone(), serde_json::json!({})),
            None => return,
        };
        let kind = word(&delegate, "type").or(flannel.then_some("bridge")).map(str::to_owned);
        if let Some(kind) = kind {
            let delegate = Plugin { kind, value: delegate, pointer: at };
            self.delegate(seen, vec![delegate], network, trail);
        }
    }

    fn delegate(
        &mut self,
        seen: &Seen,
        plugins: Vec<Plugin>,
        network: &str,
        trail: &mut Vec<String>,
    ) {
        let list = List { name: network.to_owned(), version: None, plugins };
        self.list(seen, &list, trail);
    }

    /// `clusterNetwork` and `defaultNetworks` go before `delegates` (multus-cni,
    /// `docs/configuration.md`).
    fn multus(&mut self, seen: &Seen, plugin: &Plugin, network: &str, trail: &mut Vec<String>) {
        let Plugin { value, pointer, .. } = plugin;
        let file = trail.last().cloned().unwrap_or_default();
        if let Some(cluster) = word(value, "clusterNetwork") {
            let defaults = field(value, "defaultNetworks").and_then(|(_, list)| list.as_array());
            let defaults = defaults.into_iter().flatten().filter_map(Value::as_str);
            for wanted in std::iter::once(cluster).chain(defaults) {
                if wanted.contains('/') {
                    self.path(seen, wanted, trail);
                } else {
                    let what = format!("multus in {file} takes \"{wanted}\" from the API");
                    self.unfollowed.push(what);
                }
            }
            return;
        }
        let Some((key, Value::Array(delegates))) = field(value, "delegates") else {
            self.unfollowed.push(format!("multus in {file} names no network: its daemon does"));
            return;
        };
        for (index, delegate) in delegates.iter().enumerate() {
            let at = format!("{pointer}/{key}/{index}");
            let plugins = plugins_of(delegate, &at);
            let name = word(delegate, "name").unwrap_or(network).to_owned();
            self.delegate(seen, plugins, &name, trail);
        }
    }

    /// A file, or a directory whose first file counts (multus-cni, `pkg/k8sclient/k8sclient.go`).
    fn path(&mut self, seen: &Seen, wanted: &str, trail: &mut Vec<String>) {
        let path = on_host(wanted);
        if let Some(Ok(names)) = seen.listings.get(&path) {
            let conf = |name: &&String| ["conf", "conflist"].contains(&conf::extension(name));
            match names.iter().find(conf) {
                Some(name) => self.path(seen, &format!("{path}/{name}"), trail),
                None => self.lost.push((path, "it has no configuration".to_owned())),
            }
            return;
        }
        let Some(file) = seen.files.get(&path) else {
            self.wanted.insert(path);
            return;
        };
        if trail.contains(&path) || trail.contains(&file.real) {
            self.cycles.push(trail.iter().cloned().chain([path]).collect());
            return;
        }
        match &file.content {
            Content::Text(text) => match conf::read(&path, text) {
                Ok(list) => {
                    trail.push(path);
                    self.list(seen, &list, trail);
                    trail.pop();
                }
                Err(refused) => {
                    let Spot { line, column } = refused.spot;
                    let why = format!("line {line}, column {column}: {}", refused.said);
                    self.lost.push((path, why));
                }
            },
            Content::Lost(lost) if seen.gone(lost) => {
                self.lost.push((path, format!("{} is not there", lost.at)));
            }
            Content::Lost(lost) => {
                self.unfollowed.push(format!("open {}: {}", lost.at, lost.errno));
            }
            Content::Odd(kind) => self.lost.push((path, format!("it is a {}", kind.name()))),
            Content::Long(size) => self.lost.push((path, format!("it has {size} bytes"))),
        }
    }
}

/// A delegate's plugins: it is one, or a list of them.
fn plugins_of(delegate: &Value, at: &str) -> Vec<Plugin> {
    let one = |value: &Value, pointer: String| {
        let kind = word(value, "type")?.to_owned();
        Some(Plugin { kind, value: value.clone(), pointer })
    };
    match field(delegate, "plugins") {
        Some((key, Value::Array(plugins))) => {
            let each = plugins.iter().enumerate();
            each.filter_map(|(index, value)| one(value, format!("{at}/{key}/{index}"))).collect()
        }
        _ => one(delegate, at.to_owned()).into_iter().collect(),
    }
}
