//! One world made, broken and looked at: what podprobe said, and whether that is right.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv6Addr, TcpListener, UdpSocket};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::world::{Launch, Node, Output, Pod, as_owner, feed};

use super::blueprint::{Blueprint, Changes, Time};
use super::fault::Fault;
use super::servers::Servers;
use super::setting::{Command, Setting};
use super::traces::Traces;

/// Beyond its deadline, no run may take longer: the last look, on a machine that has other things to do.
const GRACE: Duration = Duration::from_secs(12);
/// How long a single look may take.
const ONE_LOOK: Duration = Duration::from_secs(25);

/// What became of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Right,
    /// Broken, and it says ok.
    Missed,
    /// The cause is none of the faults.
    NamesNone,
    /// The cause is right, and the exit code is not.
    WrongExit,
    /// Healthy, and it says otherwise.
    FalseAlarm,
    Hang,
    Panic,
    /// No report, or one that contradicts itself.
    Malformed,
    /// Something is left behind.
    Leak,
}

/// A world, and what was said of it.
pub struct Trial {
    pub seed: u64,
    pub title: String,
    pub faults: Vec<&'static str>,
    pub verdict: Verdict,
    pub cause: String,
    pub exit: i32,
    /// Failures that neither a fault's names nor the cause account for.
    pub strangers: BTreeSet<String>,
    pub elapsed: Duration,
    /// How long after its deadline the run ended.
    pub late: Duration,
    /// Everything that was said, where it is wrong.
    pub words: String,
}

/// Makes the world of this seed around the calling thread, and looks at it.
pub fn try_out(seed: u64) -> Trial {
    let blueprint = Blueprint::draw(seed);
    let pod = blueprint.setting.world().start();
    let _outside = blueprint.outside.then(|| pod.node.outside());
    cluster(&pod.node);
    let mut rules = blueprint.rules.clone();
    let late = if blueprint.time == Time::Healing { rules.take() } else { None };
    if let Some(rules) = &rules {
        pod.load(blueprint.setting.backend, rules);
    }
    let _proxy = proxy(&blueprint);
    let _strangers: Vec<_> = blueprint.strangers.iter().map(|port| listen(4711, *port)).collect();
    let _servers = Servers::on(&pod.node, blueprint.manners);
    if blueprint.time != Time::Later {
        break_it(&pod, &blueprint);
    }
    let _held = blueprint.ports_held.then(hold_ports);
    let before = Traces::of(&pod);
    let running = launch(&pod, &blueprint).start();
    match blueprint.time {
        Time::Always => {}
        Time::Later => {
            std::thread::sleep(Duration::from_millis(1200));
            break_it(&pod, &blueprint);
        }
        Time::Healing => {
            std::thread::sleep(Duration::from_millis(300));
            pod.load(blueprint.setting.backend, &late.expect("rules that come late"));
        }
    }
    let patience = match blueprint.setting.command {
        Command::Check => ONE_LOOK,
        _ => blueprint.deadline + GRACE,
    };
    let Some(run) = running.ended_within(patience) else {
        return judged(&blueprint, None, Verdict::Hang, String::new());
    };
    let left = if blueprint.time == Time::Always { before.left_since(&pod) } else { String::new() };
    if !left.is_empty() {
        return judged(&blueprint, Some(&run), Verdict::Leak, left);
    }
    let (verdict, words) = judge(&blueprint, &run);
    let (verdict, words) = match (verdict, blueprint.replayed) {
        (Verdict::Right, true) => replay(&pod, &run, words),
        _ => (verdict, words),
    };
    judged(&blueprint, Some(&run), verdict, words)
}

/// The addresses of the cluster's services, all of which stand on the node.
fn cluster(node: &Node) {
    let addresses = ["10.96.0.1", "10.96.0.10", "10.99.0.9"];
    let lines = addresses.map(|address| format!("address add {address}/32 dev lo"));
    node.run(move || change(&Changes { ip: lines.to_vec(), ..Changes::default() }));
}

/// Whoever listens on the mesh's ports, if its proxy runs.
fn proxy(blueprint: &Blueprint) -> (Vec<TcpListener>, Option<UdpSocket>) {
    let Setting { mesh, live, .. } = blueprint.setting;
    if !live || blueprint.proxy_gone {
        return (Vec::new(), None);
    }
    let bind = || UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 15053)).expect("port 15053");
    let dns = mesh.ports().contains(&15053).then(|| as_owner(mesh.owner(), bind));
    (mesh.ports().iter().map(|port| listen(mesh.owner(), *port)).collect(), dns)
}

/// A listener in both families, which leaves what comes in its backlog.
fn listen(owner: u32, port: u16) -> TcpListener {
    let bind = || TcpListener::bind((Ipv6Addr::UNSPECIFIED, port));
    as_owner(owner, bind).unwrap_or_else(|error| panic!("port {port}: {error}"))
}

/// Every local port that the kernel gives out, held.
fn hold_ports() -> Vec<TcpListener> {
    let range = "/proc/sys/net/ipv4/ip_local_port_range";
    std::fs::write(range, "40000 40003").expect(range);
    (40000..=40003).map(|port| listen(0, port)).collect()
}

fn break_it(pod: &Pod, blueprint: &Blueprint) {
    let node = blueprint.node.clone();
    pod.node.run(move || change(&node));
    change(&blueprint.pod);
}

/// In the calling thread's namespace.
fn change(changes: &Changes) {
    for (file, value) in &changes.sysctl {
        std::fs::write(format!("/proc/sys/net/{file}"), value).expect(file);
    }
    if !changes.filter.is_empty() || !changes.nft.is_empty() {
        feed(Process::new("nft").args(["-f", "-"]), &rules(changes));
    }
    for (family, flag) in [("-6 ", "-6"), ("", "-4")] {
        let lines = changes.ip.iter().filter(|line| line.starts_with("-6 ") == (flag == "-6"));
        let lines: Vec<&str> = lines.filter_map(|line| line.strip_prefix(family)).collect();
        if !lines.is_empty() {
            ip(flag, &(lines.join("\n") + "\n"));
        }
    }
}

/// A fault may take away what the next one changes: `ip` goes on, and nobody minds.
fn ip(family: &str, lines: &str) {
    let mut command = Process::new("ip");
    command.args([family, "-force", "-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("ip");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("write");
    child.wait().expect("wait");
}

fn rules(changes: &Changes) -> String {
    let mut text = "add table inet storm\n".to_owned();
    for (hook, rule) in &changes.filter {
        let chain =
            format!("add chain inet storm {hook} {{ type filter hook {hook} priority 0; }}");
        text.push_str(&format!("{chain}\nadd rule inet storm {hook} {rule}\n"));
    }
    text + &changes.nft.join("\n") + "\n"
}

fn launch<'p>(pod: &'p Pod, blueprint: &Blueprint) -> Launch<'p> {
    let path = pod.file("resolv.conf");
    std::fs::write(&path, &blueprint.resolv_conf).expect("write resolv.conf");
    let mut arguments = blueprint.arguments(&path.display().to_string());
    if blueprint.replayed && blueprint.setting.command != Command::IstioIptables {
        arguments.push(format!("--record={}", pod.file("recording").display()));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut launch = pod.launch(blueprint.setting.who, &arguments);
    launch = launch.env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    launch = launch.env("KUBERNETES_SERVICE_PORT", "443");
    for (name, value) in &blueprint.environment {
        launch = launch.env(name, value);
    }
    match &blueprint.stage {
        Some(stage) => launch.stage(stage.clone()),
        None => launch,
    }
}

/// Whether the run is right, and what is wrong if it is not.
fn judge(blueprint: &Blueprint, run: &Output) -> (Verdict, String) {
    let drop_in = blueprint.setting.command == Command::IstioIptables;
    let bug = matches!(run.code, 2 | 101 | 132..=139) || (run.code == 1 && !drop_in);
    if run.stderr.contains("panicked at") || bug {
        return (Verdict::Panic, String::new());
    }
    let said = Said::of(blueprint, run);
    let Some(said) = said else { return (Verdict::Malformed, "no report".into()) };
    if blueprint.faults.is_empty() {
        let fine = run.code == 0 && said.causes.is_empty() && said.complaints.is_empty();
        return if fine {
            (Verdict::Right, String::new())
        } else {
            (Verdict::FalseAlarm, format!("{:?}", said.complaints))
        };
    }
    if run.code == 0 {
        return (Verdict::Missed, String::new());
    }
    let alone = blueprint.faults.len() == 1;
    let names = |fault: &Fault| {
        let beside = if alone { &[] } else { fault.beside };
        fault.names.iter().chain(beside).any(|name| said.causes.contains(*name))
    };
    let naming: Vec<_> = blueprint.faults.iter().filter(|fault| names(fault)).collect();
    if naming.is_empty() {
        return (Verdict::NamesNone, String::new());
    }
    let right = |fault: &Fault| {
        // Programming the rules again repairs nothing below them: the drop-in says 1.
        let below = drop_in && !fault.exits.contains(&30);
        if below { run.code == 1 } else { fault.exits.contains(&run.code) }
    };
    let later = blueprint.time == Time::Later && run.code == 90;
    if later || naming.iter().any(|fault| right(fault)) {
        return (Verdict::Right, String::new());
    }
    (Verdict::WrongExit, String::new())
}

/// What a run said.
struct Said {
    /// The cause, and the findings that it was told from.
    causes: BTreeSet<String>,
    /// What fails or warns.
    complaints: BTreeSet<String>,
    /// What fails, and follows from nothing.
    unexplained: BTreeSet<String>,
}

impl Said {
    fn of(blueprint: &Blueprint, run: &Output) -> Option<Said> {
        if blueprint.setting.command == Command::IstioIptables {
            return Some(Said::in_lines(run));
        }
        let report: Value = serde_json::from_str(&run.stdout).ok()?;
        let texts = |value: &Value| -> BTreeSet<String> {
            let all = value.as_array().cloned().unwrap_or_default();
            all.iter().filter_map(|text| text.as_str().map(String::from)).collect()
        };
        let mut causes = texts(&report["cause"]["toldBy"]);
        causes.extend(report["cause"]["code"].as_str().map(String::from));
        let mut accounted = texts(&report["cause"]["explains"]);
        accounted.extend(causes.iter().cloned());
        let unexplained =
            run.codes("fail").into_iter().filter(|code| !accounted.contains(code)).collect();
        let complaints = ["fail", "warn"].iter().flat_map(|severity| run.codes(severity)).collect();
        Some(Said { causes, complaints, unexplained })
    }

    /// The drop-in's lines: time, level, code and reason.
    fn in_lines(run: &Output) -> Said {
        let causes: BTreeSet<String> = run
            .stdout
            .lines()
            .filter_map(|line| line.split('\t').nth(2)?.split_once(": "))
            .map(|(code, _)| code.strip_prefix("also ").unwrap_or(code).to_owned())
            .filter(|code| code.contains('-') && !code.contains(' '))
            .collect();
        let complaints = if run.code == 0 { BTreeSet::new() } else { causes.clone() };
        let causes = if run.code == 0 { BTreeSet::new() } else { causes };
        Said { causes, complaints, unexplained: BTreeSet::new() }
    }
}

/// What was recorded is judged the same once more.
fn replay(pod: &Pod, run: &Output, words: String) -> (Verdict, String) {
    let file = pod.file("recording");
    if !file.exists() {
        return (Verdict::Right, words);
    }
    let path = file.display().to_string();
    let again = pod.run(crate::world::Who::App, &["check", "--output", "json", "--replay", &path]);
    if (again.code, again.cause()) == (run.code, run.cause()) {
        (Verdict::Right, words)
    } else {
        (Verdict::Malformed, format!("replayed otherwise: {again}"))
    }
}

fn judged(blueprint: &Blueprint, run: Option<&Output>, verdict: Verdict, words: String) -> Trial {
    let said = run.and_then(|run| Said::of(blueprint, run));
    let names: BTreeSet<&str> =
        blueprint.faults.iter().flat_map(|fault| fault.names).copied().collect();
    let strangers = said.map(|said| said.unexplained).unwrap_or_default();
    let strangers = strangers.into_iter().filter(|code| !names.contains(code.as_str())).collect();
    let cause = match (run, blueprint.setting.command) {
        (Some(run), Command::Gate | Command::Check) if run.stdout.starts_with('{') => run.cause(),
        _ => String::new(),
    };
    let wrong = verdict != Verdict::Right || super::replays();
    let words = match (wrong, run) {
        (true, Some(run)) => format!("{words}\n{run}"),
        (true, None) => "it did not end".into(),
        (false, _) => String::new(),
    };
    let elapsed = run.map_or(Duration::MAX, |run| run.elapsed);
    let waits = blueprint.setting.command != Command::Check && blueprint.time != Time::Later;
    let late = if waits { elapsed.saturating_sub(blueprint.deadline) } else { Duration::ZERO };
    Trial {
        seed: blueprint.seed,
        title: blueprint.title(),
        faults: blueprint.faults.iter().map(|fault| fault.name).collect(),
        verdict,
        cause,
        exit: run.map_or(-1, |run| run.code),
        strangers,
        elapsed,
        late,
        words,
    }
}
