//! How targets are named: flags, environment, files, names; and what is refused beforehand.

use std::fs;

use super::{fails, finding, fine, launch, pod, says};
use crate::dns::{Responder, Stand, bytes, cluster};
use crate::world::server::{Server, hangs};
use crate::world::{Launch, Pod, Who};

#[test]
fn a_malformed_target_is_refused_before_anything_is_sent() {
    let pod = pod();
    for (arguments, piece) in [
        (["-t", "tcp://10.77.0.1"], "10.77.0.1:PORT"),
        (["--target", "ftp://10.77.0.1:21"], "ftp"),
        (["-t", "10.77.0.1:80?tmeout=1s"], "did you mean timeout?"),
        (["--targets-file", "/nonexistent"], "/nonexistent"),
        (["--ca-file", "/nonexistent"], "/nonexistent"),
        (["--target-timeout", "0s"], "no time at all"),
    ] {
        let line = [&["check", "--mesh", "none"][..], &arguments].concat();
        let run = pod.run(Who::App, &line).expect(2);
        assert!(run.stderr.contains(piece) && run.stdout.is_empty(), "{run}");
    }
    assert_eq!(pod.node.packets(), (0, 0));
}

#[test]
fn reach_without_a_target_is_a_mistake_and_skipped_targets_are_none() {
    let pod = pod();
    let run = pod.run(Who::App, &["check", "reach", "--mesh", "none"]).expect(2);
    assert!(run.stderr.contains("name a target"), "{run}");
    let skip = ["check", "link", "--skip", "reach", "-t", "192.0.2.1:1", "--mesh", "none"];
    pod.run(Who::App, &skip).expect(0);
    assert_eq!(pod.node.packets(), (0, 0));
}

#[test]
fn naming_a_target_asks_for_the_layer() {
    let pod = pod();
    let link = ["check", "link", "-t", "10.77.0.1:5432", "--mesh", "none", "--output", "json"];
    fails(pod.run(Who::App, &link), "reach-refused");
    pod.run(Who::App, &["gate", "--mesh", "none", "-t", "10.77.0.1:5432", "--deadline", "100ms"])
        .expect(60);
}

#[test]
fn the_plan_lists_every_target_and_sends_nothing() {
    let pod = pod();
    let targets =
        ["db=tcp://10.77.0.1:5432", "!10.77.0.1:80?hold=5s", "udp://10.77.0.1:9?send=hex:00"];
    let mut line = vec!["check", "reach", "--mesh", "none", "--plan"];
    line.extend(targets.iter().flat_map(|target| ["-t", target]));
    let run = pod.run(Who::App, &line).expect(0);
    assert_eq!(run.stdout.lines().count(), 3, "{run}");
    for words in ["10.77.0.1:5432", "(db)", "must be blocked for 5000 ms", "udp   10.77.0.1:9"] {
        assert!(run.stdout.contains(words), "{words}: {run}");
    }
    assert_eq!(pod.node.packets(), (0, 0));
}

#[test]
fn flag_environment_file_and_configuration_name_the_same_targets() {
    let pod = pod();
    let _server = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    let line = ["check", "reach", "--mesh", "none", "--output", "json"];
    let check = |launch: Launch<'_>| {
        let run = launch.run().expect(60);
        assert_eq!(run.codes("fail"), ["reach-refused"], "{run}");
        assert_eq!(finding(&run, "reach-refused")["subject"], "web", "{run}");
        assert_eq!(finding(&run, "reach-holds")["evidence"]["answering"], 1, "{run}");
    };
    check(launch(&pod, &["db=10.77.0.1:5432", "web=10.77.0.1:81"]));
    check(
        pod.launch(Who::App, &line).env("PODPROBE_TARGET", "db=10.77.0.1:5432\n web=10.77.0.1:81"),
    );
    let file = |name: &str, text: &str| {
        let path = pod.file(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let list = file("targets", "# all\ndb=10.77.0.1:5432\n\nweb=10.77.0.1:81 # soon\n");
    check(pod.launch(Who::App, &[&line[..], &["--targets-file", &list]].concat()));
    let yaml = file(
        "podprobe.yaml",
        "mesh: none\ntargets:\n- db=tcp://10.77.0.1:5432\n- name: web\n  url: 10.77.0.1:81\n  attempts: 2\n  timeout: 1s\n",
    );
    check(pod.launch(Who::App, &[&line[..], &["--config", &yaml]].concat()));
    // The flag replaces the file's list.
    let run =
        pod.run(Who::App, &[&line[..], &["--config", &yaml, "-t", "db=10.77.0.1:5432"]].concat());
    fine(run);
}

#[test]
fn a_wrong_field_in_the_configuration_is_named_with_its_line() {
    let pod = pod();
    for (text, words) in [
        (
            "targets:\n- name: web\n  ulr: 10.77.0.1:81\n",
            "line 2: targets[0]: unknown field \"ulr\" of a target: did you mean url?",
        ),
        ("targets:\n- url: 10.77.0.1\n", "10.77.0.1:PORT"),
        ("targets:\n- name: web\n", "a target without url"),
        ("target:\n- 10.77.0.1:81\n", "did you mean targets?"),
        ("targets:\n- url: 10.77.0.1:81\n  url: 10.77.0.1:82\n", "twice"),
    ] {
        let path = pod.file("podprobe.yaml");
        fs::write(&path, text).expect("a file");
        let run = pod.run(Who::App, &["check", "--config", &path.display().to_string()]).expect(2);
        assert!(run.stderr.contains(words), "{words}: {run}");
    }
}

/// resolv.conf of a cluster whose DNS is on the node.
fn resolving<'p>(pod: &'p Pod, targets: &[&str], hosts: &str) -> Launch<'p> {
    let (conf, file) = (pod.file("resolv.conf"), pod.file("hosts"));
    let search = "search a.svc.cluster.local svc.cluster.local cluster.local\n";
    fs::write(&conf, format!("{search}nameserver 10.77.0.1\noptions ndots:5\n")).expect("a file");
    fs::write(&file, hosts).expect("a file");
    let stage = format!(
        "mount --bind {} /etc/resolv.conf; mount --bind {} /etc/hosts",
        conf.display(),
        file.display()
    );
    launch(pod, targets).stage(stage)
}

#[test]
fn names_are_looked_up_as_the_c_library_does() {
    let pod = pod();
    pod.node.sh("ip address add 192.0.2.80/32 dev host; ip address add 10.96.0.1/32 dev host");
    let _dns = Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&cluster(query)));
    let _web = Server::on(&pod.node, "192.0.2.80:80", hangs);
    let _api = Server::on(&pod.node, "10.96.0.1:443", hangs);
    let _db = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    let targets = [
        "example.com:80?family=4",
        "kubernetes.default:443",
        "db:5432",
        "via=nosuch:80?via=192.0.2.80",
    ];
    let run = fine(resolving(&pod, &targets, "10.77.0.1 db\n").run());
    says(&run, "reach-holds", "tcp://kubernetes.default:443 (10.96.0.1:443)");
}

#[test]
fn another_hosts_file_counts_and_a_final_dot_evades_it() {
    let pod = pod();
    let _dns = Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&cluster(query)));
    let _db = Server::on(&pod.node, "10.77.0.1:5432", hangs);
    let hosts = pod.file("other-hosts");
    fs::write(&hosts, "10.77.0.1 DB\n").expect("a file");
    let hosts = hosts.display().to_string();
    let with = |target| resolving(&pod, &[target], "").env("PODPROBE_HOSTS", &hosts).run();
    fine(with("db:5432"));
    fails(with("db.:5432"), "reach-name-missing");
    fails(resolving(&pod, &["db:5432"], "").run(), "reach-name-missing");
}

#[test]
fn a_name_that_is_denied_is_told_from_one_that_nobody_knows() {
    let pod = pod();
    let silent = resolving(&pod, &["nosuch:80"], "").run();
    says(&fails(silent, "reach-name-unresolved"), "reach-name-unresolved", "refused by");
    let _dns = Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&cluster(query)));
    let denied = fails(resolving(&pod, &["nosuch:80"], "").run(), "reach-name-missing");
    says(&denied, "reach-name-missing", "NXDOMAIN");
}

#[test]
fn families_are_those_that_pod_and_name_share_unless_it_says_otherwise() {
    let pod = pod();
    pod.node.sh("ip address add 192.0.2.80/32 dev host; ip address add 10.96.0.1/32 dev host");
    let _dns = Responder::on(&pod.node, Stand::at("10.77.0.1"), |query, _| bytes(&cluster(query)));
    let _web = Server::on(&pod.node, "192.0.2.80:80", hangs);
    let _api = Server::on(&pod.node, "10.96.0.1:443", hangs);
    // The name has an IPv6 address, too, where nobody listens.
    pod.node.sh("ip address add 2001:db8::80/128 dev host nodad");
    let both = fails(resolving(&pod, &["example.com:80"], "").run(), "reach-refused");
    assert_eq!(finding(&both, "reach-refused")["family"], "ipv6", "{both}");
    fine(resolving(&pod, &["example.com:80?family=any"], "").run());
    fine(resolving(&pod, &["example.com:80?family=4"], "").run());
    fails(resolving(&pod, &["example.com:80?family=6"], "").run(), "reach-refused");
    // The API server's name has one family.
    fine(resolving(&pod, &["kubernetes.default:443"], "").run());
    let missing = resolving(&pod, &["kubernetes.default:443?family=both"], "").run();
    says(&fails(missing, "reach-family-missing"), "reach-family-missing", "no IPv6 address");
}

#[test]
fn a_recording_judges_the_same_elsewhere() {
    let pod = pod();
    let path = pod.file("seen.json").display().to_string();
    let line = ["check", "reach", "--mesh", "none", "--record", &path, "--output", "json"];
    pod.run(Who::App, &[&line[..], &["-t", "10.77.0.1:5432"]].concat()).expect(60);
    let run = pod.run(Who::App, &["check", "--replay", &path, "--output", "json"]);
    fails(run, "reach-refused");
}

#[test]
fn a_name_in_ipv4_is_reached_from_an_ipv6_pod_whose_node_translates_for_it() {
    use crate::world::sh;
    let pod = pod();
    // As the AWS VPC CNI makes a pod of an IPv6 cluster.
    sh("ip address del 10.77.0.2/24 dev eth0; ip address add 169.254.172.2/22 dev eth0; \
        ip route add default via 169.254.172.1");
    pod.node.sh("ip address add 169.254.172.1/22 dev host; ip address add 192.0.2.80/32 dev lo");
    let _server = Server::on(&pod.node, "192.0.2.80:8080", hangs);
    let _dns = Responder::on(&pod.node, Stand::at("fd77::1"), |query, _| {
        let mut answer = cluster(query);
        answer.answers.retain(|record| record.record_type() != hickory_proto::rr::RecordType::AAAA);
        bytes(&answer)
    });
    let path = pod.file("resolv.conf");
    fs::write(&path, "nameserver fd77::1\n").expect("write resolv.conf");
    let path = path.display().to_string();
    let flags = ["check", "dns", "reach", "--mesh", "none", "--resolv-conf", &path];
    let more = ["--dns-name", "example.com", "-t", "tcp://example.com:8080", "--output", "json"];
    let run = pod.run(Who::App, &[&flags[..], &more].concat()).expect(0);
    says(&run, "reach-holds", "192.0.2.80");
    // Without that address there is no way to IPv4.
    sh("ip address del 169.254.172.2/22 dev eth0");
    let run = pod.run(Who::App, &[&flags[..], &more].concat()).expect(40);
    assert_eq!(run.cause(), "dns-name-missing", "{run}");
}

#[test]
fn targets_that_are_asked_for_and_not_named_are_missed() {
    let pod = crate::world::World::V4.start();
    for flags in [&["check", "redirect", "reach"][..], &["gate", "--also", "reach"]] {
        let run = pod.run(Who::App, flags).expect(2);
        assert!(run.stderr.contains("name a target by --target"), "{run}");
    }
    let run = pod.run(Who::App, &["check", "all", "--plan"]).expect(0);
    assert!(!run.stdout.contains("reach"), "all layers need no target: {run}");
}
