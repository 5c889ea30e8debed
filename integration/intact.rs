//! Rules as they should be: every back end, identity and family says "ok", and says how much it proved.

use crate::world::{Backend, Output, Pod, Rules, Who, World};

/// What is given on the command line where port 5432 and a CIDR are excluded.
const EXCLUDED: &[&str] =
    &["--exclude-outbound-ports", "5432", "--exclude-outbound-cidrs", "10.96.64.0/18"];

#[test]
fn the_sidecar_rules_hold_by_iptables_nft() {
    hold(World::DUAL, Backend::IptablesNft, &Rules::istio(), &[]);
    hold(World::V4, Backend::IptablesNft, &Rules::istio(), &[]);
}

#[test]
fn the_sidecar_rules_hold_by_iptables_legacy() {
    hold(World::DUAL, Backend::IptablesLegacy, &Rules::istio(), &[]);
    hold(World::V4, Backend::IptablesLegacy, &Rules::istio(), &[]);
}

#[test]
fn the_sidecar_rules_hold_by_native_nftables() {
    hold(World::DUAL, Backend::Nft, &Rules::istio(), &[]);
    hold(World::V4, Backend::Nft, &Rules::istio(), &[]);
}

#[test]
fn captured_dns_holds_by_every_back_end() {
    for backend in Backend::ALL {
        hold(World::DUAL, backend, &Rules::istio_dns(), &["--dns-capture", "true"]);
        hold(World::V4, backend, &Rules::istio_dns(), &["--dns-capture", "true"]);
    }
}

#[test]
fn exclusions_hold_by_every_back_end() {
    for backend in Backend::ALL {
        hold(World::DUAL, backend, &Rules::istio_excl(), EXCLUDED);
        hold(World::V4, backend, &Rules::istio_excl(), EXCLUDED);
    }
}

#[test]
fn a_silent_first_hop_changes_no_verdict() {
    let dual = World::DUAL.silent_node();
    hold(dual, Backend::IptablesNft, &Rules::istio(), &[]);
    hold(dual, Backend::Nft, &Rules::istio_dns(), &["--dns-capture", "true"]);
    hold(dual, Backend::IptablesLegacy, &Rules::istio_excl(), EXCLUDED);
    hold(World::V4.silent_node(), Backend::IptablesNft, &Rules::istio(), &[]);
}

#[test]
fn other_ports_hold_when_they_are_declared() {
    let rules = Rules::istio().replace("15001", "16001").replace("15006", "16006");
    hold(
        World::DUAL,
        Backend::IptablesNft,
        &rules,
        &["--outbound-port", "16001", "--inbound-port", "16006"],
    );
}

#[test]
fn another_proxy_identity_holds_when_it_is_declared() {
    let rules = Rules::istio().replace("owner 1337", "owner 2102");
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &rules);
    for who in [Who::Ids(2102, 2102), Who::App, Who::Root] {
        let run = pod.run(who, &["gate", "--proxy-uid", "2102", "--proxy-gid", "2102"]);
        proofs(&run.expect(0));
    }
}

#[test]
fn root_proves_what_proxy_and_application_prove_apart() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let [proxy, app, root] = Who::ALL.map(|who| proofs(&pod.run(who, &["gate"]).expect(0)));
    assert!(root >= proxy.max(app), "proxy {proxy}, application {app}, root {root}");
    assert!(root > proxy && root > app, "proxy {proxy}, application {app}, root {root}");
}

#[test]
fn two_families_are_more_proofs_than_one() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    for who in Who::ALL {
        let both = proofs(&pod.run(who, &["gate"]).expect(0));
        let one = proofs(&pod.run(who, &["gate", "--families", "ipv4"]).expect(0));
        assert!(both > one, "{who:?}: {both} in both families, {one} in IPv4");
    }
}

#[test]
fn a_hundred_runs_in_a_row_agree() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio_dns());
    for round in 0..100 {
        let who = Who::ALL[round % 3];
        pod.run(who, &["check", "--dns-capture", "true"]).expect(0);
    }
}

/// Runs the gate as each identity and demands proof; nothing but what another identity would see may be
/// left unknown.
#[track_caller]
fn hold(world: World, backend: Backend, rules: &Rules, flags: &[&str]) {
    let pod = Pod::with(world, backend, rules);
    for who in Who::ALL {
        let run = pod.run(who, &[&["gate"], flags].concat());
        assert_eq!(run.code, 0, "{backend:?} {who:?}: {run}");
        assert!(proofs(&run) > 0, "{backend:?} {who:?} proved nothing: {run}");
        let run = pod.run(who, &[&["check", "--output", "json"], flags].concat());
        let unknown = run.codes("unknown");
        assert!(unknown.iter().all(|code| code == "not-observable"), "{backend:?} {who:?}: {run}");
    }
}

/// The number in the one line `ok N proofs in …`.
#[track_caller]
fn proofs(run: &Output) -> u32 {
    let lines: Vec<_> = run.stdout.lines().collect();
    let [line] = lines[..] else { panic!("not one line: {run}") };
    let words: Vec<_> = line.split(' ').collect();
    assert!(
        words[0] == "ok" && words[2].starts_with("proof") && matches!(words[3], "in" | "after"),
        "{run}"
    );
    words[1].parse().unwrap_or_else(|error| panic!("{error}: {run}"))
}

#[test]
fn a_pass_names_the_layers_that_nobody_asked_about() {
    let pod = Pod::with(World::DUAL, Backend::IptablesNft, &Rules::istio());
    let run = pod.run(Who::Root, &["check"]).expect(0);
    assert!(run.stdout.ends_with("\nnot looked at: dns, service, mtu\n"), "{run}");
    let run = pod.run(Who::Root, &["check", "link"]).expect(0);
    assert!(run.stdout.ends_with("\nnot looked at: route, redirect, dns, service, mtu\n"), "{run}");
}
