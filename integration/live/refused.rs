//! Where the kernel refuses to tell who holds a connection: a filter on `sock_diag`, and no `/proc`.

use std::sync::atomic::Ordering;

use nix::errno::Errno;

use super::{ENVOY, Manner, Proxy, SIDECAR, proofs};
use crate::world::{Backend, Output, Pod, Rules, Who, World, sh};

/// Hides `/proc/net/tcp`, and everything beside it.
const NO_PROC: &str = "mount -t tmpfs none /proc";

/// Runs podprobe without `sock_diag`, after a script.
fn without_sock_diag(pod: &Pod, who: Who, refusal: Errno, script: &str, more: &[&str]) -> Output {
    let program = pod.file("refuse").display().to_string();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/integration/live/refuse.c");
    sh(&format!("test -x {program} || gcc -O -o {program} {source}"));
    let line = [&["check", "--output", "json"][..], more].concat();
    let stage = format!("{script}\nset -- {program} {} \"$@\"", refusal as i32);
    pod.launch(who, &line).stage(stage).run()
}

#[test]
fn what_sock_diag_may_not_say_proc_says() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    for refusal in [Errno::EPERM, Errno::EACCES, Errno::EPROTONOSUPPORT] {
        for who in Who::ALL {
            let run = without_sock_diag(&pod, who, refusal, ":", &[]).expect(0);
            assert!(proofs(&run) > 10, "{refusal} {who:?}: {run}");
        }
    }
    assert_eq!(envoy.read.load(Ordering::Relaxed), 0, "podprobe sent bytes to the proxy");
    let swapped = Rules::istio().replace("15001", "1500x").replace("15006", "15001");
    pod.load(Backend::Nft, &swapped.replace("1500x", "15006"));
    let run = without_sock_diag(&pod, Who::Root, Errno::EPERM, ":", &[]).expect(30);
    assert_eq!(run.cause(), "ports-swapped", "{run}");
}

#[test]
fn an_accepted_connection_alone_is_never_a_proof() {
    let pod = Pod::with(World::DUAL, Backend::Nft, &Rules::istio());
    let _envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Reads);
    for who in Who::ALL {
        for listeners in ["live", "auto"] {
            let more = ["--listeners", listeners];
            let run = without_sock_diag(&pod, who, Errno::EPERM, NO_PROC, &more);
            assert_eq!(
                (run.code, run.codes("fail")),
                (5, Vec::new()),
                "{who:?} {listeners}: {run}"
            );
        }
    }
    let live = ["--listeners", "live"];
    let run = without_sock_diag(&pod, Who::App, Errno::EPERM, NO_PROC, &live);
    assert!(
        run.reason("probe-failed").contains("sock_diag: EPERM, /proc/net/tcp: ENOENT"),
        "{run}"
    );
}

#[test]
fn what_leaves_the_pod_or_is_refused_needs_no_witness() {
    let pod = World::DUAL.start();
    let live = ["--listeners", "live"];
    let envoy = Proxy::start(ENVOY, &SIDECAR, Manner::Hangs);
    let run = without_sock_diag(&pod, Who::App, Errno::EPERM, NO_PROC, &live).expect(30);
    assert_eq!(run.cause(), "redirect-missing", "{run}");
    drop(envoy);
    pod.load(Backend::Nft, &Rules::istio());
    let run = without_sock_diag(&pod, Who::App, Errno::EPERM, NO_PROC, &live).expect(30);
    assert_eq!(run.cause(), "proxy-absent", "{run}");
}
