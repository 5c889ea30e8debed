//! Packets on their way through literal rules, and the rules that are named.

use std::net::IpAddr;

use super::{
    expected::expected,
    model::{Action, Match, Place, Ruleset, Test},
    name::{Compared, Named},
    packets::Cast,
    save::parse,
    walk::{Counted, Ground, Lost, Packet, walk},
};
use crate::{
    capture::{Capture, Exempt, Interception},
    layer::redirect::{Addresses, Flow, Play, Sender, Vantage, flows},
    pod::Family,
    profile,
};

fn ground() -> Ground {
    let addresses = ["10.0.0.2", "fd00::2"].map(|ip| ip.parse().expect("an address")).to_vec();
    Ground { addresses, link: "eth0".to_owned() }
}

fn packet(destination: &str, owner: Option<(u32, u32)>) -> Packet {
    let destination: std::net::SocketAddr = destination.parse().expect("an address");
    let source = if destination.is_ipv4() { "10.0.0.2:40000" } else { "[fd00::2]:40000" };
    Packet {
        protocol: 6,
        source: source.parse().expect("an address"),
        destination,
        owner,
        mark: 0,
        conn_mark: 0,
        reply: false,
    }
}

fn rules(text: &str) -> Ruleset {
    parse(text, Family::Ipv4)
}

const APP: Option<(u32, u32)> = Some((1000, 1000));

#[test]
fn a_jump_comes_back_and_a_redirect_does_not() {
    let rules = rules(
        "*nat\n-A OUTPUT -j A\n-A OUTPUT -p tcp -j REDIRECT --to-ports 15001\n\
         -A A -p udp -j REDIRECT --to-ports 9\n-A A -d 127.0.0.1/32 -j RETURN",
    );
    let walked = walk(&rules, &ground(), &packet("192.0.2.1:80", APP), None);
    assert_eq!(walked.effects.nat, Some((Some([127, 0, 0, 1].into()), Some(15001))));
    let positions: Vec<usize> = walked.steps.iter().map(|(place, _)| place.rule).collect();
    assert_eq!(positions, [0, 1]);
}

#[test]
fn an_owner_is_known_on_the_way_out_alone() {
    let rules = rules(
        "*filter\n-A OUTPUT -m owner --uid-owner 1000 -j DROP\n-A INPUT -m owner --uid-owner 1000 -j DROP",
    );
    let out = walk(&rules, &ground(), &packet("192.0.2.1:80", APP), None);
    assert!(matches!(out.effects.lost, Some(Lost::Rule(_))));
    let inward = walk(&rules, &ground(), &packet("10.0.0.2:80", None), None);
    assert_eq!(inward.effects.lost, None);
}

#[test]
fn a_policy_drops_what_no_rule_accepts() {
    let mut rules = rules("*filter\n-A OUTPUT -p udp -j ACCEPT");
    let base = rules.tables[0].chains[0].base.as_mut().expect("a base chain");
    base.accepts = false;
    let walked = walk(&rules, &ground(), &packet("192.0.2.1:80", APP), None);
    assert!(matches!(walked.effects.lost, Some(Lost::Policy(_))));
}

#[test]
fn an_unreadable_match_is_a_doubt_unless_its_counter_tells() {
    let mut rules =
        rules("*nat\n-A OUTPUT -j REDIRECT --to-ports 9\n-A OUTPUT -j REDIRECT --to-ports 15001");
    let rule = &mut rules.tables[0].chains[0].rules[0];
    rule.matches.push(Match::is(Test::Unreadable("string".to_owned())));
    rule.packets = Some(7);
    let port = |counted: Option<&Counted>| {
        let walked = walk(&rules, &ground(), &packet("192.0.2.1:80", APP), counted);
        (walked.effects.nat.and_then(|(_, port)| port), walked.doubts.len())
    };
    let at = Place { table: 0, chain: 0, rule: 0 };
    assert_eq!(port(None), (Some(15001), 1));
    assert_eq!(port(Some(&Counted::new())), (Some(15001), 0));
    assert_eq!(port(Some(&Counted::from([(at, 1)]))), (Some(9), 0));
}

#[test]
fn chains_that_jump_to_each_other_end() {
    let rules = rules("*nat\n-A OUTPUT -j A\n-A A -j B\n-A B -j A\n-A B -j A");
    let _ = walk(&rules, &ground(), &packet("192.0.2.1:80", APP), None);
}

#[test]
fn a_rule_for_the_other_family_is_not_its_opposite() {
    let mut rules = rules("*nat\n-A OUTPUT ! -d 127.0.0.1/32 -j REDIRECT --to-ports 9");
    rules.tables[0].scope = super::model::Scope::Inet;
    let walked = walk(&rules, &ground(), &packet("[2001:db8::1]:80", APP), None);
    assert_eq!(walked.effects.nat, None);
}

fn vantage(capture: &Capture) -> Vantage {
    let proxy = match (&capture.exempt, capture.proxy) {
        (Exempt::Mark { mark, .. }, _) => Play::Marked { mark: *mark },
        (_, (uid, gid)) => Play::As { uid, gid },
    };
    let app = Play::As { uid: 65532, gid: 65532 };
    Vantage { uid: 0, gid: 0, proxy, app, outside: Play::Own }
}

fn addresses(mesh: &profile::Profile) -> Addresses {
    Addresses {
        families: vec![Family::Ipv4, Family::Ipv6],
        pod: ground().addresses,
        proxy_by_group: mesh.name == "istio-tproxy",
        ..Addresses::default()
    }
}

/// Flows from an address that the expected rules do not know: early releases of ambient had another one.
fn is_of_another_version(flow: &Flow) -> bool {
    let early: IpAddr = "e9ac:1e77:90ca:399f:4d6d:ece2:2f9b:3164".parse().expect("an address");
    flow.source == Some(early)
}

/// Every flow of a mesh that ends elsewhere without one expected rule, with what is named.
fn without_each_rule(mesh: &profile::Profile) -> Vec<(String, Named)> {
    let mut capture = mesh.capture();
    if mesh.dns.is_captured() && mesh.interception == Interception::Redirect {
        capture.dns = mesh.dns;
    }
    let addresses = addresses(mesh);
    let vantage = vantage(&capture);
    let cast = Cast { capture: &capture, vantage: &vantage, ground: ground() };
    let mut named = Vec::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        let whole = expected(mesh.name, &capture, family).expect("rules");
        let of_family = |flow: &&Flow| {
            flow.family == family && flow.again.is_none() && !is_of_another_version(flow)
        };
        for (place, rule) in whole.rules() {
            let mut without = whole.clone();
            without.tables[place.table].chains[place.chain].rules.remove(place.rule);
            let compared = Compared { family, actual: &without, expected: Some(&whole) };
            for flow in flows(&capture, &addresses).iter().filter(of_family) {
                let found = compared.name(&cast, flow, None);
                if found.rule.is_some() || found.absent.is_some() || found.policy.is_some() {
                    named.push((rule.text.clone(), found));
                }
            }
        }
    }
    named
}

#[test]
fn of_each_mesh_the_missing_rule_is_named_by_each_flow_that_it_breaks() {
    for mesh in profile::ALL.iter().filter(|mesh| mesh.name != "none") {
        let named = without_each_rule(mesh);
        assert!(named.len() > 20, "{}: {}", mesh.name, named.len());
        for (gone, found) in named {
            let absent = found.absent.as_ref().map(|absent| absent.text.as_str());
            assert_eq!(absent, Some(gone.as_str()), "{}: {found:?}", mesh.name);
        }
    }
}

#[test]
fn of_each_mesh_the_expected_rules_do_what_is_promised() {
    for mesh in profile::ALL.iter().filter(|mesh| mesh.name != "none") {
        let capture = mesh.capture();
        let addresses = addresses(mesh);
        let vantage = vantage(&capture);
        let cast = Cast { capture: &capture, vantage: &vantage, ground: ground() };
        let all = flows(&capture, &addresses);
        for flow in all.into_iter().filter(|flow| !is_of_another_version(flow)) {
            let whole = expected(mesh.name, &capture, flow.family).expect("rules");
            let compared = Compared { family: flow.family, actual: &whole, expected: Some(&whole) };
            let named = compared.name(&cast, &flow, None);
            let idle = flow.sender == Sender::Outside;
            assert!(named.fulfils || idle, "{}: {flow:?}: {:?}", mesh.name, named.predicted);
            assert!(named.rule.is_none() && named.absent.is_none(), "{}: {flow:?}", mesh.name);
        }
    }
}

#[test]
fn a_foreign_rule_is_named_and_so_is_an_altered_one() {
    let capture = profile::ISTIO.capture();
    let whole = expected("istio", &capture, Family::Ipv4).expect("rules");
    let vantage = vantage(&capture);
    let cast = Cast { capture: &capture, vantage: &vantage, ground: ground() };
    let addresses = Addresses { families: vec![Family::Ipv4], ..Addresses::default() };
    let outbound = flows(&capture, &addresses).remove(0);
    let named = |actual: &Ruleset| {
        let compared = Compared { family: Family::Ipv4, actual, expected: Some(&whole) };
        compared.name(&cast, &outbound, None)
    };
    let mut foreign = whole.clone();
    let accept =
        parse("*nat\n-A OUTPUT -p tcp -j ACCEPT", Family::Ipv4).tables.remove(0).chains.remove(0);
    let table = foreign.tables.iter().position(|table| table.name == "nat").expect("nat");
    let chains = &mut foreign.tables[table].chains;
    let chain = chains.iter().position(|chain| chain.name == "OUTPUT").expect("OUTPUT");
    chains[chain].rules.insert(0, accept.rules[0].clone());
    assert_eq!(named(&foreign).rule, Some(Place { table, chain, rule: 0 }));

    let mut altered = whole.clone();
    let at = whole.rules().find(|(_, rule)| rule.text.ends_with("--to-ports 15001")).expect("it").0;
    altered.tables[at.table].chains[at.chain].rules[at.rule].actions =
        vec![Action::Redirect(Some(9))];
    let told = named(&altered);
    assert_eq!(told.rule, Some(at));
    assert!(told.absent.is_some_and(|absent| absent.text.ends_with("--to-ports 15001")));
}
