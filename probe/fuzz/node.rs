//! The node's files, and what its plugins say.

use std::collections::BTreeMap;

use super::text;
use crate::{
    capture::Capture,
    finding::Code,
    layer::node::{
        answer::{Answer, answer},
        conf, judge,
        mask::masked,
        program::{Head, Machine, head},
        run_plugin::{End, Ran},
        seen::{Content, File, Program, Seen},
        spot,
    },
    plan::Plan,
    profile::ISTIO,
};

/// Where the one configuration lies.
const DIRECTORY: &str = "/etc/cni/net.d";

fn capture() -> Capture {
    ISTIO.capture()
}

/// A node with nothing but this file, which is a list or one plugin's configuration.
fn node(name: &str, text: &str) -> Seen {
    let path = format!("{DIRECTORY}/{name}");
    let file = File { real: path.clone(), content: Content::Text(text.to_owned()) };
    Seen {
        whole: true,
        conf_dirs: vec![DIRECTORY.to_owned()],
        bin_dirs: vec!["/opt/cni/bin".to_owned()],
        listings: BTreeMap::from([
            (DIRECTORY.to_owned(), Ok(vec![name.to_owned()])),
            ("/opt/cni/bin".to_owned(), Ok(vec!["ptp".to_owned(), "istio-cni".to_owned()])),
        ]),
        files: BTreeMap::from([(path, file)]),
        programs: ["ptp", "istio-cni"].map(program).into(),
        ..Seen::default()
    }
}

/// A program that is as it should be.
fn program(name: &str) -> (String, Program) {
    use crate::layer::node::host::{Kind, Place};

    let path = format!("/opt/cni/bin/{name}");
    let machine = Machine::own().unwrap_or(Machine { number: 62, little: true });
    let head = Head::Elf { machine, interpreter: None, length: 64 };
    let place = Place { real: path.clone(), kind: Kind::File, mode: 0o755, size: 4096 };
    (path, Program { place: Ok(place), head: Some(Ok(head)), interpreter: None })
}

/// A CNI configuration.
pub(super) fn cni(bytes: &[u8]) {
    let text = text(bytes);
    let hidden = masked(&text);
    assert_eq!(hidden.chars().count(), text.chars().count(), "columns stay");
    for name in ["10-net.conflist", "10-net.conf"] {
        let read = conf::read(name, &text);
        if let Err(refused) = &read {
            let lines = text.split('\n').count();
            assert!((1..=lines.max(1)).contains(&refused.spot.line), "{refused:?}");
            let [shown, caret] = spot::excerpt(&text, refused.spot);
            assert!(shown.chars().count() <= 80 && caret.len() <= 81, "{shown}\n{caret}");
        }
        let plan = Plan::new("check", "istio", capture());
        let findings = judge(&plan, &node(name, &text));
        assert!(!findings.is_empty());
        let holds = findings.iter().any(|finding| finding.code == Code::NodeHolds);
        assert!(!holds || read.is_ok(), "{findings:?}");
        for finding in &findings {
            assert!(!finding.reason.chars().any(char::is_control), "{finding:?}");
        }
    }
}

/// What a plugin says when it is asked for its versions; and the same bytes as a program.
pub(super) fn plugin(bytes: &[u8]) {
    let said = text(bytes);
    for end in [End::Exit(0), End::Exit(1), End::Exit(127), End::Signal(11), End::Late] {
        let (stdout, stderr) = (said.clone(), said.clone());
        let ran = Ran { end: end.clone(), inside: true, noexec: false, stdout, stderr };
        match answer(&ran, true, true) {
            Answer::Supports(versions) => {
                assert!(!versions.is_empty() && matches!(end, End::Exit(_)), "{versions:?}");
                assert!(serde_json::from_str::<serde_json::Value>(&said).is_ok());
            }
            Answer::Dead(why) | Answer::Untold(why) | Answer::Unseen(why) => {
                assert!(why.chars().count() < 400 && !why.contains('\n'), "{why}");
            }
        }
    }
    if let Head::Elf { interpreter: Some(name), .. } | Head::Script(name) = head(bytes) {
        assert!(!name.is_empty());
    }
}
