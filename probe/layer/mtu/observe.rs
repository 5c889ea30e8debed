//! Exchanging full packets with everybody, side by side; where that stalls, the same bytes in small
//! packets, and once more in full ones, so that neither loss nor a slow server passes for a hole.

use std::{fs, net::SocketAddr, time::Duration};

use futures_util::stream::{self, StreamExt};

use super::{
    exchange::{Size, exchange},
    outcome::{Ended, Exchange, Path, Seen, Tried},
    peer::{Known, Peer, Speaks, peers},
    told::too_big,
};
use crate::{
    layer::{
        egress::Egress,
        ladder::{Ladder, climb},
        redirect::{Offender, Transport},
    },
    plan::Plan,
    pod::Pod,
};

/// How long one exchange may take: a lost packet is sent again after 0.2, 0.6 and 1.4 s.
const PATIENCE: Duration = Duration::from_millis(1400);
/// However little time is left, a stall means something only after it was sent again twice.
const LEAST_PATIENCE: Duration = Duration::from_millis(700);
/// Peers at the same time.
const AT_ONCE: usize = 16;
/// An IPv4 and a UDP header.
const HEADERS_V4: u32 = 28;
/// The same in IPv6.
const HEADERS_V6: u32 = 48;
/// Whether the kernel itself looks for black holes.
const PROBING: &str = "/proc/sys/net/ipv4/tcp_mtu_probing";

/// Exchanges full packets with everybody; an exchange takes at most `patience`, and three are made
/// with a peer that does not answer them.
pub async fn observe(plan: &Plan, pod: &Pod, known: Known<'_>, patience: Duration) -> Seen {
    let look = Look {
        pod,
        egress: Egress::new(plan, pod),
        patience: patience.clamp(LEAST_PATIENCE, PATIENCE),
    };
    let peers = peers(plan, pod, known);
    let paths = stream::iter(&peers).map(|peer| look.path(peer)).buffered(AT_ONCE).collect().await;
    let mtu_probing = fs::read_to_string(PROBING).ok().and_then(|text| text.trim().parse().ok());
    Seen { mtu_probing, paths }
}

/// What would be sent, a line a peer; without those that other layers find.
#[must_use]
pub fn planned(plan: &Plan, pod: &Pod) -> String {
    let line = |peer: &Peer| {
        let what = match peer.speaks {
            Speaks::Dns => "padded query",
            Speaks::Tls => "padded ClientHello",
            Speaks::Podprobe => "padded request",
        };
        let to = peer.to.to_string();
        format!("mtu         send  TCP {to:<28} {what} of three full packets\n")
    };
    peers(plan, pod, Known::default()).iter().map(line).collect()
}

/// Everything that a path depends on besides the peer.
struct Look<'a> {
    pod: &'a Pod,
    egress: Egress<'a>,
    patience: Duration,
}

impl Look<'_> {
    async fn path(&self, peer: &Peer) -> Path {
        let large = self.exchange(peer, Size::Full).await;
        let (mut small, mut again) = (None, None);
        if let Some(exchange) = large.made().filter(|exchange| exchange.ended == Ended::Waited) {
            let control = self.exchange(peer, Size::Small(exchange.sent)).await;
            if control.made().is_some_and(Exchange::taken) {
                again = Some(self.exchange(peer, Size::Full).await);
            }
            small = Some(control);
        }
        let Peer { to, role, speaks, .. } = *peer;
        let mut path = Path { to, role, speaks, large, small, again, too_big: None, ladder: None };
        path.too_big = self.too_big(peer, &path).await;
        path.ladder = self.ladder(peer, &path).await;
        path
    }

    async fn exchange(&self, peer: &Peer, size: Size) -> Tried {
        exchange(peer, self.egress.play(peer.to, Transport::Tcp), size, self.patience).await
    }

    /// Asks where the path is narrower than the link, if it is.
    async fn too_big(&self, peer: &Peer, path: &Path) -> Option<Offender> {
        let exchange = path.last()?;
        let link = exchange.link(self.pod)?.mtu;
        if exchange.path_mtu >= link {
            return None;
        }
        let datagram = datagram(peer, link)?;
        too_big(peer.to, self.egress.play(peer.to, Transport::Udp), &datagram).await
    }

    /// How far such packets come, where they do not arrive.
    async fn ladder(&self, peer: &Peer, path: &Path) -> Option<Ladder> {
        let exchange = path.again.as_ref()?.made().filter(|exchange| exchange.stuck())?;
        let datagram = datagram(peer, exchange.link(self.pod)?.mtu)?;
        let play = self.egress.play(peer.to, Transport::Udp);
        Some(climb(peer.to, Transport::Udp, play, &datagram).await)
    }
}

/// A question that fills a packet; TLS servers take no datagrams.
fn datagram(peer: &Peer, link: u32) -> Option<Vec<u8>> {
    let headers = match peer.to {
        SocketAddr::V4(_) => HEADERS_V4,
        SocketAddr::V6(_) => HEADERS_V6,
    };
    let length = usize::try_from(link.saturating_sub(headers)).ok()?;
    if peer.speaks == Speaks::Tls { None } else { peer.datagram(length).ok() }
}
