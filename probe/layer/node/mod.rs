//! Node: the CNI configuration and plugins that the container runtime will make new pods with, read
//! from the host's files.
//!
//! `host` reads below the host's root and never leaves it, `observe` collects, `choose` says which file
//! each runtime takes, `chain` follows it, `judge` and `active` say what it means.

mod active;
pub(crate) mod answer;
mod chain;
mod choose;
pub(crate) mod conf;
mod fit;
pub(crate) mod host;
mod judge;
pub(crate) mod mask;
mod mesh;
mod needs;
mod observe;
mod pool;
pub(crate) mod program;
pub(crate) mod run_plugin;
mod runtime;
pub(crate) mod seen;
pub(crate) mod spot;
mod tracked;
mod version;

pub use judge::judge;
pub use observe::observe;
pub use seen::Seen;
pub use tracked::tracked;
