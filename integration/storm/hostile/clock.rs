//! A clock that somebody sets meanwhile: back before 1970, ahead by a century, to and fro.

use super::super::manners::{Dns, Manners};
use super::{Cluster, RESOLV_CONF};
use crate::world::{Launch, sh};

/// The run's clock is set at each look at it, in the program's own eyes alone.
fn with_jumps<'p>(cluster: &'p Cluster, launch: Launch<'p>) -> Launch<'p> {
    let library = cluster.pod.file("jump.so").display().to_string();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/integration/storm/hostile/jump.c");
    sh(&format!("gcc -O -shared -fPIC -o {library} {source} -ldl"));
    launch.env("LD_PRELOAD", &library)
}

#[test]
fn a_clock_that_jumps_changes_no_verdict() {
    let cluster = Cluster::start(Manners::GOOD);
    for command in [&["check"][..], &["gate", "--deadline", "20s", "--stable-for", "500ms"]] {
        let run = with_jumps(&cluster, cluster.launch(command, RESOLV_CONF)).run();
        run.expect(0);
    }
}

#[test]
fn a_deadline_is_kept_by_a_clock_that_nobody_sets() {
    let cluster = Cluster::start(Manners { dns: Dns::Closed, ..Manners::GOOD });
    let gate = cluster.launch(&["gate", "--deadline", "700ms"], RESOLV_CONF);
    let run = with_jumps(&cluster, gate).run().expect(40);
    assert_eq!(run.cause(), "dns-refused-by-server", "{run}");
    assert!(run.report()["elapsedMs"].as_f64() >= Some(650.0), "{run}");
    assert!(run.report()["elapsedMs"].as_f64() <= Some(10_000.0), "{run}");
}
