//! podprobe says whether a pod's network is what it was promised to be.
//!
//! Data flows one way: arguments → [`plan::Plan`] → observe → [`record::Recording`] → judge →
//! [`report::Report`] → text and exit code. `observe` has all side effects, `judge` has none.

pub mod args;
pub mod capture;
pub mod cause;
pub mod config;
pub mod deliver;
pub mod detect;
pub mod diff;
pub mod dropin;
pub mod finding;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod judge;
pub mod layer;
pub mod logging;
pub mod net;
pub mod peer;
pub mod plan;
pub mod pod;
pub mod profile;
pub mod record;
pub mod redact;
pub mod report;
pub mod rules;
pub mod run;
pub mod schema;
pub mod secret;
pub mod watch;
