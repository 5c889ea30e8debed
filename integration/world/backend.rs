//! The three ways in which rules get into a kernel, and the way out again.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::rules::Rules;
use super::shell::{feed, sh};

/// Who speaks to netfilter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `iptables-nft-restore`.
    IptablesNft,
    /// `iptables-legacy-restore`.
    IptablesLegacy,
    /// `nft -f`, the native form.
    Nft,
}

impl Backend {
    /// All three.
    pub const ALL: [Backend; 3] = [Backend::IptablesNft, Backend::IptablesLegacy, Backend::Nft];

    /// Loads the rules of the families that the pod has, in place of whatever was there.
    pub(super) fn load(self, rules: &Rules, v6: bool, lock: &Path) {
        clear(lock);
        for command in &rules.setup {
            if v6 || !command.starts_with("-6 ") {
                sh(&format!("ip {command}"));
            }
        }
        let (name4, name6) = match self {
            Backend::Nft => {
                assert!(!rules.nft.is_empty(), "this mesh has no native nftables form");
                return feed(Command::new("nft").args(["-f", "-"]), &rules.nft);
            }
            Backend::IptablesNft => ("iptables-nft-restore", "ip6tables-nft-restore"),
            Backend::IptablesLegacy => ("iptables-legacy-restore", "ip6tables-legacy-restore"),
        };
        restore(name4, &rules.v4, lock);
        if v6 {
            restore(name6, &rules.v6, lock);
        }
    }
}

fn restore(program: &str, text: &str, lock: &Path) {
    // The legacy tools of all worlds would wait for each other at one lock.
    feed(Command::new(program).env("XTABLES_LOCKFILE", lock), text);
}

/// Removes every rule of every back end, and policy routing by mark.
fn clear(lock: &Path) {
    sh("nft flush ruleset");
    for (names, program) in [
        ("ip_tables_names", "iptables-legacy-restore"),
        ("ip6_tables_names", "ip6tables-legacy-restore"),
    ] {
        // Only tables that are there: naming one would make it, with its hooks.
        let tables =
            fs::read_to_string(format!("/proc/thread-self/net/{names}")).unwrap_or_default();
        for table in tables.lines() {
            restore(program, &format!("*{table}\nCOMMIT\n"), lock);
        }
    }
    for family in ["-4", "-6"] {
        clear_routing(family);
    }
}

fn clear_routing(family: &str) {
    let rules = sh(&format!("ip {family} rule show"));
    for rule in rules.lines().filter(|rule| rule.contains("fwmark")) {
        let preference = rule.split(':').next().expect("a preference");
        sh(&format!("ip {family} rule del pref {preference}"));
    }
    // Of a table that never was, `ip` says so and fails.
    for table in [100, 133] {
        sh(&format!("ip {family} route flush table {table} 2>/dev/null || true"));
    }
}
