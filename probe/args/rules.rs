//! The flags that say how the rules know whose traffic is whose, and what else they do.

use clap::{ArgAction, Args};

use super::{
    look::set,
    rule_values::{self, DnsCapture, Groups, Ids, Mark, OrNone},
    values,
};
use crate::capture::{Capture, Dns, Exempt, Interception, MarkedRoute, Reach};

/// How the mesh's rules work; each flag changes one value of the profile.
#[derive(Debug, Args)]
#[command(next_help_heading = "The rules")]
pub struct RuleArgs {
    /// How inbound traffic is taken; default: the mesh's way.
    #[arg(long, env = "PODPROBE_INTERCEPTION")]
    pub(super) interception: Option<Interception>,

    /// The uids that the rules exempt; the proxy runs as the first.
    #[arg(long, env = "PODPROBE_PROXY_UID", value_name = "UID,…")]
    proxy_uid: Option<Ids>,

    /// The gids that the rules exempt; the proxy runs as the first. An empty list: the rules name
    /// the uid alone.
    #[arg(long, env = "PODPROBE_PROXY_GID", value_name = "GID,…")]
    proxy_gid: Option<Ids>,

    /// The mark by which the rules know the proxy, instead of its uid and gid: 0x539/0xfff.
    #[arg(long, env = "PODPROBE_PROXY_MARK", value_name = "MARK[/MASK]")]
    proxy_mark: Option<Mark>,

    /// Groups whose egress is captured; default: *, everybody's.
    #[arg(long, env = "PODPROBE_ONLY_GROUPS", value_name = "GID,…")]
    only_groups: Option<Groups>,

    /// The mark whose packets `ip rule` sends to --route-table; or none.
    #[arg(long, env = "PODPROBE_ROUTE_MARK", value_name = "MARK[/MASK]", value_parser = rule_values::mark_or_none)]
    route_mark: Option<OrNone<Mark>>,

    /// The table that delivers marked packets to the pod itself.
    #[arg(long, env = "PODPROBE_ROUTE_TABLE", value_name = "TABLE", value_parser = rule_values::table)]
    route_table: Option<u32>,

    /// Whether the rules are native nftables; needed only to judge TPROXY without capabilities.
    #[arg(long, env = "PODPROBE_NATIVE_NFTABLES", value_name = "BOOL", action = ArgAction::Set)]
    native_nftables: Option<bool>,

    /// Which DNS is captured: true (as the mesh does it), false, udp, tcp; default: the mesh's.
    #[arg(long, env = "PODPROBE_DNS_CAPTURE", value_name = "BOOL|PROTOCOL")]
    dns_capture: Option<DnsCapture>,

    /// Where DNS queries must land if they are captured.
    #[arg(long, env = "PODPROBE_DNS_PORT", value_name = "PORT", value_parser = values::one_port)]
    pub(super) dns_port: Option<u16>,

    /// Whether captured DNS has conntrack zones, so that the proxy's queries are told from the
    /// application's.
    #[arg(long, env = "PODPROBE_DNS_ZONES", value_name = "BOOL", action = ArgAction::Set)]
    dns_zones: Option<bool>,

    /// Whether 127.0.0.6 and its IPv6 form are the proxy's source towards its application, never
    /// captured.
    #[arg(long, env = "PODPROBE_PASSTHROUGH", value_name = "BOOL", action = ArgAction::Set)]
    passthrough: Option<bool>,

    /// The mesh's own tunnel port, never captured inside the pod; or none.
    #[arg(long, env = "PODPROBE_TUNNEL_PORT", value_name = "PORT", value_parser = rule_values::port_or_none)]
    tunnel_port: Option<OrNone<u16>>,

    /// What is captured as outbound of what the application sends to its own pod: nothing,
    /// localhost, not-localhost, everything.
    #[arg(long, env = "PODPROBE_APP_TO_POD", value_name = "ADDRESSES", value_parser = rule_values::own_addresses)]
    app_to_pod: Option<Reach>,

    /// What is captured as inbound of what the proxy sends to its own pod: nothing, localhost,
    /// not-localhost, everything.
    #[arg(long, env = "PODPROBE_PROXY_TO_POD", value_name = "ADDRESSES", value_parser = rule_values::own_addresses)]
    proxy_to_pod: Option<Reach>,
}

impl RuleArgs {
    /// Changes what was declared; `dns` is what the mesh captures of DNS when it captures DNS. One
    /// sentence where the flags contradict.
    pub(super) fn declare(
        &self,
        mesh: &str,
        dns: Dns,
        capture: &mut Capture,
    ) -> Result<(), String> {
        if capture.promises_nothing() {
            return self.refuse_without_capture(mesh);
        }
        set(&mut capture.interception, self.interception);
        capture.native_nftables = self.native_nftables;
        set(&mut capture.only_groups, self.only_groups.clone().map(|groups| groups.0));
        set(&mut capture.passthrough, self.passthrough);
        set(&mut capture.tunnel_port, self.tunnel_port.map(|port| port.0));
        set(&mut capture.app_to_pod, self.app_to_pod);
        set(&mut capture.proxy_to_pod, self.proxy_to_pod);
        self.declare_proxy(capture)?;
        self.declare_dns(mesh, dns, capture)?;
        self.declare_route(capture)
    }

    /// Flags that would make a capture of a promise that there is none.
    fn refuse_without_capture(&self, mesh: &str) -> Result<(), String> {
        let on = self.dns_capture.is_some_and(|dns| dns != DnsCapture::False);
        let named = match () {
            () if self.interception.is_some() => "--interception",
            () if self.proxy_mark.is_some() => "--proxy-mark",
            () if self.route_mark.is_some_and(|mark| mark.0.is_some()) => "--route-mark",
            () if on => "--dns-capture",
            () => return Ok(()),
        };
        Err(format!("--mesh {mesh} promises that nothing is captured: {named} contradicts it"))
    }

    fn declare_proxy(&self, capture: &mut Capture) -> Result<(), String> {
        if let Some(Mark { mark, mask }) = self.proxy_mark {
            capture.exempt = Exempt::Mark { mark, mask };
        }
        if let Exempt::Owner { uids, gids } = &mut capture.exempt {
            set(uids, self.proxy_uid.clone().map(|ids| ids.0));
            set(gids, self.proxy_gid.clone().map(|ids| ids.0));
            if uids.is_empty() && gids.is_empty() {
                return Err("--proxy-uid and --proxy-gid are both empty: \
                            the rules must know the proxy by something"
                    .to_owned());
            }
        }
        let first = |ids: &Option<Ids>| ids.as_ref().and_then(|ids| ids.0.first().copied());
        // In TPROXY mode the proxy is root, whatever user the rules name besides.
        if capture.interception == Interception::Redirect {
            set(&mut capture.proxy.0, first(&self.proxy_uid));
        }
        set(&mut capture.proxy.1, first(&self.proxy_gid));
        Ok(())
    }

    fn declare_dns(&self, mesh: &str, dns: Dns, capture: &mut Capture) -> Result<(), String> {
        set(&mut capture.dns, self.dns_capture.map(|wanted| wanted.of(dns)));
        set(&mut capture.dns_port, self.dns_port);
        let captured = capture.dns.is_captured();
        if captured {
            set(&mut capture.dns.zones, self.dns_zones);
        } else if self.dns_port.is_none()
            && [capture.outbound_port, capture.inbound_port].contains(&capture.dns_port)
        {
            // Nobody asked for DNS: its usual port may serve for something else.
            capture.dns_port = 0;
        }
        if captured && capture.dns_port == 0 {
            return Err(format!(
                "--dns-capture needs --dns-port: mesh {mesh} has no DNS port of its own"
            ));
        }
        Ok(())
    }

    fn declare_route(&self, capture: &mut Capture) -> Result<(), String> {
        let known = capture.marked_route;
        let profile = known.map(|route| Mark { mark: route.mark, mask: route.mask });
        let mark = self.route_mark.map_or(profile, |declared| declared.0);
        let table = self.route_table.or(known.map(|route| route.table));
        capture.marked_route = match (mark, table) {
            (Some(Mark { mark, mask }), Some(table)) => Some(MarkedRoute { mark, mask, table }),
            (Some(_), None) => return Err("--route-mark needs --route-table".to_owned()),
            (None, _) if self.route_table.is_some() => {
                return Err("--route-table needs --route-mark".to_owned());
            }
            (None, _) => None,
        };
        Ok(())
    }
}
