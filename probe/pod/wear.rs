//! What links have lost so far, and which of them the kernel checks the way back for: looked at
//! only when asked, for in a healthy pod both mean little.

use std::fs;

use serde::{Deserialize, Serialize};

use super::Link;

/// The counters that are of interest (kernel `Documentation/ABI/testing/sysfs-class-net-statistics`).
const COUNTERS: [&str; 4] = ["rx_dropped", "tx_dropped", "rx_errors", "tx_errors"];

/// One link's losses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// The interface.
    pub link: String,
    /// The counter.
    pub counter: String,
    /// Packets since the interface was made.
    pub packets: u64,
}

/// What each link has lost; empty where the kernel does not tell.
#[must_use]
pub fn losses(links: &[Link]) -> Vec<Losses> {
    let given = links.iter().filter(|link| link.is_given());
    let read = |link: &Link, counter: &str| {
        // A name is a file name, by the kernel's own rule; whatever comes back is a number or nothing.
        let path = format!("/sys/class/net/{}/statistics/{counter}", link.name);
        let packets = fs::read_to_string(path).ok()?.trim().parse().ok()?;
        Some(Losses { link: link.name.clone(), counter: counter.to_owned(), packets })
    };
    given.flat_map(|link| COUNTERS.iter().filter_map(move |counter| read(link, counter))).collect()
}

/// The links on which the kernel drops IPv4 packets whose way back leads elsewhere: the greater of
/// the link's value and that of all is 1 (kernel `Documentation/networking/ip-sysctl.rst`, `rp_filter`).
#[must_use]
pub fn strict(links: &[Link]) -> Vec<String> {
    let value = |name: &str| {
        let path = format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
        fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u8>().ok())
    };
    let all = value("all");
    let is_strict = |link: &&Link| value(&link.name).max(all) == Some(1);
    links.iter().filter(|l| l.is_given()).filter(is_strict).map(|l| l.name.clone()).collect()
}
