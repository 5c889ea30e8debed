//! Whether the runtime can run a plugin.

use super::{
    host::{Kind, Lost},
    program::Head,
    seen::{Program, Seen, join},
};
use crate::finding::Code;

/// A program, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// Nothing speaks against it; where it lies.
    Fit(String),
    /// It cannot be run: which code, and why.
    Unfit(Code, String),
    /// It could not be looked at: why.
    Unseen(String),
}

/// Looks for a plugin as libcni does: the first regular file in the directories, whatever its
/// permissions (containernetworking/cni `pkg/invoke/find.go`).
#[must_use]
pub fn fitness(seen: &Seen, kind: &str) -> Fitness {
    if kind.contains('/') {
        let said = format!("\"{kind}\" is a path, but it must be a name");
        return Fitness::Unfit(Code::CniPluginMissing, said);
    }
    let mut linked = None;
    for directory in &seen.bin_dirs {
        let path = join(directory, kind);
        let Some(program) = seen.programs.get(&path) else { continue };
        match &program.place {
            Ok(place) if place.kind == Kind::File => return of(seen, &path, program),
            Ok(_) => {}
            Err(lost) if seen.gone(lost) => linked = linked.or(dangling(&path, lost)),
            Err(lost) => return Fitness::Unseen(format!("open {path}: {}", why(lost))),
        }
    }
    let places = seen.bin_dirs.join(" nor in ");
    let said = linked.unwrap_or_else(|| format!("it is not in {places}"));
    Fitness::Unfit(Code::CniPluginMissing, said)
}

/// `ENOENT at /usr`.
fn why(lost: &Lost) -> String {
    format!("{} at {}", lost.errno, lost.at)
}

/// A symbolic link to nothing.
fn dangling(path: &str, lost: &Lost) -> Option<String> {
    (lost.at != path && !path.starts_with(&format!("{}/", lost.at)))
        .then(|| format!("{path} is a symbolic link, and {} is not there", lost.at))
}

fn of(seen: &Seen, path: &str, program: &Program) -> Fitness {
    let unfit = |code, said: String| Fitness::Unfit(code, said);
    let Ok(place) = &program.place else { return Fitness::Unseen(format!("open {path}")) };
    if place.mode & 0o111 == 0 {
        let said = format!("{path} has mode {:04o}, which nobody may execute", place.mode);
        return unfit(Code::CniPluginNotExecutable, said);
    }
    if place.size == 0 {
        return unfit(Code::CniPluginTruncated, format!("{path} is empty"));
    }
    match &program.head {
        Some(Ok(Head::Elf { machine, length, .. })) => {
            if let Some(node) = seen.machine.filter(|node| !node.may_run(*machine)) {
                let said = format!("{path} is for {}, the node is {}", machine.name(), node.name());
                return unfit(Code::CniPluginWrongArchitecture, said);
            }
            if *length > place.size {
                let said = format!("{path} has {} bytes, its segments need {length}", place.size);
                return unfit(Code::CniPluginTruncated, said);
            }
        }
        Some(Ok(Head::Script(_))) => {}
        Some(Ok(Head::Other)) => {
            return unfit(
                Code::CniPluginNotAProgram,
                format!("{path} is neither ELF nor a script"),
            );
        }
        Some(Err(lost)) => return Fitness::Unseen(format!("read {path}: {}", why(lost))),
        None => return Fitness::Unseen(format!("read {path}")),
    }
    if let (Some(Err(lost)), Some(Ok(head))) = (&program.interpreter, &program.head)
        && seen.whole
        && lost.absent()
    {
        let name = match head {
            Head::Elf { interpreter, .. } => interpreter.as_deref().unwrap_or_default(),
            Head::Script(name) => name,
            Head::Other => "",
        };
        let said = format!("{path} is run by {name}, which this node does not have");
        return unfit(Code::CniPluginInterpreterMissing, said);
    }
    Fitness::Fit(path.to_owned())
}
