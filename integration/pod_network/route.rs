//! Routes: none, refusing ones, and those that lead elsewhere.

use super::{attach, complaints, look, only, resolving};
use crate::world::{Who, World, sh};

#[test]
fn an_empty_table_is_more_than_a_missing_default() {
    let pod = World::V4.start();
    sh("ip route flush table main");
    only(&look(&pod).run().expect(20), "route-table-empty");
}

#[test]
fn each_kind_of_refusal_has_its_name() {
    for kind in ["blackhole", "unreachable", "prohibit"] {
        for family in ["-4", "-6"] {
            let pod = World::DUAL.start();
            sh(&format!("ip {family} route del default; ip {family} route add {kind} default"));
            let run = resolving(&pod, look(&pod), &["10.77.0.1", "fd77::1"]).run().expect(20);
            only(&run, &format!("route-{kind}"));
            assert!(run.stdout.contains(&format!("a `{kind}` route")), "{run}");
        }
    }
}

#[test]
fn a_refused_destination_is_named_with_its_role() {
    let pod = World::DUAL.start();
    sh("ip route add prohibit 10.96.0.0/12");
    let api = look(&pod).env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    let run = resolving(&pod, api, &["10.77.0.1"]).run().expect(20);
    only(&run, "route-prohibit");
    assert!(
        run.stdout.contains("API server 10.96.0.1: 10.96.0.0/12 is a `prohibit` route"),
        "{run}"
    );
    let run = resolving(&pod, look(&pod), &["10.96.0.10"]).run().expect(20);
    only(&run, "route-prohibit");
    let run = resolving(&pod, look(&pod), &["10.96.0.10", "fd77::1"]).run().expect(0);
    only(&run, "route-nameserver-lost");
}

#[test]
fn a_named_nameserver_without_a_route_is_left_to_the_layer_that_asks_it() {
    let pod = World::V4.start();
    sh("ip route add prohibit 10.96.0.53");
    let named = |layers: &str| {
        let flags = ["check", "--only", layers, "--nameserver", "10.96.0.53", "--output", "json"];
        resolving(&pod, pod.launch(Who::App, &flags), &["10.77.0.1"]).run()
    };
    let run = named("route,dns").expect(40);
    assert!(run.codes("warn").contains(&"route-target-lost".to_owned()), "{run}");
    assert!(run.stdout.contains("target 10.96.0.53: 10.96.0.53/32 is a `prohibit` route"), "{run}");
    // Nobody asks it.
    assert!(complaints(&named("route").expect(0)).is_empty());
    sh("ip route del prohibit 10.96.0.53");
    let run = named("route,dns").expect(40);
    assert!(!run.codes("warn").contains(&"route-target-lost".to_owned()), "{run}");
}

#[test]
fn a_rule_that_refuses_is_named() {
    let pod = World::V4.start();
    sh("ip rule add pref 77 uidrange 65532-65532 prohibit");
    let run = look(&pod).run().expect(20);
    assert_eq!(run.cause(), "route-prohibit", "{run}");
    assert!(run.stdout.contains("policy rule 77"), "{run}");
}

#[test]
fn a_nameserver_of_a_family_that_the_pod_has_not_is_told_and_blocks_nothing() {
    let pod = World::V4.start();
    let run = resolving(&pod, look(&pod), &["fd00::a"]).run().expect(0);
    only(&run, "route-other-family");
    let run = resolving(&pod, look(&pod), &["fd00::a", "10.77.0.1"]).run().expect(0);
    only(&run, "route-nameserver-lost");
}

#[test]
fn a_default_route_that_no_rule_leads_to_is_none() {
    let pod = World::V4.start();
    sh("ip route del default; ip route add default via 10.77.0.1 table 100
        ip rule add from 10.77.0.9 lookup 100");
    let run = resolving(&pod, look(&pod), &["10.77.0.1"]).run().expect(20);
    only(&run, "route-no-default");
    assert!(run.stdout.contains("table 100 has one"), "{run}");
}

#[test]
fn two_default_routes_with_one_metric_are_a_warning() {
    let pod = World::DUAL.start();
    attach(
        "ip address add fd55::4/64 dev net1 nodad
        ip -6 route append default via fd55::1 dev net1",
    );
    // The kernel takes both for one multipath route: either may be asked for.
    let run = look(&pod).run();
    assert!(complaints(&run).contains(&"route-multiple-defaults".into()), "{run}");
}

#[test]
fn cluster_traffic_by_an_attachment_is_a_warning() {
    let pod = World::V4.start();
    attach(
        "ip address add 192.168.5.4/24 dev net1; ip route add 10.96.0.0/12 via 192.168.5.1
        ip neighbour add 192.168.5.1 lladdr 02:00:00:00:00:01 dev net1 nud permanent",
    );
    let api = look(&pod).env("KUBERNETES_SERVICE_HOST", "10.96.0.1").env("POD_IP", "10.77.0.2");
    let run = resolving(&pod, api, &["10.77.0.1"]).run().expect(0);
    only(&run, "route-source-unexpected");
    assert!(run.stdout.contains("leave net1 from 192.168.5.4, not from 10.77.0.2"), "{run}");
}
