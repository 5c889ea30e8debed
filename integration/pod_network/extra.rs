//! Looks that are taken only when they are asked for.

use super::{complaints, look, only};
use crate::world::{
    Who, World,
    server::{Server, hangs},
    sh,
};

#[test]
fn an_attachment_that_is_filtered_by_its_way_back() {
    let pod = World::DUAL.start();
    sh("ip link add net1 type veth peer name peer1; ip link set peer1 up
        ip address add 192.168.5.4/24 dev net1; ip link set net1 up
        until ip link show dev net1 | grep -q 'state UP'; do sleep 0.01; done
        echo 1 > /proc/sys/net/ipv4/conf/net1/rp_filter");
    assert_eq!(complaints(&look(&pod).run().expect(0)), Vec::<String>::new(), "nobody asked");
    let asked = || look(&pod).env("PODPROBE_EXTRA", "rp-filter").run().expect(0);
    let run = asked();
    only(&run, "reverse-path-strict");
    assert!(
        run.stdout.contains("rp_filter is 1 on net1, and the default route leads to eth0"),
        "{run}"
    );
    sh("echo 2 > /proc/sys/net/ipv4/conf/net1/rp_filter");
    assert_eq!(complaints(&asked()), Vec::<String>::new());
    sh(
        "echo 0 > /proc/sys/net/ipv4/conf/net1/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter",
    );
    only(&asked(), "reverse-path-strict");
}

#[test]
fn losses_are_counted_before_and_after() {
    let pod = World::DUAL.start();
    let target = ["--target", "tcp://10.77.0.1:9?timeout=700ms"];
    let flags = ["check", "link", "--mesh", "none", "--output", "json", "--extra", "link-drops"];
    let flags = [&flags[..], &target].concat();
    pod.node.filter("input", "tcp dport 9 drop");
    let quiet = pod.run(Who::App, &flags).expect(60);
    assert_eq!(quiet.codes("warn"), Vec::<String>::new(), "{quiet}");
    // Nothing in a namespace makes a veth lose packets on demand: what a rise means has a unit test,
    // and here is that there are counters to compare.
    let file = pod.file("recording.json");
    let file = file.display().to_string();
    pod.run(Who::App, &[&flags[..], &["--record", &file]].concat()).expect(60);
    let text = std::fs::read_to_string(&file).expect("a recording");
    let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for moment in [0, 1] {
        let links = all["seen"]["losses"][moment]["seen"].as_array().expect("losses");
        let counters: Vec<_> = links.iter().filter(|loss| loss["link"] == "eth0").collect();
        assert_eq!(counters.len(), 4, "{text}");
    }
}

#[test]
fn proxies_of_the_environment_are_targets_when_asked_for() {
    let pod = World::DUAL.start();
    let _proxy = Server::on(&pod.node, "10.77.0.1:3128", hangs);
    let run = |extra: &str, proxy: &str| {
        let flags = ["check", "link", "--mesh", "none", "--output", "json", "--extra", extra];
        pod.launch(Who::App, &flags).env("HTTPS_PROXY", proxy).env("https_proxy", proxy).run()
    };
    let fine = run("env-proxy", "http://user:secret@10.77.0.1:3128").expect(0);
    assert!(fine.stdout.contains("HTTPS_PROXY (tcp 10.77.0.1:3128)"), "{fine}");
    assert!(!fine.stdout.contains("secret"), "{fine}");
    let closed = run("env-proxy", "http://10.77.0.1:3129").expect(60);
    assert_eq!(closed.cause(), "reach-refused", "{closed}");
    run("", "http://10.77.0.1:3129").expect(0);
    let unknown = run("env-prox", "").expect(2);
    assert!(
        unknown
            .stderr
            .contains("link-drops, address-conflict, rp-filter, conntrack-drops, env-proxy"),
        "{unknown}"
    );
}

#[test]
fn what_cannot_be_read_is_unknown_and_what_is_left_out_is_refused() {
    let pod = World::DUAL.start();
    let hidden = |check: &str, hide: &str| {
        let flags = ["check", "link", "route", "--mesh", "none", "--output", "json"];
        let run = pod.launch(Who::App, &[&flags[..], &["--extra", check]].concat());
        run.stage(format!("mount -t tmpfs none {hide}")).run().expect(5)
    };
    for (check, hide, what) in [
        ("link-drops", "/sys", "losses of interfaces not observable: read /sys"),
        ("rp-filter", "/proc/sys/net", "reverse path filtering not observable: read /proc/sys"),
    ] {
        let run = hidden(check, hide);
        assert_eq!(run.codes("unknown"), ["probe-failed", "proof-required"], "{run}");
        assert!(run.stdout.contains(what), "{run}");
    }
    let run = pod.run(Who::App, &["check", "dns", "--extra", "rp-filter"]).expect(2);
    assert!(run.stderr.contains("a look of the route layer, which is left out"), "{run}");
}
