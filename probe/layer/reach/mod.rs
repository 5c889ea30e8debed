//! Reach: do the targets that a person named answer as they should, or stay blocked as they must?
//!
//! `grammar` reads a target, `observe` tries all of them side by side (`once` is one attempt), and
//! `judge` says what it means: who refuses, where packets are lost, what was said in the wrong way.

mod addresses;
mod authority;
mod demand;
#[cfg(feature = "tls")]
pub(crate) mod der;
mod grammar;
pub(crate) mod grpc;
mod http;
mod jobs;
mod judge;
#[cfg(test)]
mod judge_tests;
mod looker;
mod masked;
mod observe;
mod once;
mod outcome;
mod parameters;
mod target;
#[cfg(feature = "tls")]
mod tls;
mod trouble;
mod verdict;
mod who;

pub use jobs::planned;
pub use judge::{judge, successes};
pub use observe::observe;
pub use outcome::{Answer, Certificate, Outcome, Probe, Seen, Unheard};
pub use parameters::{ALL as PARAMETERS, encoded};
pub use target::{Families, Host, Kind, Place, Target, Tls};
pub use trouble::Trouble;
