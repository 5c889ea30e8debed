//! How far packets come: the same packet with growing hop limits, as traceroute sends it, but
//! without privilege: the socket's error queue has the routers' ICMP answers.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::{net::UdpSocket, time::timeout};

use super::{
    attempt::Failure,
    redirect::{Offender, Play, Transport},
};
use crate::net::{client, datagram};

/// The hop limits tried: a cluster's own network is not deeper, and what is beyond is outside it.
const HIGHEST: u8 = 6;
/// How often each is tried: routers limit the rate of ICMP answers, and one silent hop is no drop.
const TRIES: usize = 3;
/// How long one try waits.
const PATIENCE: Duration = Duration::from_millis(200);

/// What came back to packets of one hop limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rung {
    /// The hop limit.
    pub hops: u8,
    /// Who answered by ICMP.
    pub by: Option<Offender>,
    /// The other side itself answered.
    pub reached: bool,
}

/// How far packets to one destination come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// From the pod outwards.
    pub rungs: Vec<Rung>,
}

/// Where packets are lost, as far as can be told from inside the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No hop answers. A filter on the pod's link (eBPF) drops before the hop limit is looked at,
    /// a netfilter rule of the node after it: so at or before the node.
    Near,
    /// The first hop answers, nothing after it does.
    AtNode(IpAddr),
    /// A later hop answers: what does not come back is lost outside the node.
    Beyond {
        /// Its distance.
        hops: u8,
        /// Who it is.
        address: IpAddr,
    },
    /// The other side answers.
    Nowhere,
}

impl Ladder {
    /// Where packets are lost.
    #[must_use]
    pub fn lost(&self) -> Lost {
        if self.rungs.iter().any(|rung| rung.reached) {
            return Lost::Nowhere;
        }
        let answered = |rung: &Rung| {
            rung.by.filter(Offender::is_time_exceeded).map(|by| (rung.hops, by.address))
        };
        match self.rungs.iter().filter_map(answered).max_by_key(|(hops, _)| *hops) {
            None => Lost::Near,
            Some((1, address)) => Lost::AtNode(address),
            Some((hops, address)) => Lost::Beyond { hops, address },
        }
    }

    /// The same as a clause.
    #[must_use]
    pub fn told(&self) -> String {
        match self.lost() {
            Lost::Near => {
                "no hop tells that packets pass it: they are lost at or before the node".to_owned()
            }
            Lost::AtNode(address) => {
                format!("packets come as far as the node ({address}) and are lost there or beyond")
            }
            Lost::Beyond { hops, address } => format!(
                "packets come as far as hop {hops} ({address}) and are lost there or beyond"
            ),
            Lost::Nowhere => "packets of the same kind come through".to_owned(),
        }
    }
}

/// Sends packets to a destination that keeps silent: connection requests, or `payload` as datagrams.
/// All hop limits at once; takes at most 0.6 s and 18 packets.
pub async fn climb(to: SocketAddr, transport: Transport, play: &Play, payload: &[u8]) -> Ladder {
    if matches!(play, Play::Cannot { .. }) {
        return Ladder::default();
    }
    let rungs = (1..=HIGHEST).map(async |hops| {
        let mut rung = Rung { hops, by: None, reached: false };
        for _ in 0..TRIES {
            match transport {
                Transport::Tcp => step_by_tcp(to, play, &mut rung).await,
                Transport::Udp => step_by_udp(to, play, payload, &mut rung).await,
            }
            if rung.reached || rung.by.is_some() {
                break;
            }
        }
        rung
    });
    Ladder { rungs: join_all(rungs).await }
}

async fn step_by_tcp(to: SocketAddr, play: &Play, rung: &mut Rung) {
    let Ok(socket) = client::open(to, Transport::Tcp, play, Some(rung.hops)) else { return };
    match client::connect_socket(socket, to, PATIENCE).await {
        Ok(_) | Err(Failure::Refused { by: None }) => rung.reached = true,
        Err(failure) => note(rung, failure.by(), to),
    }
}

async fn step_by_udp(to: SocketAddr, play: &Play, payload: &[u8], rung: &mut Rung) {
    let Ok(socket) = client::open(to, Transport::Udp, play, Some(rung.hops)) else { return };
    let sent = socket.connect(&to.into()).and_then(|()| socket.send(payload));
    let Ok(socket) = sent.and_then(|_| UdpSocket::from_std(socket.into())) else { return };
    // No answer is one: the rung stays as it is.
    match timeout(PATIENCE, datagram::receive(&socket, &mut [0; 1])).await {
        Ok(Ok(_)) => rung.reached = true,
        Ok(Err(failure)) => note(rung, failure.by(), to),
        Err(_) => {}
    }
}

/// The other side's own refusal means that the packet came there.
fn note(rung: &mut Rung, by: Option<&Offender>, to: SocketAddr) {
    rung.by = by.copied();
    rung.reached = by.is_some_and(|by| by.address == to.ip() && !by.is_time_exceeded());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(hops: u8, last: u8) -> Rung {
        let by = Offender { address: [10, 0, 0, last].into(), icmp_type: 11, icmp_code: 0 };
        Rung { hops, by: Some(by), reached: false }
    }

    fn silent(hops: u8) -> Rung {
        Rung { hops, by: None, reached: false }
    }

    #[test]
    fn the_farthest_hop_that_answers_tells_where_packets_are_lost() {
        let lost = |rungs: Vec<Rung>| Ladder { rungs }.lost();
        assert_eq!(lost(vec![silent(1), silent(2)]), Lost::Near);
        assert_eq!(lost(vec![rung(1, 1), silent(2)]), Lost::AtNode([10, 0, 0, 1].into()));
        let beyond = Lost::Beyond { hops: 3, address: [10, 0, 0, 3].into() };
        assert_eq!(lost(vec![rung(1, 1), silent(2), rung(3, 3)]), beyond);
    }

    #[test]
    fn a_refusal_on_the_way_is_no_hop_passed() {
        let by = Offender { address: [10, 0, 0, 1].into(), icmp_type: 3, icmp_code: 13 };
        let rejected = Rung { hops: 2, by: Some(by), reached: false };
        assert_eq!(Ladder { rungs: vec![rejected] }.lost(), Lost::Near);
    }
}
