//! The rules of the cases are the rules that the other tests stand on: written down twice, by two ways of reading
//! the meshes' sources, they are the same to the kernel.

use std::fs;

use super::cases;
use crate::world::{Backend, Pod, Rules, World, sh};

/// A rule set of the cases, as `cases/faults/init-container` loads it.
fn of_cases(name: &str) -> Rules {
    let part = |ending| {
        let path = cases().join(format!("rules/{name}.{ending}"));
        fs::read_to_string(path).unwrap_or_default()
    };
    // The world's lo has the second passthrough address already.
    let setup = part("setup");
    let setup = setup.lines().filter(|line| !line.contains("addr add ::6/128")).map(str::to_owned);
    Rules { v4: part("v4"), v6: part("v6"), nft: part("nft"), setup: setup.collect() }
}

/// What the kernel has of them: chains and rules in order, comments and counters left out. Neighbours that all
/// return are sorted, for their order means nothing.
fn loaded(rules: &Rules) -> Vec<String> {
    let _pod = Pod::with(World::DUAL, Backend::IptablesNft, rules);
    let saved = sh("iptables-nft-save; echo '*IPv6'; ip6tables-nft-save");
    let mut lines: Vec<String> = saved
        .lines()
        .filter(|line| line.starts_with(['*', '-', ':']))
        .map(|line| without_comment(line.split(" [").next().expect("a chain")))
        .collect();
    let place = |line: &String| {
        let chain = line.split(' ').nth(1).map(str::to_owned);
        (line.ends_with(" -j RETURN"), chain)
    };
    for run in lines.chunk_by_mut(|a, b| place(a) == place(b) && place(a).0) {
        run.sort();
    }
    let marks = sh("ip rule; ip -6 rule");
    lines.extend(marks.lines().filter(|line| line.contains("fwmark")).map(str::to_owned));
    for table in ["100", "133"] {
        // Of a table that is not there, `ip` says so and fails.
        lines.push(sh(&format!("ip route show table {table} 2>&1 || true")));
        lines.push(sh(&format!("ip -6 route show table {table} 2>&1 || true")));
    }
    lines
}

fn without_comment(rule: &str) -> String {
    let Some((before, rest)) = rule.split_once("-m comment --comment ") else {
        return rule.to_owned();
    };
    let after = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once("\" ").map_or("", |(_, after)| after),
        None => rest.split_once(' ').map_or("", |(_, after)| after),
    };
    format!("{before}{after}")
}

#[test]
fn each_mesh_s_rules_are_the_same_to_the_kernel() {
    let dead = Rules::istio()
        .without("-A ISTIO_OUTPUT -p tcp --dport 15020 -j RETURN")
        .without("-A ISTIO_OUTPUT -p udp --dport 15020 -j RETURN");
    for (name, rules) in [
        ("sidecar", dead),
        ("sidecar-nodns", Rules::istio()),
        ("dns", Rules::istio_dns()),
        ("tproxy", Rules::istio_tproxy()),
        ("ambient", Rules::ambient()),
        ("linkerd", Rules::linkerd()),
    ] {
        let (theirs, ours) = (loaded(&of_cases(name)), loaded(&rules));
        for (at, line) in theirs.iter().enumerate() {
            assert_eq!(Some(line), ours.get(at), "{name}, line {at}");
        }
        assert_eq!(theirs.len(), ours.len(), "{name}");
    }
}

/// Kuma's were made with two ports excluded.
#[test]
fn kuma_s_rules_differ_by_two_exclusions() {
    let kuma = of_cases("kuma").without("--dport 9901").without("--dport 5432");
    assert_eq!(loaded(&kuma), loaded(&Rules::kuma()));
}

#[test]
fn the_native_form_is_word_for_word_the_same() {
    let rules = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(rules(&of_cases("nft-dns").nft), rules(&Rules::istio_dns().nft));
}

/// What is broken is broken by one line, and whole besides.
#[test]
fn broken_rules_are_the_sidecar_s_but_for_what_they_are_called_after() {
    let whole = of_cases("sidecar");
    let same = |name: &str, rules: &Rules| {
        let broken = of_cases(name);
        assert_eq!((&broken.v4, &broken.v6), (&rules.v4, &rules.v6), "{name}");
    };
    same("outbound-missing", &whole.without("-A OUTPUT -j ISTIO_OUTPUT"));
    same("inbound-missing", &whole.without("-A PREROUTING -p tcp -j ISTIO_INBOUND"));
    same("wrongport", &whole.replace("--to-ports 15006", "--to-ports 15999"));
    same("v6-missing", &whole.only_v4());
    let excluded = of_cases("sidecar-excluded").without("--dport 5432 ").without("--dport 8443 ");
    assert_eq!((&excluded.v4, &excluded.v6), (&whole.v4, &whole.v6), "sidecar-excluded");
}
