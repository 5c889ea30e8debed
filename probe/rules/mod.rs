//! Rules: what netfilter is told to do in this pod, read without any other program, and which rule
//! is the wrong one.
//!
//! `read` has all side effects. Everything else is pure: dumps are foreign input.

mod bytes;
#[cfg(test)]
mod corpus_tests;
mod expected;
pub(crate) mod legacy;
mod mixed;
mod model;
mod name;
pub(crate) mod nft;
mod observe;
mod packets;
mod read;
mod save;
mod show;
mod tell;
mod text;
mod trace;
mod walk;
#[cfg(test)]
mod walk_tests;
mod xt;

pub use mixed::mixed;
pub use model::{
    Action, Backend, Base, Chain, Hook, Kind, Match, Place, Rule, Ruleset, Scope, Table, Test,
};
pub use observe::{Again, Seen, observe};
pub use read::{Dump, read};
pub use show::{document, text};
pub use tell::explain;
