//! The flags that change the mesh's promise.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

use super::{
    look::set,
    rules::RuleArgs,
    values::{self, Families, Networks, PortList},
};
use crate::{
    capture::{Capture, Cidrs, Interception, Ports},
    detect::Candidate,
    plan::Listeners,
    profile::{self, Profile},
};

/// A built-in mesh by name; none to find out which.
#[derive(Clone, Copy, Debug)]
pub struct Mesh(Option<&'static Profile>);

/// The name for "find out which".
const AUTO: &str = "auto";

/// The names, for help and completion.
fn meshes() -> impl TypedValueParser<Value = Mesh> {
    let names = profile::ALL.iter().map(|p| PossibleValue::new(p.name).help(p.summary));
    let auto = PossibleValue::new(AUTO).help("find out which, and say why");
    let find = |name: String| profile::ALL.iter().find(|profile| profile.name == name);
    PossibleValuesParser::new(names.chain([auto])).map(move |name| Mesh(find(name)))
}

/// What the mesh promised; each flag changes one value of its profile.
#[derive(Debug, Args)]
#[command(next_help_heading = "The promise")]
pub struct PromiseArgs {
    /// The mesh whose promise is tested.
    #[arg(long, env = "PODPROBE_MESH", default_value = "istio", value_parser = meshes())]
    pub mesh: Mesh,

    /// For --mesh auto: the downward API's file of the pod's annotations.
    #[arg(
        long,
        env = "PODPROBE_ANNOTATIONS",
        value_name = "FILE",
        default_value = "/etc/podinfo/annotations"
    )]
    pub annotations: PathBuf,

    /// Whether to listen on the capture ports: auto, unless the proxy already does; bind, always;
    /// live, never: the kernel is asked who took each connection.
    #[arg(long, env = "PODPROBE_LISTENERS", default_value = "auto", hide_possible_values = true)]
    pub listeners: Listeners,

    /// Whether to make packets arrive from outside where this container may: a TUN device is in the pod
    /// for some milliseconds. Takes uid 0, the capability `NET_ADMIN` and /dev/net/tun.
    #[arg(
        long,
        env = "PODPROBE_INJECT",
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    pub inject: bool,

    /// Address families to test; default: those of the pod's global addresses.
    #[arg(long, env = "PODPROBE_FAMILIES", value_name = "FAMILY,…")]
    pub families: Option<Families>,

    /// Where application egress must land.
    #[arg(long, env = "PODPROBE_OUTBOUND_PORT", value_name = "PORT", value_parser = values::one_port)]
    outbound_port: Option<u16>,

    /// Where ingress must land.
    #[arg(long, env = "PODPROBE_INBOUND_PORT", value_name = "PORT", value_parser = values::one_port)]
    inbound_port: Option<u16>,

    /// Further ports to listen on, so that a wrong port is told from nowhere; default: ports that
    /// the mesh uses elsewhere.
    #[arg(long, env = "PODPROBE_KNOWN_PORTS", value_name = "PORT,…", value_parser = values::few_ports)]
    known_ports: Option<PortList>,

    /// The application's uid, for a podprobe that may switch; default: 65532.
    #[arg(long, env = "PODPROBE_APP_UID", value_name = "UID")]
    app_uid: Option<u32>,

    /// The application's gid, for a podprobe that may switch; default: its uid.
    #[arg(long, env = "PODPROBE_APP_GID", value_name = "GID")]
    app_gid: Option<u32>,

    /// Inbound ports that are captured; default: *. These rules act on traffic from outside: see
    /// --inject and --await-inbound.
    #[arg(long, env = "PODPROBE_INCLUDE_INBOUND_PORTS", value_name = "PORT,…", value_parser = values::ports)]
    include_inbound_ports: Option<Ports>,

    /// Inbound ports that are not captured, besides the mesh's own; no other probe uses them. These
    /// rules act on traffic from outside: see --inject and --await-inbound.
    #[arg(long, env = "PODPROBE_EXCLUDE_INBOUND_PORTS", value_name = "PORT,…")]
    exclude_inbound_ports: Option<PortList>,

    /// Destinations whose traffic is captured; default: *.
    #[arg(long, env = "PODPROBE_INCLUDE_OUTBOUND_CIDRS", value_name = "CIDR,…", value_parser = values::cidrs)]
    include_outbound_cidrs: Option<Cidrs>,

    /// Destinations whose traffic is not captured.
    #[arg(long, env = "PODPROBE_EXCLUDE_OUTBOUND_CIDRS", value_name = "CIDR,…")]
    exclude_outbound_cidrs: Option<Networks>,

    /// The cluster's service ranges: probed besides, for foreign rules like to name them.
    #[arg(
        long,
        env = "PODPROBE_SERVICE_CIDRS",
        value_name = "CIDR,…",
        default_value = "",
        hide_default_value = true
    )]
    pub service_cidrs: Networks,

    /// Destination ports that are captured whatever the address.
    #[arg(long, env = "PODPROBE_INCLUDE_OUTBOUND_PORTS", value_name = "PORT,…")]
    include_outbound_ports: Option<PortList>,

    /// Destination ports that are not captured.
    #[arg(long, env = "PODPROBE_EXCLUDE_OUTBOUND_PORTS", value_name = "PORT,…")]
    exclude_outbound_ports: Option<PortList>,

    /// Destination ports that may or may not be captured: never probed.
    #[arg(long, env = "PODPROBE_TOLERATED_OUTBOUND_PORTS", value_name = "PORT,…")]
    tolerated_outbound_ports: Option<PortList>,

    #[command(flatten)]
    rules: RuleArgs,
}

impl PromiseArgs {
    /// The application's uid and gid, where either was declared.
    pub(super) fn app(&self) -> Option<(u32, u32)> {
        let uid = self.app_uid.or(self.app_gid)?;
        Some((uid, self.app_gid.unwrap_or(uid)))
    }

    /// The profile's name, or `auto`.
    pub(super) fn mesh_name(&self) -> String {
        self.mesh.0.map_or(AUTO, |mesh| self.mode_of(mesh).name).to_owned()
    }

    /// Istio's two modes differ in more than the rules for inbound traffic.
    fn mode_of<'p>(&self, mesh: &'p Profile) -> &'p Profile {
        match (mesh.name, self.rules.interception) {
            ("istio", Some(Interception::Tproxy)) => &profile::ISTIO_TPROXY,
            ("istio-tproxy", Some(Interception::Redirect)) => &profile::ISTIO,
            _ => mesh,
        }
    }

    /// The profile's promise with the flags applied; one sentence where they contradict.
    pub(super) fn capture(&self) -> Result<Capture, String> {
        self.capture_of(self.mesh.0.unwrap_or(&profile::ISTIO))
    }

    /// The meshes to choose from, where none was declared: those that the flags do not contradict.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        if self.mesh.0.is_some() {
            return Vec::new();
        }
        let candidate = |profile: &'static Profile| {
            let capture = self.capture_of(profile).ok()?;
            Some(Candidate { mesh: profile.name.to_owned(), capture })
        };
        let of_mode = |profile: &&Profile| self.mode_of(profile).name == profile.name;
        profile::ALL.iter().filter(of_mode).filter_map(candidate).collect()
    }

    fn capture_of(&self, mesh: &'static Profile) -> Result<Capture, String> {
        let profile = self.mode_of(mesh);
        let mut capture = profile.capture();
        set(&mut capture.outbound_port, self.outbound_port);
        set(&mut capture.inbound_port, self.inbound_port);
        self.rules.declare(profile.name, profile.dns, &mut capture)?;
        self.declare_lists(&mut capture);
        distinct(&capture)?;
        Ok(capture)
    }

    fn declare_lists(&self, capture: &mut Capture) {
        let ports = |list: &Option<PortList>| list.clone().map(|list| list.0);
        set(&mut capture.known_ports, ports(&self.known_ports));
        set(&mut capture.include_inbound_ports, self.include_inbound_ports.clone());
        set(&mut capture.include_outbound_cidrs, self.include_outbound_cidrs.clone());
        let networks = self.exclude_outbound_cidrs.clone();
        set(&mut capture.exclude_outbound_cidrs, networks.map(|list| list.0));
        set(&mut capture.include_outbound_ports, ports(&self.include_outbound_ports));
        set(&mut capture.exclude_outbound_ports, ports(&self.exclude_outbound_ports));
        set(&mut capture.tolerated_outbound_ports, ports(&self.tolerated_outbound_ports));
        let inbound = ports(&self.exclude_inbound_ports).unwrap_or_default();
        capture.exclude_inbound_ports.extend(inbound);
    }
}

/// Where something arrives says what took it there, so that no two ports may be the same.
fn distinct(capture: &Capture) -> Result<(), String> {
    let (outbound, inbound, dns) = (
        ("outbound", capture.outbound_port),
        ("inbound", capture.inbound_port),
        ("dns", capture.dns_port),
    );
    for ((one, port), (other, same)) in [(outbound, inbound), (outbound, dns), (inbound, dns)] {
        if port == same {
            return Err(format!(
                "--{one}-port and --{other}-port are both {port}: \
                 what arrives there could not be told apart"
            ));
        }
    }
    Ok(())
}
