//! A world on paper: what a seed asks for, before anything is made.

use std::time::Duration;

use crate::world::Rules;

use super::fault::{self, Fault, Slot};
use super::manners::Manners;
use super::random::Random;
use super::servers::TARGET;
use super::setting::{Command, Mesh, Setting};

/// As the kubelet writes it.
const RESOLV_CONF: &str = "search a.svc.cluster.local svc.cluster.local cluster.local\n\
                           nameserver 10.96.0.10\noptions ndots:5\n";

/// What `ip -batch` and `nft` are told in one namespace.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Arguments of `ip`.
    pub ip: Vec<String>,
    /// Rules of the packet filter, each after its hook.
    pub filter: Vec<(&'static str, String)>,
    /// Whatever else `nft` is told.
    pub nft: Vec<String>,
    /// Files below /proc/sys/net, and what they hold.
    pub sysctl: Vec<(&'static str, &'static str)>,
}

/// When the faults are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    Always,
    /// They come while what holds is watched.
    Later,
    /// The rules come late, and all is well in the end.
    Healing,
}

/// A world, its faults, and how podprobe is asked about it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the world")]
pub struct Blueprint {
    pub seed: u64,
    pub setting: Setting,
    pub faults: Vec<&'static Fault>,
    pub time: Time,
    pub deadline: Duration,
    pub pod: Changes,
    pub node: Changes,
    pub rules: Option<Rules>,
    pub manners: Manners,
    pub resolv_conf: String,
    pub targets: Vec<String>,
    pub flags: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
    /// Ports on which somebody else listens.
    pub strangers: Vec<u16>,
    /// Somebody holds every local port.
    pub ports_held: bool,
    /// Machines outside answer to what leaves the node.
    pub outside: bool,
    /// The proxy that runs does so no more.
    pub proxy_gone: bool,
    /// The run is recorded, and judged once more.
    pub replayed: bool,
}

/// So many of a hundred worlds have no fault at all.
const HEALTHY: usize = 15;

impl Blueprint {
    /// The world of this seed.
    pub fn draw(seed: u64) -> Blueprint {
        let random = &mut Random::new(seed);
        let setting = Setting::draw(random);
        let mut world = Blueprint::healthy(seed, setting, random);
        if random.percent(HEALTHY) {
            world.deadline = Duration::from_secs(12);
            if setting.command == Command::Gate && world.rules.is_some() && random.percent(30) {
                world.time = Time::Healing;
            }
            return world;
        }
        world.deadline = Duration::from_millis(random.one(&[300, 300, 700, 1600]));
        if setting.command == Command::Gate && random.percent(6) {
            world.time = Time::Later;
            world.deadline = Duration::from_secs(12);
        }
        world.add_faults(random);
        world
    }

    fn healthy(seed: u64, setting: Setting, random: &mut Random) -> Blueprint {
        let mut targets = Vec::new();
        if setting.above {
            targets.push(format!("tcp://{TARGET}:5432"));
            targets.push(format!("http://{TARGET}:8080/"));
        }
        Blueprint {
            seed,
            setting,
            faults: Vec::new(),
            time: Time::Always,
            deadline: Duration::ZERO,
            pod: Changes::default(),
            node: Changes::default(),
            rules: setting.mesh.rules(),
            manners: Manners::GOOD,
            resolv_conf: RESOLV_CONF.to_owned(),
            targets,
            flags: Vec::new(),
            environment: Vec::new(),
            strangers: Vec::new(),
            ports_held: false,
            outside: setting.above && random.percent(20),
            proxy_gone: false,
            replayed: random.percent(6),
        }
    }

    /// One to three, none of which undoes another.
    fn add_faults(&mut self, random: &mut Random) {
        let later = self.time == Time::Later;
        // Two would come one after the other, and be half seen twice.
        let count = if later { 1 } else { 1 + random.below(3) };
        let mut fitting: Vec<&'static Fault> = fault::all()
            .filter(|fault| (fault.fits)(&self.setting) && (!later || fault.comes_later))
            .collect();
        while self.faults.len() < count && !fitting.is_empty() {
            // What is above is seen only where what is below holds: it is drawn more often.
            let deepest = if random.percent(70) { Slot::Service } else { Slot::Limit };
            let above: Vec<_> =
                fitting.iter().copied().filter(|fault| fault.slot >= deepest).collect();
            let chosen = random.one(if above.is_empty() { &fitting } else { &above });
            fitting.retain(|fault| fault.slot != chosen.slot);
            self.faults.push(chosen);
        }
        // What is deeper comes last: with a link gone, no route could be changed any more.
        self.faults.sort_by_key(|fault| std::cmp::Reverse(fault.slot));
        for fault in self.faults.clone() {
            (fault.make)(self, random);
        }
    }

    /// The same rules, changed.
    pub fn change_rules(&mut self, change: impl FnOnce(&Rules) -> Rules) {
        self.rules = self.rules.as_ref().map(change);
    }

    /// The arguments of podprobe, its resolv.conf at this path.
    pub fn arguments(&self, resolv_conf: &str) -> Vec<String> {
        let mut line: Vec<String> = match self.setting.command {
            Command::IstioIptables => return self.injected(),
            Command::Gate => {
                vec!["gate".into(), format!("--deadline={}ms", self.deadline.as_millis())]
            }
            Command::Check => vec!["check".into()],
        };
        if self.time == Time::Later {
            line.push("--stable-for=6s".into());
        }
        line.extend(["--output=json", "--mesh", self.setting.mesh.name()].map(String::from));
        line.extend(["--resolv-conf".into(), resolv_conf.to_owned()]);
        if self.setting.mesh == Mesh::IstioDns {
            line.extend(["--dns-capture", "true"].map(String::from));
        }
        if self.setting.above {
            let layers = if self.setting.mtu { "dns,service,mtu" } else { "dns,service" };
            line.extend(["--also", layers].map(String::from));
        }
        line.extend(self.targets.iter().flat_map(|target| ["-t".to_owned(), target.clone()]));
        line.extend(self.flags.iter().cloned());
        line
    }

    /// What Istio 1.20 injects, with a wait of its own.
    fn injected(&self) -> Vec<String> {
        let line = "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x _ -b * \
                    -d 15090,15021,15020 --log_output_level=default:info --run-validation \
                    --skip-rule-apply";
        let words = line.split_whitespace().map(|word| if word == "_" { "" } else { word });
        let mut line: Vec<String> = words.map(String::from).collect();
        line.push(format!("--probe-timeout={}ms", self.deadline.as_millis()));
        line
    }

    /// One line that says what it is.
    pub fn title(&self) -> String {
        let Setting { mesh, backend, who, dual, live, command, above, mtu, silent } = self.setting;
        let mut title =
            format!("{mesh:?} {backend:?} {who:?} {command:?} {:?} {:?}", self.time, self.deadline);
        for (holds, word) in [
            (dual, "dual"),
            (live, "live"),
            (above, "above"),
            (mtu, "mtu"),
            (silent, "silent"),
            (self.outside, "outside"),
        ] {
            if holds {
                title.push(' ');
                title.push_str(word);
            }
        }
        let faults: Vec<&str> = self.faults.iter().map(|fault| fault.name).collect();
        format!(
            "{title}: {}",
            if faults.is_empty() { "healthy".into() } else { faults.join(" + ") }
        )
    }
}
