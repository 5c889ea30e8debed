//! More than anybody needs: interfaces, routes, names. It ends, and takes no more memory than it should.

use std::fmt::Write;
use std::process::Command;

use super::super::manners::Manners;
use super::{Cluster, RESOLV_CONF};
use crate::world::{Pod, Who, World, feed};

/// Address space for a test build, its libraries and stack; a report of everything would not fit.
const SPACE: &str = "ulimit -v 131072";

fn batch(lines: &str) {
    feed(Command::new("ip").args(["-batch", "-"]), lines);
}

fn look(pod: &Pod) -> crate::world::Output {
    let file = pod.file("resolv.conf");
    std::fs::write(&file, "nameserver 10.77.0.1\n").expect("resolv.conf");
    let file = file.display().to_string();
    let line = ["check", "--mesh", "none", "--output", "json", "--resolv-conf", &file];
    pod.launch(Who::App, &line).stage(SPACE.into()).run()
}

#[test]
fn a_thousand_interfaces() {
    let pod = World::V4.start();
    let mut lines = String::new();
    for number in 0..500 {
        let _ = writeln!(lines, "link add a{number} type veth peer name b{number}");
    }
    batch(&lines);
    // They are attachments, none of which has a carrier or an address: the pod is as it was.
    let run = look(&pod).expect(0);
    assert!(run.codes("fail").is_empty(), "{run}");
    assert!(run.stdout.len() < 100_000, "{} bytes of report", run.stdout.len());
}

#[test]
fn a_hundred_thousand_routes() {
    let pod = World::V4.start();
    let mut lines = String::new();
    for number in 0..100_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let _ = writeln!(lines, "route add 100.{}.{b}.{c}/32 via 10.77.0.1", 64 + a);
    }
    batch(&lines);
    let run = look(&pod).expect(0);
    assert!(run.codes("fail").is_empty(), "{run}");
    crate::world::sh("ip route del default");
    assert_eq!(look(&pod).expect(20).cause(), "route-no-default");
}

#[test]
fn a_resolv_conf_of_megabytes() {
    let cluster = Cluster::start(Manners::GOOD);
    let comment = "# nothing to see here, and the same once more\n".repeat(100_000);
    let behind = cluster.launch(&["check"], &format!("{comment}{RESOLV_CONF}"));
    let run = behind.stage(SPACE.into()).run();
    assert_eq!(run.code, 40, "its servers are not among the first bytes that are read: {run}");
    let before = cluster.launch(&["check"], &format!("{RESOLV_CONF}{comment}"));
    before.stage(SPACE.into()).run().expect(0);
    let servers = "nameserver 10.96.0.10\n".repeat(50_000);
    let run = cluster.launch(&["check"], &format!("{RESOLV_CONF}{servers}"));
    let run = run.stage(SPACE.into()).run().expect(0);
    assert!(run.codes("warn").contains(&"resolv-conf-extra-servers".to_owned()), "{run}");
    assert!(run.stdout.len() < 100_000, "{} bytes of report", run.stdout.len());
}

#[test]
fn search_lists_of_hundreds_of_domains_and_labels() {
    let cluster = Cluster::start(Manners::GOOD);
    let domains: Vec<String> = (0..300).map(|n| format!("ns-{n}.svc.cluster.local")).collect();
    let labels = ["a"; 300].join(".");
    let long = "x".repeat(5000);
    for search in [domains.join(" "), labels, long] {
        let file = format!("search {search}\nnameserver 10.96.0.10\noptions ndots:300\n");
        let name = ["check", "-t", "tcp://db.shop:5432"];
        let run = cluster.launch(&name, &file).stage(SPACE.into()).run();
        // Nobody has the name; that there is a nameserver that answers is seen all the same.
        assert_eq!(run.code, 60, "{run}");
        assert!(!run.codes("fail").contains(&"dns-silent".to_owned()), "{run}");
        assert!(run.stdout.len() < 200_000, "{} bytes of report", run.stdout.len());
    }
}
