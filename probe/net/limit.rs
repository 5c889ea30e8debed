//! How many descriptors this process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What a process has where nobody says otherwise.
const USUAL: u64 = 1024;

/// Raises the soft limit as far as the hard one allows, if more are wanted, and gives what is in
/// force then.
#[must_use]
pub fn descriptors(wanted: u64) -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return USUAL };
    let raised = wanted.min(hard);
    if raised > soft && setrlimit(Resource::RLIMIT_NOFILE, raised, hard).is_ok() {
        raised
    } else {
        soft
    }
}
