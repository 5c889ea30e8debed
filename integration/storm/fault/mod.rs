//! Faults: how each is made, and the codes that rightly name it.

mod above;
mod link;
mod pod;
mod redirect;
mod route;

use super::blueprint::Blueprint;
use super::random::Random;
use super::setting::Setting;

/// Two faults of one slot would undo each other; the order is that of causes, the deepest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    Limit,
    Link,
    Address,
    Route,
    Service,
    Filter,
    Rules,
    Listener,
    ResolvConf,
    Nameserver,
    ApiServer,
    Web,
    Plain,
    Size,
}

/// One thing that is wrong.
pub struct Fault {
    pub name: &'static str,
    pub slot: Slot,
    /// Whether who looks can see it.
    pub fits: fn(&Setting) -> bool,
    pub make: fn(&mut Blueprint, &mut Random),
    /// The codes that rightly name it.
    pub names: &'static [&'static str],
    /// Codes that name it where another fault hides a part of it.
    pub beside: &'static [&'static str],
    /// The exit codes that go with them.
    pub exits: &'static [i32],
    /// It can be made in a pod that held before.
    pub comes_later: bool,
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    [link::FAULTS, route::FAULTS, pod::FAULTS, redirect::FAULTS, above::FAULTS]
        .into_iter()
        .flatten()
}
