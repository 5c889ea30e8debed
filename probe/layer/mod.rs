//! The layers, in causal order. Each one observes (all side effects) and judges (none).

pub mod dns;
pub mod link;
pub mod redirect;
pub mod route;
