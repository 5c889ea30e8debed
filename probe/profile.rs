//! What each mesh promises, as data.

use std::fmt::Write;

use crate::capture::{Capture, Cidrs, Ports};

/// A mesh's promise before flags, environment and arguments change it.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// The name for `--mesh`.
    pub name: &'static str,
    /// One line for `podprobe profiles`.
    pub summary: &'static str,
    /// Where application egress must land.
    pub outbound_port: u16,
    /// Where ingress must land.
    pub inbound_port: u16,
    /// Where DNS queries land when DNS capture is declared.
    pub dns_port: u16,
    /// Ports that rules of this mesh's other versions and modes use: listened on as well, so that
    /// "wrong port" can be told from "nowhere".
    pub known_ports: &'static [u16],
    /// The port of the mesh's own tunnel, never captured on loopback.
    pub tunnel_port: u16,
    /// The identity that the rules exempt.
    pub proxy_uid: u32,
    /// The group that the rules exempt.
    pub proxy_gid: u32,
    /// Inbound ports that the mesh always excludes.
    pub exclude_inbound_ports: &'static [u16],
    /// Outbound ports that the mesh's CNI plugin may exclude without saying so: never probed.
    pub tolerated_outbound_ports: &'static [u16],
}

/// Istio's sidecar with REDIRECT rules (istio `tools/istio-iptables/pkg/capture/run.go`,
/// `cni/pkg/plugin/sidecar_redirect.go`).
pub const ISTIO: Profile = Profile {
    name: "istio",
    summary: "Istio sidecar, REDIRECT mode, iptables or nftables",
    outbound_port: 15001,
    inbound_port: 15006,
    dns_port: 15053,
    known_ports: &[15001, 15006, 15053],
    tunnel_port: 15008,
    proxy_uid: 1337,
    proxy_gid: 1337,
    exclude_inbound_ports: &[15020, 15021, 15090],
    tolerated_outbound_ports: &[15020],
};

/// Every built-in profile.
pub const ALL: &[Profile] = &[ISTIO];

impl Profile {
    /// The promise, with nothing declared beyond the profile.
    #[must_use]
    pub fn capture(&self) -> Capture {
        Capture {
            outbound_port: self.outbound_port,
            inbound_port: self.inbound_port,
            dns_port: self.dns_port,
            dns: false,
            known_ports: self.known_ports.to_vec(),
            tunnel_port: self.tunnel_port,
            proxy_uid: self.proxy_uid,
            proxy_gid: self.proxy_gid,
            include_inbound_ports: Ports::All,
            exclude_inbound_ports: self.exclude_inbound_ports.to_vec(),
            include_outbound_cidrs: Cidrs::All,
            exclude_outbound_cidrs: Vec::new(),
            include_outbound_ports: Vec::new(),
            exclude_outbound_ports: Vec::new(),
            tolerated_outbound_ports: self.tolerated_outbound_ports.to_vec(),
        }
    }
}

/// The text of `podprobe profiles`.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for p in ALL {
        let _ = writeln!(text, "{:<8} {}", p.name, p.summary);
        let _ = writeln!(
            text,
            "         outbound {}, inbound {}, dns {}, tunnel {}, proxy uid {} gid {}",
            p.outbound_port, p.inbound_port, p.dns_port, p.tunnel_port, p.proxy_uid, p.proxy_gid
        );
        let _ = writeln!(
            text,
            "         inbound ports always excluded: {}; outbound tolerated: {}",
            join(p.exclude_inbound_ports),
            join(p.tolerated_outbound_ports)
        );
    }
    text
}

fn join(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}
