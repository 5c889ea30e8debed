//! Targets: real servers, real refusals, and every place where packets are lost.

/// Names with several addresses.
mod addresses;
/// Targets that must be blocked.
mod blocked;
/// Beside a mesh that takes what podprobe sends.
mod captured;
/// Datagrams, echo requests, queries.
mod datagram;
/// Many targets at once.
mod many;
/// How targets are named, and what is refused before anything is sent.
mod named;
/// What must be said over a connection: HTTP, TLS, gRPC.
mod protocol;
/// nginx with certificates, and a gRPC health service.
mod real;
/// Connections: who refuses, where they are lost.
mod tcp;

use serde_json::Value;

use crate::world::{Launch, Output, Pod, Who, World};

fn pod() -> Pod {
    World::DUAL.start()
}

/// podprobe's reach layer, as an application in no mesh.
fn launch<'p>(pod: &'p Pod, targets: &[&str]) -> Launch<'p> {
    let mut arguments = vec!["check", "reach", "--mesh", "none", "--output", "json"];
    arguments.extend(targets.iter().flat_map(|target| ["-t", target]));
    pod.launch(Who::App, &arguments)
}

fn run(pod: &Pod, targets: &[&str]) -> Output {
    launch(pod, targets).run()
}

/// This code is all that fails, and nothing is unknown.
#[track_caller]
fn fails(run: Output, code: &str) -> Output {
    let run = run.expect(if code == "reach-open-but-blocked" { 61 } else { 60 });
    assert_eq!(run.codes("fail"), [code], "{run}");
    assert_eq!(run.codes("unknown"), Vec::<String>::new(), "{run}");
    run
}

/// This code is all that is not known, and that is no success.
#[track_caller]
fn unknown(run: Output, code: &str) -> Output {
    let run = run.expect(5);
    assert_eq!(run.codes("fail"), Vec::<String>::new(), "{run}");
    let codes = run.codes("unknown");
    assert!(codes.contains(&code.to_owned()), "{codes:?}: {run}");
    run
}

#[track_caller]
fn fine(run: Output) -> Output {
    run.holds(&["reach-holds"])
}

/// The finding with this code.
#[track_caller]
fn finding(run: &Output, code: &str) -> Value {
    run.findings(code).first().unwrap_or_else(|| panic!("no {code}\n{run}")).clone()
}

#[track_caller]
fn says(run: &Output, code: &str, words: &str) {
    let reason = run.reason(code);
    assert!(reason.contains(words), "{words:?} is not in {reason}\n{run}");
}
