//! From targets to probes: names looked up, and one probe for each family and each question.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::stream::{self, StreamExt};

use super::{
    outcome::Outcome,
    target::{Families, Host, Kind, Target},
};
use crate::{
    layer::dns::{Question, Record, Resolved, Resolver},
    plan::Plan,
    pod::{Family, Pod, Transport},
};

/// Names looked up at the same time: nameservers limit the rate.
const NAMES_AT_ONCE: usize = 32;
/// Addresses of one name and family that are tried, of a target that must answer: a load balancer's
/// name or a headless service's. Applications give up sooner.
const TRIED: usize = 8;
/// The same of a target that must be blocked: one that is open is enough to break the promise.
const TRIED_BLOCKED: usize = 64;

/// One probe to be.
pub(super) struct Job {
    /// Its place among the plan's targets.
    pub(super) target: usize,
    pub(super) family: Option<Family>,
    /// Where to, or why nowhere.
    pub(super) to: Result<SocketAddr, Outcome>,
    /// For DNS: the names to ask for, and over what.
    pub(super) question: Option<(Vec<Question>, Transport)>,
    /// How many more addresses of the name and family are not tried.
    pub(super) untried: usize,
}

/// What the list depends on.
pub(super) struct Planner<'a> {
    pub(super) plan: &'a Plan,
    pub(super) pod: &'a Pod,
    /// The families under test.
    pub(super) families: Vec<Family>,
    /// How long names are looked up.
    pub(super) patience: Duration,
}

impl Planner<'_> {
    /// Looks all names up, and lists the probes.
    pub(super) async fn jobs(&self) -> Vec<Job> {
        let dns = Resolver::new(self.plan, self.pod, self.patience);
        let targets = &self.plan.reach.targets;
        let mut wanted: BTreeMap<(&str, Vec<Family>), Resolved> = BTreeMap::new();
        for target in targets {
            if let (Some(Host::Name(name)), None) = (target.host(), target.via) {
                let unknown = Resolved::Failed("not looked up".to_owned());
                wanted.insert((name, self.asked_for(target)), unknown);
            }
        }
        let names = stream::iter(wanted.into_keys())
            .map(async |(name, families)| {
                let resolved = dns.look_up(name, &families).await;
                ((name, families), resolved)
            })
            .buffer_unordered(NAMES_AT_ONCE);
        let known: BTreeMap<_, _> = names.collect().await;
        let mut jobs = Vec::with_capacity(targets.len());
        for (at, target) in targets.iter().enumerate() {
            let resolved = match (target.via, target.host()) {
                (Some(ip), _) => Some(Resolved::Addresses(vec![ip])),
                (None, Some(Host::Address(ip))) => Some(Resolved::Addresses(vec![*ip])),
                (None, Some(Host::Name(name))) => {
                    known.get(&(name.as_str(), self.asked_for(target))).cloned()
                }
                (None, None) => None,
            };
            match resolved {
                Some(resolved) => self.add(&mut jobs, at, target, &resolved),
                None => add_system_servers(&mut jobs, at, target, &dns),
            }
        }
        jobs
    }

    /// The families whose addresses a name is asked for.
    fn asked_for(&self, target: &Target) -> Vec<Family> {
        match target.families {
            Families::Only(family) => vec![family],
            Families::Shared | Families::Any if !self.families.is_empty() => self.families.clone(),
            _ => vec![Family::Ipv4, Family::Ipv6],
        }
    }

    /// One job an address, and for DNS one a question; what belongs together stands together.
    #[expect(
        clippy::result_large_err,
        reason = "a name without an address is seldom, and told once"
    )]
    fn add(&self, jobs: &mut Vec<Job>, at: usize, target: &Target, resolved: &Resolved) {
        let addresses = match resolved {
            Resolved::Addresses(addresses) => addresses,
            other => {
                let to = Err(Outcome::Unresolved(other.clone()));
                jobs.push(Job { target: at, family: None, to, question: None, untried: 0 });
                return;
            }
        };
        let named = target.via.is_none() && matches!(target.host(), Some(Host::Name(_)));
        let families = if named { self.asked_for(target) } else { vec![Family::of(addresses[0])] };
        let most = if target.blocked.is_some() { TRIED_BLOCKED } else { TRIED };
        for family in families {
            let (tried, untried) = of_family(addresses, family, most);
            let mut places: Vec<Result<SocketAddr, Outcome>> =
                tried.into_iter().map(|ip| Ok(SocketAddr::new(ip, target.port()))).collect();
            if places.is_empty() && matches!(target.families, Families::Both | Families::Only(_)) {
                places.push(Err(Outcome::NoFamily(family)));
            }
            let full = |name: &str| vec![format!("{}.", name.trim_end_matches('.'))];
            let questions = questions(target, &full).map_or_else(
                || vec![None],
                |questions| questions.into_iter().map(Some).collect::<Vec<_>>(),
            );
            for question in questions {
                jobs.extend(places.iter().map(|to| Job {
                    target: at,
                    family: Some(family),
                    to: to.clone(),
                    question: question.clone(),
                    untried,
                }));
            }
        }
    }
}

/// The first different addresses of this family in the order of the answer, and how many there are
/// beyond.
fn of_family(addresses: &[IpAddr], family: Family, most: usize) -> (Vec<IpAddr>, usize) {
    let mut found: Vec<IpAddr> = Vec::new();
    for ip in addresses.iter().filter(|ip| family.holds(**ip)) {
        if !found.contains(ip) {
            found.push(*ip);
        }
    }
    let untried = found.len().saturating_sub(most);
    found.truncate(most);
    (found, untried)
}

/// The servers of resolv.conf, any of which may be asked.
fn add_system_servers(jobs: &mut Vec<Job>, at: usize, target: &Target, resolver: &Resolver) {
    for to in resolver.servers() {
        let family = Family::of(to.ip());
        if matches!(target.families, Families::Only(only) if only != family) {
            continue;
        }
        let questions = questions(target, &|name| resolver.names(name)).unwrap_or_default();
        jobs.extend(questions.into_iter().map(|question| Job {
            target: at,
            family: Some(family),
            to: Ok(to),
            question: Some(question),
            untried: 0,
        }));
    }
}

/// What a DNS target asks: each kind of record over each transport.
fn questions(
    target: &Target,
    names: &dyn Fn(&str) -> Vec<String>,
) -> Option<Vec<(Vec<Question>, Transport)>> {
    let Kind::Dns { name, records, transports, .. } = &target.kind else { return None };
    let of = |record: Record| {
        let questions = names(name).into_iter().map(|name| Question { name, record });
        questions.collect::<Vec<_>>()
    };
    let records = if records.is_empty() { &[Record::A][..] } else { records };
    let each = records.iter().flat_map(|record| {
        let over = |transport: &Transport| (of(*record), *transport);
        transports.iter().map(over).collect::<Vec<_>>()
    });
    Some(each.collect())
}

/// What would be sent, a line a target; names are not looked up for it.
#[must_use]
pub fn planned(plan: &Plan) -> String {
    let line = |target: &Target| {
        let place = match (target.via, target.host()) {
            (_, None) => "the servers of resolv.conf".to_owned(),
            (Some(ip), Some(_)) => SocketAddr::new(ip, target.port()).to_string(),
            (None, Some(host)) if target.port() == 0 => host.to_string(),
            (None, Some(host)) => format!("{host}:{}", target.port()),
        };
        let must = match target.blocked {
            None => "must answer".to_owned(),
            Some(0) => "must be blocked".to_owned(),
            Some(hold) => format!("must be blocked for {hold} ms"),
        };
        format!("reach       {:<5} {place:<34} {must} ({})\n", target.kind.scheme(), target.name)
    };
    plan.reach.targets.iter().map(line).collect()
}
