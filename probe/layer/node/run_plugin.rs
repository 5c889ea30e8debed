//! Running a plugin as libcni asks it for its versions: with the host's root as its own, a clean
//! environment, no network where that can be had, and bounds on what it says and how long it takes.

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CloneFlags, unshare},
    sys::{
        signal::{Signal, killpg},
        statvfs::{FsFlags, statvfs},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use crate::net::errno_name;

/// How long a plugin may take. It has nothing to look up.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);
/// The most that is read of what it says; an answer has some hundred bytes.
const MOST: u64 = 16 * 1024;
/// What libcni sends; the other values are for plugins built against an older libcni
/// (containernetworking/cni `pkg/invoke/exec.go`, `GetVersionInfo`).
const STDIN: &[u8] = br#"{"cniVersion":"1.0.0"}"#;
const ENVIRONMENT: [(&str, &str); 5] = [
    ("CNI_COMMAND", "VERSION"),
    ("CNI_NETNS", "dummy"),
    ("CNI_IFNAME", "dummy"),
    ("CNI_PATH", "dummy"),
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
];

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// podprobe could not take the host's root for its own: what was tried, and the errno's name.
    Outside(String, String),
    /// execve(2) refused: the errno's name.
    Unstarted(String),
    /// It exited.
    Exit(i32),
    /// A signal ended it.
    Signal(i32),
    /// It had not ended in time, and was killed.
    Late,
    /// It said more than an answer can be, and was killed.
    Long,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// Whether the host's root was its own.
    pub inside: bool,
    /// Whether its file system is mounted `noexec` here.
    pub noexec: bool,
    /// What it said.
    pub stdout: String,
    /// What it said on stderr.
    pub stderr: String,
}

/// Runs these programs of the host at the same time; those that need no other file to run may be run
/// without the host's root, from where they really lie.
#[must_use]
pub fn run(root: &Path, programs: Vec<(String, Option<String>)>) -> Vec<(String, Ran)> {
    thread::scope(|scope| {
        let start = |(program, alone): (String, Option<String>)| {
            // A thread of its own, for only that one changes its root.
            let thread = scope.spawn({
                let program = program.clone();
                move || within(root, &program, alone.as_deref())
            });
            (program, thread)
        };
        let threads: Vec<_> = programs.into_iter().map(start).collect();
        let lost = |_| Ran::ended(End::Outside("follow it".into(), "EIO".into()));
        threads.into_iter().map(|(name, ran)| (name, ran.join().unwrap_or_else(lost))).collect()
    })
}

fn within(root: &Path, program: &str, alone: Option<&str>) -> Ran {
    // The version asks for no network; without privilege it is asked for in this one.
    let _ = unshare(CloneFlags::CLONE_NEWNET);
    let entered = enter(root);
    let (path, inside) = match (entered, alone) {
        (Ok(()), _) => (PathBuf::from(program), true),
        (Err(_), Some(real)) => (root.join(real.trim_start_matches('/')), false),
        (Err((what, error)), None) => return Ran::ended(End::Outside(what, errno_name(&error))),
    };
    let flags = statvfs(&path).map_or(FsFlags::empty(), |stat| stat.flags());
    let noexec = flags.contains(FsFlags::ST_NOEXEC);
    let ran = match start(&path) {
        Ok(child) => follow(child),
        Err(error) => Ran::ended(End::Unstarted(errno_name(&error))),
    };
    Ran { inside, noexec, ..ran }
}

/// Takes the host's root for this thread's.
fn enter(root: &Path) -> Result<(), (String, io::Error)> {
    if root == Path::new("/") {
        return Ok(());
    }
    let tried = |what: &str| {
        let what = what.to_owned();
        |error: io::Error| (what, error)
    };
    unshare(CloneFlags::CLONE_FS).map_err(|errno| tried("unshare(CLONE_FS)")(errno.into()))?;
    std::os::unix::fs::chroot(root).map_err(tried(&format!("chroot to {}", root.display())))?;
    std::env::set_current_dir("/").map_err(tried("chdir to /"))
}

fn start(path: &Path) -> io::Result<Child> {
    let mut command = Command::new(path);
    command.env_clear().envs(ENVIRONMENT).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Follows it to its end, and ends what it leaves behind.
fn follow(mut child: Child) -> Ran {
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read it has no need of it.
        let _ = stdin.write_all(STDIN);
    }
    let (tell, full) = mpsc::channel();
    let texts = [
        child.stdout.take().map(|pipe| read(pipe, tell.clone())),
        child.stderr.take().map(|pipe| read(pipe, tell)),
    ];
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
    let early = until_it_ends(group, &full);
    // It is not reaped yet, so that nobody else has its number.
    if group.as_raw() > 1 {
        let _ = killpg(group, Signal::SIGKILL);
    }
    let ended = match child.wait() {
        Ok(status) => status.code().map(End::Exit).or(status.signal().map(End::Signal)),
        Err(_) => None,
    };
    let text = |heard: Option<Receiver<Vec<u8>>>| {
        let bytes = heard.and_then(|heard| heard.recv_timeout(Duration::from_secs(1)).ok());
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    };
    let [stdout, stderr] = texts.map(text);
    Ran { stdout, stderr, ..Ran::ended(early.or(ended).unwrap_or(End::Late)) }
}

/// Waits; tells if podprobe has to end it.
fn until_it_ends(child: Pid, full: &Receiver<()>) -> Option<End> {
    let start = Instant::now();
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(WaitStatus::StillAlive) = waitid(Id::Pid(child), flags) {
        if start.elapsed() > PATIENCE {
            return Some(End::Late);
        }
        if full.try_recv().is_ok() {
            return Some(End::Long);
        }
        thread::sleep(PAUSE);
    }
    None
}

/// Reads in a thread of its own, which somebody who keeps the pipe open may outlive.
fn read(pipe: impl Read + Send + 'static, full: mpsc::Sender<()>) -> Receiver<Vec<u8>> {
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut pipe = pipe.take(MOST);
        let _ = pipe.read_to_end(&mut bytes);
        let is_full = pipe.limit() == 0;
        let _ = tell.send(bytes);
        if is_full {
            let _ = full.send(());
            // Who writes into a closed pipe would be ended by that.
            let _ = io::copy(&mut pipe.into_inner(), &mut io::sink());
        }
    });
    heard
}

impl Ran {
    fn ended(end: End) -> Ran {
        let (stdout, stderr) = (String::new(), String::new());
        Ran { end, inside: false, noexec: false, stdout, stderr }
    }
}
