//! What links have lost so far, and which of them the kernel checks the way back for: looked at
//! only when asked, for in a healthy pod both mean little.

use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::{Link, Look};

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

/// What each link has lost.
#[must_use]
pub fn losses(links: &[Link]) -> Look<Vec<Losses>> {
    let given = links.iter().filter(|link| link.is_given());
    let all = given.flat_map(|link| COUNTERS.iter().map(move |counter| read(link, counter)));
    Look::of("read /sys/class/net/*/statistics", all.collect())
}

fn read(link: &Link, counter: &str) -> io::Result<Losses> {
    // A name is a file name, by the kernel's own rule.
    let path = format!("/sys/class/net/{}/statistics/{counter}", link.name);
    let packets = number(&path)?;
    Ok(Losses { link: link.name.clone(), counter: counter.to_owned(), packets })
}

/// The links on which the kernel drops IPv4 packets whose way back leads elsewhere: the greater of
/// the link's value and that of all is 1 (kernel `Documentation/networking/ip-sysctl.rst`, `rp_filter`).
#[must_use]
pub fn strict(links: &[Link]) -> Look<Vec<String>> {
    let value = |name: &str| number(&format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"));
    let found = || {
        let all = value("all")?;
        let mut strict = Vec::new();
        for link in links.iter().filter(|link| link.is_given()) {
            if value(&link.name)?.max(all) == 1 {
                strict.push(link.name.clone());
            }
        }
        Ok(strict)
    };
    Look::of("read /proc/sys/net/ipv4/conf/*/rp_filter", found())
}

fn number(path: &str) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    text.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}
