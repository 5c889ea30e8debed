//! Descriptors and memory: too few of them is neither a yes nor a no.

use super::super::manners::Manners;
use super::{Cluster, RESOLV_CONF};
use crate::world::{Backend, Pod, Rules, Who, World};

/// Fewer, and the programs that start podprobe cannot start.
const LEAST: usize = 6;

#[test]
fn whatever_lacks_descriptors_it_neither_panics_nor_takes_its_own_lack_for_the_pods() {
    let cluster = Cluster::start(Manners::GOOD);
    for most in (LEAST..=24).chain([32, 48, 64]) {
        let run = cluster.launch(&["check"], RESOLV_CONF).stage(format!("ulimit -n {most}")).run();
        assert!(matches!(run.code, 0 | 5), "{most} descriptors: {run}");
        // Each C library has its own words for EMFILE.
        let started = !run.stderr.contains("start the runtime: ");
        let told =
            !started && run.stderr.contains("(os error 24)") || run.stdout.contains("EMFILE");
        assert!(run.code == 0 || told, "{most} descriptors: {run}");
    }
}

#[test]
fn rules_are_not_blamed_for_want_of_descriptors() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    for who in Who::ALL {
        for most in (LEAST..=24).step_by(3).chain([32, 64, 128]) {
            let launch = pod.launch(who, &["check"]);
            let run = launch.stage(format!("ulimit -n {most}")).run();
            assert!(matches!(run.code, 0 | 5), "{who:?}, {most} descriptors: {run}");
        }
    }
}

#[test]
fn missing_rules_never_pass_for_want_of_descriptors() {
    let pod = World::V4.start();
    for who in Who::ALL {
        for most in (LEAST..=32).step_by(2) {
            let launch = pod.launch(who, &["gate", "--deadline", "100ms"]);
            let run = launch.stage(format!("ulimit -n {most}")).run();
            assert!(matches!(run.code, 5 | 30), "{who:?}, {most} descriptors: {run}");
        }
    }
}
