use std::{fs, os::unix::fs::symlink};

use nix::{sys::stat::Mode, unistd::mkfifo};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A host below a directory, beside which lies what no path may reach.
fn host() -> (TempDir, Host) {
    let outside = tempfile::tempdir().expect("a directory");
    fs::write(outside.path().join("secret"), "outside").expect("write");
    let root = outside.path().join("root");
    for directory in ["opt/cni/bin", "usr/libexec/cni", "etc"] {
        fs::create_dir_all(root.join(directory)).expect("mkdir");
    }
    fs::write(root.join("usr/libexec/cni/calico"), "inside").expect("write");
    fs::write(root.join("secret"), "the host's own").expect("write");
    let host = Host::open(&root).expect("open");
    (outside, host)
}

fn link(directory: &TempDir, target: &str, at: &str) {
    symlink(target, directory.path().join("root").join(at)).expect("symlink");
}

fn text(host: &Host, path: &str) -> Result<String, String> {
    let read = host.read(path, 100).map_err(|lost| format!("{} {}", lost.at, lost.errno));
    read.map(|(_, bytes)| String::from_utf8(bytes).expect("UTF-8"))
}

#[test]
fn an_absolute_link_begins_at_the_hosts_root() {
    let (directory, host) = host();
    link(&directory, "/usr/libexec/cni/calico", "opt/cni/bin/calico");
    assert_eq!(text(&host, "/opt/cni/bin/calico").as_deref(), Ok("inside"));
    let place = host.look("/opt/cni/bin/calico").expect("a place");
    assert_eq!((place.real.as_str(), place.kind), ("/usr/libexec/cni/calico", Kind::File));
}

#[test]
fn a_linked_directory_is_passed_through() {
    let (directory, host) = host();
    fs::remove_dir(directory.path().join("root/opt/cni/bin")).expect("rmdir");
    link(&directory, "../../usr/libexec/cni", "opt/cni/bin");
    assert_eq!(text(&host, "/opt/cni/bin/calico").as_deref(), Ok("inside"));
    assert_eq!(host.list("/opt/cni/bin", 9), Ok(vec!["calico".to_owned()]));
}

#[test]
fn nothing_climbs_above_the_root() {
    let (directory, host) = host();
    let outside = directory.path().join("secret");
    let outside = outside.to_str().expect("UTF-8");
    link(&directory, outside, "etc/absolute");
    link(&directory, "../../../../../../../../secret", "etc/relative");
    link(&directory, "..", "up");
    assert_eq!(text(&host, "/../secret").as_deref(), Ok("the host's own"));
    assert_eq!(text(&host, "/etc/relative").as_deref(), Ok("the host's own"));
    assert_eq!(text(&host, "/up/secret").as_deref(), Ok("the host's own"));
    assert!(text(&host, "/etc/absolute").is_err_and(|why| why.ends_with("ENOENT")));
    assert!(text(&host, outside).is_err_and(|why| why.ends_with("ENOENT")));
}

#[test]
fn circles_end() {
    let (directory, host) = host();
    link(&directory, "b", "a");
    link(&directory, "a", "b");
    link(&directory, "self/self", "self");
    assert!(text(&host, "/a").is_err_and(|why| why.ends_with("ELOOP")));
    assert!(text(&host, "/self").is_err_and(|why| why.ends_with("ELOOP")));
}

#[test]
fn where_the_way_ends_is_told_after_links() {
    let (directory, host) = host();
    link(&directory, "/var/lib/rancher/calico", "opt/cni/bin/calico");
    assert_eq!(text(&host, "/opt/cni/bin/calico"), Err("/var ENOENT".to_owned()));
    assert_eq!(text(&host, "/secret/x"), Err("/secret ENOTDIR".to_owned()));
}

#[test]
fn pipes_and_directories_are_looked_at_and_never_opened() {
    let (directory, host) = host();
    mkfifo(&directory.path().join("root/etc/pipe"), Mode::S_IRWXU).expect("mkfifo");
    assert_eq!(host.look("/etc/pipe").map(|place| place.kind), Ok(Kind::Pipe));
    assert_eq!(text(&host, "/etc/pipe"), Err("/etc/pipe EINVAL".to_owned()));
    assert_eq!(text(&host, "/etc"), Err("/etc EINVAL".to_owned()));
    assert_eq!(host.look("/").map(|place| place.real), Ok("/".to_owned()));
}

#[test]
fn no_more_is_read_than_asked_for() {
    let (_directory, host) = host();
    let (place, bytes) = host.read("/secret", 3).expect("a file");
    assert_eq!((bytes.as_slice(), place.size), (b"the".as_slice(), 14));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_path_reaches_what_lies_outside(path in "(/|\\.\\.|\\.|up|etc|secret|link){0,12}") {
        let (directory, host) = host();
        link(&directory, "/../..", "up");
        link(&directory, "../../secret", "link");
        let read = text(&host, &path);
        prop_assert_ne!(read.as_deref(), Ok("outside"));
    }
}
