//! What is broken below the rules has its own exit code, and the rules are not blamed for it.

use crate::{
    pod_network::resolving,
    world::{Backend, Output, Pod, Rules, Who, World, sh},
};

fn pod() -> Pod {
    Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio())
}

#[test]
fn lo_down_is_the_cause() {
    let pod = pod();
    sh("ip link set lo down");
    for who in Who::ALL {
        let run = pod.run(who, &["check", "--output", "json"]).expect(10);
        assert_eq!(run.cause(), "link-lo-down", "{who:?}: {run}");
        blames_no_rule(&run);
    }
}

#[test]
fn a_pod_without_an_interface_is_the_cause() {
    let pod = pod();
    sh("ip link delete eth0");
    for who in Who::ALL {
        let run = pod.run(who, &["check", "--output", "json"]).expect(10);
        assert_eq!(run.cause(), "cni-setup-failed", "{who:?}: {run}");
        blames_no_rule(&run);
    }
}

#[test]
fn no_default_route_is_no_redirect_failure() {
    let pod = pod();
    sh("ip route delete default; ip -6 route delete default");
    for who in Who::ALL {
        let run = pod.run(who, &["check", "--output", "json"]).expect(20);
        assert_eq!(run.cause(), "route-no-default", "{who:?}: {run}");
        blames_no_rule(&run);
    }
}

#[test]
fn no_default_route_in_one_family_names_the_family() {
    let pod = pod();
    sh("ip -6 route delete default");
    for who in Who::ALL {
        let run = pod.run(who, &["check", "--output", "json"]).expect(20);
        assert_eq!(run.cause(), "route-no-default", "{who:?}: {run}");
        let report = run.report();
        let found = report["findings"].as_array().expect("findings").iter();
        let families: Vec<_> =
            found.filter(|f| f["code"] == "route-no-default").map(|f| &f["family"]).collect();
        assert_eq!(families, ["ipv6"], "{who:?}: {run}");
        blames_no_rule(&run);
    }
}

#[test]
fn ipv6_switched_off_is_not_asked_for() {
    let pod = pod();
    switch_ipv6_off();
    for who in Who::ALL {
        pod.run(who, &["gate"]).expect(0);
    }
}

#[test]
fn ipv6_switched_off_but_declared_is_an_address_failure() {
    let pod = pod();
    switch_ipv6_off();
    for who in Who::ALL {
        let run =
            pod.run(who, &["check", "--families", "ipv4,ipv6", "--output", "json"]).expect(10);
        assert_eq!(run.cause(), "address-family-missing", "{who:?}: {run}");
        blames_no_rule(&run);
    }
}

#[test]
fn ipv6_alone_holds_alone() {
    let pod = pod();
    sh("ip address delete 10.77.0.2/24 dev eth0; iptables-nft -t nat -F");
    for who in Who::ALL {
        let gate = pod.launch(who, &["gate", "--output", "json"]);
        let run = resolving(&pod, gate, &["fd96::a"]).run().expect(0);
        let report = run.report();
        let found = report["findings"].as_array().expect("findings");
        assert!(found.iter().all(|finding| finding["family"] != "ipv4"), "{who:?}: {run}");
    }
}

#[test]
fn root_without_capabilities_sees_what_an_application_sees() {
    let pod = pod();
    let nobody = Who::Ids(0, 0);
    let run = pod.run(nobody, &["check", "--output", "json"]).expect(0);
    assert!(run.codes("unknown").contains(&"not-observable".into()), "{run}");
    sh("iptables-nft -t nat -F ISTIO_REDIRECT");
    pod.run(nobody, &["check"]).expect(30);
    pod.load(Backend::IptablesNft, &Rules::istio());
    sh("iptables-nft -t nat -F ISTIO_IN_REDIRECT");
    pod.run(nobody, &["check"]).expect(0);
}

#[test]
fn a_foreign_uid_in_the_proxys_group_claims_no_outbound_proof() {
    let pod = pod();
    // The rules exempt the group: from here an outbound connection that escapes is as promised.
    let run = pod.run(Who::Ids(65532, 1337), &["check", "--output", "json"]);
    assert!(matches!(run.code, 0 | 5), "{run}");
    assert!(run.codes("fail").is_empty(), "{run}");
    assert!(run.codes("unknown").contains(&"not-observable".into()), "{run}");
}

fn switch_ipv6_off() {
    sh(
        "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6",
    );
}

#[track_caller]
fn blames_no_rule(run: &Output) {
    let report = run.report();
    let found = report["findings"].as_array().expect("findings");
    let blamed =
        found.iter().any(|finding| finding["layer"] == "redirect" && finding["severity"] == "fail");
    assert!(!blamed, "{run}");
}

#[test]
fn an_ipv6_address_that_somebody_else_has_is_no_reason_to_leave_ipv6_out() {
    let pod = pod();
    pod.node.sh("ip address add fd77::9/64 dev host nodad");
    sh(DETECT);
    sh("ip address del fd77::2/64 dev eth0; ip address add fd77::9/64 dev eth0");
    let flags = ["gate", "--output", "json", "--deadline", "4s"];
    let run = pod.run(Who::App, &flags).expect(10);
    assert_eq!(run.cause(), "address-duplicate", "{run}");
    assert!(run.stdout.contains("found another owner"), "{run}");
}

#[test]
fn gate_waits_for_duplicate_address_detection() {
    let pod = pod();
    sh(DETECT);
    sh("ip address del fd77::2/64 dev eth0; ip address add fd77::3/64 dev eth0");
    let run = pod.run(Who::App, &["check", "--output", "json"]).expect(10);
    assert_eq!(run.cause(), "address-tentative", "{run}");
    let run = pod.run(Who::App, &["gate", "--output", "json"]).expect(0);
    assert!(run.report()["families"].as_array().is_some_and(|f| f.len() == 2), "{run}");
}

/// The worlds do without duplicate address detection, to be ready at once.
const DETECT: &str =
    "sysctl -qw net.ipv6.conf.eth0.accept_dad=1 net.ipv6.conf.eth0.dad_transmits=1";

#[test]
fn a_pod_without_any_address_is_told_so_and_waited_for() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    sh("ip address flush dev eth0");
    let run = pod.run(Who::App, &["check", "--output", "json"]).expect(10);
    assert_eq!(run.cause(), "address-none", "{run}");
    let gate = pod.launch(Who::App, &["gate", "--deadline", "10s"]).start();
    assert!(gate.still_runs_after(std::time::Duration::from_millis(200)), "it may come");
    sh("ip address add 10.77.0.2/24 dev eth0; ip route add default via 10.77.0.1");
    gate.wait().expect(0);
}

#[test]
fn hundreds_of_addresses_and_a_long_list_need_no_more_descriptors_than_there_are() {
    let pod = Pod::with(World::V4, Backend::IptablesNft, &Rules::istio());
    sh("ip link add net1 type veth peer name far; ip link set net1 up
        for i in $(seq 1 200); do echo address add 10.99.1.$i/32 dev net1; done | ip -batch -
        iptables-nft -t nat -I OUTPUT -p tcp --dport 30000:30199 -j ACCEPT");
    let ports: Vec<String> = (30_000..30_200).map(|port: u16| port.to_string()).collect();
    for who in Who::ALL {
        let flags = ["check", "--exclude-outbound-ports", &ports.join(",")];
        pod.launch(who, &flags).stage("ulimit -n 1024".to_owned()).run().expect(0);
    }
}
