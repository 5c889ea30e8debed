//! Each rule that what arrives meets, deleted or altered: the code that names it, in its family.

use super::{Server, check, outside_finding, proved};
use crate::world::{Backend, Pod, Rules, World, sh};

/// A rule set without one rule, or with another in its place, and what podprobe must say.
struct Case {
    what: &'static str,
    rules: Rules,
    code: &'static str,
}

fn case(what: &'static str, rules: Rules, code: &'static str) -> Case {
    Case { what, rules, code }
}

fn sidecar() -> Vec<Case> {
    let whole = Rules::istio;
    vec![
        case(
            "no jump from PREROUTING",
            whole()
                .without("REROUTING -p tcp -j ISTIO_INBOUND")
                .without("prerouting meta l4proto tcp"),
            "inbound-escaped",
        ),
        case("no exclusion of 15021", whole().without("15021"), "exclusion-captured"),
        case(
            "no exclusion of the tunnel",
            whole()
                .without("-p tcp --dport 15008 -j RETURN")
                .without("tcp dport 15008 counter return"),
            "exclusion-captured",
        ),
        case("another inbound port", whole().replace("15006", "15053"), "inbound-wrong-port"),
        case("an inbound port of nobody", whole().replace("15006", "15099"), "capture-refused"),
    ]
}

#[track_caller]
fn told(pod: &Pod, backend: Backend, case: &Case, flags: &[&str]) {
    pod.load(backend, &case.rules);
    let run = check(pod, flags).expect(30);
    for family in ["ipv4", "ipv6"] {
        assert!(
            outside_finding(&run, case.code, family).is_some(),
            "{backend:?}: {}: no {} in {family}: {run}",
            case.what,
            case.code
        );
    }
}

#[test]
fn each_inbound_rule_of_the_sidecar_is_missed() {
    let pod = World::DUAL.start();
    for backend in Backend::ALL {
        for case in sidecar() {
            told(&pod, backend, &case, &[]);
        }
        pod.load(backend, &Rules::istio());
        let run = check(&pod, &[]).expect(0);
        assert!(run.codes("warn").is_empty() && run.codes("unknown").is_empty(), "{run}");
        assert!(proved(&run, "arriving") >= 12, "{run}");
        assert!(proved(&run, "arriving-exclusion") >= 8, "{run}");
    }
}

#[test]
fn beside_a_running_proxy_each_inbound_rule_is_missed_and_it_gets_no_connection() {
    let pod = World::DUAL.start();
    let proxy = [15001, 15006].map(|port| Server::start(1337, port));
    for backend in Backend::ALL {
        for case in sidecar() {
            // To a dead port, and to one that the proxy does not have, is the same here.
            let code = match case.code {
                "capture-refused" | "inbound-wrong-port" => "capture-refused",
                code => code,
            };
            told(&pod, backend, &Case { code, ..case }, &[]);
        }
        pod.load(backend, &Rules::istio());
        if backend == Backend::IptablesNft {
            let _stranger = Server::start(1000, 9090);
            sh("iptables-nft -t nat -I PREROUTING -p tcp --dport 8080 -j REDIRECT --to-ports 9090");
            let run = check(&pod, &[]).expect(30);
            assert_eq!(run.codes("fail"), ["traffic-diverted"], "{run}");
        }
        pod.load(backend, &Rules::istio().replace("15006", "15001"));
        let run = check(&pod, &[]).expect(30);
        assert!(outside_finding(&run, "inbound-wrong-port", "ipv6").is_some(), "{run}");
        pod.load(backend, &Rules::istio());
        let run = check(&pod, &["--require", "arriving,arriving-exclusion"]).expect(0);
        assert!(run.codes("warn").is_empty() && run.codes("unknown").is_empty(), "{run}");
        assert!(proved(&run, "arriving") >= 12, "{run}");
    }
    assert_eq!(proxy.map(|server| server.given()), [0, 0], "connections that the proxy was given");
}

#[test]
fn mangles_inbound_rules_of_tproxy_mode_are_missed() {
    let flags = ["--mesh", "istio-tproxy"];
    let whole = Rules::istio_tproxy;
    for backend in Backend::ALL {
        let pod = World::DUAL.start();
        for case in [
            case(
                "no jump",
                whole()
                    .without("-A PREROUTING -p tcp -j ISTIO_INBOUND")
                    .without("prerouting meta l4proto tcp counter jump istio-inbound"),
                "inbound-escaped",
            ),
            case("no exclusion", whole().without("15021"), "exclusion-captured"),
            case(
                "another port",
                whole()
                    .replace("--on-port 15006", "--on-port 15053")
                    .replace("to :15006", "to :15053"),
                "inbound-wrong-port",
            ),
        ] {
            told(&pod, backend, &case, &flags);
        }
        pod.load(backend, &whole());
        let run = check(&pod, &flags).expect(0);
        assert!(proved(&run, "arriving") >= 8 && proved(&run, "return") == 2, "{run}");
    }
}

#[test]
fn without_the_mark_on_the_way_back_the_clients_address_cannot_be_kept() {
    for (mesh, rules) in [
        ("istio-tproxy", Rules::istio_tproxy().without("-m connmark --mark 1337 -j CONNMARK")),
        ("istio-ambient", Rules::ambient().without("-j CONNMARK --restore-mark")),
    ] {
        let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
        let run = check(&pod, &["--mesh", mesh, "--listeners", "bind"]).expect(30);
        assert_eq!(run.codes("fail"), ["return-lost"], "{run}");
    }
}

#[test]
fn ambients_bypass_for_the_nodes_probes_is_missed() {
    let flags = ["--mesh", "istio-ambient", "--listeners", "bind"];
    let rules = Rules::ambient()
        .without("ISTIO_PRERT -s 169.254.7.127")
        .without("ISTIO_PRERT -s fd16:9254:7127:1337:ffff:ffff:ffff:ffff");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    let run = check(&pod, &flags).expect(30);
    let missing = run.findings("exclusion-missing");
    assert_eq!(missing.len(), 2, "{run}");
    assert!(missing[0]["reason"].as_str().unwrap_or_default().contains("169.254.7.127"), "{run}");
    pod.load(Backend::IptablesNft, &Rules::ambient());
    check(&pod, &flags).expect(0);
}

#[test]
fn a_zone_that_answers_from_outside_need_is_missed() {
    let flags = ["--mesh", "istio-ambient", "--listeners", "bind"];
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::ambient());
    check(&pod, &flags).expect(0);
    let rules = Rules::ambient().without("-m udp --sport 53 -j CT --zone 1");
    pod.load(Backend::IptablesNft, &rules);
    let run = check(&pod, &flags).expect(30);
    assert_eq!(run.codes("fail"), ["dns-zone-missing"], "{run}");
}

#[test]
fn a_foreign_rule_that_takes_the_applications_port_is_seen() {
    let pod = World::DUAL.start();
    for (rule, code) in [
        ("-t nat -I PREROUTING -p tcp --dport 8080 -j ACCEPT", "inbound-escaped"),
        ("-t nat -I PREROUTING -p tcp --dport 8080 -j REDIRECT --to-ports 9090", "capture-refused"),
        ("-t mangle -I PREROUTING ! -i lo -p tcp --dport 8080 -j DROP", "capture-dropped"),
        ("-t filter -I INPUT ! -i lo -p tcp --dport 15006 -j DROP", "capture-dropped"),
        ("-t filter -I INPUT ! -i lo -p tcp --dport 15006 -j REJECT", "capture-refused"),
    ] {
        pod.load(Backend::IptablesNft, &Rules::istio());
        sh(&format!("iptables-nft {rule}"));
        let run = check(&pod, &[]).expect(30);
        assert_eq!(run.codes("fail"), [code], "{rule}: {run}");
        assert!(outside_finding(&run, code, "ipv4").is_some(), "{rule}: {run}");
        assert!(outside_finding(&run, code, "ipv6").is_none(), "{rule}: {run}");
    }
}

#[test]
fn where_no_mesh_was_promised_nothing_that_arrives_may_be_taken() {
    let pod = World::DUAL.start();
    let run = check(&pod, &["--mesh", "none"]).expect(0);
    assert!(proved(&run, "arriving-exclusion") >= 8, "{run}");
    sh("iptables-nft -t nat -I PREROUTING -p tcp --dport 443 -j REDIRECT --to-ports 15006");
    let run = check(&pod, &["--mesh", "none"]).expect(30);
    assert_eq!(run.cause(), "capture-unexpected", "{run}");
}

#[test]
fn declared_lists_of_inbound_ports_are_tested() {
    let rules = Rules::istio().replace(
        "-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT",
        "-A ISTIO_INBOUND -p tcp --dport 9000 -j ISTIO_IN_REDIRECT",
    );
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    check(&pod, &["--include-inbound-ports", "9000"]).expect(0);
    let run = check(&pod, &["--include-inbound-ports", "9000,9001"]).expect(30);
    assert!(outside_finding(&run, "inbound-escaped", "ipv4").is_some(), "{run}");
    pod.load(Backend::IptablesNft, &Rules::istio());
    let run = check(&pod, &["--exclude-inbound-ports", "9002"]).expect(30);
    assert!(outside_finding(&run, "exclusion-captured", "ipv6").is_some(), "{run}");
}
