//! resolv.conf and nameservers: real files, real servers, real refusals.

/// Which layers are looked at, when, and as whom.
mod asked_for;
/// Many questions in a row.
mod burst;
/// What connection tracking drops.
mod drops;
/// RES_OPTIONS and LOCALDOMAIN.
mod environment;
/// resolv.conf, read by everybody in his own way.
mod file;
/// /etc/hosts.
mod hosts;
/// What a nameserver knows.
mod knows;
/// The C library of this machine.
mod libc;
/// The way to a nameserver.
mod path;
/// The servers.
pub mod responder;

pub use responder::{Responder, Stand, bytes, cluster};

use crate::world::{Launch, Output, Pod, Who, World};

/// As the kubelet writes it, but for the server.
const CLUSTER: &str = "search a.svc.cluster.local svc.cluster.local cluster.local\n\
                       nameserver 10.77.0.1\noptions ndots:5\n";

fn pod() -> Pod {
    World::DUAL.start()
}

/// A pod whose node answers as a cluster's DNS does.
fn served() -> (Pod, Responder) {
    let pod = pod();
    let server =
        Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&cluster(query)));
    (pod, server)
}

/// podprobe's dns layer, with this resolv.conf, as an application in no mesh.
fn launch<'p>(pod: &'p Pod, resolv_conf: &str, more: &[&str]) -> Launch<'p> {
    let path = pod.file("resolv.conf");
    std::fs::write(&path, resolv_conf).expect("write resolv.conf");
    let path = path.display().to_string();
    let mut arguments = vec!["check", "dns", "--mesh", "none", "--output", "json"];
    arguments.extend(["--resolv-conf", &path]);
    arguments.extend(more);
    pod.launch(Who::App, &arguments)
}

fn run(pod: &Pod, resolv_conf: &str, more: &[&str]) -> Output {
    launch(pod, resolv_conf, more).run()
}

/// The run ended as the code demands, and the code is the only thing that is not `ok`.
#[track_caller]
fn found(run: Output, code: &str) -> Output {
    let (severity, exit) = if run.codes("fail").is_empty() { ("warn", 0) } else { ("fail", 40) };
    let run = run.expect(exit);
    assert_eq!(run.codes(severity), [code], "{run}");
    run
}

/// Nothing to complain about.
#[track_caller]
fn fine(run: Output) -> Output {
    let run = run.expect(0);
    for severity in ["fail", "warn", "unknown"] {
        assert_eq!(run.codes(severity), Vec::<String>::new(), "{run}");
    }
    assert!(run.codes("ok").contains(&"dns-holds".to_owned()), "{run}");
    run
}
