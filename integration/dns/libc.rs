//! The walk that is told as glibc's is the one that this machine's glibc goes.

use std::process::Command;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use super::responder::{Over, Responder, Stand, bytes, cluster, kind, name, with_code};
use super::{CLUSTER, launch, pod};
use crate::world::Pod;

/// What the server says to `example.com` in the second domain of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Code(ResponseCode),
    Nothing,
}

const SECOND: &str = "example.com.svc.cluster.local.";
/// So that silence is no wait.
const QUICK: &str = "ndots:5 timeout:1 attempts:1";

type Log = Arc<Mutex<Vec<String>>>;

/// A cluster's DNS that says so to one name, and writes down whom it was asked for.
fn serve(pod: &Pod, odd: &'static str, says: Says) -> (Responder, Log) {
    let log = Log::default();
    let asked = log.clone();
    let behaviour = move |query: &Message, over: Over| {
        if over == Over::Udp && kind(query) == RecordType::A {
            asked.lock().expect("the log").push(name(query));
        }
        match says {
            _ if name(query) != odd => bytes(&cluster(query)),
            Says::Code(code) => bytes(&with_code(query, code)),
            Says::Nothing => None,
        }
    };
    (Responder::on(&pod.node, Stand::at("10.77.0.1"), behaviour), log)
}

/// The names that glibc asks for, each as often as it comes to it.
fn walked(pod: &Pod, log: &Log, resolv_conf: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let file = pod.file("glibc.conf");
    std::fs::write(&file, resolv_conf).expect("write resolv.conf");
    let mount = format!("mount --bind {} /etc/resolv.conf", file.display());
    let run = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec"])
        .arg(format!("{mount}; getent ahosts example.com || true"))
        .envs(variables.iter().copied())
        .status();
    assert!(run.expect("unshare").success(), "getent");
    let mut names = std::mem::take(&mut *log.lock().expect("the log"));
    // What it asks for again counts once.
    names.dedup();
    names
}

/// The names of the walk that is told.
fn told(pod: &Pod, resolv_conf: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let launch = launch(pod, resolv_conf, &["--dns-name", "example.com"]);
    let run = variables.iter().fold(launch, |launch, (name, value)| launch.env(name, value)).run();
    let report = run.report();
    let findings = report["findings"].as_array().expect("findings");
    let walks = findings.iter().find_map(|f| f["evidence"]["walks"].as_array());
    let glibc = walks.unwrap_or_else(|| panic!("no walk\n{run}")).first().expect("glibc's walk");
    assert_eq!(glibc["resolver"], "glibc");
    let steps = glibc["walk"].as_str().expect("a sentence").split(", ");
    steps.filter_map(|step| step.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_walk_that_is_told_is_glibcs() {
    use ResponseCode::{NXDomain, NoError, Refused, ServFail};
    let quick = CLUSTER.replace("ndots:5", QUICK);
    let one_dot = quick.replace("ndots:5", "ndots:1");
    let elsewhere = [("LOCALDOMAIN", "one.example two.example"), ("RES_OPTIONS", "ndots:3")];
    for (file, odd, says, variables) in [
        (&quick, SECOND, Says::Code(NXDomain), &[][..]),
        (&quick, SECOND, Says::Code(NoError), &[]),
        (&quick, SECOND, Says::Code(ServFail), &[]),
        (&quick, SECOND, Says::Code(Refused), &[]),
        (&quick, SECOND, Says::Nothing, &[]),
        (&one_dot, SECOND, Says::Code(NXDomain), &[]),
        (&one_dot, "example.com.", Says::Code(NXDomain), &[]),
        (&one_dot, "example.com.", Says::Code(Refused), &[]),
        (&one_dot, "example.com.", Says::Code(ServFail), &[]),
        (&quick, SECOND, Says::Code(NXDomain), &elsewhere),
    ] {
        let pod = pod();
        let (_server, log) = serve(&pod, odd, says);
        let walked = walked(&pod, &log, file, variables);
        assert_eq!(told(&pod, file, variables), walked, "{odd} {says:?} {variables:?}\n{file}");
    }
}
