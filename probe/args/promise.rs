//! The flags that change the mesh's promise.

use clap::{Args, ValueEnum};

use super::values::{self, Families, Networks, PortList};
use crate::{
    capture::{Capture, Cidrs, Ports},
    profile,
};

/// The built-in meshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mesh {
    /// Istio sidecar, REDIRECT mode.
    Istio,
}

/// What the mesh promised; each flag changes one value of its profile.
#[derive(Debug, Args)]
#[command(next_help_heading = "The promise")]
pub struct PromiseArgs {
    /// The mesh whose promise is tested.
    #[arg(long, env = "PODPROBE_MESH", default_value = "istio")]
    pub mesh: Mesh,

    /// Address families to test; default: those of the pod's global addresses.
    #[arg(long, env = "PODPROBE_FAMILIES", value_name = "FAMILY,…")]
    pub families: Option<Families>,

    /// Where application egress must land.
    #[arg(long, env = "PODPROBE_OUTBOUND_PORT", value_name = "PORT", value_parser = values::one_port)]
    outbound_port: Option<u16>,

    /// Where ingress must land.
    #[arg(long, env = "PODPROBE_INBOUND_PORT", value_name = "PORT", value_parser = values::one_port)]
    inbound_port: Option<u16>,

    /// Where DNS queries must land if they are captured.
    #[arg(long, env = "PODPROBE_DNS_PORT", value_name = "PORT", value_parser = values::one_port)]
    dns_port: Option<u16>,

    /// The uid that the rules exempt.
    #[arg(long, env = "PODPROBE_PROXY_UID", value_name = "UID")]
    proxy_uid: Option<u32>,

    /// The gid that the rules exempt.
    #[arg(long, env = "PODPROBE_PROXY_GID", value_name = "GID")]
    proxy_gid: Option<u32>,

    /// The application's uid, for a podprobe that may switch; default: 65532.
    #[arg(long, env = "PODPROBE_APP_UID", value_name = "UID")]
    app_uid: Option<u32>,

    /// The application's gid, for a podprobe that may switch; default: its uid.
    #[arg(long, env = "PODPROBE_APP_GID", value_name = "GID")]
    app_gid: Option<u32>,

    /// Whether DNS over UDP and TCP is captured; default: false.
    #[arg(long, env = "PODPROBE_DNS_CAPTURE", value_name = "BOOL", action = clap::ArgAction::Set)]
    dns_capture: Option<bool>,

    /// Inbound ports that are captured; default: *. Kept for the report: these rules act on traffic
    /// from outside, which is not observable here.
    #[arg(long, env = "PODPROBE_INCLUDE_INBOUND_PORTS", value_name = "PORT,…", value_parser = values::ports)]
    include_inbound_ports: Option<Ports>,

    /// Inbound ports that are not captured, besides the mesh's own; no probe uses them. These rules
    /// act on traffic from outside, which is not observable here.
    #[arg(long, env = "PODPROBE_EXCLUDE_INBOUND_PORTS", value_name = "PORT,…")]
    exclude_inbound_ports: Option<PortList>,

    /// Destinations whose traffic is captured; default: *.
    #[arg(long, env = "PODPROBE_INCLUDE_OUTBOUND_CIDRS", value_name = "CIDR,…", value_parser = values::cidrs)]
    include_outbound_cidrs: Option<Cidrs>,

    /// Destinations whose traffic is not captured.
    #[arg(long, env = "PODPROBE_EXCLUDE_OUTBOUND_CIDRS", value_name = "CIDR,…")]
    exclude_outbound_cidrs: Option<Networks>,

    /// Destination ports that are captured whatever the address.
    #[arg(long, env = "PODPROBE_INCLUDE_OUTBOUND_PORTS", value_name = "PORT,…")]
    include_outbound_ports: Option<PortList>,

    /// Destination ports that are not captured.
    #[arg(long, env = "PODPROBE_EXCLUDE_OUTBOUND_PORTS", value_name = "PORT,…")]
    exclude_outbound_ports: Option<PortList>,
}

impl PromiseArgs {
    /// The application's uid and gid, where either was declared.
    pub(super) fn app(&self) -> Option<(u32, u32)> {
        let uid = self.app_uid.or(self.app_gid)?;
        Some((uid, self.app_gid.unwrap_or(uid)))
    }

    /// The profile's promise with the flags applied; one sentence where they contradict.
    pub(super) fn capture(&self) -> Result<Capture, String> {
        let Mesh::Istio = self.mesh;
        let mut capture = profile::ISTIO.capture();
        set(&mut capture.outbound_port, self.outbound_port);
        set(&mut capture.inbound_port, self.inbound_port);
        set(&mut capture.dns_port, self.dns_port);
        set(&mut capture.proxy_uid, self.proxy_uid);
        set(&mut capture.proxy_gid, self.proxy_gid);
        set(&mut capture.dns, self.dns_capture);
        set(&mut capture.include_inbound_ports, self.include_inbound_ports.clone());
        set(&mut capture.include_outbound_cidrs, self.include_outbound_cidrs.clone());
        let networks = self.exclude_outbound_cidrs.clone();
        set(&mut capture.exclude_outbound_cidrs, networks.map(|list| list.0));
        let ports = |list: &Option<PortList>| list.clone().map(|list| list.0);
        set(&mut capture.include_outbound_ports, ports(&self.include_outbound_ports));
        set(&mut capture.exclude_outbound_ports, ports(&self.exclude_outbound_ports));
        capture
            .exclude_inbound_ports
            .extend(ports(&self.exclude_inbound_ports).unwrap_or_default());
        let [a, b, c] = [capture.outbound_port, capture.inbound_port, capture.dns_port];
        if a == b || b == c || a == c {
            return Err(format!(
                "--outbound-port {a}, --inbound-port {b} and --dns-port {c} must differ"
            ));
        }
        Ok(capture)
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
