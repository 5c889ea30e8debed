//! Service: whether the API server's address leads to somebody who speaks TLS, and if not, who
//! stands in between.
//!
//! A connection that is accepted proves little: a load balancer without a backend accepts, and so
//! does a mesh's proxy. So a `ClientHello` is sent and the first bytes of the answer are looked at;
//! that takes no cryptography. Whose answer it is proves the certificate alone, with `--readyz`.

pub(crate) mod answer;
mod judge;
#[cfg(test)]
mod judge_tests;
mod locate;
mod lost;
mod observe;
mod outcome;
pub(crate) mod ready;

pub use judge::judge;
pub use observe::{observe, planned};
pub use outcome::{Named, Outcome, Ready, Seen, Server};
