//! Nobody reads what it says: that changes no exit code.

use crate::world::{Pod, Who, World};

/// A run whose stdout and stderr are a pipe without a reader.
fn unread(pod: &Pod, arguments: &[&str]) -> i32 {
    let pipe = pod.file("pipe");
    let pipe = pipe.display();
    let stage = format!("rm -f {pipe}; mkfifo {pipe}; true < {pipe} & exec > {pipe} 2>&1; wait");
    pod.launch(Who::Proxy, arguments).stage(stage).run().code
}

#[test]
fn a_closed_pipe_changes_no_exit_code() {
    let pod = World::V4.start();
    let istio = ["istio-iptables", "--run-validation", "--skip-rule-apply", "--probe-timeout=0"];
    for (arguments, code) in [
        (&istio[..], 126),
        (&["linkerd-network-validator", "--timeout", "0"], 95),
        (&["install", "transparent-proxy-validator", "--deadline=0s"], 1),
        (&["gate", "--deadline", "100ms"], 30),
        (&["check", "--log-level", "debug"], 30),
    ] {
        assert_eq!(unread(&pod, arguments), code, "{arguments:?}");
    }
}
