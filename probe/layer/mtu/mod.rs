//! Mtu: whether full packets come through, in both directions, or vanish without a word.
//!
//! An ordinary exchange, padded to full packets, with somebody who answers anyhow: `peer` says with
//! whom, `exchange` makes one connection and watches its packets, `observe` compares it with the
//! same bytes in small packets, and `judge` says what that means.

mod exchange;
mod judge;
#[cfg(test)]
mod judge_tests;
mod observe;
mod outcome;
mod peer;
mod told;

pub use judge::judge;
pub use observe::{observe, planned};
pub use outcome::{Ended, Exchange, Path, Seen, Tried};
pub use peer::{Known, Role, Speaks};
