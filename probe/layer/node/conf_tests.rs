use proptest::prelude::*;

use super::*;

fn refused(file: &str, text: &str) -> (Code, usize, usize) {
    let refused = read(file, text).expect_err("libcni refuses it");
    (refused.code.expect("a code"), refused.spot.line, refused.spot.column)
}

#[test]
fn a_list_and_a_single_plugin_are_read_by_the_names_of_their_files() {
    let list =
        r#"{"name": "k8s", "cniVersion": "1.0.0", "plugins": [{"type": "a"}, {"type": "b"}]}"#;
    let read_list = read("10-a.conflist", list).expect("a list");
    let kinds: Vec<&str> = read_list.plugins.iter().map(|plugin| plugin.kind.as_str()).collect();
    assert_eq!((kinds, read_list.name.as_str()), (vec!["a", "b"], "k8s"));
    let single = read("10-a.json", r#"{"Type": "a"}"#).expect("a plugin");
    assert_eq!((single.plugins[0].kind.as_str(), single.name.as_str()), ("a", ""));
    assert_eq!(refused("10-a.conf", list).0, Code::CniConfigKind);
    assert_eq!(refused("10-a.conflist", r#"{"name": "x", "type": "a"}"#).0, Code::CniConfigKind);
}

#[test]
fn a_syntax_error_has_its_place() {
    let trailing = "{\n  \"name\": \"é\",\n  \"plugins\": [{\"type\": \"a\"},]\n}";
    assert_eq!(refused("a.conflist", trailing), (Code::CniConfigInvalid, 3, 29));
    assert_eq!(refused("a.conf", ""), (Code::CniConfigInvalid, 1, 1));
    assert_eq!(refused("a.conf", "{\"type\": \"a\"}\n{}"), (Code::CniConfigInvalid, 2, 1));
    assert_eq!(refused("a.conf", "\u{feff}{}"), (Code::CniConfigBom, 1, 1));
}

#[test]
fn what_go_has_types_for_must_have_them() {
    for (text, column) in [
        (r#"{"plugins": [{"type": "a"}]}"#, 1),
        (r#"{"name": 1, "plugins": [{"type": "a"}]}"#, 10),
        (r#"{"name": "x", "cniVersion": 1.0, "plugins": [{"type": "a"}]}"#, 29),
        (r#"{"name": "x", "plugins": {"type": "a"}}"#, 26),
        (r#"{"name": "x", "plugins": [{"type": 1}]}"#, 36),
        (r#"{"name": "x", "plugins": [{"type": "a", "ipam": "dhcp"}]}"#, 49),
        (r#"{"name": "x", "plugins": [{"type": "a", "capabilities": {"p": "true"}}]}"#, 57),
        (r#"{"name": "x", "plugins": [{}]}"#, 27),
    ] {
        assert_eq!(refused("a.conflist", text), (Code::CniConfigInvalid, 1, column), "{text}");
    }
    let near = r#"{"name": "x", "plugins": [{"type": "a", "ipam": {}, "capabilities": {"p": true},
        "mtu": "1500", "name": null}]}"#;
    assert!(read("a.conflist", near).is_ok());
}

#[test]
fn one_of_several_versions_counts() {
    let text =
        r#"{"name": "x", "cniVersions": ["0.4.0", "1.0.0", "9.0.0"], "plugins": [{"type": "a"}]}"#;
    let version = read("a.conflist", text).expect("a list").version;
    assert_eq!(version.as_deref(), Some("1.0.0"));
}

#[test]
fn what_is_too_deep_for_podprobe_is_not_called_invalid() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(read("a.conf", &deep).expect_err("too deep").code, None);
}

#[test]
fn names_of_networks() {
    assert!(is_name("k8s-pod-network") && is_name("cbr0") && is_name("a.b_c"));
    assert!(!is_name("") && !is_name("-a") && !is_name("a b") && !is_name("netz\u{e9}"));
}

proptest! {
    #[test]
    fn foreign_text_never_panics(text in "\\PC*", json in "[\\[\\]{},:\"\\\\ a\n0é]{0,60}") {
        for text in [text, json] {
            let _ = (read("a.conf", &text), read("a.conflist", &text));
        }
    }
}
