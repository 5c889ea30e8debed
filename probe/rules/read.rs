//! Reading the rules of this namespace: all side effects.

use std::{fs, io, path::Path};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::{
    legacy,
    model::{Backend, Ruleset, Table},
    nft,
};
use crate::{
    net::{
        netlink::Netlink,
        nfnetlink::{self, MOST_MESSAGES},
        xtables,
    },
    pod::{Family, Look},
};

/// Sets that are read at most; each costs a dump.
const MOST_SETS: usize = 64;

/// The rules of the namespace, each back end for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dump {
    /// nftables, and iptables-nft in it.
    pub nft: Look<Vec<Table>>,
    /// iptables-legacy of IPv4.
    pub legacy_v4: Look<Vec<Table>>,
    /// iptables-legacy of IPv6.
    pub legacy_v6: Look<Vec<Table>>,
}

impl Dump {
    /// All tables that could be read, in one list.
    #[must_use]
    pub fn ruleset(&self) -> Ruleset {
        let all = [&self.legacy_v4, &self.legacy_v6, &self.nft];
        Ruleset { tables: all.into_iter().flat_map(Look::list).cloned().collect() }
    }

    /// What could not be read, and why.
    #[must_use]
    pub fn unseen(&self) -> Vec<String> {
        let all = [
            ("nftables", &self.nft),
            ("iptables-legacy", &self.legacy_v4),
            ("ip6tables-legacy", &self.legacy_v6),
        ];
        let blind = all.iter().filter(|(_, look)| look.seen().is_none());
        let needs = |look: &Look<Vec<Table>>| match look {
            Look::Blind { errno, .. } if errno == "EPERM" => " (needs the capability NET_ADMIN)",
            Look::Blind { errno, .. } if errno == "EACCES" => " (needs uid 0)",
            _ => "",
        };
        blind.map(|(name, look)| format!("{name}: {}{}", look.why(), needs(look))).collect()
    }

    /// The back ends that have rules.
    #[must_use]
    pub fn in_use(&self) -> Vec<Backend> {
        let has = |looks: &[&Look<Vec<Table>>]| {
            let mut tables = looks.iter().flat_map(|look| look.list());
            tables.any(|table| table.chains.iter().any(|chain| !chain.rules.is_empty()))
        };
        let legacy = has(&[&self.legacy_v4, &self.legacy_v6]).then_some(Backend::Legacy);
        legacy.into_iter().chain(has(&[&self.nft]).then_some(Backend::Nft)).collect()
    }
}

/// Reads all of them. Makes nothing: no table, no hook.
#[must_use]
pub fn read() -> Dump {
    Dump {
        nft: Look::of("dump nftables", nftables()),
        legacy_v4: legacy_tables(Family::Ipv4),
        legacy_v6: legacy_tables(Family::Ipv6),
    }
}

fn nftables() -> io::Result<Vec<Table>> {
    let mut netlink = nfnetlink::open()?;
    let mut bodies = nft::Bodies {
        tables: nfnetlink::tables(&mut netlink)?,
        chains: nfnetlink::chains(&mut netlink)?,
        rules: nfnetlink::rules(&mut netlink)?,
        ..nft::Bodies::default()
    };
    // A part of the rules must not pass for all of them.
    if [&bodies.tables, &bodies.chains, &bodies.rules].iter().any(|b| b.len() > MOST_MESSAGES) {
        return Err(Errno::EFBIG.into());
    }
    read_sets(&mut netlink, &mut bodies);
    Ok(nft::read(&bodies))
}

/// A set that cannot be read makes the rules that look into it unreadable, and no more.
fn read_sets(netlink: &mut Netlink, bodies: &mut nft::Bodies) {
    for name in nft::wanted_sets(&bodies.rules).into_iter().take(MOST_SETS) {
        let (family, table, set) = &name;
        if let Ok(elements) = nfnetlink::elements(netlink, *family, table, set)
            && elements.len() <= MOST_MESSAGES
        {
            bodies.elements.insert(name, elements);
        }
    }
}

/// Only tables that the kernel lists: asking for another one would make it, with its hooks.
fn legacy_tables(family: Family) -> Look<Vec<Table>> {
    let ipv6 = family == Family::Ipv6;
    let names = if ipv6 { "ip6_tables_names" } else { "ip_tables_names" };
    let path = format!("/proc/net/{names}");
    let names = match fs::read_to_string(&path) {
        Ok(names) => names,
        // Without the file the kernel has no such tables; without /proc nobody knows.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound && Path::new("/proc/net").exists() =>
        {
            return Look::Seen(Vec::new());
        }
        Err(error) => return Look::blind(&format!("read {path}"), &error),
    };
    let tables = names.lines().map(|name| table(family, name)).collect::<io::Result<Vec<_>>>();
    Look::of("read iptables-legacy tables", tables)
}

fn table(family: Family, name: &str) -> io::Result<Table> {
    let blob = xtables::table(family == Family::Ipv6, name)?;
    let table = legacy::read(family, name, &blob.info, &blob.entries);
    table.ok_or_else(|| Errno::EBADMSG.into())
}
