//! What the environment adds to resolv.conf, for glibc alone.

use super::{CLUSTER, fine, found, launch, served};
use crate::world::{Output, Pod};

fn with(pod: &Pod, variables: &[(&str, &str)], more: &[&str]) -> Output {
    let launch = launch(pod, CLUSTER, more);
    variables.iter().fold(launch, |launch, (name, value)| launch.env(name, value)).run()
}

#[test]
fn what_changes_for_glibc_is_told_with_its_cost() {
    let (pod, _server) = served();
    let run = found(with(&pod, &[("RES_OPTIONS", "ndots:1 use_vc")], &[]), "resolver-environment");
    let said = run.reason("resolver-environment");
    for part in ["has ndots 1 instead of 5", "does not know use_vc", "musl and Rust resolvers"] {
        assert!(said.contains(part), "{said}");
    }
    let run = found(with(&pod, &[("LOCALDOMAIN", "corp.example")], &[]), "resolver-environment");
    let said = run.reason("resolver-environment");
    assert!(said.contains("searches corp.example instead of a.svc.cluster.local"), "{said}");
    assert!(said.contains("asks 4 queries for example.com in vain instead of 8"), "{said}");
}

#[test]
fn a_name_is_searched_with_the_environment_as_glibc_does() {
    let (pod, _server) = served();
    let name = ["--dns-name", "kubernetes.default.svc"];
    fine(with(&pod, &[], &name));
    let run = with(&pod, &[("LOCALDOMAIN", "corp.example")], &name).expect(0);
    assert_eq!(run.codes("warn"), ["dns-name-libc-differs", "resolver-environment"], "{run}");
    let said = run.reason("dns-name-libc-differs");
    assert!(said.contains("glibc: kubernetes.default.svc.corp.example. NXDOMAIN"), "{said}");
    assert!(said.contains("musl: kubernetes.default.svc.a.svc.cluster.local. NXDOMAIN"), "{said}");
}

#[test]
fn what_finds_the_same_names_is_told_and_no_warning() {
    let (pod, _server) = served();
    let run = fine(with(&pod, &[("RES_OPTIONS", "single-request-reopen timeout:2")], &[]));
    let said = run.reason("resolver-environment-set");
    assert!(said.contains("has timeout 2 instead of 5, goes by single-request-reopen"), "{said}");
}

#[test]
fn no_attempts_at_all_block() {
    let (pod, _server) = served();
    let run = with(&pod, &[("RES_OPTIONS", "attempts:0")], &[]).expect(40);
    assert_eq!(run.cause(), "resolv-conf-zero-timers", "{run}");
}

#[test]
fn what_changes_nothing_is_fine() {
    let (pod, _server) = served();
    for variables in [
        [("RES_OPTIONS", "ndots:5"), ("OTHER", "x")],
        [("RES_OPTIONS", ""), ("OTHER", "x")],
        [("RES_OPTIONS", "no-reload timeout:5"), ("OTHER", "x")],
        [("RES_OPTIONS", "single-request-reopen timeout:2"), ("OTHER", "x")],
        [("LOCALDOMAIN", "a.svc.cluster.local svc.cluster.local\tcluster.local"), ("OTHER", "x")],
    ] {
        fine(with(&pod, &variables, &[]));
    }
}
