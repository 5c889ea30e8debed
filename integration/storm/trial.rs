//! One world made, broken and looked at: what podprobe said, and whether that is right.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv6Addr, TcpListener, UdpSocket};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use crate::world::{Launch, Node, Pod, as_owner, feed};

use super::blueprint::{Blueprint, Changes, Time};
use super::judge::{Trial, Verdict, judge, judged, replay};
use super::servers::Servers;
use super::setting::{Command, Setting};
use super::traces::Traces;

/// Beyond its deadline, no run may take longer: the last look, on a machine that has other things to do.
const GRACE: Duration = Duration::from_secs(12);
/// How long a single look may take.
const ONE_LOOK: Duration = Duration::from_secs(25);

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
        return judged(&blueprint, None, Verdict::Hang, "");
    };
    let left = if blueprint.time == Time::Always { before.left_since(&pod) } else { String::new() };
    if !left.is_empty() {
        return judged(&blueprint, Some(&run), Verdict::Leak, &left);
    }
    let (verdict, words) = judge(&blueprint, &run);
    let (verdict, words) = match (verdict, blueprint.replayed) {
        (Verdict::Right, true) => replay(&pod, &run, words),
        _ => (verdict, words),
    };
    judged(&blueprint, Some(&run), verdict, &words)
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
        let _ = writeln!(text, "{chain}\nadd rule inet storm {hook} {rule}");
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
    launch
}
