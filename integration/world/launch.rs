//! podprobe as a container runtime starts it: an identity, a clean environment, nothing gained.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Output, Pod};

/// No run may last longer.
const KILL_AFTER: Duration = Duration::from_secs(20);

/// Whom the container runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// 1337:1337 without capabilities, the mesh's own identity.
    Proxy,
    /// 65532:65532 without capabilities, an application.
    App,
    /// 0:0 with `CAP_SETUID` and `CAP_SETGID`.
    Root,
    /// 0:0 with `CAP_SETUID`, `CAP_SETGID` and `CAP_NET_ADMIN`.
    NetAdmin,
    /// 0:0 with `CAP_NET_RAW`.
    NetRaw,
    /// 0:0 with `CAP_SYS_CHROOT`.
    SysChroot,
    /// 0:0 with `CAP_SYS_CHROOT` and `CAP_SYS_ADMIN`.
    SysAdmin,
    /// These, without capabilities.
    Ids(u32, u32),
}

impl Who {
    /// The three vantages from which the rules are looked at.
    pub const ALL: [Who; 3] = [Who::Proxy, Who::App, Who::Root];

    fn ids(self) -> (u32, u32) {
        match self {
            Who::Proxy => (1337, 1337),
            Who::App => (65532, 65532),
            Who::Root | Who::NetAdmin | Who::NetRaw | Who::SysChroot | Who::SysAdmin => (0, 0),
            Who::Ids(uid, gid) => (uid, gid),
        }
    }

    /// What the bounding set keeps; for root that is what the program has.
    fn bounding(self) -> &'static str {
        match self {
            Who::Root => "-all,+setuid,+setgid",
            Who::NetAdmin => "-all,+setuid,+setgid,+net_admin",
            Who::NetRaw => "-all,+net_raw",
            Who::SysChroot => "-all,+sys_chroot",
            Who::SysAdmin => "-all,+sys_chroot,+sys_admin",
            Who::Proxy | Who::App | Who::Ids(..) => "-all",
        }
    }
}

/// What starts podprobe in every test, with the program and its arguments behind it: the words of
/// `PODPROBE_TEST_WRAPPER`, for whoever looks at the runs of all tests (`integration/seccomp`).
pub fn starter() -> String {
    std::env::var("PODPROBE_TEST_WRAPPER").unwrap_or_default()
}

fn words(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().map(String::from)
}

/// A run being prepared.
pub struct Launch<'p> {
    pod: &'p Pod,
    who: Who,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// A script that runs as root in a mount namespace of its own, then the program.
    stage: Option<String>,
    /// The program stands in this directory as its root.
    root: Option<String>,
    /// A person watches: stdout is a pseudo-terminal of 100 columns.
    watched: bool,
    /// A command that starts the program.
    starter: String,
}

impl<'p> Launch<'p> {
    pub(super) fn new(pod: &'p Pod, who: Who, arguments: &[&str]) -> Launch<'p> {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Launch {
            pod,
            who,
            arguments,
            environment: Vec::new(),
            stage: None,
            root: None,
            watched: false,
            starter: starter(),
        }
    }

    /// One more environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Mounts to make first, in a mount namespace of the run's own.
    pub fn stage(mut self, script: String) -> Self {
        self.stage = Some(script);
        self
    }

    /// The run sees this directory as `/`, with the program in it.
    pub fn root(mut self, directory: &Path) -> Self {
        self.root = Some(directory.display().to_string());
        self
    }

    /// On a pseudo-terminal of 100 columns, made by script(1).
    pub fn watched(mut self) -> Self {
        self.watched = true;
        self
    }

    /// By this command, with the program and its arguments behind it, instead of [`starter`].
    pub fn by(self, starter: String) -> Self {
        Launch { starter, ..self }
    }

    /// Starts and waits.
    pub fn run(self) -> Output {
        self.start().wait()
    }

    /// Starts.
    pub fn start(self) -> Running {
        let line = self.line();
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(self.environment).current_dir("/").stdin(Stdio::null());
        let start = Instant::now();
        let child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start podprobe");
        Running::new(child, start, self.arguments.join(" "))
    }

    fn line(&self) -> Vec<String> {
        let mut line = Vec::new();
        if let Some(script) = &self.stage {
            line.extend(
                ["unshare", "--mount", "--propagation", "private", "sh", "-ec"].map(String::from),
            );
            line.extend([format!("{script}\nexec \"$@\""), "sh".into()]);
        }
        line.extend(self.identity());
        match &self.root {
            Some(root) if self.starter.is_empty() => {
                line.extend(["chroot".into(), root.clone(), "/podprobe".into()]);
            }
            Some(root) => {
                line.extend(words(&self.starter));
                line.extend(["--root".into(), root.clone(), "/podprobe".into()]);
            }
            None => {
                line.extend(words(&self.starter));
                line.push(self.pod.program().display().to_string());
            }
        }
        line.extend(self.arguments.iter().cloned());
        if self.watched {
            let quoted: Vec<String> = line.iter().map(|word| format!("'{word}'")).collect();
            let typed = format!("stty cols 100 rows 40; exec {}", quoted.join(" "));
            line = ["script", "-qefc", &typed, "/dev/null"].map(String::from).to_vec();
        }
        line
    }

    fn identity(&self) -> Vec<String> {
        let (uid, gid) = self.who.ids();
        // chroot needs a capability after the change of user; it is of no use to podprobe.
        let kept = if self.root.is_some() { ",+sys_chroot" } else { "" };
        let line = format!(
            "setpriv --reuid {uid} --regid {gid} --clear-groups --no-new-privs \
             --bounding-set {}{kept} --inh-caps -all{kept} --ambient-caps -all{kept}",
            self.who.bounding()
        );
        line.split_whitespace().map(String::from).collect()
    }
}

/// A started run.
pub struct Running {
    pid: Pid,
    command: String,
    start: Instant,
    end: Receiver<std::process::Output>,
}

impl Running {
    fn new(child: Child, start: Instant, command: String) -> Running {
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        let (tell, end) = channel();
        thread::spawn(move || tell.send(child.wait_with_output().expect("wait")));
        Running { pid, command, start, end }
    }

    /// The most memory that it had so far, in KiB (`VmHWM`, proc(5)).
    pub fn peak_kib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).expect("the run lives");
    }

    /// Ends it, if it has not ended.
    pub fn stop(&self) {
        // Who is gone need not be told.
        let _ = kill(self.pid, Signal::SIGKILL);
    }

    /// Whether it has not ended within this time.
    pub fn still_runs_after(&self, time: Duration) -> bool {
        thread::sleep(time);
        // The waiting thread reaps it: a run that ended takes no signal.
        kill(self.pid, None).is_ok()
    }

    /// Waits for its end; one that takes longer is killed, and gives nothing.
    pub fn ended_within(self, time: Duration) -> Option<Output> {
        let Ok(ended) = self.end.recv_timeout(time) else {
            self.stop();
            return None;
        };
        Some(Output::new(self.command, self.start.elapsed(), &ended))
    }

    /// Waits for its end; one that does not end is killed, and the test fails.
    pub fn wait(self) -> Output {
        let Ok(ended) = self.end.recv_timeout(KILL_AFTER) else {
            self.signal(Signal::SIGKILL);
            panic!("`podprobe {}` did not end within {KILL_AFTER:?}", self.command);
        };
        Output::new(self.command, self.start.elapsed(), &ended)
    }
}
