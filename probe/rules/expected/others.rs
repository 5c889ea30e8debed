//! The meshes that have nat rules alone, and Kuma.

use super::Writer;
use crate::{
    capture::{Ports, Reach},
    pod::Family,
};

impl Writer<'_> {
    /// linkerd2-proxy-init `pkg/iptables/iptables.go`.
    pub(super) fn linkerd(&self) -> String {
        let c = self.capture;
        let skipped = |chain: &str, ports: &[u16]| {
            let list: Vec<String> = ports.iter().map(u16::to_string).collect();
            let many =
                format!("-A {chain} -p tcp -m multiport --dports {} -j RETURN", list.join(","));
            (!ports.is_empty()).then_some(many)
        };
        let mut rules = vec![
            "*nat\n-A PREROUTING -j PROXY_INIT_REDIRECT\n-A OUTPUT -j PROXY_INIT_OUTPUT".to_owned(),
        ];
        rules.extend(
            self.owners().iter().map(|(is, _)| format!("-A PROXY_INIT_OUTPUT {is} -j RETURN")),
        );
        rules.push("-A PROXY_INIT_OUTPUT -o lo -j RETURN".into());
        rules.extend(skipped("PROXY_INIT_OUTPUT", &c.exclude_outbound_ports));
        rules.push(format!(
            "-A PROXY_INIT_OUTPUT -p tcp -j REDIRECT --to-ports {}",
            c.outbound_port
        ));
        rules.extend(skipped("PROXY_INIT_REDIRECT", &c.exclude_inbound_ports));
        rules.push(format!(
            "-A PROXY_INIT_REDIRECT -p tcp -j REDIRECT --to-ports {}",
            c.inbound_port
        ));
        rules.join("\n")
    }

    /// kuma `pkg/transparentproxy/iptables/builder/builder_table_{nat,raw}.go`.
    pub(super) fn kuma(&self) -> String {
        let c = self.capture;
        let localhost = self.localhost();
        let mut rules = Vec::new();
        if self.captures_dns() {
            rules.extend(self.zones("OUTPUT", "PREROUTING"));
        }
        rules.push("*nat\n-A PREROUTING -p tcp -j KUMA_MESH_INBOUND".into());
        for (is, is_not) in self.owners().iter().filter(|_| self.captures_dns()) {
            rules.push(format!("-A OUTPUT -p udp --dport 53 {is} -j RETURN"));
            rules
                .push(format!("-A OUTPUT -p udp --dport 53 -j REDIRECT --to-ports {}", c.dns_port));
            rules.push(format!("-A OUTPUT -p tcp --dport 53 {is_not} -j RETURN"));
        }
        rules.push("-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND".into());
        rules.extend(Self::exclusions("KUMA_MESH_INBOUND", &c.exclude_inbound_ports));
        rules.push("-A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT".into());
        rules.extend(Self::exclusions("KUMA_MESH_OUTBOUND", &c.exclude_outbound_ports));
        rules.push(format!("-A KUMA_MESH_OUTBOUND -s {} -o lo -j RETURN", self.passthrough()));
        for (is, is_not) in self.owners() {
            rules.push(format!(
                "-A KUMA_MESH_OUTBOUND -p tcp -o lo ! -d {localhost} {is} \
                 -j KUMA_MESH_INBOUND_REDIRECT"
            ));
            rules.push(format!("-A KUMA_MESH_OUTBOUND -p tcp -o lo {is_not} -j RETURN"));
            rules.push(format!("-A KUMA_MESH_OUTBOUND {is} -j RETURN"));
        }
        rules.push(format!("-A KUMA_MESH_OUTBOUND -d {localhost} -j RETURN"));
        rules.extend(
            self.excluded_cidrs().map(|net| format!("-A KUMA_MESH_OUTBOUND -d {net} -j RETURN")),
        );
        rules.push("-A KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT".into());
        rules.push(format!(
            "-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports {}",
            c.inbound_port
        ));
        rules.push(format!(
            "-A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports {}",
            c.outbound_port
        ));
        rules.join("\n")
    }

    /// consul `sdk/iptables/iptables.go`.
    pub(super) fn consul(&self) -> String {
        let c = self.capture;
        let localhost = self.localhost();
        let mut rules = vec!["*nat".to_owned()];
        if c.dns.udp != Reach::Nothing {
            let to = match self.family {
                Family::Ipv4 => format!("127.0.0.1:{}", c.dns_port),
                Family::Ipv6 => format!("[::1]:{}", c.dns_port),
            };
            for transport in ["udp", "tcp"] {
                let asked = format!("-p {transport} -d {localhost} --dport 53");
                rules.push(format!("-A OUTPUT {asked} -j CONSUL_DNS_REDIRECT"));
                rules.push(format!("-A CONSUL_DNS_REDIRECT {asked} -j DNAT --to-destination {to}"));
            }
        }
        rules.push(format!(
            "-A CONSUL_PROXY_REDIRECT -p tcp -j REDIRECT --to-ports {}",
            c.outbound_port
        ));
        rules.push("-A OUTPUT -p tcp -j CONSUL_PROXY_OUTPUT".into());
        rules.extend(Self::exclusions("CONSUL_PROXY_OUTPUT", &c.exclude_outbound_ports));
        rules.extend(
            self.owners().iter().map(|(is, _)| format!("-A CONSUL_PROXY_OUTPUT {is} -j RETURN")),
        );
        rules.push(format!("-A CONSUL_PROXY_OUTPUT -d {localhost} -j RETURN"));
        rules.extend(
            self.excluded_cidrs().map(|net| format!("-A CONSUL_PROXY_OUTPUT -d {net} -j RETURN")),
        );
        rules.push("-A CONSUL_PROXY_OUTPUT -j CONSUL_PROXY_REDIRECT".into());
        rules.push(format!(
            "-A CONSUL_PROXY_IN_REDIRECT -p tcp -j REDIRECT --to-ports {}",
            c.inbound_port
        ));
        rules.push("-A PREROUTING -p tcp -j CONSUL_PROXY_INBOUND".into());
        rules.extend(Self::exclusions("CONSUL_PROXY_INBOUND", &c.exclude_inbound_ports));
        rules.push("-A CONSUL_PROXY_INBOUND -p tcp -j CONSUL_PROXY_IN_REDIRECT".into());
        rules.join("\n")
    }

    /// osm `pkg/injector/iptables.go`.
    pub(super) fn osm(&self) -> String {
        let c = self.capture;
        let localhost = self.localhost();
        let mut rules = vec![
            "*nat".to_owned(),
            format!("-A OSM_PROXY_IN_REDIRECT -p tcp -j REDIRECT --to-ports {}", c.inbound_port),
            "-A PREROUTING -p tcp -j OSM_PROXY_INBOUND".to_owned(),
        ];
        rules.extend(Self::exclusions("OSM_PROXY_INBOUND", &c.exclude_inbound_ports));
        rules.push("-A OSM_PROXY_INBOUND -p tcp -j OSM_PROXY_IN_REDIRECT".into());
        rules.push(format!(
            "-A OSM_PROXY_OUT_REDIRECT -p tcp -j REDIRECT --to-ports {}",
            c.outbound_port
        ));
        rules.push("-A OUTPUT -p tcp -j OSM_PROXY_OUTBOUND".into());
        for (is, is_not) in self.owners() {
            rules.push(format!(
                "-A OSM_PROXY_OUTBOUND -o lo ! -d {localhost} {is} -j OSM_PROXY_IN_REDIRECT"
            ));
            rules.push(format!("-A OSM_PROXY_OUTBOUND -o lo {is_not} -j RETURN"));
            rules.push(format!("-A OSM_PROXY_OUTBOUND {is} -j RETURN"));
        }
        rules.push(format!("-A OSM_PROXY_OUTBOUND -d {localhost} -j RETURN"));
        rules.extend(Self::exclusions("OSM_PROXY_OUTBOUND", &c.exclude_outbound_ports));
        rules.extend(
            self.excluded_cidrs().map(|net| format!("-A OSM_PROXY_OUTBOUND -d {net} -j RETURN")),
        );
        rules.push("-A OSM_PROXY_OUTBOUND -j OSM_PROXY_OUT_REDIRECT".into());
        rules.join("\n")
    }

    /// The public proxy route manager of App Mesh.
    pub(super) fn appmesh(&self) -> String {
        let c = self.capture;
        let list = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        let mut rules = vec!["*nat".to_owned()];
        rules.extend(
            self.owners().iter().map(|(is, _)| format!("-A APPMESH_EGRESS {is} -j RETURN")),
        );
        if !c.exclude_outbound_ports.is_empty() {
            rules.push(format!(
                "-A APPMESH_EGRESS -p tcp -m multiport --dports {} -j RETURN",
                list(&c.exclude_outbound_ports)
            ));
        }
        rules.extend(
            self.excluded_cidrs().map(|net| format!("-A APPMESH_EGRESS -p tcp -d {net} -j RETURN")),
        );
        rules.push(format!("-A APPMESH_EGRESS -p tcp -j REDIRECT --to-ports {}", c.outbound_port));
        rules.push("-A OUTPUT -p tcp -m addrtype ! --dst-type LOCAL -j APPMESH_EGRESS".into());
        if let Ports::Only(ports) = &c.include_inbound_ports {
            rules.push(format!(
                "-A APPMESH_INGRESS -p tcp -m multiport --dports {} -j REDIRECT --to-ports {}",
                list(ports),
                c.inbound_port
            ));
        }
        rules.push("-A PREROUTING -p tcp -m addrtype ! --src-type LOCAL -j APPMESH_INGRESS".into());
        rules.join("\n")
    }
}
