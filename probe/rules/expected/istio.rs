//! Istio's sidecar: REDIRECT and TPROXY, with and without DNS capture.

use super::Writer;
use crate::capture::{Cidrs, Interception, Ports};

impl Writer<'_> {
    /// istio `tools/istio-iptables/pkg/capture/run.go`.
    pub(super) fn istio(&self) -> String {
        let mut rules = Vec::new();
        if self.captures_dns() {
            rules.extend(self.zones("ISTIO_OUTPUT_DNS", "ISTIO_INBOUND"));
        }
        rules.push("*mangle".into());
        rules.push("-A PREROUTING -m conntrack --ctstate INVALID -j ISTIO_DROP".into());
        rules.push("-A ISTIO_DROP -j DROP".into());
        if self.capture.interception == Interception::Tproxy {
            rules.extend(self.tproxy());
        }
        rules.push("*nat".into());
        if self.capture.interception == Interception::Redirect {
            rules.extend(self.istio_inbound());
        }
        rules.extend(self.istio_outbound());
        rules.join("\n")
    }

    fn istio_inbound(&self) -> Vec<String> {
        let c = self.capture;
        let mut rules = vec!["-A PREROUTING -p tcp -j ISTIO_INBOUND".to_owned()];
        rules.extend(Self::exclusions("ISTIO_INBOUND", c.tunnel_port.as_slice()));
        match &c.include_inbound_ports {
            Ports::All => {
                rules.extend(Self::exclusions("ISTIO_INBOUND", &c.exclude_inbound_ports));
                rules.push("-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT".into());
            }
            Ports::Only(ports) => rules.extend(ports.iter().map(|port| {
                format!("-A ISTIO_INBOUND -p tcp --dport {port} -j ISTIO_IN_REDIRECT")
            })),
        }
        rules
    }

    fn istio_outbound(&self) -> Vec<String> {
        let c = self.capture;
        let (localhost, dns) = (self.localhost(), self.captures_dns());
        let mut rules = vec![
            format!("-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports {}", c.outbound_port),
            format!("-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports {}", c.inbound_port),
            "-A OUTPUT -j ISTIO_OUTPUT".to_owned(),
        ];
        for port in c.exclude_outbound_ports.iter().chain(&c.tolerated_outbound_ports) {
            for transport in ["tcp", "udp"] {
                rules.push(format!("-A ISTIO_OUTPUT -p {transport} --dport {port} -j RETURN"));
            }
        }
        rules.push(format!("-A ISTIO_OUTPUT -o lo -s {} -j RETURN", self.passthrough()));
        for (index, (is, is_not)) in self.owners().into_iter().enumerate() {
            let tunnel = c.tunnel_port.unwrap_or(0);
            // Queries over TCP are captured before the proxy's user is asked for, not its group.
            let by_user = index == 0 || is.contains("--uid-owner");
            let spared = if dns && by_user {
                format!("-m multiport ! --dports 53,{tunnel}")
            } else {
                format!("! --dport {tunnel}")
            };
            let local = if dns { "-p tcp ! --dport 53 " } else { "" };
            rules.push(format!(
                "-A ISTIO_OUTPUT -o lo ! -d {localhost} -p tcp {spared} {is} -j ISTIO_IN_REDIRECT"
            ));
            rules.push(format!("-A ISTIO_OUTPUT -o lo {local}{is_not} -j RETURN"));
            rules.push(format!("-A ISTIO_OUTPUT {is} -j RETURN"));
        }
        if dns {
            rules.push("-A ISTIO_OUTPUT -j ISTIO_OUTPUT_DNS".into());
            for transport in ["tcp", "udp"] {
                rules.push(format!(
                    "-A ISTIO_OUTPUT_DNS -p {transport} --dport 53 -j REDIRECT --to-ports {}",
                    c.dns_port
                ));
            }
        }
        rules.push(format!("-A ISTIO_OUTPUT -d {localhost} -j RETURN"));
        rules
            .extend(self.excluded_cidrs().map(|net| format!("-A ISTIO_OUTPUT -d {net} -j RETURN")));
        rules.extend(
            c.include_outbound_ports
                .iter()
                .map(|port| format!("-A ISTIO_OUTPUT -p tcp --dport {port} -j ISTIO_REDIRECT")),
        );
        match &c.include_outbound_cidrs {
            Cidrs::All => rules.push("-A ISTIO_OUTPUT -j ISTIO_REDIRECT".into()),
            Cidrs::Only(nets) => rules.extend(
                nets.iter()
                    .filter(|net| self.family.holds(net.addr()))
                    .map(|net| format!("-A ISTIO_OUTPUT -d {net} -j ISTIO_REDIRECT")),
            ),
        }
        rules
    }

    /// The proxy's own queries and answers in zones of their own.
    pub(super) fn zones(&self, out: &str, inbound: &str) -> Vec<String> {
        let port = self.capture.dns_port;
        let mut rules = vec!["*raw".to_owned()];
        if out != "OUTPUT" {
            rules.push(format!("-A OUTPUT -j {out}"));
            rules.push(format!("-A PREROUTING -j {inbound}"));
        }
        for (is, _) in self.owners() {
            rules.push(format!("-A {out} -p udp --dport 53 {is} -j CT --zone 1"));
            rules.push(format!("-A {out} -p udp --sport {port} {is} -j CT --zone 2"));
        }
        rules.push(format!("-A {out} -p udp --dport 53 -j CT --zone 2"));
        rules.push(format!("-A {inbound} -p udp --sport 53 -j CT --zone 1"));
        rules
    }

    fn tproxy(&self) -> Vec<String> {
        let c = self.capture;
        let (localhost, passthrough) = (self.localhost(), self.passthrough());
        let mark = c.marked_route.map_or(0, |route| route.mark);
        // The proxy's own packets to its pod carry the next number.
        let own = mark + 1;
        let mut rules = vec![
            format!("-A ISTIO_DIVERT -j MARK --set-mark {mark}"),
            "-A ISTIO_DIVERT -j ACCEPT".to_owned(),
            format!(
                "-A ISTIO_TPROXY ! -d {localhost} -p tcp -j TPROXY --tproxy-mark {mark}/0xffffffff \
                 --on-port {}",
                c.inbound_port
            ),
            "-A PREROUTING -p tcp -j ISTIO_INBOUND".to_owned(),
            format!("-A ISTIO_INBOUND -p tcp -m mark --mark {mark} -j RETURN"),
            format!("-A ISTIO_INBOUND -p tcp -s {passthrough} -i lo -j RETURN"),
            format!("-A ISTIO_INBOUND -p tcp -i lo -m mark ! --mark {own} -j RETURN"),
        ];
        let established = "-m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT";
        match &c.include_inbound_ports {
            Ports::All => {
                rules.extend(Self::exclusions("ISTIO_INBOUND", &c.exclude_inbound_ports));
                rules.push(format!("-A ISTIO_INBOUND -p tcp {established}"));
                rules.push("-A ISTIO_INBOUND -p tcp -j ISTIO_TPROXY".into());
            }
            Ports::Only(ports) => {
                for port in ports {
                    rules.push(format!("-A ISTIO_INBOUND -p tcp --dport {port} {established}"));
                    rules.push(format!("-A ISTIO_INBOUND -p tcp --dport {port} -j ISTIO_TPROXY"));
                }
            }
        }
        rules.push(format!("-A PREROUTING -p tcp -m mark --mark {mark} -j CONNMARK --save-mark"));
        rules.push(format!("-A OUTPUT -p tcp -o lo -m mark --mark {mark} -j RETURN"));
        for (is, _) in self.owners() {
            rules.push(format!(
                "-A OUTPUT ! -d {localhost} -p tcp -o lo {is} -j MARK --set-mark {own}"
            ));
        }
        rules
            .push(format!("-A OUTPUT -p tcp -m connmark --mark {mark} -j CONNMARK --restore-mark"));
        rules
    }
}
