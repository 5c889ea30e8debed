//! Reach: do the targets that a person named answer as they should, or stay blocked as they must?
//!
//! `grammar` reads a target, `observe` tries all of them side by side (`once` is one attempt), and
//! `judge` says what it means: who refuses, where packets are lost, what was said in the wrong way.

mod der;
mod grammar;
mod grpc;
mod http;
mod judge;
#[cfg(test)]
mod judge_tests;
mod observe;
mod once;
mod outcome;
mod parameters;
mod target;
#[cfg(feature = "tls")]
mod tls;
mod verdict;
mod who;

pub use judge::judge;
pub use observe::{observe, planned};
pub use outcome::{Answer, Certificate, Outcome, Probe, Problem, Seen, Unheard};
pub use parameters::{ALL as PARAMETERS, encoded};
pub use target::{Families, Host, Kind, Place, Target, Tls};
#[cfg(feature = "tls")]
pub use tls::roots;
