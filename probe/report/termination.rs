//! The termination message: what `kubectl describe pod` shows of a blocked start.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path};

use nix::fcntl::OFlag;
use serde_json::json;

use super::{Report, Verdict};
use crate::net::outlet;

/// Kubernetes shares 12 KiB between a pod's containers: 1 KiB each is always kept.
const LIMIT: usize = 1024;

/// `CODE: reason`, the hint, then compact JSON: at most 1024 bytes. None when all is well.
#[must_use]
pub fn message(report: &Report) -> Option<String> {
    if report.verdict == Verdict::Ok && report.signal.is_none() {
        return None;
    }
    let facts = json!({
        "exitCode": report.exit_code,
        "verdict": report.verdict,
        "proofs": report.proofs,
        "attempts": report.attempts,
        "elapsedMs": report.elapsed_ms,
        "signal": report.signal,
    });
    let said = match &report.cause {
        Some(cause) => format!("{}: {}\n{}\n", cause.code, cause.reason, cause.hint),
        None => "ended by a signal before anything was found broken\n".to_owned(),
    };
    let facts = facts.to_string();
    let room = LIMIT.saturating_sub(facts.len() + 1);
    Some(format!("{}\n{facts}", cut(said.trim_end(), room)))
}

/// Writes the message in place: the kubelet mounts the file itself, so it cannot be replaced.
///
/// # Errors
/// What open(2) or write(2) return.
pub fn write(path: &Path, message: &str) -> std::io::Result<()> {
    // A pipe that nobody reads is told, and not waited for.
    let flags = OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new().write(true).truncate(true).custom_flags(flags).open(path)?;
    outlet::write(&file, message.as_bytes(), Some(outlet::REPORT))
}

/// The longest beginning of at most `limit` bytes that ends on a character boundary.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cut;

    proptest! {
        #[test]
        fn a_cut_is_a_beginning_within_the_limit(text in ".*", limit in 0_usize..64) {
            let cut = cut(&text, limit);
            prop_assert!(text.starts_with(cut) && cut.len() <= limit);
            prop_assert!(text.len() <= limit || limit - cut.len() < 4);
        }
    }
}
