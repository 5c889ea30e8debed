//! The conformance cases before any cluster: what they expect, the rules that they load, and how kind is driven.

/// What each case says, and whether it could be judged by it.
mod expected;
/// kind, installers and kubectl in the order that is meant, by stand-ins that write down how they were called.
mod kind;
/// The rules of the cases are the rules that the other tests stand on.
mod rules;
/// Those stand-ins.
mod stand_ins;

use std::path::{Path, PathBuf};

/// Where the cases are.
fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/cases")
}
