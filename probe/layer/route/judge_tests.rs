//! Literal lookups, and what is said of them.

use super::{Lookup, Neighbour, Role, Seen, judge};
use crate::{
    finding::{Code, Finding},
    plan::Plan,
    pod::{
        Answer, Environment, Family, Look, Pod, Resolution, Route, lookup::tests::leads,
        tests::sample,
    },
    profile,
};

/// The sample pod, IPv4 alone: 10.0.0.2/24, default via 10.0.0.1.
fn pod() -> Pod {
    let mut pod = sample();
    let Look::Seen(addresses) = &mut pod.addresses else { unreachable!("the sample has some") };
    addresses.truncate(3);
    pod
}

fn routes(pod: &mut Pod) -> &mut Vec<Route> {
    let Look::Seen(routes) = &mut pod.routes else { unreachable!("the sample has routes") };
    routes
}

fn lookup(role: Role, destination: &str, answer: Answer) -> Lookup {
    let destination = destination.parse().expect("an address");
    Lookup { role, destination, port: Some(53), answer }
}

fn refused(errno: &str) -> Answer {
    Answer::Refused { errno: errno.into() }
}

fn routed() -> Answer {
    leads(Some("10.0.0.1"), "eth0", "10.0.0.2")
}

fn outside(answer: Answer) -> Lookup {
    lookup(Role::Outside, "192.0.2.1", answer)
}

fn next_hop(ip: &str, resolution: Resolution) -> Neighbour {
    Neighbour {
        ip: ip.parse().expect("an address"),
        link: "eth0".into(),
        link_index: 2,
        resolution: Look::Seen(resolution),
        waited_ms: 1200,
        unasked: None,
    }
}

fn findings(
    pod: &Pod,
    told: &[&str],
    lookups: &[Lookup],
    neighbours: &[Neighbour],
) -> Vec<Finding> {
    let plan = Plan::new("check", "istio", profile::ISTIO.capture());
    let pod_ips = told.iter().map(|ip| ip.parse().expect("an address")).collect();
    let environment = Environment { pod_ips, ..Environment::default() };
    let seen = Seen {
        lookups: Look::Seen(lookups.to_vec()),
        neighbours: neighbours.to_vec(),
        strict: None,
    };
    let mut found = judge(&plan, pod, &environment, &seen);
    found.retain(|finding| finding.code != Code::RouteHolds);
    found
}

fn codes(pod: &Pod, lookups: &[Lookup], neighbours: &[Neighbour]) -> Vec<Code> {
    findings(pod, &[], lookups, neighbours).into_iter().map(|finding| finding.code).collect()
}

#[test]
fn what_is_routed_by_a_gateway_that_answers_holds() {
    let nameserver = lookup(Role::Nameserver, "10.96.0.10", routed());
    for resolution in [Resolution::Known, Resolution::Unneeded, Resolution::Absent] {
        let hop = next_hop("10.0.0.1", resolution);
        assert_eq!(codes(&pod(), &[outside(routed()), nameserver.clone()], &[hop]), []);
    }
}

#[test]
fn errnos_are_told_apart_by_the_route_that_says_so() {
    for (errno, kind, code) in [
        ("EINVAL", "blackhole", Code::RouteBlackhole),
        ("EHOSTUNREACH", "unreachable", Code::RouteUnreachable),
        ("EACCES", "prohibit", Code::RouteProhibit),
    ] {
        let mut pod = pod();
        routes(&mut pod)[0].kind = kind.into();
        let found = findings(&pod, &[], &[outside(refused(errno))], &[]);
        assert_eq!(found[0].code, code);
        assert!(found[0].reason.ends_with(&format!("is a `{kind}` route ({errno})")));
        assert_eq!(found[0].family, Some(Family::Ipv4));
    }
}

#[test]
fn a_policy_rule_can_refuse_too() {
    let mut pod = pod();
    let Look::Seen(rules) = &mut pod.rules else { unreachable!("the sample has rules") };
    rules[1].action = "prohibit".into();
    let found = findings(&pod, &[], &[outside(refused("EACCES"))], &[]);
    assert_eq!(found[0].code, Code::RouteProhibit);
    assert!(found[0].reason.contains("policy rule 32000"), "{}", found[0].reason);
}

#[test]
fn an_errno_that_no_route_explains_is_the_sandboxs_word() {
    assert_eq!(codes(&pod(), &[outside(refused("EINVAL"))], &[]), []);
}

#[test]
fn nothing_routed_is_more_than_no_default() {
    let lost = [outside(refused("ENETUNREACH"))];
    let mut pod = pod();
    routes(&mut pod).remove(0);
    assert_eq!(codes(&pod, &lost, &[]), [Code::RouteNoDefault]);
    routes(&mut pod).clear();
    assert_eq!(codes(&pod, &lost, &[]), [Code::RouteTableEmpty]);
}

#[test]
fn the_lookup_is_believed_before_the_table() {
    let mut pod = pod();
    routes(&mut pod).remove(0);
    assert_eq!(codes(&pod, &[outside(routed())], &[]), [], "two halves make a default");
    assert_eq!(codes(&pod, &[], &[]), [Code::RouteNoDefault], "without lookups the table serves");
    let mut elsewhere = self::pod();
    routes(&mut elsewhere)[0].table = 100;
    let found = findings(&elsewhere, &[], &[outside(refused("ENETUNREACH"))], &[]);
    assert_eq!(found[0].code, Code::RouteNoDefault);
    assert!(found[0].reason.contains("table 100 has one"), "{}", found[0].reason);
}

#[test]
fn what_follows_from_a_missing_default_is_not_said_again() {
    let lost = || refused("ENETUNREACH");
    let lookups = [outside(lost()), lookup(Role::ApiServer, "10.96.0.1", lost())];
    let mut pod = pod();
    routes(&mut pod).remove(0);
    assert_eq!(codes(&pod, &lookups, &[]), [Code::RouteNoDefault]);
}

#[test]
fn one_nameserver_of_two_is_enough() {
    let lost = lookup(Role::Nameserver, "fd00::a", refused("ENETUNREACH"));
    assert_eq!(codes(&pod(), &[outside(routed()), lost.clone()], &[]), [Code::RouteOtherFamily]);
    let own = lookup(Role::Nameserver, "10.96.0.10", refused("ENETUNREACH"));
    assert_eq!(codes(&pod(), &[outside(routed()), own], &[]), [Code::RouteNoRouteTo]);
    let left = lookup(Role::Nameserver, "10.96.0.10", routed());
    assert_eq!(codes(&pod(), &[outside(routed()), lost, left], &[]), [Code::RouteNameserverLost]);
}

#[test]
fn a_target_without_a_route_is_told_and_blocks_nothing() {
    let to = |answer| [outside(routed()), lookup(Role::Target, "10.9.0.1", answer)];
    assert_eq!(codes(&pod(), &to(refused("ENETUNREACH")), &[]), [Code::RouteTargetLost]);
    assert_eq!(codes(&pod(), &to(routed()), &[]), []);
    // It is no nameserver that would be left.
    let [default, named] = to(routed());
    let lost = lookup(Role::Nameserver, "10.96.0.10", refused("ENETUNREACH"));
    assert_eq!(codes(&pod(), &[default, named, lost], &[]), [Code::RouteNoRouteTo]);
}

#[test]
fn a_silent_gateway_is_named_by_where_it_is() {
    for state in [Resolution::Failed, Resolution::Incomplete] {
        let silent = [next_hop("10.0.0.1", state)];
        assert_eq!(codes(&pod(), &[outside(routed())], &silent), [Code::RouteGatewayNoNeighbour]);
        let away = outside(leads(Some("10.9.0.1"), "eth0", "10.0.0.2"));
        let silent = [next_hop("10.9.0.1", state)];
        assert_eq!(codes(&pod(), &[away], &silent), [Code::RouteGatewayOfflink]);
    }
}

#[test]
fn a_link_route_makes_a_gateway_a_neighbour() {
    let mut pod = pod();
    let link_route = Route {
        destination: "169.254.1.1/32".parse().expect("a network"),
        gateway: None,
        ..routes(&mut pod)[0].clone()
    };
    routes(&mut pod).push(link_route);
    let by_calico = outside(leads(Some("169.254.1.1"), "eth0", "10.0.0.2"));
    let silent = [next_hop("169.254.1.1", Resolution::Failed)];
    assert_eq!(
        codes(&pod, std::slice::from_ref(&by_calico), &silent),
        [Code::RouteGatewayNoNeighbour]
    );
    assert_eq!(codes(&pod, &[by_calico], &[next_hop("169.254.1.1", Resolution::Known)]), []);
}

#[test]
fn a_service_on_the_link_must_answer() {
    let on_link = || leads(None, "eth0", "10.0.0.2");
    for (role, then) in
        [(Role::Nameserver, &[][..]), (Role::ApiServer, &[Code::AddressCoversService][..])]
    {
        let lookups = [outside(routed()), lookup(role, "10.0.0.10", on_link())];
        let hop = |state| [next_hop("10.0.0.10", state)];
        assert_eq!(codes(&pod(), &lookups, &hop(Resolution::Known)), then, "{role:?}");
        assert_eq!(codes(&pod(), &lookups, &hop(Resolution::Absent)), then, "{role:?}");
        assert_eq!(codes(&pod(), &lookups, &hop(Resolution::Unneeded)), [], "{role:?}");
        let silent = codes(&pod(), &lookups, &hop(Resolution::Failed));
        assert_eq!(silent, [Code::RouteServiceNoNeighbour], "{role:?}");
    }
}

#[test]
fn cluster_traffic_leaves_from_the_pods_own_address() {
    let away = lookup(Role::Nameserver, "10.96.0.10", leads(None, "net1", "192.168.5.4"));
    let codes = |told: &[&str]| -> Vec<Code> {
        let found = findings(&sample(), told, &[outside(routed()), away.clone()], &[]);
        let of_ipv4 = found.into_iter().filter(|finding| finding.family == Some(Family::Ipv4));
        of_ipv4.map(|finding| finding.code).collect()
    };
    assert_eq!(codes(&["10.0.0.2"]), [Code::RouteSourceUnexpected]);
    assert_eq!(codes(&["fd00::2"]), [], "another family says nothing");
    assert_eq!(codes(&[]), [], "nobody says which address is the pod's own");
}

#[test]
fn default_routes_compete_only_with_the_same_metric_and_another_link() {
    let with = |change: fn(&mut Route)| {
        let mut pod = pod();
        let mut second = routes(&mut pod)[0].clone();
        change(&mut second);
        routes(&mut pod).push(second);
        codes(&pod, &[outside(routed())], &[])
    };
    assert_eq!(with(|route| route.link = Some("net1".into())), [Code::RouteMultipleDefaults]);
    assert_eq!(with(|route| route.gateway = "10.0.0.7".parse().ok()), [], "one link, two hops");
    let other = |route: &mut Route| (route.link, route.metric) = (Some("net1".into()), 7);
    assert_eq!(with(other), []);
}

#[test]
fn could_not_look_is_not_no() {
    let mut blind = pod();
    blind.routes = Look::Blind { operation: "dump routes".into(), errno: "EPERM".into() };
    let found = findings(&blind, &[], &[], &[]);
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::ProbeFailed]);
    assert_eq!(codes(&blind, &[outside(routed())], &[]), [], "the lookup alone is enough");
}
