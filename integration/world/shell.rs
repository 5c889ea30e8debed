//! Shell scripts that must succeed.

use std::io::Write;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, setfsuid};

/// Runs the script in the calling thread's namespaces and gives its output; a failure ends the test.
pub fn sh(script: &str) -> String {
    let run = Command::new("sh").args(["-ec", script]).output().expect("sh");
    let error = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "`{script}` failed: {error}");
    String::from_utf8_lossy(&run.stdout).into_owned()
}

/// A rule in the packet filter of the calling thread's namespace, in a chain called as its hook.
pub fn filter(hook: &str, rule: &str) {
    sh(&format!(
        "nft 'add table inet t; add chain inet t {hook} {{ type filter hook {hook} priority 0; }}; \
         add rule inet t {hook} {rule}'"
    ));
}

/// Feeds the text to a command; a failure ends the test with the command's own words.
pub fn feed(command: &mut Command, text: &str) {
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("a command to feed");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("write");
    let run = child.wait_with_output().expect("wait");
    let error = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{command:?} refused:\n{text}\n{error}");
}

/// Runs `make` with this user as the owner of the sockets that it creates: netfilter's owner match, and
/// whoever asks for a listener's owner, see the creator's file system uid.
pub fn as_owner<T>(owner: u32, make: impl FnOnce() -> T) -> T {
    let before = setfsuid(Uid::from_raw(owner));
    let result = make();
    setfsuid(before);
    result
}
