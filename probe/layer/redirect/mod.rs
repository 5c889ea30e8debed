//! Redirect: is the traffic that the mesh promised to capture captured, and nothing else?
//!
//! `flows` derives what to test from the promise, `observe` sends it through the real kernel, and
//! `judge` compares what happened with what was promised.

mod aggregate;
mod awaited;
mod blind;
mod destination;
mod flow;
mod flows;
#[cfg(test)]
mod flows_tests;
mod judge;
#[cfg(test)]
mod judge_tests;
mod live;
mod marked;
mod observe;
mod outcome;
mod outside;
mod phrase;
mod promise;
mod refused;
mod send;
mod serve;
mod shown;
#[cfg(test)]
mod shown_tests;
mod vantage;
mod verdict;
#[cfg(test)]
mod verdict_tests;
mod witness;

pub use awaited::{Awaited, Visit, judge_awaited, leave_alone, wait_for};
pub use blind::{goes_without_saying, may_show_later};
pub use flow::{Flow, Promise, Proof, Sender, Transport};
pub use flows::{Addresses, flows};
pub use judge::{Judged, broken, failed, judge};
pub use live::{is_proxy, running_proxy};
pub use marked::judge_marked_route;
pub use observe::{observe, resend};
pub use outcome::{Dummy, Observed, Offender, Outcome, PeerSeen, Seen};
pub use phrase::{promised, subject};
pub use promise::takes_from_application;
pub use shown::{FlowShown, draw, shown};
pub use vantage::{Play, Vantage, vantage};
