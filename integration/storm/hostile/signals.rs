//! Told to end, whenever: at every moment of a run, by every signal that ends programs.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::super::manners::{Dns, Manners};
use super::super::traces::Traces;
use super::{Cluster, RESOLV_CONF};
use crate::world::{Backend, Output, Pod, Rules, Running, Who, World};

/// Sends it after so many milliseconds, and waits for the end.
fn ended(running: Running, signal: Signal, after: u64) -> Output {
    if running.still_runs_after(Duration::from_millis(after)) {
        running.signal(signal);
    }
    running.wait()
}

#[test]
fn a_run_ends_by_each_signal_at_any_moment() {
    let manners = Manners { dns: Dns::Silent, ..Manners::GOOD };
    let cluster = Cluster::start(manners);
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129)] {
        for after in [0, 1, 3, 7, 12, 20, 33, 60, 150, 400, 1100] {
            let gate = cluster.launch(&["gate", "--deadline", "30s"], RESOLV_CONF).start();
            let run = ended(gate, signal, after);
            assert_eq!(run.code, code, "{signal} after {after} ms: {run}");
            assert!(!run.stderr.contains("panicked"), "{signal} after {after} ms: {run}");
            if !run.stdout.is_empty() {
                assert_ne!(run.report()["verdict"], "ok", "{signal} after {after} ms: {run}");
            }
        }
    }
}

#[test]
fn what_was_added_to_the_pod_goes_whenever_it_ends() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio().without("redirect to :15006"));
    let before = Traces::of(&pod);
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGKILL] {
        for after in [2, 9, 16, 25, 40, 70, 130] {
            let gate = pod.launch(Who::NetAdmin, &["gate", "--deadline", "30s"]).start();
            let run = ended(gate, signal, after);
            assert_eq!(run.code, 128 + signal as i32, "{signal} after {after} ms: {run}");
            crate::world::until("the end of the device", || before.left_since(&pod).is_empty());
        }
    }
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    let pod = World::V4.start();
    // The reader of both streams ends before anything is written.
    let pipe = pod.file("pipe").display().to_string();
    let stage = format!("mkfifo -m 666 {pipe}; true <{pipe} & exec >{pipe} 2>&1; wait");
    let run = pod.launch(Who::App, &["gate", "--deadline", "300ms"]).stage(stage).run();
    run.expect(30);
}
