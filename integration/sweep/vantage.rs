//! From where podprobe looks at a mutant, and what can be seen from there.

use crate::world::Who;

use super::battery::{End, Flow, Needs, Owner};
use super::subject::Subject;

/// One identity that podprobe runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vantage {
    /// As the table calls it.
    pub name: &'static str,
    pub who: Who,
}

/// A flow that ends elsewhere than on the intact rules.
#[derive(Clone, Debug)]
pub struct Change {
    pub flow: Flow,
    pub was: End,
    pub now: End,
}

impl Vantage {
    /// A user and group without capabilities.
    pub fn ids(name: &'static str, uid: u32, gid: u32) -> Vantage {
        Vantage { name, who: Who::Ids(uid, gid) }
    }

    /// The mesh's own identity, another, one that may take any, and one to which packets from outside can
    /// be made to arrive.
    pub fn four((uid, gid): (u32, u32)) -> Vec<Vantage> {
        vec![
            Vantage::ids("proxy", uid, gid),
            Vantage { name: "other", who: Who::App },
            Vantage { name: "root", who: Who::Root },
            Vantage { name: "admin", who: Who::NetAdmin },
        ]
    }

    /// Whose sockets it can make; absent: anybody's.
    pub fn owner(self) -> Option<Owner> {
        match self.who {
            Who::Ids(uid, gid) => Some(Owner::of(uid, gid)),
            Who::App => Some(Owner::of(65532, 65532)),
            _ => None,
        }
    }

    /// Whether it has marks, transparent sockets, and packets from outside.
    pub fn is_admin(self) -> bool {
        self.who == Who::NetAdmin
    }

    /// Whether it can make this flow.
    pub fn plays(self, flow: &Flow) -> bool {
        if self.is_admin() {
            return true;
        }
        let Some(sender) = flow.sender.filter(|_| flow.needs == Needs::Nothing) else {
            return false;
        };
        // One identity cannot use the same port twice in a row as two.
        self.owner().is_none_or(|own| own == sender && flow.stage == 0)
    }
}

impl Change {
    /// Whether its sender would notice: beyond the pod nobody inside can tell one end from another.
    pub fn shows(&self) -> bool {
        self.flow.stays_inside() || self.was.in_pod() != self.now.in_pod()
    }
}

/// Every identity under which podprobe looks at the subject.
pub fn owners(subject: &Subject) -> Vec<Owner> {
    let mut owners: Vec<Owner> = subject.vantages.iter().filter_map(|v| v.owner()).collect();
    owners.sort();
    owners.dedup();
    owners
}
