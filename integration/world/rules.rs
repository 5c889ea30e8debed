//! Rule sets in Istio's shape, and the three ways they get into a kernel.

use std::path::Path;
use std::process::Command;

use super::shell::feed;

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

/// One promise, written for each back end. Comments and blank lines are the reader's.
#[derive(Clone)]
pub struct Rules {
    /// For `iptables-restore`.
    pub v4: String,
    /// For `ip6tables-restore`.
    pub v6: String,
    /// For `nft -f`, both families.
    pub nft: String,
}

/// One rule set: the three files of one name.
macro_rules! rules {
    ($name:literal) => {
        Rules {
            v4: include_str!(concat!("../rules/", $name, ".v4")).into(),
            v6: include_str!(concat!("../rules/", $name, ".v6")).into(),
            nft: include_str!(concat!("../rules/", $name, ".nft")).into(),
        }
    };
}

impl Rules {
    /// The sidecar as everybody has it.
    pub fn istio() -> Rules {
        rules!("istio")
    }

    /// With DNS capture.
    pub fn istio_dns() -> Rules {
        rules!("istio-dns")
    }

    /// With outbound port 5432 and outbound 10.96.64.0/18 excluded.
    pub fn istio_excl() -> Rules {
        rules!("istio-excl")
    }

    /// The same rules with one word for another, in each form that has the word.
    pub fn replace(&self, from: &str, to: &str) -> Rules {
        let all = Rules {
            v4: self.v4.replace(from, to),
            v6: self.v6.replace(from, to),
            nft: self.nft.replace(from, to),
        };
        assert!(
            all.v4 != self.v4 || all.v6 != self.v6 || all.nft != self.nft,
            "no rule says `{from}`"
        );
        all
    }

    /// No rule for IPv4.
    pub fn only_v6(&self) -> Rules {
        Rules { v4: String::new(), ..self.clone() }
    }

    /// No rule for IPv6.
    pub fn only_v4(&self) -> Rules {
        Rules { v6: String::new(), ..self.clone() }
    }
}

impl Backend {
    /// All three.
    pub const ALL: [Backend; 3] = [Backend::IptablesNft, Backend::IptablesLegacy, Backend::Nft];

    /// Loads the rules of the families that the pod has; each table they name is replaced.
    pub(super) fn load(self, rules: &Rules, v6: bool, lock: &Path) {
        let restore = |program: &str, text: &str| {
            // The legacy tools of all worlds would wait for each other at one lock.
            feed(Command::new(program).env("XTABLES_LOCKFILE", lock), text);
        };
        let (name4, name6) = match self {
            Backend::Nft => return feed(Command::new("nft").args(["-f", "-"]), &rules.nft),
            Backend::IptablesNft => ("iptables-nft-restore", "ip6tables-nft-restore"),
            Backend::IptablesLegacy => ("iptables-legacy-restore", "ip6tables-legacy-restore"),
        };
        restore(name4, &rules.v4);
        if v6 {
            restore(name6, &rules.v6);
        }
    }
}

/// The numbers of the lines that are rules, in the text of one file.
pub fn rule_lines(text: &str) -> Vec<usize> {
    let is_rule = |line: &str| line.starts_with("-A ") || line.starts_with("add rule ");
    text.lines().enumerate().filter(|(_, line)| is_rule(line)).map(|(number, _)| number).collect()
}
