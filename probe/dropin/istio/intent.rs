//! From arguments to the promise that they were meant to make the rules keep.

use ipnet::IpNet;

use super::{
    flags::{self, Flag},
    log::Level,
    refusal::{entries, loopback_note},
    settings::{Environment, Settings, port},
};
use crate::{
    capture::{Capture, Cidrs, Dns, Exempt, Ports},
    profile::{ISTIO, ISTIO_TPROXY, Profile},
};

/// What was meant.
#[derive(Debug)]
pub(super) struct Intent {
    /// The profile's name.
    pub(super) mesh: &'static str,
    /// The promise.
    pub(super) capture: Capture,
    /// What else a reader should know, in order.
    pub(super) notes: Vec<(Level, String)>,
}

/// The groups whose egress is captured, which only the environment has.
pub(super) struct Groups {
    /// These alone; absent: everybody's.
    pub(super) only: Option<Vec<String>>,
    /// Not these; counts where everybody else's is captured.
    except: Vec<String>,
}

impl Groups {
    /// `ISTIO_OUTBOUND_OWNER_GROUPS`, `*` unless set, and `ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE`.
    pub(super) fn of(variables: &Environment) -> Groups {
        let include = "ISTIO_OUTBOUND_OWNER_GROUPS";
        let everybody = variables.get(include).is_none_or(|groups| groups == "*");
        let except = entries(variables, "ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE").unwrap_or_default();
        let only = entries(variables, include).filter(|_| !everybody);
        Groups { except: if everybody { except } else { Vec::new() }, only }
    }
}

/// The parts of a comma-separated list.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// What the settings mean.
///
/// # Errors
/// One sentence about a port that cannot be listened on.
pub(super) fn intent(settings: &Settings, variables: &Environment) -> Result<Intent, String> {
    let mode = settings.text(&flags::MODE);
    let profile: &Profile = if mode == "TPROXY" { &ISTIO_TPROXY } else { &ISTIO };
    let mut reader = Reader { settings, notes: Vec::new() };
    if !["", "REDIRECT", "TPROXY"].contains(&mode) {
        reader.warn(format!("-m {mode}: taken for REDIRECT, as Istio takes it"));
    }
    let mut capture = profile.capture();
    reader.proxy(&mut capture, &Groups::of(variables));
    reader.ports(&mut capture)?;
    reader.inbound(&mut capture);
    reader.outbound(&mut capture);
    let dns = if settings.yes(&flags::REDIRECT_DNS) { profile.dns } else { Dns::NONE };
    capture.dns = dns;
    capture.native_nftables = Some(settings.yes(&flags::NATIVE_NFTABLES));
    if let Some(route) = &mut capture.marked_route {
        let (mark, table) = (&flags::TPROXY_MARK, &flags::TPROXY_TABLE);
        route.mark = reader.number(mark).unwrap_or(route.mark);
        route.table = reader.number(table).unwrap_or(route.table);
    }
    reader.unobservable();
    reader.notes.extend(loopback_note(variables).map(|note| (Level::Warn, note)));
    if dns.is_captured()
        && [capture.outbound_port, capture.inbound_port].contains(&capture.dns_port)
    {
        return Err(format!("-p or -z is {}, the port of captured DNS", capture.dns_port));
    }
    Ok(Intent { mesh: profile.name, capture, notes: reader.notes })
}

/// Reads settings, and notes what it cannot read: it stays untested, and blocks nobody.
struct Reader<'a> {
    settings: &'a Settings,
    notes: Vec<(Level, String)>,
}

impl Reader<'_> {
    fn warn(&mut self, note: String) {
        self.notes.push((Level::Warn, note));
    }

    fn debug(&mut self, note: String) {
        self.notes.push((Level::Debug, note));
    }

    /// The items of a list that can be read.
    fn list<T>(&mut self, flag: &Flag, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let text = self.settings.text(flag).to_owned();
        self.readable(&format!("--{}", flag.name), items(&text), read)
    }

    fn readable<'t, T>(
        &mut self,
        source: &str,
        items: impl Iterator<Item = &'t str>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let mut list = Vec::new();
        for item in items {
            match read(item) {
                Some(value) => list.push(value),
                None => self.warn(format!("{source}: {item:?} is not understood, and not tested")),
            }
        }
        list
    }

    fn number(&mut self, flag: &Flag) -> Option<u32> {
        let text = self.settings.text(flag);
        let number = match text.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        };
        if number.is_none() {
            self.warn(format!("--{} {text:?} is no number: {} is tested", flag.name, flag.default));
        }
        number
    }

    /// Lists are allowed for both; an empty uid is 1337, an empty gid the uid.
    fn proxy(&mut self, capture: &mut Capture, groups: &Groups) {
        let id = |text: &str| text.parse::<u32>().ok();
        let mut uids = self.list(&flags::PROXY_UID, id);
        if uids.is_empty() {
            uids.push(ISTIO.proxy.0);
        }
        let mut gids = self.list(&flags::PROXY_GID, id);
        if gids.is_empty() {
            gids.clone_from(&uids);
        }
        // In TPROXY mode the proxy is root, whatever user the rules name besides.
        if capture.proxy.0 != 0 {
            capture.proxy.0 = uids[0];
        }
        capture.proxy.1 = gids[0];
        capture.exempt = Exempt::Owner { uids, gids };
        // The CNI plugin reads these from its own environment, not from the pod's (istio
        // `cni/pkg/plugin/sidecar_iptables_linux.go`).
        if groups.only.is_some() || !groups.except.is_empty() {
            self.warn("ISTIO_OUTBOUND_OWNER_GROUPS: the CNI plugin does not read it from the pod, it is not tested".into());
        }
    }

    fn one_port(&self, flag: &Flag) -> Result<u16, String> {
        let text = self.settings.text(flag);
        let short = flag.short.unwrap_or_default();
        port(text).ok_or_else(|| format!("-{short} (--{}) {text:?} is no port", flag.name))
    }

    /// Istio's CNI plugin writes its built-in ports whatever is declared (istio
    /// `cni/pkg/plugin/sidecar_redirect.go`).
    fn ports(&mut self, capture: &mut Capture) -> Result<(), String> {
        let builtin = (ISTIO.outbound_port, ISTIO.inbound_port);
        capture.outbound_port = self.one_port(&flags::OUTBOUND_PORT)?;
        capture.inbound_port = self.one_port(&flags::INBOUND_PORT)?;
        let declared = (capture.outbound_port, capture.inbound_port);
        if declared.0 == declared.1 {
            return Err(format!("-p and -z are both {}, but must differ", declared.0));
        }
        capture.builtin_ports = (declared != builtin).then_some(builtin);
        let tunnel = self.settings.text(&flags::TUNNEL_PORT);
        if port(tunnel) != ISTIO.tunnel_port {
            let note = format!("-e {tunnel}: not tested, the CNI plugin exempts 15008 instead");
            capture.tunnel_port = None;
            capture.tolerated_outbound_ports.extend(ISTIO.tunnel_port);
            capture.tolerated_outbound_ports.extend(port(tunnel));
            self.warn(note);
        }
        Ok(())
    }

    /// `*`, or nothing said: then the CNI plugin captures everything. Istio always passes these
    /// flags; the empty value is nothing at all.
    fn is_everything(&self, include: &Flag) -> bool {
        self.settings.text(include) == "*" || !self.settings.is_given(include)
    }

    fn inbound(&mut self, capture: &mut Capture) {
        capture.include_inbound_ports = if self.is_everything(&flags::INBOUND_PORTS) {
            Ports::All
        } else {
            Ports::Only(self.list(&flags::INBOUND_PORTS, port))
        };
        // The profile's own are excluded by the CNI plugin whether declared or not.
        for port in self.list(&flags::INBOUND_EXCLUDE, port) {
            if !capture.exclude_inbound_ports.contains(&port) {
                capture.exclude_inbound_ports.push(port);
            }
        }
    }

    fn outbound(&mut self, capture: &mut Capture) {
        capture.include_outbound_cidrs = if self.is_everything(&flags::CIDRS) {
            Cidrs::All
        } else {
            Cidrs::Only(self.list(&flags::CIDRS, network))
        };
        capture.exclude_outbound_cidrs = self.list(&flags::CIDRS_EXCLUDE, network);
        capture.include_outbound_ports = self.list(&flags::OUTBOUND_PORTS, port);
        // 15020 is the profile's to tolerate: the CNI plugin excludes it by default (istio
        // `cni/pkg/plugin/sidecar_redirect.go`), what repairs rules by other means need not.
        capture.exclude_outbound_ports = self.list(&flags::OUTBOUND_EXCLUDE, port);
    }

    fn unobservable(&mut self) {
        for flag in [&flags::EXCLUDE_INTERFACES, &flags::VIRTUAL_INTERFACES] {
            let interfaces = self.settings.text(flag);
            if !interfaces.is_empty() {
                self.debug(format!(
                    "--{} {interfaces}: such rules act on traffic of those interfaces, which is not observable here",
                    flag.name
                ));
            }
        }
        if self.settings.yes(&flags::DROP_INVALID) {
            self.debug("--drop-invalid: such packets are not sent, the rule is not tested".into());
        }
    }
}

fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse().ok().map(|ip: std::net::IpAddr| IpNet::from(ip));
    text.parse::<IpNet>().ok().or_else(address).map(|net| net.trunc())
}
