//! What a plugin answers when it is asked for its versions (CNI specification, `VERSION`).

use serde_json::Value;

use super::run_plugin::{End, Ran};

/// What plugins without this command say, which is how libcni knows those of 0.1.0
/// (containernetworking/cni `pkg/invoke/exec.go`).
const UNKNOWN: &str = "unknown CNI_COMMAND: VERSION";
/// What the linker of glibc and of musl exits with when a library is missing.
const NOT_LINKED: i32 = 127;
/// Signals that tell of the program itself: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV.
const OWN_FAULT: [i32; 6] = [4, 5, 6, 7, 8, 11];
/// Of what a plugin says, so many characters are repeated.
const SHOWN: usize = 200;

/// What is known after a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The versions that it supports.
    Supports(Vec<String>),
    /// It does not start, on this node: why.
    Dead(String),
    /// It starts, and does not tell.
    Untold(String),
    /// podprobe could not run it, and that may be podprobe's own doing: why.
    Unseen(String),
}

/// Reads a run; `whole` where what is not below the host's root is not on the host, and `linked` of
/// a program that needs its linker.
#[must_use]
pub fn answer(ran: &Ran, whole: bool, linked: bool) -> Answer {
    let inside = ran.inside && whole;
    match &ran.end {
        End::Outside(what, errno) => {
            let needs =
                if what.starts_with("chroot") { ", which needs CAP_SYS_CHROOT" } else { "" };
            Answer::Unseen(format!("{what}: {errno}{needs}"))
        }
        End::Unstarted(errno) => unstarted(errno, ran, inside),
        End::Exit(0) => read(&ran.stdout),
        End::Exit(NOT_LINKED) if linked && inside => {
            Answer::Dead(format!("it exits with {NOT_LINKED}: {}", shown(&ran.stderr)))
        }
        End::Exit(code) => refused(*code, ran),
        End::Signal(number) if OWN_FAULT.contains(number) => {
            Answer::Dead(format!("signal {number} ends it: {}", shown(&ran.stderr)))
        }
        End::Signal(number) => Answer::Unseen(format!("signal {number} ended it from outside")),
        End::Late => Answer::Untold("it does not end within 5 s".to_owned()),
        End::Long => Answer::Untold(format!("it does not stop talking: {}", shown(&ran.stdout))),
    }
}

fn unstarted(errno: &str, ran: &Ran, inside: bool) -> Answer {
    match errno {
        "ENOEXEC" => Answer::Dead("ENOEXEC: this kernel takes it for no program".to_owned()),
        "ELIBBAD" => Answer::Dead("ELIBBAD: what runs it is no linker".to_owned()),
        "ENOENT" if inside => Answer::Dead("ENOENT: what runs it is not there".to_owned()),
        _ if ran.noexec => Answer::Unseen(format!(
            "{errno}: its file system is mounted noexec in this container, which need not be so for the runtime"
        )),
        errno => Answer::Unseen(format!("{errno}, which may be this container's own confinement")),
    }
}

/// An error in libcni's words on stdout, or what was said on stderr.
fn refused(code: i32, ran: &Ran) -> Answer {
    let error: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    if word("msg") == UNKNOWN {
        return Answer::Supports(vec!["0.1.0".to_owned()]);
    }
    let said = [word("msg"), word("details"), &ran.stderr, &ran.stdout];
    let said = said.into_iter().find(|said| !said.trim().is_empty()).unwrap_or_default();
    Answer::Untold(format!("it exits with {code}: {}", shown(said)))
}

/// As libcni reads it (containernetworking/cni `pkg/version/plugin.go`, `PluginDecoder`).
fn read(stdout: &str) -> Answer {
    let untold = || Answer::Untold(format!("its answer is no list of versions: {}", shown(stdout)));
    let Ok(answer) = serde_json::from_str::<Value>(stdout) else { return untold() };
    let Some(version) = answer.get("cniVersion").and_then(Value::as_str) else { return untold() };
    let versions = answer.get("supportedVersions").and_then(Value::as_array);
    let words: Option<Vec<String>> =
        versions.and_then(|all| all.iter().map(|v| v.as_str().map(str::to_owned)).collect());
    match words {
        Some(words) if !words.is_empty() => Answer::Supports(words),
        None if versions.is_none() && version == "0.2.0" => {
            Answer::Supports(["0.1.0", "0.2.0"].map(str::to_owned).to_vec())
        }
        _ => untold(),
    }
}

/// The beginning, in one line.
fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    if line.is_empty() { "it says nothing".to_owned() } else { line.chars().take(SHOWN).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ran(end: End, stdout: &str, stderr: &str) -> Ran {
        let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
        Ran { end, inside: true, noexec: false, stdout, stderr }
    }

    fn of(end: End, stdout: &str) -> Answer {
        answer(&ran(end, stdout, ""), true, true)
    }

    fn supports(versions: &[&str]) -> Answer {
        Answer::Supports(versions.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_list_of_versions_is_read_as_libcni_reads_it() {
        let answer = r#"{"cniVersion": "1.0.0", "supportedVersions": ["0.4.0", "1.0.0"]}"#;
        assert_eq!(of(End::Exit(0), answer), supports(&["0.4.0", "1.0.0"]));
        assert_eq!(of(End::Exit(0), r#"{"cniVersion": "0.2.0"}"#), supports(&["0.1.0", "0.2.0"]));
        let old = r#"{"code": 4, "msg": "unknown CNI_COMMAND: VERSION"}"#;
        assert_eq!(of(End::Exit(1), old), supports(&["0.1.0"]));
        for odd in [
            "",
            "[]",
            r#"{"supportedVersions": ["1.0.0"]}"#,
            r#"{"cniVersion": "1.0.0", "supportedVersions": []}"#,
            r#"{"cniVersion": "1.0.0", "supportedVersions": [1]}"#,
            r#"{"cniVersion": "0.2.0", "supportedVersions": [1]}"#,
        ] {
            assert!(matches!(of(End::Exit(0), odd), Answer::Untold(_)), "{odd}");
        }
    }

    #[test]
    fn a_program_is_dead_by_its_own_fault_alone() {
        for end in [End::Unstarted("ENOEXEC".into()), End::Signal(4), End::Exit(127)] {
            assert!(matches!(of(end.clone(), ""), Answer::Dead(_)), "{end:?}");
        }
        for errno in ["EACCES", "EPERM", "ENOMEM", "ETXTBSY"] {
            assert!(matches!(of(End::Unstarted(errno.into()), ""), Answer::Unseen(_)), "{errno}");
        }
        for signal in [9, 15, 31] {
            assert!(matches!(of(End::Signal(signal), ""), Answer::Unseen(_)), "{signal}");
        }
    }

    #[test]
    fn what_is_missing_outside_of_the_hosts_root_says_nothing() {
        let missing = ran(End::Unstarted("ENOENT".into()), "", "");
        assert!(matches!(answer(&missing, true, true), Answer::Dead(_)));
        assert!(matches!(answer(&missing, false, true), Answer::Unseen(_)));
        let outside = Ran { inside: false, ..missing };
        assert!(matches!(answer(&outside, true, true), Answer::Unseen(_)));
        let unlinked = ran(End::Exit(127), "", "libx.so.1: cannot open");
        assert!(matches!(answer(&unlinked, true, false), Answer::Untold(_)), "a script's own exit");
    }

    proptest! {
        #[test]
        fn foreign_answers_never_panic(
            text in "\\PC*",
            code in -300..300_i32,
            json in "(\\{|\\}|\\[|\\]|\"cniVersion\"|\"supportedVersions\"|:|,|\"0.2.0\")*",
        ) {
            for stdout in [&text, &json] {
                for end in [End::Exit(code), End::Signal(code), End::Long, End::Exit(0)] {
                    let _ = of(end, stdout);
                }
            }
        }
    }
}
