//! Asking each link by ARP who has the pod's addresses, its gateways' and nobody's.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout_at},
};

use crate::{
    net::arp::{self, Hardware},
    pod::{Family, Link, Look, Pod, link},
};

/// `PROBE_NUM` (RFC 5227, section 1.1).
const ROUNDS: u32 = 3;
/// Between two probes. RFC 5227 waits longer, for an address that nobody uses yet.
const PAUSE: Duration = Duration::from_millis(200);
/// An address for documentation (RFC 5737): who answers for it answers for any.
const DOCUMENTATION: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
/// The shortest network with room for addresses to compare with.
const SMALLEST: u8 = 29;

/// Who somebody says that he is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// The address.
    pub ip: Ipv4Addr,
    /// The sender's hardware address.
    pub hardware: String,
}

/// What was asked on one link, and who said that he has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The link.
    pub link: String,
    /// The pod's own addresses there.
    pub own: Vec<Ipv4Addr>,
    /// Its gateways.
    pub gateways: Vec<Ipv4Addr>,
    /// Others of the same networks, to compare with: no one machine has more than one of them.
    pub others: Vec<Ipv4Addr>,
    /// An address that no machine has.
    pub nobodys: Ipv4Addr,
    /// What was heard.
    pub claims: Look<Vec<Claim>>,
}

/// Asks on every link with ARP at the same time; takes 0.6 s.
pub async fn claims(pod: &Pod) -> Vec<Asked> {
    let all = questions(pod).into_iter().map(async |(link, hardware, mut asked)| {
        asked.claims = Look::of("ARP over a packet socket", hear(link, hardware, &asked).await);
        asked
    });
    futures_util::future::join_all(all).await
}

/// The packets of [`claims`], a line each.
#[must_use]
pub fn planned(pod: &Pod) -> String {
    let lines = questions(pod).into_iter().flat_map(|(_, _, asked)| {
        let link = asked.link.clone();
        asked.all().into_iter().map(move |ip| {
            format!("conflict    app   arp {:<28} on {link}, {ROUNDS} times\n", ip.to_string())
        })
    });
    lines.collect()
}

impl Asked {
    fn all(&self) -> Vec<Ipv4Addr> {
        let lists = [&self.own, &self.gateways, &self.others, &vec![self.nobodys]];
        lists.into_iter().flatten().copied().collect()
    }
}

/// The links that have ARP and an IPv4 address: index, hardware address, what to ask.
fn questions(pod: &Pod) -> Vec<(u32, Hardware, Asked)> {
    let links = pod.links.list().iter().filter(|l| l.is_given() && l.works());
    links.filter_map(|link| question(link, pod)).collect()
}

fn question(link: &Link, pod: &Pod) -> Option<(u32, Hardware, Asked)> {
    let hardware = link::hardware(link.hardware.as_deref()?)?;
    let here = pod.addresses.list().iter().filter(|a| a.link_index == link.index);
    let networks = here.filter_map(|address| match address.ip {
        IpAddr::V4(ip) => Some((ip, address.prefix)),
        IpAddr::V6(_) => None,
    });
    let networks: Vec<(Ipv4Addr, u8)> = networks.collect();
    let own: Vec<Ipv4Addr> = networks.iter().map(|(ip, _)| *ip).collect();
    let every_own: Vec<IpAddr> = pod.addresses.list().iter().map(|address| address.ip).collect();
    let strange = |ip: &Ipv4Addr| !every_own.contains(&IpAddr::V4(*ip));
    let routes = pod.routes.list().iter().filter(|route| route.family == Family::Ipv4);
    let routes = routes.filter(|route| route.link.as_ref() == Some(&link.name));
    let mut gateways: Vec<Ipv4Addr> = routes
        .filter_map(|route| match route.gateway {
            Some(IpAddr::V4(ip)) => Some(ip),
            _ => None,
        })
        .filter(strange)
        .collect();
    gateways.sort_unstable();
    gateways.dedup();
    let others = networks.iter().flat_map(|(ip, prefix)| spread(*ip, *prefix));
    let mut others: Vec<Ipv4Addr> =
        others.filter(strange).filter(|ip| !gateways.contains(ip)).collect();
    others.sort_unstable();
    others.dedup();
    let (link_name, claims) = (link.name.clone(), Look::Seen(Vec::new()));
    let asked = Asked { link: link_name, own, gateways, others, nobodys: DOCUMENTATION, claims };
    (!asked.own.is_empty()).then_some((link.index, hardware, asked))
}

/// Three addresses at the quarters of a network.
fn spread(ip: Ipv4Addr, prefix: u8) -> Vec<Ipv4Addr> {
    let Some(bits) = 32_u8.checked_sub(prefix).filter(|_| (1..=SMALLEST).contains(&prefix)) else {
        return Vec::new();
    };
    let size = 1_u32 << bits;
    let first = ip.to_bits() & !(size - 1);
    [1, 2, 3].map(|quarter| Ipv4Addr::from_bits(first + size / 4 * quarter)).to_vec()
}

async fn hear(link: u32, hardware: Hardware, asked: &Asked) -> io::Result<Vec<Claim>> {
    let socket = arp::open(link)?;
    // Whatever its family, waiting and receiving are the same.
    let socket = UdpSocket::from_std(socket.into())?;
    let wanted = asked.all();
    let mut claims = Vec::new();
    for _ in 0..ROUNDS {
        for ip in &wanted {
            arp::send(&socket, link, &arp::probe(hardware, *ip))?;
        }
        let until = Instant::now() + PAUSE;
        let mut packet = [0; arp::PACKET_BYTES];
        while let Ok(read) = timeout_at(until, socket.recv(&mut packet)).await {
            let Some((ip, hardware)) = arp::sender(&packet[..read?]) else { continue };
            let claim = Claim { ip, hardware: link::text(hardware) };
            if wanted.contains(&ip) && !claims.contains(&claim) {
                claims.push(claim);
            }
        }
    }
    claims.sort_unstable();
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_compare_with_lies_in_the_same_network() {
        let of = |prefix| spread(Ipv4Addr::new(10, 244, 1, 7), prefix);
        assert_eq!(of(24), [64, 128, 192].map(|last| Ipv4Addr::new(10, 244, 1, last)));
        assert_eq!(of(29), [2, 4, 6].map(|last| Ipv4Addr::new(10, 244, 1, last)));
        for prefix in [0, 30, 31, 32, 200] {
            assert!(of(prefix).is_empty(), "{prefix}");
        }
    }
}
