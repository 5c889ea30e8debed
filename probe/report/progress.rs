//! The live line while `gate` waits: on a terminal only.

use std::io::{IsTerminal, Write, stderr};

use crate::cause::Cause;

/// Columns of the live line.
const WIDTH: usize = 79;

/// Rewrites the live line; `waited_ms` since the start.
pub fn show(waited_ms: f64, cause: &Cause) {
    let line = format!("waiting {:.1} s: {}: {}", waited_ms / 1000.0, cause.code, cause.reason);
    let line: String = line.chars().take(WIDTH).collect();
    write(&format!("\r\x1b[K{line}"));
}

/// Rewrites the live line with how much is done; the last count takes it away.
pub fn count(what: &str, done: usize, all: usize) {
    if done == all {
        clear();
    } else if done.is_multiple_of((all / 100).max(10)) {
        write(&format!("\r\x1b[K{done} of {all} {what}"));
    }
}

/// Takes the live line away.
pub fn clear() {
    write("\r\x1b[K");
}

fn write(text: &str) {
    let mut stderr = stderr();
    if stderr.is_terminal() {
        // A live line that cannot be written is no loss.
        let _ = stderr.write_all(text.as_bytes());
        let _ = stderr.flush();
    }
}
