use proptest::prelude::*;

use super::super::{
    host::{Lost, Place},
    program::{Head, Machine},
    seen::{File, Program},
};
use super::*;
use crate::{layer::node::host::Kind, profile};

const PATH: &str = "/etc/cni/net.d/10-x.conflist";
const LIST: &str = r#"{"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "bridge"}]}"#;

fn plan() -> Plan {
    Plan::new("check", "none", profile::NONE.capture())
}

/// A whole node with this configuration, whose plugin is there.
fn seen(text: &str) -> Seen {
    let machine = Machine { number: 62, little: true };
    let mut seen = Seen {
        whole: true,
        machine: Some(machine),
        conf_dirs: vec!["/etc/cni/net.d".to_owned()],
        bin_dirs: vec!["/opt/cni/bin".to_owned()],
        ..Seen::default()
    };
    let directory = seen.conf_dirs[0].clone();
    seen.listings.insert(directory, Ok(vec!["10-x.conflist".to_owned()]));
    let content = Content::Text(text.to_owned());
    seen.files.insert(PATH.to_owned(), File { real: PATH.to_owned(), content });
    let real = "/opt/cni/bin/bridge".to_owned();
    let place = Ok(Place { real: real.clone(), kind: Kind::File, mode: 0o755, size: 9000 });
    let head = Some(Ok(Head::Elf { machine, interpreter: None, length: 9000 }));
    seen.programs.insert(real, Program { place, head, interpreter: None });
    seen
}

fn codes(seen: &Seen) -> Vec<Code> {
    judge(&plan(), seen).iter().map(|finding| finding.code).collect()
}

#[test]
fn what_a_recording_holds_is_enough_to_judge() {
    assert_eq!(codes(&seen(LIST)), [Code::NodeHolds]);
    let recorded = serde_json::to_string(&seen(LIST)).expect("JSON");
    let replayed: Seen = serde_json::from_str(&recorded).expect("a recording");
    assert_eq!(replayed, seen(LIST));
}

#[test]
fn nothing_is_missing_where_nothing_could_be_looked_at() {
    let refused = |at: &str, errno: &str| Lost { at: at.to_owned(), errno: errno.to_owned() };
    let mut blind = seen(LIST);
    let program = blind.programs.values_mut().next().expect("a program");
    program.place = Err(refused("/opt/cni/bin", "EACCES"));
    assert_eq!(codes(&blind), [Code::NodeUnseen]);
    let program = blind.programs.values_mut().next().expect("a program");
    program.place = Err(refused("/opt/cni/bin/bridge", "ENOENT"));
    assert_eq!(codes(&blind), [Code::CniPluginMissing]);
    blind.whole = false;
    assert_eq!(codes(&blind), [Code::NodeUnseen]);
    let closed = Seen { closed: Some("ENOENT".to_owned()), ..Seen::default() };
    assert_eq!(codes(&closed), [Code::NodeUnseen]);
}

#[test]
fn names_are_printed_and_not_obeyed() {
    let found = judge(&plan(), &seen(&LIST.replace("bridge", "\\u001b[31m\\u0007x")));
    assert_eq!(found[0].code, Code::CniPluginMissing);
    assert!(!found[0].reason.contains('\u{1b}') && found[0].reason.contains("u{1b}"));
}

proptest! {
    #[test]
    fn foreign_configurations_never_panic(
        text in "\\PC*",
        kind in "(multus|flannel|istio-cni|calico|kube-ovn|\\PC{0,9})",
        key in "(delegates|delegate|clusterNetwork|ipam|kubeconfig|ranges|subnet|dataDir)",
        value in prop_oneof![
            Just(serde_json::json!(PATH)),
            Just(serde_json::json!("/host/etc/cni/net.d")),
            Just(serde_json::json!({"type": "host-local", "ranges": [[{"subnet": "::/0"}]]})),
            Just(serde_json::json!([{"type": "multus", "clusterNetwork": PATH}, 1, {}])),
            Just(serde_json::json!(null)),
        ],
    ) {
        let _ = codes(&seen(&text));
        let plugin = serde_json::json!({"type": kind, key: value});
        let list = serde_json::json!({"name": "net", "plugins": [plugin, {"type": "bridge"}]});
        prop_assert!(!codes(&seen(&list.to_string())).is_empty());
    }
}
