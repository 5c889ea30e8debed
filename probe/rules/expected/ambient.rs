//! Istio's ambient mode, in the pod.

use super::Writer;
use crate::{capture::Exempt, pod::Family};

/// Where the node's own probes come from in ambient mode (istio `cni/pkg/nodeagent/options.go`).
const PROBE_V4: &str = "169.254.7.127/32";
const PROBE_V6: &str = "fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128";

impl Writer<'_> {
    /// istio `cni/pkg/iptables/iptables.go`.
    pub(super) fn ambient(&self) -> String {
        let c = self.capture;
        let Exempt::Mark { mark, mask } = c.exempt else { return String::new() };
        let probes = if self.family == Family::Ipv4 { PROBE_V4 } else { PROBE_V6 };
        let localhost = self.localhost();
        let own = format!("-m mark --mark {mark:#x}/{mask:#x}");
        let not_own = format!("-m mark ! --mark {mark:#x}/{mask:#x}");
        let answered = c
            .marked_route
            .map_or_else(String::new, |route| format!("{:#x}/{:#x}", route.mark, route.mask));
        let (into, out) = (c.inbound_port, c.outbound_port);
        let tunnel = c.tunnel_port.unwrap_or(0);
        let mut rules = vec![
            "*mangle\n-A PREROUTING -j ISTIO_PRERT\n-A OUTPUT -j ISTIO_OUTPUT".to_owned(),
            format!("-A ISTIO_PRERT {own} -j CONNMARK --set-xmark {answered}"),
            format!("-A ISTIO_OUTPUT -m connmark --mark {answered} -j CONNMARK --restore-mark"),
            "*nat\n-A OUTPUT -j ISTIO_OUTPUT\n-A PREROUTING -j ISTIO_PRERT".to_owned(),
            format!("-A ISTIO_PRERT -s {probes} -p tcp -j ACCEPT"),
            format!("-A ISTIO_OUTPUT -d {probes} -p tcp -j ACCEPT"),
            format!(
                "-A ISTIO_PRERT ! -d {localhost} -p tcp ! --dport {tunnel} {not_own} \
                 -j REDIRECT --to-ports {into}"
            ),
        ];
        if self.captures_dns() {
            let to = format!("-j REDIRECT --to-ports {}", c.dns_port);
            rules.push(format!("-A ISTIO_OUTPUT ! -o lo -p udp {not_own} --dport 53 {to}"));
            rules
                .push(format!("-A ISTIO_OUTPUT ! -d {localhost} -p tcp --dport 53 {not_own} {to}"));
        }
        rules.extend([
            format!("-A ISTIO_OUTPUT -p tcp -m mark --mark {answered} -j ACCEPT"),
            format!("-A ISTIO_OUTPUT ! -d {localhost} -o lo -j ACCEPT"),
            format!(
                "-A ISTIO_OUTPUT ! -d {localhost} -p tcp {not_own} -j REDIRECT --to-ports {out}"
            ),
        ]);
        if self.captures_dns() {
            rules.push("*raw\n-A PREROUTING -j ISTIO_PRERT\n-A OUTPUT -j ISTIO_OUTPUT".to_owned());
            rules.push(format!("-A ISTIO_OUTPUT -p udp {own} --dport 53 -j CT --zone 1"));
            rules.push(format!("-A ISTIO_PRERT -p udp {not_own} --sport 53 -j CT --zone 1"));
        }
        rules.join("\n")
    }
}
