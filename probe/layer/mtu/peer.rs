//! Whom full packets are exchanged with, and what is said to them: only what they take from anybody.

use std::{collections::BTreeSet, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{
    layer::{
        dns::{self, Question, Record},
        reach::{self, Outcome, Probe},
        redirect, service,
    },
    net::hello,
    peer::protocol,
    plan::{ApiServer, PeerHost, Plan},
    pod::Pod,
};

/// Where DNS is served; whatever else was named is taken to speak TLS.
const DNS: u16 = 53;
/// The largest DNS message over TCP, behind its length of two octets (RFC 7766).
const LARGEST_DNS: usize = 2 + u16::MAX as usize;

/// Targets of the reach layer that full packets are exchanged with: paths of one pod differ in few
/// places.
const TARGETS: usize = 16;

/// What a peer is to the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A nameserver.
    Nameserver,
    /// The API server's service.
    ApiServer,
    /// Named by `--mtu-target`, or a target of the reach layer that speaks TLS.
    Target,
    /// podprobe's own far side, named by `--peer`.
    Peer,
}

/// What a peer understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    /// DNS over TCP: a query padded by an EDNS option (RFC 7830).
    Dns,
    /// TLS: a `ClientHello` padded by an extension (RFC 7685).
    Tls,
    /// HTTP, as `podprobe peer` does: as many octets as one likes, both ways.
    Podprobe,
}

/// Somebody to exchange full packets with.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) to: SocketAddr,
    pub(super) role: Role,
    pub(super) speaks: Speaks,
    /// What a nameserver is asked.
    question: Question,
}

/// What other layers have seen of who may be a peer, too.
#[derive(Clone, Copy, Default)]
pub struct Known<'s> {
    /// Where the API server was found: of one that has a name, nothing else tells it.
    pub service: Option<&'s service::Seen>,
    /// What became of the targets.
    pub reach: Option<&'s reach::Seen>,
    /// Who was asked to dial back.
    pub redirect: Option<&'s redirect::Seen>,
}

impl Known<'_> {
    fn api_servers(&self) -> Vec<SocketAddr> {
        let servers = self.service.into_iter().flat_map(|seen| &seen.servers);
        let tls = servers.filter(|server| server.masked.is_none() && server.outcome.is_tls());
        tls.map(|server| server.address).collect()
    }

    /// podprobe's far sides: those that answered, and those that are named by their address.
    fn peers(&self, plan: &Plan) -> Vec<SocketAddr> {
        let named = plan.peer.iter().flat_map(|asked| &asked.hosts).filter_map(|host| match host {
            PeerHost::Address(address) => Some(*address),
            PeerHost::Name(..) => None,
        });
        let seen = self.redirect.into_iter().flat_map(|seen| &seen.peers);
        seen.filter(|peer| peer.you.is_some()).map(|peer| peer.peer).chain(named).collect()
    }

    /// Targets that took a connection and are to speak TLS: others may take a padded hello amiss.
    fn targets(&self, plan: &Plan) -> Vec<SocketAddr> {
        let connected = |probe: &&Probe| {
            let tls = plan
                .reach
                .targets
                .get(probe.target)
                .is_some_and(|target| target.blocked.is_none() && target.kind.tls().is_some());
            let taken = matches!(probe.outcome, Outcome::Answered(_) | Outcome::Broken { .. });
            tls && taken && probe.captured.is_none()
        };
        let probes = self.reach.into_iter().flat_map(|seen| &seen.probes);
        probes.filter(connected).filter_map(|probe| probe.address).take(TARGETS).collect()
    }
}

/// Everybody, each once; not who is in the pod itself, for no packet goes out to him.
pub(super) fn peers(plan: &Plan, pod: &Pod, known: Known) -> Vec<Peer> {
    let file = dns::File::look(&plan.dns.resolv_conf);
    let question = match dns::zone(&plan.dns, &file) {
        Some(zone) => {
            Question { name: format!("kubernetes.default.svc.{zone}."), record: Record::A }
        }
        None => Question { name: ".".to_owned(), record: Record::Ns },
    };
    let nameservers = dns::addresses(plan, pod, &file).into_iter();
    let by_port = |to: &SocketAddr| if to.port() == DNS { Speaks::Dns } else { Speaks::Tls };
    let literal =
        |server: &ApiServer| server.host.parse().ok().map(|ip| SocketAddr::new(ip, server.port));
    let declared = plan.api.servers.iter().filter_map(literal);
    let mut asked = BTreeSet::new();
    nameservers
        .map(|to| (to, Role::Nameserver, Speaks::Dns))
        .chain(
            plan.service
                .into_iter()
                .chain(declared)
                .chain(known.api_servers())
                .map(|to| (to, Role::ApiServer, Speaks::Tls)),
        )
        .chain(plan.mtu.targets.iter().map(|to| (*to, Role::Target, by_port(to))))
        .chain(known.targets(plan).into_iter().map(|to| (to, Role::Target, Speaks::Tls)))
        .chain(known.peers(plan).into_iter().map(|to| (to, Role::Peer, Speaks::Podprobe)))
        .filter(|(to, ..)| !to.ip().is_loopback() && !pod.has_address(to.ip()))
        .filter(|(to, ..)| asked.insert(*to))
        .map(|(to, role, speaks)| Peer { to, role, speaks, question: question.clone() })
        .collect()
}

impl Peer {
    /// The largest message that it takes.
    pub(super) fn most(&self) -> usize {
        match self.speaks {
            Speaks::Dns => LARGEST_DNS,
            Speaks::Tls => hello::LARGEST,
            Speaks::Podprobe => protocol::MOST_BYTES,
        }
    }

    /// A message of this many bytes over a stream.
    ///
    /// # Errors
    /// One clause: the name cannot be asked for.
    pub(super) fn message(&self, length: usize) -> Result<Vec<u8>, String> {
        match self.speaks {
            Speaks::Tls => Ok(hello::client_hello(None, length)),
            Speaks::Podprobe => Ok(protocol::exchange_of_bytes(length)),
            Speaks::Dns => {
                let query = self.datagram(length.saturating_sub(2))?;
                let length = u16::try_from(query.len()).unwrap_or(u16::MAX).to_be_bytes();
                Ok([&length[..], &query].concat())
            }
        }
    }

    /// A datagram of this many bytes: a DNS query, or what a peer answers with a cookie.
    ///
    /// # Errors
    /// One clause: the name cannot be asked for.
    pub(super) fn datagram(&self, length: usize) -> Result<Vec<u8>, String> {
        if self.speaks == Speaks::Podprobe {
            return Ok(protocol::padded(length));
        }
        let size = u16::try_from(length).unwrap_or(u16::MAX);
        dns::encode_padded(&self.question, size).map(|(_, query)| query)
    }

    /// Whether this is its whole answer; `silent`: nothing more came for a while.
    pub(super) fn is_whole(&self, answer: &[u8], silent: bool) -> bool {
        match self.speaks {
            Speaks::Tls => hello::is_whole(answer, silent),
            Speaks::Podprobe => protocol::is_whole(answer),
            Speaks::Dns => answer
                .split_first_chunk::<2>()
                .is_some_and(|(size, body)| body.len() >= u16::from_be_bytes(*size).into()),
        }
    }
}
