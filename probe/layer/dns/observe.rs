//! Asking every nameserver, side by side: first whether it answers at all, then what it knows.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use futures_util::{
    future::{join, join_all},
    stream::{self, StreamExt},
};
use hickory_proto::op::Message;

use super::{
    ask::{ask, first_hop},
    conf::File,
    expansion::expand,
    message::{Question, Record},
    outcome::{Asked, Nameserver, Outcome, Purpose, Seen},
    resolve::socket_address,
    zone,
};
use crate::{
    layer::{egress::Egress, redirect::Play},
    plan::Plan,
    pod::{
        Family, Pod, Transport,
        resolv_conf::{Reader, Server},
    },
};

/// Where DNS is served.
const PORT: u16 = 53;
/// No pod has more servers; a file that names more is not worth a flood.
const MOST_SERVERS: usize = 8;
/// Questions to one server at the same time.
const AT_ONCE: usize = 8;

/// Reads resolv.conf and asks its nameservers, and those that were named.
pub async fn observe(plan: &Plan, pod: &Pod) -> Seen {
    let file = File::look(&plan.dns.resolv_conf);
    let egress = Egress::new(plan, pod);
    let families = plan.addresses(pod).families;
    let questions = Asker { plan, pod, file: &file, egress, families };
    let servers = servers(&file, &plan.dns.nameservers);
    let nameservers = join_all(servers.into_iter().map(|(server, configured)| {
        let questions = &questions;
        async move {
            let asked = questions.everything(&server).await;
            Nameserver { address: server.address, configured, asked }
        }
    }));
    let nameservers = nameservers.await;
    Seen { file, nameservers }
}

/// What would be asked, a line a nameserver.
#[must_use]
pub fn planned(plan: &Plan) -> String {
    let file = File::look(&plan.dns.resolv_conf);
    let servers = servers(&file, &plan.dns.nameservers);
    let of = |transport: &str| {
        let line = |(server, _): &(Server, bool)| {
            let to = SocketAddr::new(server.address, PORT).to_string();
            format!("dns         query {transport:<3} {to:<28} with the usual hop limit\n")
        };
        servers.iter().map(line).collect::<String>()
    };
    of("UDP") + &of("TCP")
}

/// The servers that anybody would ask, and whether they stand in the file.
fn servers(file: &File, named: &[IpAddr]) -> Vec<(Server, bool)> {
    let read = Reader::ALL.into_iter().flat_map(|reader| file.read(reader).servers);
    let named = named.iter().map(|address| Server { address: *address, scope: None });
    let mut known = BTreeSet::new();
    let all = read.map(|server| (server, true)).chain(named.map(|server| (server, false)));
    all.filter(|(server, _)| !server.address.is_unspecified())
        // Who drops the scope means the same server.
        .filter(|(server, _)| known.insert(server.address))
        .take(MOST_SERVERS)
        .collect()
}

/// Everything that a question depends on besides the server.
struct Asker<'a> {
    plan: &'a Plan,
    pod: &'a Pod,
    file: &'a File,
    egress: Egress<'a>,
    families: Vec<Family>,
}

impl Asker<'_> {
    async fn everything(&self, server: &Server) -> Vec<Asked> {
        let to = socket_address(server, self.pod);
        let path = self.path_question();
        let (udp, tcp) = join(
            self.ask(to, Transport::Udp, Purpose::Path, path.clone(), false),
            self.ask(to, Transport::Tcp, Purpose::Path, path.clone(), false),
        )
        .await;
        let works = [&udp, &tcp].into_iter().find(|asked| asked.reply().is_some());
        let Some(transport) = works.map(|asked| asked.transport) else {
            let silent = matches!(udp.outcome, Outcome::Silent { .. });
            let hop = if silent { Some(self.first_hop(to, path).await) } else { None };
            return [udp, tcp].into_iter().chain(hop).collect();
        };
        let further = self.further(&path).into_iter();
        let further = further.map(|(purpose, question)| {
            let edns = purpose == Purpose::Edns;
            self.ask(to, transport, purpose, question, edns)
        });
        let names = stream::iter(&self.plan.dns.names).map(|name| self.name(to, transport, name));
        let (further, names) = join(
            stream::iter(further).buffered(AT_ONCE).collect::<Vec<_>>(),
            names.buffered(AT_ONCE).collect::<Vec<_>>(),
        )
        .await;
        [udp, tcp].into_iter().chain(further).chain(names.into_iter().flatten()).collect()
    }

    async fn first_hop(&self, to: SocketAddr, question: Question) -> Asked {
        let outcome = first_hop(to, self.egress.play(to, Transport::Udp), &question).await;
        let (purpose, transport) = (Purpose::FirstHop, Transport::Udp);
        Asked { purpose, transport, question, outcome, lost: 0, elapsed_ms: 0 }
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

    fn records(&self) -> Vec<Record> {
        let of = |family: &Family| match family {
            Family::Ipv4 => Record::A,
            Family::Ipv6 => Record::Aaaa,
        };
        match self.families.as_slice() {
            [] => vec![Record::A],
            families => families.iter().map(of).collect(),
        }
    }

    fn further(&self, path: &Question) -> Vec<(Purpose, Question)> {
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

    /// Walks the name's expansion as glibc does, until an address is found.
    async fn name(&self, to: SocketAddr, transport: Transport, name: &str) -> Vec<Asked> {
        let mut all = Vec::new();
        for full in expand(Reader::Glibc, &self.file.read(Reader::Glibc), name) {
            let asked = join_all(self.records().into_iter().map(|record| {
                let question = Question { name: full.clone(), record };
                self.with_tcp(to, transport, Purpose::Name(name.to_owned()), question)
            }))
            .await;
            let found = |asked: &Asked| asked.reply().is_some_and(|r| !r.addresses.is_empty());
            let found = asked.iter().flatten().any(found);
            all.extend(asked.into_iter().flatten());
            if found {
                break;
            }
        }
        all
    }

    /// As libraries do it: what is truncated is asked for again over TCP.
    async fn with_tcp(
        &self,
        to: SocketAddr,
        transport: Transport,
        purpose: Purpose,
        question: Question,
    ) -> Vec<Asked> {
        let first = self.ask(to, transport, purpose.clone(), question.clone(), false).await;
        let truncated = first.reply().is_some_and(|reply| reply.truncated);
        if transport == Transport::Udp && truncated {
            let second = self.ask(to, Transport::Tcp, purpose, question, false).await;
            return vec![first, second];
        }
        vec![first]
    }

    async fn ask(
        &self,
        to: SocketAddr,
        transport: Transport,
        purpose: Purpose,
        question: Question,
        edns: bool,
    ) -> Asked {
        let play = self.egress.play(to, transport);
        let (outcome, lost, elapsed_ms) = if let Play::Cannot { reason } = play {
            (Outcome::Masked { reason: reason.clone() }, 0, 0)
        } else {
            let ended = ask(to, transport, play, &question, edns).await;
            (ended.outcome, ended.lost, ended.elapsed_ms)
        };
        Asked { purpose, transport, question, outcome, lost, elapsed_ms }
    }
}
