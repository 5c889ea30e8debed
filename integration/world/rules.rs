//! The rule sets of the meshes as their own installers make them, with their policy routing.

use super::backend::Backend;

/// One promise, written for each back end. Comments and blank lines are the reader's.
#[derive(Clone)]
pub struct Rules {
    /// For `iptables-restore`.
    pub v4: String,
    /// For `ip6tables-restore`; empty where the mesh has no IPv6 rules.
    pub v6: String,
    /// For `nft -f`, both families; empty where the mesh has no native form.
    pub nft: String,
    /// Arguments of `ip`, those of IPv6 after `-6`: policy rules, and the routes of their tables.
    pub setup: Vec<String>,
}

/// One part of a rule set, a file.
macro_rules! part {
    ($name:literal, $part:literal) => {
        include_str!(concat!("../rules/", $name, ".", $part)).into()
    };
}

/// One rule set: the files of one name.
macro_rules! rules {
    ($name:literal) => {
        Rules { nft: part!($name, "nft"), ..rules!($name, iptables) }
    };
    ($name:literal, iptables) => {
        Rules { v6: part!($name, "v6"), ..rules!($name, iptables, v4) }
    };
    ($name:literal, iptables, v4) => {
        Rules { v4: part!($name, "v4"), v6: String::new(), nft: String::new(), setup: Vec::new() }
    };
}

/// istio `tools/common/tproxy/run_linux.go`.
const TPROXY_ROUTING: [&str; 4] = [
    "rule add fwmark 1337 lookup 133",
    "route add local 0.0.0.0/0 dev lo table 133",
    "-6 rule add fwmark 1337 lookup 133",
    "-6 route add local ::/0 dev lo table 133",
];
/// istio `cni/pkg/iptables/iptables_linux.go`.
const AMBIENT_ROUTING: [&str; 4] = [
    "rule add fwmark 0x111/0xfff pref 32764 lookup 100",
    "route add local 0.0.0.0/0 dev lo table 100",
    "-6 rule add fwmark 0x111/0xfff pref 32764 lookup 100",
    "-6 route add local ::/0 dev lo table 100",
];

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

    /// The sidecar in TPROXY mode.
    pub fn istio_tproxy() -> Rules {
        Rules { setup: TPROXY_ROUTING.map(String::from).to_vec(), ..rules!("istio-tproxy") }
    }

    /// A pod in Istio's ambient mesh.
    pub fn ambient() -> Rules {
        Rules { setup: AMBIENT_ROUTING.map(String::from).to_vec(), ..rules!("ambient") }
    }

    /// Linkerd.
    pub fn linkerd() -> Rules {
        rules!("linkerd", iptables)
    }

    /// Kuma.
    pub fn kuma() -> Rules {
        rules!("kuma", iptables)
    }

    /// Consul in an IPv4 cluster; its iptables form leaves IPv6 alone, its nftables form does not.
    pub fn consul() -> Rules {
        Rules { nft: part!("consul", "nft"), ..rules!("consul", iptables, v4) }
    }

    /// Consul in a dual-stack cluster.
    pub fn consul_dual() -> Rules {
        rules!("consul-dual")
    }

    /// Open Service Mesh, which leaves IPv6 alone.
    pub fn osm() -> Rules {
        rules!("osm", iptables, v4)
    }

    /// App Mesh with an application on port 8080.
    pub fn appmesh() -> Rules {
        rules!("appmesh", iptables)
    }

    /// The back ends that the mesh has rules for.
    pub fn backends(&self) -> Vec<Backend> {
        let native = |backend: &Backend| *backend != Backend::Nft || !self.nft.is_empty();
        Backend::ALL.into_iter().filter(native).collect()
    }

    /// The same rules with one word for another, in each form that has the word.
    pub fn replace(&self, from: &str, to: &str) -> Rules {
        let all = Rules {
            v4: self.v4.replace(from, to),
            v6: self.v6.replace(from, to),
            nft: self.nft.replace(from, to),
            setup: self.setup.clone(),
        };
        assert!(
            all.v4 != self.v4 || all.v6 != self.v6 || all.nft != self.nft,
            "no rule says `{from}`"
        );
        all
    }

    /// The same rules without those that say this, in any form; one must.
    pub fn without(&self, says: &str) -> Rules {
        let others = |text: &str| -> String {
            text.lines()
                .filter(|line| !line.contains(says))
                .map(|line| line.to_owned() + "\n")
                .collect()
        };
        let all = Rules {
            v4: others(&self.v4),
            v6: others(&self.v6),
            nft: others(&self.nft),
            setup: self.setup.clone(),
        };
        let lines =
            |rules: &Rules| [&rules.v4, &rules.v6, &rules.nft].map(|text| text.lines().count());
        assert!(lines(&all) != lines(self), "no rule says `{says}`");
        all
    }

    /// No policy rule and no route that says this; one must.
    pub fn without_setup(&self, says: &str) -> Rules {
        let all = self.only_setup(|command| !command.contains(says));
        assert!(all.setup.len() < self.setup.len(), "no command says `{says}`");
        all
    }

    /// Nothing for IPv4.
    pub fn only_v6(&self) -> Rules {
        Rules { v4: String::new(), ..self.only_setup(|command| command.starts_with("-6 ")) }
    }

    /// Nothing for IPv6.
    pub fn only_v4(&self) -> Rules {
        Rules { v6: String::new(), ..self.only_setup(|command| !command.starts_with("-6 ")) }
    }

    fn only_setup(&self, keep: impl Fn(&str) -> bool) -> Rules {
        let setup = self.setup.iter().filter(|command| keep(command)).cloned().collect();
        Rules { setup, ..self.clone() }
    }
}

/// The numbers of the lines that are rules, in the text of one file.
pub fn rule_lines(text: &str) -> Vec<usize> {
    let is_rule = |line: &str| line.starts_with("-A ") || line.starts_with("add rule ");
    text.lines().enumerate().filter(|(_, line)| is_rule(line)).map(|(number, _)| number).collect()
}
