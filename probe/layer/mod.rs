//! The layers, in causal order. Each one observes (all side effects) and judges (none).

pub mod attempt;
pub mod dns;
pub mod egress;
pub mod ladder;
pub mod link;
pub mod node;
pub mod redirect;
pub mod route;
