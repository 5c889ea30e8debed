//! One exchange on a connection of its own, and what became of its packets: not by counting them,
//! for the kernel hands the device many in one, but as TCP itself counts what was acknowledged.

use std::{
    io,
    net::IpAddr,
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, time::sleep};

use super::{
    outcome::{Ended, Exchange, Tried},
    peer::Peer,
};
use crate::{
    layer::{
        attempt::Failure,
        redirect::{Play, Transport},
    },
    net::{
        client,
        dial::millis,
        errno_name,
        path_mtu::{Info, info},
    },
};

/// The data in a small packet: every IPv4 host takes one of 576 bytes (RFC 791), and no link has
/// less where there is IPv6.
const SMALL: u32 = 536;
/// How many full packets are sent, where so long a message can be: the last one is full as well,
/// so that none can get through in a black hole.
const PACKETS: usize = 3;
/// How often the kernel is asked; an answer is seen at once.
const TICK: Duration = Duration::from_millis(20);
/// A server that sends its flight in pieces does so without a pause.
const PAUSE: Duration = Duration::from_millis(50);
/// Packets sent again after which nothing more is to be expected where nothing was acknowledged:
/// 0.6 s. Loss that spares small packets would have to hit six full ones in a row.
const ENOUGH: u32 = 3;

/// In which packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// As large as the kernel makes them.
    Full,
    /// Small ones in both directions, for this many bytes.
    Small(u64),
}

/// Connects, sends, and waits at most `patience` for the connection, and then for the answer: a
/// lost SYN, or IPv6 looking for its neighbour, takes a second that the packets shall not lack.
pub(super) async fn exchange(peer: &Peer, play: &Play, size: Size, patience: Duration) -> Tried {
    match attempt(peer, play, size, patience).await {
        Ok(exchange) => Tried::Made(exchange),
        Err(failure) => Tried::Failed(failure),
    }
}

async fn attempt(
    peer: &Peer,
    play: &Play,
    size: Size,
    patience: Duration,
) -> Result<Exchange, Failure> {
    if let Play::Cannot { reason } = play {
        return Err(Failure::Masked { reason: reason.clone() });
    }
    let failed = |operation| move |error: io::Error| Failure::of(operation, &error, None);
    let socket =
        client::open(peer.to, Transport::Tcp, play, None).map_err(failed("open a socket"))?;
    if let Size::Small(_) = size {
        // Before the handshake, which tells it to the other side.
        socket.set_tcp_mss(SMALL).map_err(failed("set the segment size"))?;
    }
    let stream = client::connect_socket(socket, peer.to, patience).await?;
    let from = stream.local_addr().map_err(failed("look up the own address"))?.ip();
    let before = info(&stream).map_err(failed("read TCP_INFO"))?;
    let length = match size {
        Size::Full => full(before.segment, peer.most()),
        Size::Small(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
    };
    let message = peer.message(length).map_err(|errno| Failure::Failed {
        operation: "encode".to_owned(),
        errno,
        by: None,
    })?;
    let start = Instant::now();
    let watch = Watch { peer, stream: &stream, before, message: &message, start };
    let (received, ended) = watch.until(start + patience).await;
    let after = info(&stream).map_err(failed("read TCP_INFO"))?;
    Ok(watch.told(from, &after, &received, ended))
}

/// The most bytes that fill each of their packets.
fn full(segment: u32, most: usize) -> usize {
    let segment = usize::try_from(segment).unwrap_or(usize::MAX).max(1);
    match (most / segment).min(PACKETS) {
        0 => most,
        packets => packets * segment,
    }
}

/// An exchange that goes on.
struct Watch<'a> {
    peer: &'a Peer,
    stream: &'a TcpStream,
    before: Info,
    message: &'a [u8],
    start: Instant,
}

impl Watch<'_> {
    /// Sends, and reads until the answer is whole, nothing more is to be expected, or time is up.
    async fn until(&self, deadline: Instant) -> (Vec<u8>, Ended) {
        let (mut rest, mut received, mut last) = (self.message, Vec::new(), self.start);
        loop {
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return (received, broke(&error)),
            }
            let had = received.len();
            match read(self.stream, &mut received) {
                Ok(true) => return (received, Ended::Closed),
                Ok(false) => {}
                Err(error) => return (received, broke(&error)),
            }
            if received.len() > had {
                last = Instant::now();
            }
            let now = info(self.stream).unwrap_or(self.before);
            if self.is_over(&now, &received, last.elapsed() >= PAUSE) {
                return (received, Ended::Answered);
            }
            if Instant::now() >= deadline || self.is_stuck(&now) {
                return (received, Ended::Waited);
            }
            tokio::select! {
                biased;
                _ = self.stream.readable() => {}
                () = sleep(TICK) => {}
            }
        }
    }

    fn is_over(&self, now: &Info, received: &[u8], silent: bool) -> bool {
        let answered = self.is_full(received) || self.peer.is_whole(received, silent);
        answered && self.acked(now) >= bytes(self.message)
    }

    /// What is in order and longer than a full packet took a full packet.
    fn is_full(&self, received: &[u8]) -> bool {
        bytes(received) >= u64::from(self.before.advertised)
    }

    fn is_stuck(&self, now: &Info) -> bool {
        // Who was told of a smaller path MTU sends again at once, and is not stuck yet.
        let told = now.path_mtu < self.before.path_mtu;
        let resent = now.resent.saturating_sub(self.before.resent);
        self.acked(now) == 0 && now.sacked == 0 && !told && resent >= ENOUGH
    }

    fn acked(&self, now: &Info) -> u64 {
        now.acked.saturating_sub(self.before.acked)
    }

    fn told(&self, from: IpAddr, after: &Info, received: &[u8], ended: Ended) -> Exchange {
        let headers = after.header + if from.is_ipv4() { 20 } else { 40 };
        Exchange {
            from,
            packet: after.segment + headers,
            allowed: self.before.advertised + headers,
            sent: bytes(self.message),
            acked: self.acked(after),
            resent: after.resent.saturating_sub(self.before.resent),
            sacked: after.sacked,
            received: bytes(received),
            received_full: self.is_full(received),
            path_mtu_before: self.before.path_mtu,
            path_mtu: after.path_mtu,
            ended,
            elapsed_ms: millis(self.start.elapsed()),
        }
    }
}

/// Reads what is there; whether that was the end.
fn read(stream: &TcpStream, received: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0; 4096];
    loop {
        match stream.try_read(&mut piece) {
            Ok(0) => return Ok(true),
            Ok(length) => received.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        // No answer is so long, and nobody may fill our memory.
        if received.len() > 1 << 20 {
            return Ok(true);
        }
    }
}

fn broke(error: &io::Error) -> Ended {
    Ended::Broke { errno: errno_name(error) }
}

fn bytes(slice: &[u8]) -> u64 {
    u64::try_from(slice.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_is_full() {
        assert_eq!(full(1448, 65537), 4344);
        assert_eq!(full(8948, 16389), 8948);
        assert_eq!(full(65483, 16389), 16389);
    }
}
