//! Dns: what resolv.conf says to whom, and whether its nameservers answer, over what, and what.
//!
//! `conf` finds where resolvers differ about the file, `observe` asks, and judges, one for the file,
//! one for the way to each nameserver, one for what it knows, …, say what it means.

mod ask;
mod asker;
mod burst;
pub(crate) mod conf;
#[cfg(test)]
mod conf_tests;
mod environment;
mod expansion;
pub(crate) mod hosts;
mod judge;
mod judge_drops;
mod judge_environment;
mod judge_file;
mod judge_loss;
mod judge_names;
#[cfg(test)]
mod judge_tests;
pub(crate) mod message;
mod names;
mod observe;
mod outcome;
mod path;
mod pinned;
mod reply;
mod resolve;
mod servers;
mod walk;

pub use ask::{Ended, PATIENCE, ask};
pub use burst::Burst;
pub use conf::File;
pub use environment::Variables;
pub use expansion::{cost, expand};
pub use hosts::{Hosts, Pin};
pub use judge::judge;
pub use judge_drops::judge_drops;
pub use message::{encode_padded, is_name};
pub use observe::observe;
pub use outcome::{Asked, Nameserver, Outcome, Purpose, Seen};
pub use path::happened;
pub use reply::{Extended, Question, Record, Reply, has};
pub use resolve::{Resolved, Resolver};
pub use servers::{addresses, planned};

use crate::{plan::DnsPlan, pod::resolv_conf::Reader};

/// The cluster's domain: as declared, or what follows `svc.` in the search list.
#[must_use]
pub fn zone(plan: &DnsPlan, file: &File) -> Option<String> {
    let declared = plan.cluster_domain.as_deref().map(|zone| zone.trim_matches('.').to_owned());
    let told = || {
        let mut lists = Reader::ALL.into_iter().flat_map(|reader| file.read(reader).search);
        let of = |domain: &str| domain.trim_matches('.').strip_prefix("svc.").map(str::to_owned);
        lists.find_map(|domain| of(domain.trim_end_matches('\r')))
    };
    declared.or_else(told).filter(|zone| !zone.is_empty() && message::is_name(zone))
}
