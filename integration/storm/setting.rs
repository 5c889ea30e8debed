//! What is right about a world: the mesh it promises, who looks, and how.

use crate::world::{Backend, Rules, Who, World};

use super::random::Random;

/// A promise, and the rules that keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mesh {
    None,
    Istio,
    IstioDns,
    Tproxy,
    Ambient,
    Linkerd,
    Kuma,
}

/// How podprobe is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Gate,
    Check,
    /// The init container that Istio injects.
    IstioIptables,
}

/// A world without its faults.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the world")]
pub struct Setting {
    pub mesh: Mesh,
    pub backend: Backend,
    pub who: Who,
    /// The pod has IPv6.
    pub dual: bool,
    /// The proxy runs already.
    pub live: bool,
    pub command: Command,
    /// The layers above the redirection are asked for, with targets.
    pub above: bool,
    /// Full packets are asked for.
    pub mtu: bool,
    /// The first hop says nothing about what expires there.
    pub silent: bool,
}

impl Setting {
    /// What this seed has.
    pub fn draw(random: &mut Random) -> Setting {
        use Mesh::{Ambient, Istio, IstioDns, Kuma, Linkerd, None, Tproxy};
        let mesh = random.one(&[
            None, None, None, Istio, Istio, Istio, IstioDns, Tproxy, Ambient, Linkerd, Kuma,
        ]);
        let backend = match mesh {
            None | Linkerd | Kuma => random.one(&Backend::ALL[..2]),
            _ => random.one(&Backend::ALL),
        };
        let who = match mesh {
            None => random.one(&[Who::App, Who::App, Who::Root]),
            _ => random.one(&[mesh.proxy(), Who::App, Who::Root, Who::NetAdmin]),
        };
        let command = match random.below(10) {
            0 | 1 => Command::Check,
            2 if mesh == Istio && who != Who::NetAdmin => Command::IstioIptables,
            _ => Command::Gate,
        };
        // In a mesh only the proxy's own connections are not answered by the proxy.
        let direct =
            mesh == None || (matches!(mesh, Istio | Linkerd | Kuma) && who == mesh.proxy());
        let above = direct && command != Command::IstioIptables && random.percent(85);
        Setting {
            mesh,
            backend,
            who,
            // The drop-in proves IPv4 alone, as long as nobody says that the pod has both.
            dual: random.percent(60) && command != Command::IstioIptables,
            live: mesh == Ambient
                || !matches!(mesh, None | Tproxy | IstioDns | Kuma)
                    && command != Command::IstioIptables
                    && random.percent(25),
            command,
            above,
            mtu: above && mesh == None && random.percent(15),
            silent: !above && random.percent(10),
        }
    }

    /// The pod's surroundings.
    pub fn world(self) -> World {
        let world = if self.dual { World::DUAL } else { World::V4 };
        if self.silent { world.silent_node() } else { world }
    }

    /// Whether it sees what becomes of connections from the pod's applications.
    pub fn sees_outbound(self) -> bool {
        self.mesh != Mesh::None && self.who != self.mesh.proxy()
    }

    /// Whether it sees what becomes of the proxy's own connections.
    pub fn sees_proxy(self) -> bool {
        let any = matches!(self.who, Who::Root | Who::NetAdmin);
        self.is_sidecar() && (any || self.who == self.mesh.proxy())
    }

    /// Whether traffic goes to a proxy in the pod by its owner.
    pub fn is_sidecar(self) -> bool {
        !matches!(self.mesh, Mesh::None | Mesh::Ambient)
    }

    /// Whether these are Istio's own chains in the form that rules are replaced in.
    pub fn is_istio(self) -> bool {
        matches!(self.mesh, Mesh::Istio | Mesh::IstioDns)
    }
}

impl Mesh {
    /// As podprobe calls it.
    pub fn name(self) -> &'static str {
        match self {
            Mesh::None => "none",
            Mesh::Istio | Mesh::IstioDns => "istio",
            Mesh::Tproxy => "istio-tproxy",
            Mesh::Ambient => "istio-ambient",
            Mesh::Linkerd => "linkerd",
            Mesh::Kuma => "kuma",
        }
    }

    /// Its proxy's identity.
    pub fn proxy(self) -> Who {
        match self {
            Mesh::None | Mesh::Istio | Mesh::IstioDns => Who::Proxy,
            Mesh::Tproxy => Who::Ids(0, 1337),
            Mesh::Ambient => Who::Ids(0, 0),
            Mesh::Linkerd => Who::Ids(2102, 2102),
            Mesh::Kuma => Who::Ids(5678, 5678),
        }
    }

    /// The uid that owns the listeners of a proxy that runs.
    pub fn owner(self) -> u32 {
        match self {
            Mesh::None | Mesh::Istio | Mesh::IstioDns => 1337,
            Mesh::Tproxy | Mesh::Ambient => 0,
            Mesh::Linkerd => 2102,
            Mesh::Kuma => 5678,
        }
    }

    /// The ports of a proxy that runs.
    pub fn ports(self) -> &'static [u16] {
        match self {
            Mesh::None => &[],
            Mesh::Istio | Mesh::IstioDns | Mesh::Tproxy | Mesh::Kuma => &[15001, 15006],
            Mesh::Ambient => &[15001, 15006, 15008, 15053],
            Mesh::Linkerd => &[4140, 4143],
        }
    }

    /// Its rules; none keep the promise of no mesh.
    pub fn rules(self) -> Option<Rules> {
        match self {
            Mesh::None => None,
            Mesh::Istio => Some(Rules::istio()),
            Mesh::IstioDns => Some(Rules::istio_dns()),
            Mesh::Tproxy => Some(Rules::istio_tproxy()),
            Mesh::Ambient => Some(Rules::ambient()),
            Mesh::Linkerd => Some(Rules::linkerd()),
            Mesh::Kuma => Some(Rules::kuma()),
        }
    }
}
