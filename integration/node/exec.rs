//! Plugins that are run: real programs, with a real shell, below the host's root.

use std::fs;

use super::conf::{self, KINDNET};
use super::host::{AMD64, Host, elf};
use super::{fine, found, pod};
use crate::world::{Output, Pod, Who, sh};

/// Answers as libcni's own plugins do, if it is asked as libcni asks.
const ANSWERS: &str = r#"#!/bin/sh
read -r asked || :
case "$CNI_COMMAND $asked" in
'VERSION {"cniVersion":'*) ;;
*) exit 9 ;;
esac
[ -z "$SECRET" ] || exit 8
echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}'
"#;

/// A node with a shell, and these plugins that answer.
fn node(pod: &Pod) -> Host {
    let host = Host::new(pod);
    host.conf("10-x.conflist", KINDNET);
    install(&host, "/bin/sh", "bin/sh");
    for plugin in ["ptp", "host-local", "portmap"] {
        host.program(&format!("opt/cni/bin/{plugin}"), ANSWERS.as_bytes());
    }
    host
}

/// A program of this machine, with the libraries that it needs; gives those.
fn install(host: &Host, from: &str, to: &str) -> Vec<String> {
    let copy = |from: &str, to: &str| {
        let bytes = fs::read(from).unwrap_or_else(|error| panic!("read {from}: {error}"));
        host.program(to.trim_start_matches('/'), &bytes);
    };
    copy(from, to);
    let listed = sh(&format!("ldd {from}"));
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
    let libraries: Vec<String> = libraries.map(str::to_owned).collect();
    assert!(!libraries.is_empty(), "{from} is linked: {listed}");
    for library in &libraries {
        copy(library, library);
    }
    libraries
}

fn run_as(pod: &Pod, who: Who, host: &Host, more: &[&str]) -> Output {
    let root = host.root.display().to_string();
    let flags = ["check", "node", "--mesh", "none", "--output", "json", "--host-root", &root];
    pod.launch(who, &[&flags[..], more].concat()).env("SECRET", "s").run()
}

fn run(pod: &Pod, host: &Host) -> Output {
    run_as(pod, Who::SysChroot, host, &["--exec-cni"])
}

/// A node on which portmap is this script.
fn portmap(pod: &Pod, script: &str) -> Host {
    let host = node(pod);
    host.program("opt/cni/bin/portmap", format!("#!/bin/sh\n{script}\n").as_bytes());
    host
}

#[test]
fn plugins_that_start_and_know_the_version() {
    let pod = pod();
    let host = node(&pod);
    let report = run(&pod, &host);
    assert!(report.stdout.contains("host-local 0.3.1, 0.4.0, 1.0.0"), "{report}");
    fine(report);
    // A list of versions in any order and layout is one.
    let host = portmap(&pod, r#"echo '{ "supportedVersions" : [ "0.3.1" ], "cniVersion" : "x" }'"#);
    fine(run(&pod, &host));
}

#[test]
fn a_version_that_a_plugin_does_not_know() {
    let pod = pod();
    for (script, versions) in [
        (r#"echo '{"cniVersion":"1.1.0","supportedVersions":["1.0.0","1.1.0"]}'"#, "1.0.0, 1.1.0"),
        (r#"echo '{"cniVersion":"0.2.0"}'"#, "0.1.0, 0.2.0"),
        (r#"echo '{"code":4,"msg":"unknown CNI_COMMAND: VERSION"}'; exit 1"#, "0.1.0"),
    ] {
        let host = portmap(&pod, script);
        let code = "cni-plugin-version-unsupported";
        let said = found(run(&pod, &host), code).reason(code);
        assert!(said.contains(&format!("it supports {versions}, and ")), "{said}");
        assert!(said.contains("10-x.conflist, line "), "{said}");
        assert!(said.ends_with(" is written in 0.3.1"), "{said}");
    }
    // An IPAM plugin is spoken to in the same version.
    let host = node(&pod);
    host.conf("10-x.conflist", &KINDNET.replace("0.3.1", "1.1.0"));
    let report = run(&pod, &host).expect(80);
    assert_eq!(report.codes("fail"), ["cni-plugin-version-unsupported"], "{report}");
    for plugin in ["ptp", "host-local", "portmap"] {
        let asked = format!("\"run /opt/cni/bin/{plugin} with CNI_COMMAND=VERSION: it supports");
        assert!(report.stdout.contains(&asked), "{report}");
    }
}

#[test]
fn behind_multus_each_network_has_its_own_version() {
    let pod = pod();
    let own = |version: &str| {
        let host = node(&pod);
        for plugin in ["multus", "bridge"] {
            host.program(&format!("opt/cni/bin/{plugin}"), ANSWERS.as_bytes());
        }
        let delegate = format!(r#"{{{version}"type": "bridge"}}"#);
        host.conf("00-multus.conf", &conf::multus(&delegate));
        host.remove("etc/cni/net.d/10-x.conflist");
        run(&pod, &host)
    };
    fine(own(""));
    fine(own(r#""cniVersion": "0.4.0", "#));
    found(own(r#""cniVersion": "1.1.0", "#), "cni-plugin-version-unsupported");
}

#[test]
fn programs_that_do_not_start() {
    let pod = pod();
    let code = "cni-plugin-does-not-start";
    let host = node(&pod);
    host.program("opt/cni/bin/portmap", &elf(AMD64, None));
    let said = found(run(&pod, &host), code).reason(code);
    assert!(said.contains("run /opt/cni/bin/portmap with CNI_COMMAND=VERSION: ENOEXEC"), "{said}");
    // Without the flag it looks well.
    fine(run_as(&pod, Who::SysChroot, &host, &[]));
    // What runs it needs itself something that is not there.
    let host = portmap(&pod, "");
    host.program("opt/cni/bin/portmap", b"#!/bin/wrapper\n");
    host.program("bin/wrapper", b"#!/bin/nothing\n");
    let said = found(run(&pod, &host), code).reason(code);
    assert!(said.ends_with("ENOENT: what runs it is not there"), "{said}");
    // A library is missing.
    let host = node(&pod);
    let shells = install(&host, "/bin/sh", "bin/sh");
    let libraries = install(&host, "/usr/sbin/nft", "opt/cni/bin/portmap");
    let missing = libraries.iter().find(|library| !shells.contains(library)).expect("a library");
    host.remove(missing.trim_start_matches('/'));
    let said = found(run(&pod, &host), code).reason(code);
    let name = missing.rsplit('/').next().expect("a name");
    assert!(said.contains("it exits with 127") && said.contains(name), "{said}");
    let host = portmap(&pod, "kill -ILL $$");
    let said = found(run(&pod, &host), code).reason(code);
    assert!(said.contains("signal 4 ends it"), "{said}");
}

#[test]
fn programs_that_do_not_tell() {
    let pod = pod();
    let code = "cni-plugin-version-untold";
    for (script, why) in [
        (r#"echo '{"code":100,"msg":"no kubeconfig"}'; exit 1"#, "it exits with 1: no kubeconfig"),
        ("echo permission denied >&2; exit 2", "it exits with 2: permission denied"),
        ("exit 127", "it exits with 127: it says nothing"),
        ("", "its answer is no list of versions: it says nothing"),
        ("echo '<html>'", "its answer is no list of versions: <html>"),
        ("while :; do echo 0123456789; done", "it does not stop talking: 0123456789 "),
    ] {
        let host = portmap(&pod, script);
        let said = found(run(&pod, &host), code).reason(code);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn who_does_not_end_is_ended_with_all_that_it_started() {
    let pod = pod();
    let host = portmap(
        &pod,
        "sh -c 'echo $$ > /run/child; read -r x < /run/pipe' & echo $$ > /run/group; kill -STOP $$",
    );
    // Nobody ever writes into it.
    sh(&format!("mkfifo {}", host.root.join("run/pipe").display()));
    host.file("dev/null", "");
    let report = found(run(&pod, &host), "cni-plugin-version-untold");
    let said = report.reason("cni-plugin-version-untold");
    assert!(said.ends_with("it does not end within 5 s"), "{said}");
    let written = |name: &str| {
        let text = fs::read_to_string(host.root.join("run").join(name));
        text.unwrap_or_else(|error| panic!("{name}: {error}")).trim().to_owned()
    };
    let (group, child) = (written("group"), written("child"));
    assert_ne!(group, child);
    // Who was killed may still wait to be reaped.
    sh(&format!("timeout 5 sh -c 'while pgrep -r D,R,S,T -g {group}; do sleep 0.01; done'"));
}

#[test]
fn with_sys_admin_a_plugin_has_no_network() {
    let pod = pod();
    let looks = "while read -r name rest; do
                     [ \"$name\" != eth0: ] || exit 7
                 done < /proc/self/net/dev";
    let host = portmap(&pod, &format!("{looks}\n{}", ANSWERS.trim_start_matches("#!/bin/sh")));
    host.directory("proc");
    let root = host.root.display().to_string();
    let flags = ["check", "node", "--mesh", "none", "--output", "json", "--exec-cni"];
    let run = |who: Who| {
        let launch = pod.launch(who, &[&flags[..], &["--host-root", &root]].concat());
        launch.stage(format!("mount --bind /proc {root}/proc")).run()
    };
    fine(run(Who::SysAdmin));
    let said = found(run(Who::SysChroot), "cni-plugin-version-untold");
    assert!(said.stdout.contains("it exits with 7"), "without it, the pod's own: {said}");
}

#[test]
fn what_may_be_the_containers_own_doing_is_unknown() {
    let pod = pod();
    let unknown = |report: Output, why: &str| {
        let report = report.expect(5);
        assert!(report.reason("node-unseen").contains(why), "{why}: {report}");
        for severity in ["fail", "warn"] {
            assert_eq!(report.codes(severity), Vec::<String>::new(), "{report}");
        }
    };
    let host = node(&pod);
    let report = run_as(&pod, Who::Root, &host, &["--exec-cni"]);
    unknown(report, "EPERM, which needs CAP_SYS_CHROOT");
    let root = host.root.display().to_string();
    let flags = ["check", "node", "--mesh", "none", "--output", "json", "--exec-cni"];
    let launch = pod.launch(Who::SysChroot, &[&flags[..], &["--host-root", &root]].concat());
    let noexec = format!("mount --bind {root} {root}; mount -o remount,bind,noexec {root}");
    unknown(launch.stage(noexec).run(), "mounted noexec in this container");
    let host = portmap(&pod, "kill -KILL $$");
    unknown(run(&pod, &host), "signal 9 ended it from outside");
    // The interpreter may lie where nothing is mounted.
    let host = node(&pod);
    for path in ["bin", "usr", "lib", "lib64"] {
        host.remove(path);
    }
    unknown(run(&pod, &host), "ENOENT, which may be this container's own confinement");
}

#[test]
fn nothing_is_run_unasked_nor_what_is_not_active() {
    let pod = pod();
    let host = portmap(&pod, &format!(": > /run/ran\n{}", ANSWERS.trim_start_matches("#!/bin/sh")));
    host.program("opt/cni/bin/bridge", b"#!/bin/sh\n: > /run/bridge\n");
    host.conf("90-other.conflist", &conf::single("bridge").replace("net", "other"));
    let there = |name: &str| host.root.join("run").join(name).exists();
    run_as(&pod, Who::SysChroot, &host, &[]).expect(0);
    run_as(&pod, Who::SysChroot, &host, &["--exec-cni=false"]).expect(0);
    assert!(!there("ran"));
    run(&pod, &host).expect(0);
    assert!(there("ran") && !there("bridge"));
    let left_out = ["check", "link", "--exec-cni"];
    let refused = pod.run(Who::App, &left_out).expect(2);
    assert!(refused.stderr.contains("name its root by --host-root"), "{refused}");
}
