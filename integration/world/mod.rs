//! The pod world: a network namespace of the test's own, `eth0` to a node, and nothing beyond the node.
//!
//! `unshare` moves only the calling thread, and libtest gives each test a thread: tests run in parallel,
//! and their worlds vanish with them. Children start where the thread that starts them stands.

mod backend;
mod daemon;
mod launch;
mod node;
mod output;
mod program;
mod rules;
pub mod server;
mod shell;

use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

pub use backend::Backend;
pub use daemon::{Daemon, OpenSsl, until};
pub use launch::{Launch, Running, Who, starter};
pub use node::Node;
pub use output::Output;
pub use rules::{Rules, rule_lines};
pub use server::Server;
pub use shell::{as_owner, feed, filter, sh};

/// What the test wants around its pod.
#[derive(Clone, Copy)]
pub struct World {
    /// The pod has a global IPv6 address, and `::6` on `lo` as Istio puts it there.
    v6: bool,
    /// The first hop answers nothing.
    silent: bool,
}

impl World {
    /// 10.77.0.2/24, and IPv6 as far as the link-local address.
    pub const V4: World = World { v6: false, silent: false };
    /// 10.77.0.2/24 and `fd77::2/64`.
    pub const DUAL: World = World { v6: true, silent: false };

    /// A first hop that drops everything without a word, as some networks do.
    pub fn silent_node(self) -> World {
        World { silent: true, ..self }
    }

    /// Builds it around the calling thread.
    pub fn start(self) -> Pod {
        leave_the_machine();
        let scratch = scratch();
        let node = Node::start();
        accept_addresses_at_once();
        sh(&format!(
            "ip link set lo up; ip link add eth0 type veth peer name host netns {}",
            node.thread()
        ));
        node.join(self.silent);
        sh(
            "ip address add 10.77.0.2/24 dev eth0; ip link set eth0 up; ip route add default via 10.77.0.1",
        );
        if self.v6 {
            sh("ip address add fd77::2/64 dev eth0 nodad; ip address add ::6/128 dev lo nodad;
                ip -6 route add default via fd77::1");
        }
        settle(self.v6);
        Pod { node, v6: self.v6, scratch, program: program::installed(), thread: PhantomData }
    }
}

/// A pod, seen by the test as root in its network namespace.
pub struct Pod {
    /// The other end of `eth0`.
    pub node: Node,
    v6: bool,
    scratch: TempDir,
    program: Arc<program::Program>,
    /// The namespace belongs to the thread.
    thread: PhantomData<*const ()>,
}

impl Pod {
    /// A pod of the world with these rules in it.
    pub fn with(world: World, backend: Backend, rules: &Rules) -> Pod {
        let pod = world.start();
        pod.load(backend, rules);
        pod
    }

    /// Loads the rules and the policy routing of each family that the pod has, in place of all others.
    pub fn load(&self, backend: Backend, rules: &Rules) {
        backend.load(rules, self.v6, &self.file("xtables.lock"));
    }

    /// Runs podprobe to its end.
    pub fn run(&self, who: Who, arguments: &[&str]) -> Output {
        self.launch(who, arguments).run()
    }

    /// podprobe, about to be started.
    pub fn launch(&self, who: Who, arguments: &[&str]) -> Launch<'_> {
        Launch::new(self, who, arguments)
    }

    /// A path in a directory of this pod's own, which everybody may read and write.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Where the program under test is.
    pub fn program(&self) -> &Path {
        self.program.path()
    }
}

/// Refuses, in one sentence, to test on a machine where no pod can be made.
fn leave_the_machine() {
    let left = unshare(CloneFlags::CLONE_NEWNET);
    assert!(left.is_ok(), "a pod world needs root with CAP_SYS_ADMIN ({left:?}): use `make test`");
}

fn scratch() -> TempDir {
    let directory =
        tempfile::Builder::new().prefix("podprobe-pod-").tempdir().expect("a scratch directory");
    open_to_all(directory.path());
    directory
}

fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("chmod");
}

/// Duplicate address detection would keep each link-local address unusable for a second.
fn accept_addresses_at_once() {
    for file in ["ipv6/conf/default/accept_dad", "ipv6/conf/all/accept_dad"] {
        fs::write(format!("/proc/sys/net/{file}"), "0").expect(file);
    }
}

/// The kernel brings addresses and carrier up in a work queue: waits until the pod could speak.
fn settle(v6: bool) {
    let start = Instant::now();
    let ready = || {
        let routes =
            sh("ip route get 10.77.0.1; ip -o link show dev eth0; ip -6 -o address show dev eth0");
        let carrier = routes.contains("LOWER_UP") && !routes.contains("tentative");
        carrier
            && (!v6
                || (routes.contains("fd77::2")
                    && sh("ip -6 route get fd77::1").contains("dev eth0")))
    };
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(5), "the pod's eth0 does not come up");
        std::thread::sleep(Duration::from_millis(2));
    }
}
