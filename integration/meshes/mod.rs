//! Every mesh on its own rules: no false alarm while they are intact, and the right word where they
//! are broken.

mod ambient;
mod appmesh;
mod consul;
mod istio_tproxy;
mod kuma;
mod linkerd;
mod none;
mod osm;
mod tproxy_live;
mod ztunnel;

use crate::world::{Backend, Output, Pod, Rules, Who, World};
use Who::{App, NetAdmin, Root};

/// One mesh as its tests ask for it.
struct Mesh {
    /// For `--mesh`.
    name: &'static str,
    /// What the proxy's container runs as.
    proxy: Who,
    /// Given with every run.
    flags: &'static [&'static str],
}

impl Mesh {
    /// Proxy, application, and root with `CAP_SETUID` and `CAP_SETGID`, without and with `CAP_NET_ADMIN`.
    fn everybody(&self) -> [Who; 4] {
        [self.proxy, App, Root, NetAdmin]
    }

    fn run(&self, pod: &Pod, who: Who, flags: &[&str]) -> Output {
        let mesh = ["check", "--output", "json", "--mesh", self.name];
        pod.run(who, &[&mesh, self.flags, flags].concat())
    }

    /// Nobody sees anything wrong with these rules, by any back end that the mesh has, and everybody proves
    /// something.
    #[track_caller]
    fn holds(&self, world: World, rules: &Rules, flags: &[&str]) {
        for backend in rules.backends() {
            let pod = Pod::with(world, backend, rules);
            for who in self.everybody() {
                self.passes(&pod, who, flags);
            }
        }
    }

    /// Exit 0 with a proof, without warning, and nothing left unknown but what another identity would see.
    #[track_caller]
    fn passes(&self, pod: &Pod, who: Who, flags: &[&str]) {
        let run = self.run(pod, who, flags);
        assert_eq!(run.code, 0, "{}: {who:?}: {run}", self.name);
        assert!(proofs(&run) > 0, "{}: {who:?} proved nothing: {run}", self.name);
        let unknown = run.codes("unknown");
        assert!(unknown.iter().all(|code| code == "not-observable"), "{who:?}: {run}");
        assert!(run.codes("warn").is_empty(), "{}: {who:?}: {run}", self.name);
    }

    /// One failing look: exit 30, and the cause is one of these.
    #[track_caller]
    fn sees(&self, pod: &Pod, who: Who, causes: &[&str]) -> Output {
        let run = self.run(pod, who, &[]);
        assert_eq!(run.code, 30, "{}: {who:?} does not see {causes:?}: {run}", self.name);
        assert!(causes.contains(&run.cause().as_str()), "{who:?}: not {causes:?}: {run}");
        assert!(
            run.codes("fail").contains(&run.cause()),
            "{who:?}: the cause is no finding: {run}"
        );
        run
    }

    /// Who fails on these rules in an IPv4 and IPv6 pod, by which cause; the others pass.
    #[track_caller]
    fn broken(&self, rules: &Rules, seen: &[(Who, &[&str])]) {
        let pod = Pod::with(World::DUAL, Backend::IptablesNft, rules);
        for who in self.everybody() {
            match seen.iter().find(|(seer, _)| *seer == who) {
                Some((_, causes)) => drop(self.sees(&pod, who, causes)),
                None => self.passes(&pod, who, &[]),
            }
        }
    }

    /// In a pod without any rules each of these identities fails, and so does each of them where one family
    /// alone has rules.
    #[track_caller]
    fn missing(&self, rules: &Rules, seers: &[Who], nothing: &[&str], one_family: &[&str]) {
        let pod = World::DUAL.start();
        for who in seers {
            self.sees(&pod, *who, nothing);
        }
        for (rules, family) in [(rules.only_v4(), "ipv6"), (rules.only_v6(), "ipv4")] {
            for backend in [Backend::IptablesNft, Backend::IptablesLegacy] {
                pod.load(backend, &rules);
                for who in seers {
                    let run = self.sees(&pod, *who, one_family);
                    assert!(
                        families(&run).contains(&family.to_owned()),
                        "{who:?}: {family}? {run}"
                    );
                }
            }
        }
    }
}

/// How many flows went as promised.
fn proofs(run: &Output) -> u64 {
    run.report()["proofs"].as_u64().unwrap_or_else(|| panic!("no proofs: {run}"))
}

/// The families of the failures.
fn families(run: &Output) -> Vec<String> {
    let report = run.report();
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("no findings: {run}"));
    let failures = findings.iter().filter(|finding| finding["severity"] == "fail");
    failures.filter_map(|finding| finding["family"].as_str().map(String::from)).collect()
}
