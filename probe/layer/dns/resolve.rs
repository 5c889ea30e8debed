//! Looking a name up as an application of the pod would: /etc/hosts, then the servers of
//! resolv.conf one after another along the search list, as glibc walks it. Unlike a resolver
//! library, it knows why there is no address.

use std::{
    cell::Cell,
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::{
    ask::{PATIENCE, ask},
    conf::File,
    expansion::expand,
    hosts,
    outcome::Outcome,
    path::happened,
    reply::{Question, Record},
    servers::socket_address,
};
use crate::{
    layer::{egress::Egress, redirect::Play},
    plan::Plan,
    pod::{
        Family, Pod, Transport,
        resolv_conf::{Reader, Reading, Server},
    },
};

/// However little time is left, silence means something only after a while.
const LEAST_PATIENCE: Duration = Duration::from_millis(400);

/// What came of looking a name up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolved {
    /// Its addresses, in the order of the answer.
    Addresses(Vec<IpAddr>),
    /// The servers say that it has none of the families asked for.
    Missing(String),
    /// No server said anything about it, and why.
    Failed(String),
    /// A mesh answers in the servers' place, and did not.
    Masked(String),
}

/// Who to ask, and how.
pub struct Resolver<'a> {
    pod: &'a Pod,
    egress: Egress<'a>,
    reading: Reading,
    hosts: HashMap<String, Vec<IpAddr>>,
    /// The server that answered last: others may be dead, which need not be found out for each name.
    preferred: Cell<usize>,
    /// When no answer is of use any more.
    until: Instant,
}

impl<'a> Resolver<'a> {
    /// Reads resolv.conf and the hosts file; looks names up for so long, all in all.
    #[must_use]
    pub fn new(plan: &'a Plan, pod: &'a Pod, patience: Duration) -> Resolver<'a> {
        let mut reading = File::look(&plan.dns.resolv_conf).read(Reader::Glibc);
        if reading.servers.is_empty() {
            // As both C libraries do.
            let here = Server { address: Ipv4Addr::LOCALHOST.into(), scope: None };
            reading.servers.push(here);
        }
        let hosts = hosts::all(&plan.dns.hosts);
        let egress = Egress::new(plan, pod);
        let until = Instant::now() + patience;
        Resolver { pod, egress, reading, hosts, preferred: Cell::new(0), until }
    }

    /// The servers' addresses, in the order in which they are asked.
    #[must_use]
    pub fn servers(&self) -> Vec<SocketAddr> {
        self.reading.servers.iter().map(|server| socket_address(server, self.pod)).collect()
    }

    /// The absolute names that stand for this one, in the order in which they are asked for.
    #[must_use]
    pub fn names(&self, name: &str) -> Vec<String> {
        expand(Reader::Glibc, &self.reading, name)
    }

    /// The name's addresses of these families.
    pub async fn look_up(&self, name: &str, families: &[Family]) -> Resolved {
        let known = |addresses: &[IpAddr]| {
            let of = addresses.iter().copied().filter(|ip| families.contains(&Family::of(*ip)));
            of.collect::<Vec<IpAddr>>()
        };
        let typed = name.to_ascii_lowercase();
        let bare = typed.trim_end_matches('.');
        let own = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        let found = match self.hosts.get(&typed) {
            Some(addresses) => known(addresses),
            // RFC 6761: nobody is asked for it.
            None if bare == "localhost" || bare.ends_with(".localhost") => known(&own),
            None => Vec::new(),
        };
        if found.is_empty() { self.ask(name, families).await } else { Resolved::Addresses(found) }
    }

    async fn ask(&self, name: &str, families: &[Family]) -> Resolved {
        let mut said = Resolved::Missing(format!("no server was asked for {name}"));
        for full in self.names(name) {
            let records = families.iter().map(|family| match family {
                Family::Ipv4 => Record::A,
                Family::Ipv6 => Record::Aaaa,
            });
            let all = records.map(|record| self.record(&full, record));
            let all = join_all(all).await;
            let mut addresses = Vec::new();
            for one in &all {
                match one {
                    Resolved::Addresses(found) => addresses.extend(found),
                    // What is not known outweighs what is denied: the name may exist.
                    Resolved::Missing(_) if matches!(said, Resolved::Failed(_)) => {}
                    other => said = other.clone(),
                }
            }
            if !addresses.is_empty() {
                return Resolved::Addresses(addresses);
            }
            let late = Instant::now() >= self.until && matches!(said, Resolved::Failed(_));
            if late || !all.iter().any(|one| matches!(one, Resolved::Missing(_))) {
                return said;
            }
        }
        said
    }

    /// One kind of record of one absolute name, from the first server that knows.
    async fn record(&self, name: &str, record: Record) -> Resolved {
        let question = Question { name: name.to_owned(), record };
        let servers = self.servers();
        let first = self.preferred.get().min(servers.len().saturating_sub(1));
        let mut said = Resolved::Failed("resolv.conf names no server".to_owned());
        for turn in 0..servers.len() {
            let at = (first + turn) % servers.len();
            let to = servers[at];
            let patience = self.patience(servers.len() - turn);
            let (outcome, masked) = self.question(to, &question, patience).await;
            let what = || format!("ask {} for {name} {}: ", to.ip(), record.name());
            if let Outcome::Reply(reply) = &outcome
                && (reply.rcode == 0 || reply.rcode == 3)
            {
                self.preferred.set(at);
                if reply.addresses.is_empty() {
                    let none = if reply.rcode == 3 { "NXDOMAIN" } else { "no such record" };
                    return Resolved::Missing(what() + none);
                }
                return Resolved::Addresses(reply.addresses.clone());
            }
            said = match masked {
                Some(reason) => Resolved::Masked(reason),
                None => Resolved::Failed(what() + &happened(&outcome)),
            };
            if Instant::now() >= self.until {
                break;
            }
        }
        said
    }

    /// What is left, shared by so many servers that were not asked yet.
    fn patience(&self, servers: usize) -> Duration {
        let left = self.until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(servers.max(1)).unwrap_or(u32::MAX);
        share.clamp(LEAST_PATIENCE, PATIENCE)
    }

    /// Where the mesh answers in the servers' place, so it does for applications: its answer
    /// counts, and its silence tells nothing.
    async fn question(
        &self,
        to: SocketAddr,
        question: &Question,
        patience: Duration,
    ) -> (Outcome, Option<String>) {
        let mut masked = None;
        let mut outcome = Outcome::Silent { tries: 0, waited_ms: 0 };
        for transport in [Transport::Udp, Transport::Tcp] {
            let play = match self.egress.play(to, transport) {
                Play::Cannot { reason } => {
                    masked = Some(reason.clone());
                    &Play::Own
                }
                play => play,
            };
            outcome = ask(to, transport, play, question, false, patience).await.outcome;
            match &outcome {
                Outcome::Reply(reply) if reply.truncated => {}
                _ => break,
            }
        }
        (outcome, masked)
    }
}
