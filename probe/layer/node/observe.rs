//! Looking at the node's files: which are there, and what the first bytes of programs say.

use std::{collections::BTreeSet, path::Path};

use super::{
    chain::{self, Chain},
    choose::{Choice, choose},
    conf,
    fit::{Fitness, fitness},
    host::{Host, Kind, Place},
    mask::masked,
    mesh, needs, pool,
    program::{self, HEAD, Head, Machine},
    run_plugin,
    runtime::{self, Runtime, Told},
    seen::{Content, File, Program, Seen, join},
};
use crate::{
    net::errno_name,
    plan::{NodePlan, Plan},
};

/// The longest configuration that is read; a real one has some thousand bytes.
const LONGEST_CONF: u64 = 256 * 1024;
/// Names read of one directory.
const MOST_NAMES: usize = 512;
/// Names read of a directory of reservations: a node has fewer pods.
const MOST_RESERVATIONS: usize = 4096;
/// Configurations refer to each other no deeper.
const MOST_ROUNDS: usize = 8;

/// Looks at the node.
#[must_use]
pub fn observe(plan: &Plan) -> Seen {
    let host = match Host::open(&plan.node.host_root) {
        Ok(host) => host,
        Err(error) => return Seen { closed: Some(errno_name(&error)), ..Seen::default() },
    };
    let mut look = Looking { host, seen: Seen::default() };
    look.node(&plan.node);
    look.configurations();
    look.programs(&mesh::plugins(&plan.mesh));
    if plan.node.exec {
        look.answers(&plan.node.host_root);
    }
    look.needs();
    look.pools();
    look.seen
}

struct Looking {
    host: Host,
    seen: Seen,
}

impl Looking {
    fn node(&mut self, plan: &NodePlan) {
        let directory =
            |path: &str| self.host.look(path).is_ok_and(|place| place.kind == Kind::Directory);
        self.seen.whole = ["/etc", "/usr", "/var"].into_iter().all(directory);
        let head = |path: &str| {
            let (_, bytes) = self.host.read(path, HEAD).ok()?;
            match program::head(&bytes) {
                Head::Elf { machine, .. } => Some(machine),
                Head::Script(_) | Head::Other => None,
            }
        };
        // podprobe may run emulated: the host's own shell does not.
        self.seen.machine = head("/bin/sh").or_else(Machine::own);
        let there = |(_, socket): &&(Runtime, &str)| self.host.look(socket).is_ok();
        let found = runtime::SOCKETS.iter().filter(there).map(|(runtime, _)| *runtime);
        self.seen.runtimes = found.collect::<BTreeSet<Runtime>>().into_iter().collect();
        let told = self.told();
        let or = |asked: &[String], told: Vec<String>, usual: &str| match (asked, told) {
            ([], told) if told.is_empty() => vec![usual.to_owned()],
            ([], told) => told,
            (asked, _) => asked.to_vec(),
        };
        let conf_dirs = told.conf_dir.into_iter().collect();
        self.seen.conf_dirs = or(&plan.conf_dirs, conf_dirs, runtime::CONF_DIR);
        self.seen.bin_dirs = or(&plan.bin_dirs, told.bin_dirs, runtime::BIN_DIR);
    }

    /// What the runtime's own configuration says: of CRI-O if its socket alone is there.
    fn told(&self) -> Told {
        let text = |path: &str| {
            let (_, bytes) = self.host.read(path, LONGEST_CONF).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        if self.seen.runtimes != [Runtime::CriO] {
            let told = |path: &&str| Some(runtime::told(Runtime::Containerd, &text(path)?));
            let mut all = runtime::CONTAINERD_FILES.iter().filter_map(told);
            return all.find(|told| *told != Told::default()).unwrap_or_default();
        }
        let mut told = Told::default();
        let names = self.host.list(runtime::CRIO_DIRECTORY, MOST_NAMES).unwrap_or_default();
        let further = names.iter().map(|name| join(runtime::CRIO_DIRECTORY, name));
        for path in std::iter::once(runtime::CRIO_FILE.to_owned()).chain(further) {
            told.then(
                text(&path).map(|text| runtime::told(Runtime::CriO, &text)).unwrap_or_default(),
            );
        }
        told
    }

    fn list(&mut self, path: &str) -> Vec<String> {
        let names = self.host.list(path, MOST_NAMES);
        self.seen.listings.insert(path.to_owned(), names.clone());
        names.unwrap_or_default()
    }

    fn configurations(&mut self) {
        let other = runtime::OTHER_CONF_DIRS.iter().map(ToString::to_string);
        let directories: Vec<String> = self.seen.conf_dirs.iter().cloned().chain(other).collect();
        for directory in directories {
            let names = self.list(&directory);
            for name in names.iter().filter(|name| conf::is_candidate(name)) {
                self.read(&join(&directory, name));
            }
        }
        for path in mesh::BESIDE {
            for name in self.list(path) {
                self.read(&join(path, &name));
            }
        }
        for path in self.seen.candidates() {
            self.inlined(&path);
            for _ in 0..MOST_ROUNDS {
                let wanted = self.seen.chain(&path).map(|chain| chain.wanted).unwrap_or_default();
                if wanted.is_empty() {
                    break;
                }
                for path in &wanted {
                    self.referred(path);
                }
            }
        }
    }

    /// A `.conflist` without plugins may have them in a directory of the network's name.
    fn inlined(&mut self, path: &str) {
        let Some(File { content: Content::Text(text), .. }) = self.seen.files.get(path) else {
            return;
        };
        let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let name = value.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
        if conf::is_list(path) && value.get("plugins").is_none() && conf::is_name(name) {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            self.list(&join(directory, name));
        }
    }

    fn referred(&mut self, path: &str) {
        let directory = self.host.look(path).is_ok_and(|place| place.kind == Kind::Directory);
        if !directory {
            self.read(path);
            return;
        }
        for name in self.list(path).iter().filter(|name| conf::is_candidate(name)) {
            self.read(&join(path, name));
        }
    }

    fn read(&mut self, path: &str) {
        if self.seen.files.contains_key(path) || self.seen.files.len() > MOST_NAMES {
            return;
        }
        let (real, content) = match self.host.look(path) {
            Ok(Place { real, kind: Kind::File, size, .. }) if size > LONGEST_CONF => {
                (real, Content::Long(size))
            }
            Ok(Place { real, kind: Kind::File, .. }) => match self.host.read(path, LONGEST_CONF) {
                Ok((_, bytes)) => (real, Content::Text(masked(&String::from_utf8_lossy(&bytes)))),
                Err(lost) => (real, Content::Lost(lost)),
            },
            Ok(Place { real, kind, .. }) => (real, Content::Odd(kind)),
            Err(lost) => (path.to_owned(), Content::Lost(lost)),
        };
        self.seen.files.insert(path.to_owned(), File { real, content });
    }

    /// The chains of all candidates: which of them is taken may depend on their programs.
    fn chains(&self) -> Vec<Chain> {
        self.seen.candidates().iter().filter_map(|path| self.seen.chain(path)).collect()
    }

    fn programs(&mut self, mesh: &[&str]) {
        let chains = self.chains();
        // Multus has a further directory for its delegates.
        let further = chains.iter().flat_map(|chain| &chain.uses).filter_map(chain::own_directory);
        for directory in further.collect::<BTreeSet<String>>() {
            if !self.seen.bin_dirs.iter().any(|known| known.trim_end_matches('/') == directory) {
                self.seen.bin_dirs.push(directory);
            }
        }
        let kinds = chains.iter().flat_map(|chain| &chain.uses).map(|used| used.kind.as_str());
        let kinds: BTreeSet<&str> = kinds.chain(mesh.iter().copied()).collect();
        for directory in self.seen.bin_dirs.clone() {
            self.list(&directory);
            for kind in kinds.iter().filter(|kind| !kind.contains('/')) {
                let path = join(&directory, kind);
                let program = self.program(&path);
                self.seen.programs.insert(path, program);
            }
        }
    }

    fn program(&self, path: &str) -> Program {
        let place = self.host.look(path);
        let is_file = place.as_ref().is_ok_and(|place| place.kind == Kind::File);
        let read = || self.host.read(path, HEAD).map(|(_, bytes)| program::head(&bytes));
        let head = is_file.then(read);
        let interpreter = match &head {
            Some(Ok(Head::Elf { interpreter: Some(name), .. } | Head::Script(name))) => {
                Some(self.host.look(name))
            }
            _ => None,
        };
        Program { place, head, interpreter }
    }

    /// Runs the programs of the active configuration that look as if they could be run.
    fn answers(&mut self, root: &Path) {
        let seen = &self.seen;
        let runtime = Runtime::that_counts(&seen.runtimes);
        let Some(Choice::File(active)) = choose(seen, runtime, &seen.candidates()) else { return };
        let chain = seen.chain(&active).unwrap_or_default();
        let kinds: BTreeSet<&str> = chain.uses.iter().map(|used| used.kind.as_str()).collect();
        let fit = kinds.into_iter().filter_map(|kind| match fitness(seen, kind) {
            Fitness::Fit(path) => Some(path),
            _ => None,
        });
        let alone = |path: &String| {
            let program = seen.programs.get(path)?;
            let alone = matches!(program.head, Some(Ok(Head::Elf { interpreter: None, .. })));
            program.place.as_ref().ok().filter(|_| alone).map(|place| place.real.clone())
        };
        let programs = fit.map(|path| (path.clone(), alone(&path))).collect();
        self.seen.answers = run_plugin::run(root, programs).into_iter().collect();
    }

    fn needs(&mut self) {
        let chains = self.chains();
        for need in chains.iter().flat_map(|chain| &chain.uses).flat_map(needs::of) {
            let place = self.host.look(&need.path);
            self.seen.mentioned.insert(need.path, place);
        }
    }

    /// Reservations of host-local, and who may still hold them.
    fn pools(&mut self) {
        let chains = self.chains();
        let uses: Vec<_> = chains.iter().flat_map(|chain| &chain.uses).collect();
        if uses.iter().any(|used| used.kind == "flannel") {
            let read = self.host.read(pool::FLANNEL_FILE, LONGEST_CONF).ok();
            self.seen.flannel = read.map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned());
        }
        for directory in uses.iter().filter_map(|used| pool::directory(used)) {
            let names = self.host.list(&directory, MOST_RESERVATIONS);
            for name in names.iter().flatten().filter(|name| pool::address(name).is_some()) {
                let path = join(&directory, name);
                if let Ok((_, bytes)) = self.host.read(&path, 128) {
                    let holder = String::from_utf8_lossy(&bytes);
                    let holder = holder.split_whitespace().next().unwrap_or_default().to_owned();
                    self.seen.reservations.insert(path, holder);
                }
            }
            self.seen.listings.insert(directory, names);
        }
        if !self.seen.reservations.is_empty() {
            let lists = pool::SANDBOXES.iter();
            let lists = lists.filter_map(|path| self.host.list(path, MOST_RESERVATIONS).ok());
            let ids: Vec<String> = lists.flatten().collect();
            self.seen.sandboxes = (!ids.is_empty()).then(|| ids.into_iter().collect());
        }
    }
}
