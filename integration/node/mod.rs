//! The node's CNI files: trees as installers leave them, and as accidents do.

/// What is run, and how often: chains, Multus, meshes.
mod chain;
/// The texts.
pub mod conf;
/// Plugins that are run.
mod exec;
/// Which file counts, and what is wrong with it.
mod file;
/// The trees.
pub mod host;
/// Nodes as they should be.
mod intact;
/// What cannot be seen is neither yes nor no.
mod look;
/// Programs, and what they need.
mod program;

use crate::world::{Output, Pod, Who, World};
use host::Host;

fn pod() -> Pod {
    World::V4.start()
}

/// podprobe's node layer, in no mesh.
fn run(pod: &Pod, host: &Host, more: &[&str]) -> Output {
    let root = host.root.display().to_string();
    let mut arguments = vec!["check", "node", "--output", "json", "--host-root", &root];
    if !more.contains(&"--mesh") {
        arguments.extend(["--mesh", "none"]);
    }
    arguments.extend(more);
    pod.run(Who::App, &arguments)
}

/// The run ended as the code demands, and the code is the only thing that is not `ok`.
#[track_caller]
fn found(run: Output, code: &str) -> Output {
    let (severity, exit) = if run.codes("fail").is_empty() { ("warn", 0) } else { ("fail", 80) };
    let run = run.expect(exit);
    for other in ["fail", "warn", "unknown"].into_iter().filter(|other| *other != severity) {
        assert_eq!(run.codes(other), Vec::<String>::new(), "{run}");
    }
    assert_eq!(run.codes(severity), [code], "{run}");
    assert_eq!(run.codes("ok").contains(&"node-holds".to_owned()), severity == "warn", "{run}");
    run
}

/// Nothing to complain about.
#[track_caller]
fn fine(run: Output) -> Output {
    run.holds(&["node-holds"])
}
