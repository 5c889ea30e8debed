//! The program under test, where every user may run it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

/// Cargo's target directory may lie where other users cannot look: the worlds share a copy, and the last
/// one to end removes it.
static COPY: Mutex<Weak<Program>> = Mutex::new(Weak::new());

/// A copy of the binary in a directory of its own.
pub struct Program {
    path: PathBuf,
    /// Removed with the last world.
    _directory: TempDir,
}

impl Program {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The copy that is there, or a new one.
pub fn installed() -> Arc<Program> {
    let mut copy = COPY.lock().unwrap_or_else(PoisonError::into_inner);
    copy.upgrade().unwrap_or_else(|| {
        let program = Arc::new(install());
        *copy = Arc::downgrade(&program);
        program
    })
}

fn install() -> Program {
    let directory = super::scratch();
    let path = directory.path().join("podprobe");
    // By another process: a descriptor open for writing, inherited by whatever some other test's
    // thread forks at this moment, would make the program a "text file busy".
    let built = env!("CARGO_BIN_EXE_podprobe").into();
    // Another build of it, such as the one that is released.
    let program = std::env::var_os("PODPROBE_TEST_PROGRAM").unwrap_or(built);
    let copied = Command::new("cp").arg(program).arg(&path).status();
    assert!(copied.expect("cp").success(), "copy the binary");
    Program { path, _directory: directory }
}
