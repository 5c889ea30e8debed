//! The pod's network below the mesh: every way in which links, addresses and routes break, and pod
//! networks that look odd and are not.

/// Addresses that somebody else has, too.
mod conflict;
/// What is looked at only on request.
mod extra;
mod gateway;
mod intact;
mod link;
mod route;

use crate::world::{Launch, Output, Pod, Who, sh};

/// A look at these layers alone, in JSON.
const LOOK: [&str; 5] = ["check", "--only", "link,route", "--output", "json"];

fn look(pod: &Pod) -> Launch<'_> {
    pod.launch(Who::App, &LOOK)
}

/// Its resolv.conf names these servers, instead of those of the machine that runs the tests.
pub fn resolving<'p>(pod: &'p Pod, launch: Launch<'p>, servers: &[&str]) -> Launch<'p> {
    let file = pod.file("resolv.conf");
    let lines = servers.iter().map(|server| format!("nameserver {server}\n"));
    std::fs::write(&file, lines.collect::<String>()).expect("resolv.conf");
    launch.stage(format!("mount --bind {} /etc/resolv.conf", file.display()))
}

/// A second interface `net1` with a carrier, which the kernel tells of up to a second later; then this.
fn attach(script: &str) {
    sh("ip link add net1 type veth peer name peer1; ip link set peer1 up; ip link set net1 up
        until ip link show dev net1 | grep -q 'state UP'; do sleep 0.01; done");
    sh(script);
}

/// What fails and what warns.
fn complaints(run: &Output) -> Vec<String> {
    [run.codes("fail"), run.codes("warn")].concat()
}

/// The codes of the findings that the cause was told from.
fn told_by(run: &Output) -> Vec<String> {
    let report = run.report();
    let told = report["cause"]["toldBy"].as_array().unwrap_or_else(|| panic!("no cause\n{run}"));
    told.iter().filter_map(|code| code.as_str().map(String::from)).collect()
}

/// One failure is the cause, and nothing else fails or warns.
#[track_caller]
fn only(run: &Output, code: &str) {
    assert_eq!(complaints(run), [code], "{run}");
    if run.code != 0 {
        assert_eq!(told_by(run), [code], "{run}");
    }
}
