//! A kernel that refuses to talk about itself: no netlink at all, as under a strict filter or in gVisor.

use nix::errno::Errno;

use super::super::manners::Manners;
use super::{Cluster, RESOLV_CONF};
use crate::world::{Backend, Pod, Rules, Who, World, sh};

/// A stage that runs podprobe where no netlink socket can be made.
fn without_netlink(pod: &Pod, refusal: Errno) -> String {
    let program = pod.file("refuse").display().to_string();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/integration/live/refuse.c");
    sh(&format!("test -x {program} || gcc -O -DEVERY_PROTOCOL -o {program} {source}"));
    format!("set -- {program} {} \"$@\"", refusal as i32)
}

const REFUSALS: [Errno; 3] = [Errno::EPERM, Errno::EAFNOSUPPORT, Errno::EACCES];

#[test]
fn without_netlink_nothing_is_claimed_about_links() {
    let cluster = Cluster::start(Manners::GOOD);
    for refusal in REFUSALS {
        let run = cluster.launch(&["check"], RESOLV_CONF);
        let run = run.stage(without_netlink(&cluster.pod, refusal)).run();
        assert!(run.codes("fail").is_empty(), "{refusal}: {run}");
        assert!(run.stdout.contains(&format!("{refusal:?}")), "{refusal}: {run}");
    }
}

#[test]
fn without_netlink_broken_rules_never_pass_and_intact_ones_are_not_blamed() {
    let pod = Pod::with(World::V4, Backend::Nft, &Rules::istio());
    let check = |refusal, who| {
        let launch = pod.launch(who, &["check", "--output", "json"]);
        launch.stage(without_netlink(&pod, refusal)).run()
    };
    for refusal in REFUSALS {
        for who in Who::ALL {
            let run = check(refusal, who);
            assert!(matches!(run.code, 0 | 5), "{refusal} {who:?}: {run}");
        }
    }
    sh("nft flush ruleset");
    for refusal in REFUSALS {
        for who in Who::ALL {
            let run = check(refusal, who);
            assert!(matches!(run.code, 5 | 30), "{refusal} {who:?}: {run}");
        }
    }
}
