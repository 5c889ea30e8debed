//! Asking every nameserver, side by side: first whether it answers at all, then what it knows.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use futures_util::{
    future::{join, join_all},
    stream::{self, StreamExt},
};
use hickory_proto::op::Message;
use tokio::time::Instant;

use super::{
    asker::Asker,
    burst::{Burst, burst},
    conf::File,
    environment::Variables,
    expansion::expand,
    hosts::Hosts,
    message::encode,
    outcome::{Asked, Nameserver, Outcome, Purpose, Seen},
    pinned::api_names,
    reply::{Question, Record},
    servers::{servers, socket_address},
    zone,
};
use crate::{
    layer::{
        egress::Egress,
        ladder::{Ladder, climb},
    },
    plan::Plan,
    pod::{
        Pod, Transport,
        resolv_conf::{Reader, Server},
    },
};

/// Questions to one server at the same time.
const AT_ONCE: usize = 8;
/// However little time is left, silence means something only after a while, and where packets are
/// lost is part of the answer.
const LEAST_PATIENCE: Duration = Duration::from_millis(800);
/// What a look at a silent server takes.
const SILENT_LOOK: Duration = Duration::from_millis(3100);
/// How long an answer in a burst is waited for at least: longer than a server takes for what it
/// knows, and than a busy node delays a packet.
const BURST_PATIENCE: Duration = Duration::from_millis(500);
/// A server that is slow by nature has so many times its usual delay.
const BURST_FACTOR: u64 = 4;

/// Reads resolv.conf and asks its nameservers, and those that were named, for `patience`.
pub async fn observe(plan: &Plan, pod: &Pod, patience: Duration) -> Seen {
    let file = File::look(&plan.dns.resolv_conf);
    let variables = Variables::look();
    let hosts = Some(Hosts::look(&plan.dns.hosts, &pinnable(plan, &file)));
    let servers = servers(&file, &plan.dns.nameservers);
    let egress = Egress::new(plan, pod);
    let families = plan.families_out(pod);
    let until = Instant::now() + patience.max(LEAST_PATIENCE);
    let asker = Asker { plan, pod, file: &file, variables: &variables, egress, families, until };
    let nameservers = join_all(servers.iter().map(|(server, own)| asker.everything(server, *own)));
    let nameservers = nameservers.await;
    Seen { file, variables, hosts, nameservers }
}

/// The names that matter if /etc/hosts has them: those under test, and the API server's, as its
/// certificate has them.
fn pinnable(plan: &Plan, file: &File) -> Vec<String> {
    let mut names: Vec<String> = plan.dns.names().cloned().collect();
    names.extend(api_names(zone(&plan.dns, file).as_deref()));
    names
}

impl Asker<'_> {
    async fn everything(&self, server: &Server, configured: bool) -> Nameserver {
        let to = socket_address(server, self.pod);
        let path = self.path_question();
        let (udp, tcp) = join(
            self.ask(to, Transport::Udp, Purpose::Path, path.clone(), false),
            self.ask(to, Transport::Tcp, Purpose::Path, path.clone(), false),
        )
        .await;
        let works = [&udp, &tcp].into_iter().find(|asked| asked.reply().is_some());
        let works = works.map(|asked| asked.transport);
        let (ladders, further) = join(self.ladders(to, [&udp, &tcp]), async {
            match works {
                Some(transport) => self.further(to, transport, &path).await,
                None => Vec::new(),
            }
        })
        .await;
        let burst = self.burst(to, &udp).await;
        let asked = [udp, tcp].into_iter().chain(further).collect();
        Nameserver { address: server.address, configured, asked, ladders, burst }
    }

    /// What the server knows, once it is known to answer over this transport.
    async fn further(&self, to: SocketAddr, transport: Transport, path: &Question) -> Vec<Asked> {
        let questions = self.questions(path).into_iter().map(|(purpose, question)| {
            let edns = purpose == Purpose::Edns;
            self.ask(to, transport, purpose, question, edns)
        });
        let names = self.plan.dns.names().map(|name| self.name(to, transport, name));
        let (questions, names) = join(
            stream::iter(questions).buffered(AT_ONCE).collect::<Vec<_>>(),
            stream::iter(names).buffered(AT_ONCE).collect::<Vec<_>>(),
        )
        .await;
        questions.into_iter().chain(names.into_iter().flatten()).collect()
    }

    /// How far packets come over the transports that bring no answer: over UDP, and over TCP where
    /// UDP is answered. While there is time for another look, that one comes sooner instead.
    async fn ladders(&self, to: SocketAddr, [udp, tcp]: [&Asked; 2]) -> Vec<(Transport, Ladder)> {
        let silent = |asked: &&Asked| matches!(asked.outcome, Outcome::Silent { .. });
        let Some(asked) = [udp, tcp].into_iter().find(silent) else { return Vec::new() };
        let left = self.until.saturating_duration_since(Instant::now());
        let another_look = self.plan.waits && left > SILENT_LOOK;
        if another_look || (asked.transport == Transport::Tcp && udp.reply().is_none()) {
            return Vec::new();
        }
        let Ok((_, query)) = encode(&asked.question, false) else { return Vec::new() };
        let play = self.egress.play(to, asked.transport);
        vec![(asked.transport, climb(to, asked.transport, play, &query).await)]
    }

    /// Many questions in a row, where they were asked for and one is answered over UDP.
    async fn burst(&self, to: SocketAddr, path: &Asked) -> Option<Burst> {
        let count = self.plan.dns.burst;
        path.reply().filter(|_| count > 0)?;
        // What was lost before says nothing about how long the server takes.
        let took = if path.lost == 0 { path.elapsed_ms } else { 0 };
        let usual = Duration::from_millis(took.saturating_mul(BURST_FACTOR));
        let patience = usual.clamp(BURST_PATIENCE, BURST_PATIENCE * 5);
        let play = self.egress.play(to, Transport::Udp);
        Some(burst(to, play, &path.question.name, count, patience, self.until).await)
    }

    /// The name that every cluster has, or else the root, which every server knows.
    fn path_question(&self) -> Question {
        match zone(&self.plan.dns, self.file) {
            Some(zone) => {
                let record = self.records()[0];
                Question { name: format!("kubernetes.default.svc.{zone}."), record }
            }
            None => Question { name: ".".to_owned(), record: Record::Ns },
        }
    }

    fn questions(&self, path: &Question) -> Vec<(Purpose, Question)> {
        let mut further = vec![(Purpose::Edns, path.clone())];
        let Some(zone) = zone(&self.plan.dns, self.file) else { return further };
        if path.record == Record::A {
            further.push((Purpose::Aaaa, Question { record: Record::Aaaa, ..path.clone() }));
        }
        let name = format!("dns-version.{zone}.");
        further.push((Purpose::Schema, Question { name, record: Record::Txt }));
        let search = self.file.read(Reader::Glibc).search;
        let foreign = search.iter().map(|d| d.trim_matches('.')).filter(|domain| {
            !domain.is_empty() && *domain != zone && !domain.ends_with(&format!(".{zone}"))
        });
        let label = format!("podprobe-{:04x}", Message::query().metadata.id);
        further.extend(foreign.map(|domain| {
            let question = Question { name: format!("{label}.{domain}."), record: path.record };
            (Purpose::Wildcard(domain.to_owned()), question)
        }));
        further
    }

    /// Walks the name's expansion as each resolver does, until an address is found; what was asked
    /// for another one is not asked again.
    async fn name(&self, to: SocketAddr, transport: Transport, name: &str) -> Vec<Asked> {
        let mut all = Vec::new();
        let mut answered: BTreeMap<String, bool> = BTreeMap::new();
        for reader in Reader::ALL {
            let reading = self.variables.apply(reader, self.file.read(reader));
            for full in expand(reader, &reading, name) {
                if !answered.contains_key(&full) {
                    let asked = self.full_name(to, transport, name, &full).await;
                    let found =
                        |asked: &Asked| asked.reply().is_some_and(|r| !r.addresses.is_empty());
                    answered.insert(full.clone(), asked.iter().any(found));
                    all.extend(asked);
                }
                if answered[&full] {
                    break;
                }
            }
        }
        all
    }

    async fn full_name(
        &self,
        to: SocketAddr,
        transport: Transport,
        name: &str,
        full: &str,
    ) -> Vec<Asked> {
        let asked = join_all(self.records().into_iter().map(|record| {
            let question = Question { name: full.to_owned(), record };
            self.with_tcp(to, transport, Purpose::Name(name.to_owned()), question)
        }));
        asked.await.into_iter().flatten().collect()
    }
}
