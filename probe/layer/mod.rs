//! The layers, in causal order. Each one observes (all side effects) and judges (none).

pub mod attempt;
pub mod dns;
pub mod egress;
pub mod exchange;
pub mod ladder;
pub mod link;
pub mod mtu;
pub mod node;
pub mod reach;
pub mod redirect;
pub mod route;
pub mod service;
