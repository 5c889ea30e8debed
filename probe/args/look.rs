//! The flags of a look at the pod, and the plan that they make.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{PromiseArgs, dns, mtu, node, peer, reach, service, values};
use crate::{
    capture::Capture,
    deliver,
    finding::Layer,
    layer::redirect::Proof,
    plan::{Extra, Mode, Plan},
};

/// Flags of `gate` and `check`.
#[derive(Debug, Args)]
pub struct LookArgs {
    #[command(flatten)]
    promise: PromiseArgs,

    #[command(flatten)]
    dns: dns::DnsArgs,

    #[command(flatten)]
    service: service::ServiceArgs,

    #[command(flatten)]
    reach: reach::ReachArgs,

    #[command(flatten)]
    mtu: mtu::MtuArgs,

    #[command(flatten)]
    node: node::NodeArgs,

    #[command(flatten)]
    peer: peer::AskPeerArgs,

    /// A YAML file with flags by their long names; flags and environment go before it.
    #[arg(long, env = "PODPROBE_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Look only at these layers: link, route, redirect, dns, service, reach, mtu, node, or all;
    /// without it, at link, route and redirect.
    #[arg(
        long,
        env = "PODPROBE_ONLY",
        value_name = "LAYER,…",
        default_value = "",
        hide_default_value = true
    )]
    only: values::Layers,

    /// Look at these layers besides the usual ones, whose packets end at the first hop; or at all.
    #[arg(
        long,
        env = "PODPROBE_ALSO",
        value_name = "LAYER,…",
        default_value = "",
        hide_default_value = true
    )]
    also: values::Layers,

    /// Look at these, too: link-drops (losses of interfaces meanwhile), address-conflict (ARP for
    /// the pod's own IPv4 addresses, which needs `NET_RAW`), rp-filter (strict reverse path filtering
    /// beside the default route), conntrack-drops (what connection tracking drops while nameservers
    /// are asked; the node's own with `hostNetwork` or `--host-root`), env-proxy (the web proxies that
    /// the environment names).
    #[arg(
        long,
        env = "PODPROBE_EXTRA",
        value_name = "CHECK,…",
        default_value = "",
        hide_default_value = true
    )]
    extra: values::Extras,

    /// Leave these layers out.
    #[arg(
        long,
        env = "PODPROBE_SKIP",
        value_name = "LAYER,…",
        default_value = "",
        hide_default_value = true
    )]
    skip: values::Layers,

    /// Proofs without which the run fails with exit code 5: outbound, service, inbound,
    /// arriving, arriving-exclusion, loop, return, passthrough, loopback, exclusion, tunnel, dns.
    #[arg(
        long,
        env = "PODPROBE_REQUIRE",
        value_name = "PROOF,…",
        default_value = "",
        hide_default_value = true
    )]
    require: values::Proofs,

    /// What a finding means here, instead of what it usually means: `dns-tcp-blocked=fail` makes a
    /// warning block, `route-blackhole=warn` lets a failure only warn, `ok` passes over it.
    #[arg(
        long,
        env = "PODPROBE_SEVERITY",
        value_name = "CODE=SEVERITY,…",
        default_value = "",
        hide_default_value = true
    )]
    severity: values::Severities,

    /// Wait for a connection from outside to this port, otherwise unused: the kubelet's startupProbe of a
    /// native sidecar. It must arrive where the mesh captures what is inbound; then it is answered, and
    /// gate stays until it is told to end.
    #[arg(long, env = "PODPROBE_AWAIT_INBOUND", value_name = "PORT", value_parser = values::one_port)]
    await_inbound: Option<u16>,

    /// How long gate keeps trying.
    #[arg(long, env = "PODPROBE_DEADLINE", value_name = "DURATION", default_value = "30s", value_parser = values::duration)]
    deadline: Duration,

    /// How long a packet may stay unanswered before it counts as not captured.
    #[arg(long, env = "PODPROBE_TIMEOUT", value_name = "DURATION", default_value = "25ms", value_parser = values::duration)]
    timeout: Duration,

    /// Everything must hold this long; exit code 90 if it breaks meanwhile.
    #[arg(long, env = "PODPROBE_STABLE_FOR", value_name = "DURATION", default_value = "0s", value_parser = values::duration)]
    stable_for: Duration,

    /// What a broken promise does: enforce exits with its code, warn exits 0, off does not look.
    #[arg(long, env = "PODPROBE_MODE", default_value = "enforce")]
    mode: Mode,

    /// The exit code for a redirect failure.
    #[arg(long, env = "PODPROBE_REDIRECT_EXIT_CODE", value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..))]
    redirect_exit_code: u8,

    /// Show every flow of the redirect layer: who sent it, what was promised, and the way it took.
    #[arg(long, short, env = "PODPROBE_VERBOSE")]
    verbose: bool,

    #[command(flatten)]
    pub(super) output: deliver::OutputArgs,

    /// Print every destination that would be probed, and send nothing. Probe ports and the host
    /// numbers of documentation addresses vary from look to look.
    #[arg(long, env = "PODPROBE_PLAN")]
    pub(super) plan: bool,
}

impl LookArgs {
    /// Whether layers are named, or left out.
    pub(super) fn names_layers(&self) -> bool {
        [&self.only, &self.also, &self.skip].into_iter().any(|layers| !layers.each.is_empty())
    }

    /// Makes these proofs a condition, too.
    pub(super) fn demand(&mut self, proofs: impl IntoIterator<Item = Proof>) {
        self.require.0.extend(proofs);
    }

    /// Resolves what was typed; one sentence where the parts contradict each other.
    pub(super) fn into_plan(self, command: &str, layers: &values::Layers) -> Result<Plan, String> {
        if self.output.redact && (self.plan || command == "watch") {
            return Err("--redact is for reports and recordings of gate and check".to_owned());
        }
        let capture = self.promise.capture()?;
        let mut reach = self.reach.into_plan(command)?;
        if self.extra.0.contains(&Extra::EnvProxy) {
            reach.targets.extend(reach::of_environment()?);
        }
        let named = |list: &[Layer], layer: &Layer| match list {
            [] => true,
            list => list.contains(layer),
        };
        let named_some = !layers.each.is_empty() || !self.only.each.is_empty();
        let asked = |layer: &Layer| {
            let wanted = named(&layers.each, layer)
                && named(&self.only.each, layer)
                && (named_some || Layer::BY_DEFAULT.contains(layer));
            // To name a target is to ask for it; without one, there is nothing to ask.
            let wanted = match layer {
                Layer::Reach => !reach.targets.is_empty(),
                _ => wanted || self.also.each.contains(layer) || self.node.implied(*layer),
            };
            wanted && !self.skip.each.contains(layer)
        };
        let asked_for: Vec<Layer> = Layer::ALL.into_iter().filter(asked).collect();
        let by_name = values::Layers::joined([layers, &self.only, &self.also]).by_name;
        if by_name.contains(&Layer::Reach) && reach.targets.is_empty() {
            return Err("reach has nothing to look at: name a target by --target".to_owned());
        }
        if asked_for.is_empty() {
            return Err("--only and --skip leave no layer to look at".to_owned());
        }
        if !self.require.0.is_empty() && !asked_for.contains(&Layer::Redirect) {
            return Err(
                "--require names proofs of the redirect layer, which is left out".to_owned()
            );
        }
        for (extra, layer) in [
            (Extra::LinkDrops, Layer::Link),
            (Extra::AddressConflict, Layer::Link),
            (Extra::RpFilter, Layer::Route),
            (Extra::ConntrackDrops, Layer::Dns),
        ] {
            if self.extra.0.contains(&extra) && !asked_for.contains(&layer) {
                let name = layer.name();
                return Err(format!("--extra names a look of the {name} layer, which is left out"));
            }
        }
        if let Some(port) = self.await_inbound {
            awaitable(command, port, &capture, &asked_for)?;
        }
        if command == "gate" {
            reach.fits(self.deadline)?;
        }
        if self.node.exec_cni && !asked_for.contains(&Layer::Node) {
            return Err("--exec-cni runs the node's plugins: name its root by --host-root".into());
        }
        let mesh = self.promise.mesh_name();
        Ok(Plan {
            await_inbound: self.await_inbound,
            flows: self.verbose,
            waits: command == "gate",
            candidates: self.promise.candidates(),
            listeners: self.promise.listeners,
            inject: self.promise.inject,
            peer: self.peer.into_plan()?,
            app: self.promise.app(),
            annotations: self.promise.annotations,
            service_cidrs: self.promise.service_cidrs.0,
            families: self.promise.families.map(|families| families.0),
            layers: asked_for,
            by_name,
            dns: self.dns.into_plan(self.extra.0.contains(&Extra::ConntrackDrops)),
            api: self.service.into_plan(),
            mtu: self.mtu.into_plan(),
            reach,
            node: self.node.into_plan(),
            extra: self.extra.0,
            require: self.require.0,
            severity: self.severity.0,
            mode: self.mode,
            redirect_exit_code: self.redirect_exit_code,
            deadline_ms: values::millis(self.deadline),
            timeout_ms: values::millis(self.timeout),
            stable_for_ms: values::millis(self.stable_for),
            ..Plan::new(command, &mesh, capture)
        })
    }
}

/// Whether a connection to this port could prove anything; one sentence if not.
fn awaitable(command: &str, port: u16, capture: &Capture, layers: &[Layer]) -> Result<(), String> {
    let why = if command != "gate" {
        "is for gate, which waits"
    } else if !layers.contains(&Layer::Redirect) {
        "is a proof of the redirect layer, which is left out"
    } else if capture.promises_nothing() {
        "needs a mesh that captures"
    } else if capture.listen_ports().contains(&port)
        || capture.tunnel_port == Some(port)
        || !capture.includes_inbound(port)
    {
        "must be a port that is captured and otherwise unused"
    } else {
        return Ok(());
    };
    Err(format!("--await-inbound {port} {why}"))
}

/// Takes the value, if there is one.
pub(super) fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
