//! Flows that connection tracking cannot tell apart, and drops.

use super::{CLUSTER, fine, launch, pod, run, served};
use crate::node::{conf::KINDNET, host::Host};
use crate::world::{Output, Pod, sh};

const COUNT: [&str; 2] = ["--extra", "conntrack-drops"];

/// Every fifth flow to a nameserver is translated to one and the same port, as masquerading to a range
/// that is too narrow does: the second one finds its place in the table taken.
fn narrow(hook: &str, to: &str) -> String {
    format!(
        "nft 'add table ip t; add chain ip t c {{ type nat hook {hook} priority 100; }}; \
              add rule ip t c udp dport 53 numgen inc mod 5 0 snat to {to}'"
    )
}

/// The pod's run with the node's root mounted, its `/proc` among it.
fn with_root(pod: &Pod, more: &[&str]) -> Output {
    let host = Host::new(pod);
    host.conf("10-x.conflist", KINDNET);
    host.directory("proc/1/net");
    let root = host.root.display().to_string();
    let flags = [&COUNT[..], &["--host-root", &root], more].concat();
    let thread = pod.node.thread();
    let stage = format!("mount --bind /proc/{thread}/net {root}/proc/1/net");
    launch(pod, CLUSTER, &flags).stage(stage).run()
}

#[test]
fn flows_that_clash_in_the_pods_own_table() {
    let (pod, _server) = served();
    sh(&narrow("postrouting", "10.77.0.2:5353"));
    let report = run(&pod, CLUSTER, &COUNT);
    assert!(report.codes("warn").contains(&"conntrack-insert-failed".to_owned()), "{report}");
    let said = report.reason("conntrack-insert-failed");
    assert!(said.contains("of this network namespace, which is not known to be"), "{said}");
    let rose = said.split("insert_failed rose by ").nth(1).and_then(|rest| rest.split(' ').next());
    let rose: u64 = rose.and_then(|number| number.parse().ok()).expect("a number");
    assert!(rose >= 3, "{said}");
    let unasked = run(&pod, CLUSTER, &["--dns-burst", "10"]);
    assert!(!unasked.stdout.contains("conntrack-insert-failed"), "{unasked}");
}

#[test]
fn flows_that_clash_on_the_node_are_seen_through_its_root() {
    let (pod, _server) = served();
    pod.node.sh(&narrow("input", "10.99.0.9:5353"));
    let report = with_root(&pod, &[]);
    let said = report.reason("conntrack-insert-failed");
    assert!(said.contains("in the table of the node, insert_failed rose by"), "{said}");
    // From the pod alone they are not, and that is no proof that there are none.
    let report = run(&pod, CLUSTER, &COUNT);
    assert!(!report.stdout.contains("conntrack-insert-failed"), "{report}");
    let said = report.reason("probe-failed");
    assert!(said.contains("the node's, where packets to services race, is not seen"), "{said}");
}

#[test]
fn a_wide_enough_range_drops_nothing() {
    let (pod, _server) = served();
    pod.node.sh(&narrow("input", "10.99.0.9:2000-60000 random"));
    let report = with_root(&pod, &[]).expect(0);
    for severity in ["fail", "warn", "unknown"] {
        assert_eq!(report.codes(severity), Vec::<String>::new(), "{report}");
    }
    // Who counts asks enough to see it: ten alone and ten pairs.
    sh("nft 'add table inet q; add counter inet q n; \
            add chain inet q c { type filter hook output priority 0; }; \
            add rule inet q c udp dport 53 counter name n'");
    let asked = |more: &[&str]| {
        sh("nft reset counter inet q n");
        with_root(&pod, more).expect(0);
        let text = sh("nft list counter inet q n");
        let number = text.split("packets ").nth(1).and_then(|rest| rest.split(' ').next());
        number.and_then(|number| number.parse::<u32>().ok()).expect("a counter")
    };
    assert_eq!(asked(&[]), asked(&["--dns-burst", "1"]) + 9 * 3);
}

#[test]
fn counters_that_are_hidden_are_unknown() {
    let (pod, _server) = served();
    let hidden = "mount -t tmpfs none /proc/$$/net".to_owned();
    let report = launch(&pod, CLUSTER, &COUNT).stage(hidden).run().expect(0);
    let said = report.reason("probe-failed");
    assert!(said.contains("connection tracking drops: read /proc/net/stat/nf_conntrack"), "{said}");
    fine(run(&pod, CLUSTER, &[]));
    let left_out = pod_without_dns();
    assert!(left_out.stderr.contains("a look of the dns layer, which is left out"), "{left_out}");
}

fn pod_without_dns() -> Output {
    let flags = ["check", "link", "--extra", "conntrack-drops"];
    pod().run(crate::world::Who::App, &flags).expect(2)
}
