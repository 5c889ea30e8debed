//! Programs that write down how they were called, in the place of kind, docker, kubectl and the meshes' installers.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// Writes down its call and whose kubeconfig it would speak to. What matches `$FAIL` fails.
const STAND_IN: &str = r#"#!/bin/bash
call="$(basename "$0") $*"
printf '%s\n' "$call" >>"$TOLD/calls"
printf '%s\n' "${KUBECONFIG:-none}" >>"$TOLD/kubeconfigs"
if [[ -n ${FAIL:-} && $call == *$FAIL* ]]; then echo "$call: no" >&2; exit 1; fi
case $call in
    *clusterIP*) printf 10.96.12.34 ;;
    'kubectl -n istio-system get daemonset istio-cni-node'*) [[ -e $TOLD/daemonset ]] && cat "$TOLD/daemonset" ;;
    'kubectl -n istio-system delete daemonset istio-cni-node') rm "$TOLD/daemonset" ;;
    'kubectl create -f'* | 'kubectl replace -f'*) cp "${call##* }" "$TOLD/daemonset" ;;
esac
"#;

/// A directory of stand-ins, first on PATH, and what they wrote down.
pub(super) struct StandIns(pub(super) TempDir);

impl StandIns {
    pub(super) fn of(programs: &[&str]) -> StandIns {
        let place = tempfile::tempdir().expect("a directory");
        for program in programs {
            let path = place.path().join(program);
            fs::write(&path, STAND_IN).expect("write");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        }
        StandIns(place)
    }

    /// Everything that kind/run may call; python3 stands for the driver of the cases.
    pub(super) fn all() -> StandIns {
        StandIns::of(&["docker", "kind", "kubectl", "istioctl", "linkerd", "python3"])
    }

    pub(super) fn run(&self, script: &str, words: &[&str], variables: &[(&str, &str)]) -> Output {
        let path = format!("{}:/usr/bin:/bin", self.0.path().display());
        Command::new("/bin/bash")
            .arg(kind(script))
            .args(words)
            .env_clear()
            .env("PATH", path)
            .env("TOLD", self.0.path())
            .env("TMPDIR", self.0.path())
            .env("KUBECONFIG", "/a/user/s/own")
            .env("OUT", self.0.path().join("out"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("bash")
    }

    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.lines("calls")
    }
}

/// A file of `integration/kind`.
pub(super) fn kind(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/kind").join(name)
}

/// Where the call that begins so stands; it must be there once.
#[track_caller]
pub(super) fn at(calls: &[String], beginning: &str) -> usize {
    let found: Vec<usize> =
        (0..calls.len()).filter(|at| calls[*at].starts_with(beginning)).collect();
    assert_eq!(found.len(), 1, "{beginning}: {calls:#?}");
    found[0]
}
