//! How much one source may ask for, and all together.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::sync::Semaphore;

/// Sources remembered; while there are so many, a new one waits until another has been quiet.
const MOST_SOURCES: usize = 4096;
/// Connections of all requesters at once.
const MOST_CONNECTIONS: usize = 64;
/// Dials under way at once.
const MOST_DIALS: usize = 128;
/// Connections of one source at once.
const CONNECTIONS_EACH: u32 = 8;
/// Dials to one source under way at once.
const DIALS_EACH: u32 = 48;
/// Sources a second that are given a cookie: that costs little, and nobody need be who he says.
const COOKIES: f64 = 2000.0;
/// The burst that a source may ask in, in seconds of its rate.
const BURST: f64 = 4.0;

/// The limits of a running peer.
pub(crate) struct Limits {
    rate: f64,
    sources: Mutex<HashMap<IpAddr, Bucket>>,
    cookies: Mutex<Bucket>,
    /// For accepted connections.
    pub(crate) connections: Arc<Semaphore>,
    /// For dials.
    pub(crate) dials: Arc<Semaphore>,
    /// What each source has of both at the moment.
    shares: Arc<Mutex<HashMap<IpAddr, [u32; 2]>>>,
}

/// What there is a share of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    /// Accepted connections.
    Connections,
    /// Dials.
    Dials,
}

/// A source's share of something, given back when it is dropped.
pub(crate) struct Share {
    shares: Arc<Mutex<HashMap<IpAddr, [u32; 2]>>>,
    source: IpAddr,
    of: Of,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = shares.get_mut(&self.source) {
            held[self.of as usize] = held[self.of as usize].saturating_sub(1);
            if *held == [0, 0] {
                shares.remove(&self.source);
            }
        }
    }
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// What is in it by now.
    fn refilled(&self, rate: f64, full: f64, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + since * rate).min(full)
    }

    /// Takes one out, if there is one.
    fn takes(&mut self, rate: f64, full: f64, now: Instant) -> bool {
        let left = self.refilled(rate, full, now);
        let taken = left >= 1.0;
        *self = Bucket { left: if taken { left - 1.0 } else { left }, at: now };
        taken
    }
}

impl Limits {
    pub(crate) fn new(rate: u32) -> Limits {
        Limits {
            rate: f64::from(rate),
            sources: Mutex::default(),
            cookies: Mutex::new(Bucket { left: COOKIES, at: Instant::now() }),
            connections: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            dials: Arc::new(Semaphore::new(MOST_DIALS)),
            shares: Arc::default(),
        }
    }

    /// One more of these for a source; none where it has its share.
    pub(crate) fn share(&self, source: IpAddr, of: Of) -> Option<Share> {
        let most = match of {
            Of::Connections => CONNECTIONS_EACH,
            Of::Dials => DIALS_EACH,
        };
        let source = payer(source);
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let held = &mut shares.entry(source).or_default()[of as usize];
        if *held >= most {
            return None;
        }
        *held += 1;
        drop(shares);
        Some(Share { shares: Arc::clone(&self.shares), source, of })
    }

    /// Whether somebody who may not be who he says may have a cookie now; nobody else pays for it.
    pub(crate) fn admits_anybody(&self, now: Instant) -> bool {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).takes(COOKIES, COOKIES, now)
    }

    /// Whether this source may ask now; if so, it has.
    pub(crate) fn admits(&self, source: IpAddr, now: Instant) -> bool {
        let full = self.rate * BURST;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = payer(source);
        if !sources.contains_key(&source) && sources.len() >= MOST_SOURCES {
            // Who has been quiet is as good as new.
            sources.retain(|_, bucket| bucket.refilled(self.rate, full, now) < full);
            if sources.len() >= MOST_SOURCES {
                return false;
            }
        }
        let bucket = sources.entry(source).or_insert(Bucket { left: full, at: now });
        bucket.takes(self.rate, full, now)
    }
}

/// Who pays for an address: in IPv6 its /64, for a host can take any address of it.
fn payer(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_source_gets_its_burst_then_its_rate() {
        let limits = Limits::new(2);
        let (start, source) = (Instant::now(), IpAddr::from([10, 0, 0, 1]));
        let admitted = (0..100).filter(|_| limits.admits(source, start)).count();
        assert_eq!(admitted, 8);
        let later = start + Duration::from_secs(3);
        let admitted = (0..100).filter(|_| limits.admits(source, later)).count();
        assert_eq!(admitted, 6);
        assert!(limits.admits([10, 0, 0, 2].into(), start), "another source has its own");
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_rate() {
        let limits = Limits::new(1);
        let now = Instant::now();
        let address = |last: u16| IpAddr::from([0xfd00, 0, 0, 1, 0, 0, 0, last]);
        let admitted = (0..50).filter(|n| limits.admits(address(*n), now)).count();
        assert_eq!(admitted, 4);
    }

    #[test]
    fn a_source_has_a_share_and_gives_it_back() {
        let limits = Limits::new(1);
        let source = IpAddr::from([10, 0, 0, 1]);
        let mut held: Vec<Share> =
            (0..100).filter_map(|_| limits.share(source, Of::Connections)).collect();
        assert_eq!(held.len(), 8);
        assert!(limits.share([10, 0, 0, 2].into(), Of::Connections).is_some());
        held.pop();
        assert!(limits.share(source, Of::Connections).is_some());
        drop(held);
        assert!(limits.shares.lock().expect("a lock").is_empty());
    }

    #[test]
    fn memory_for_sources_is_bounded_and_comes_back() {
        let limits = Limits::new(1);
        let now = Instant::now();
        let source = |n: usize| IpAddr::from(u32::try_from(n).expect("small").to_be_bytes());
        let admitted = (0..MOST_SOURCES * 2).filter(|n| limits.admits(source(*n), now)).count();
        assert_eq!(admitted, MOST_SOURCES);
        assert!(limits.admits(source(MOST_SOURCES * 3), now + Duration::from_secs(10)));
    }
}
