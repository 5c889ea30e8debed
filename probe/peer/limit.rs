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
/// The burst that a source may ask in, in seconds of its rate.
const BURST: f64 = 4.0;

/// The limits of a running peer.
pub(super) struct Limits {
    rate: f64,
    sources: Mutex<HashMap<IpAddr, Bucket>>,
    /// For accepted connections.
    pub(super) connections: Semaphore,
    /// For dials.
    pub(super) dials: Arc<Semaphore>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl Limits {
    pub(super) fn new(rate: u32) -> Limits {
        Limits {
            rate: f64::from(rate),
            sources: Mutex::default(),
            connections: Semaphore::new(MOST_CONNECTIONS),
            dials: Arc::new(Semaphore::new(MOST_DIALS)),
        }
    }

    /// Whether this source may ask now; if so, it has.
    pub(super) fn admits(&self, source: IpAddr, now: Instant) -> bool {
        let full = self.rate * BURST;
        let refilled = |bucket: &Bucket| {
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.left + since * self.rate).min(full)
        };
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = payer(source);
        if !sources.contains_key(&source) && sources.len() >= MOST_SOURCES {
            // Who has been quiet is as good as new.
            sources.retain(|_, bucket| refilled(bucket) < full);
            if sources.len() >= MOST_SOURCES {
                return false;
            }
        }
        let bucket = sources.entry(source).or_insert(Bucket { left: full, at: now });
        let left = refilled(bucket);
        let admitted = left >= 1.0;
        *bucket = Bucket { left: if admitted { left - 1.0 } else { left }, at: now };
        admitted
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
    fn memory_for_sources_is_bounded_and_comes_back() {
        let limits = Limits::new(1);
        let now = Instant::now();
        let source = |n: usize| IpAddr::from(u32::try_from(n).expect("small").to_be_bytes());
        let admitted = (0..MOST_SOURCES * 2).filter(|n| limits.admits(source(*n), now)).count();
        assert_eq!(admitted, MOST_SOURCES);
        assert!(limits.admits(source(MOST_SOURCES * 3), now + Duration::from_secs(10)));
    }
}
