//! What arrives from outside.

use std::net::SocketAddr;

use super::{
    super::flow::{
        Flow, Promise, Proof,
        Sender::{App, Outside},
        Transport::{Tcp, Udp},
    },
    COMMON_PORTS, Planner,
};
use crate::{capture::Ports, pod::Family};

impl Planner<'_> {
    /// What arrives from outside: at ports that rules name and at others, at each of the pod's own
    /// addresses, and from where the node's own probes come.
    pub(super) fn arriving(&mut self, family: Family) {
        let own = self.own(family);
        let Some(&primary) = own.first() else { return };
        let c = self.capture;
        let unknown = c.inbound_by_list && c.include_inbound_ports == Ports::All;
        if !unknown {
            for &ip in &own {
                let port = self.free_port();
                self.probe(Outside, Tcp, None, (ip, port));
            }
            let mut ports = self.inbound_lists();
            ports.extend(COMMON_PORTS);
            ports.extend(c.tunnel_port);
            if !c.promises_nothing() {
                ports.extend([c.outbound_port, c.inbound_port]);
            }
            for port in ports {
                self.probe(Outside, Tcp, None, (primary, port));
            }
            let port = self.free_port();
            for source in c.probe_sources.iter().filter(|ip| family.holds(**ip)) {
                for port in COMMON_PORTS.into_iter().chain([port]) {
                    self.probe(Outside, Tcp, Some(*source), (primary, port));
                }
            }
        }
        let port = self.free_port();
        self.probe(Outside, Udp, None, (primary, port));
    }

    /// An answer to the proxy's query, which the application's next query from the same port must not
    /// be taken to belong to.
    pub(super) fn answer_of_dns(&mut self, family: Family) {
        let Some(&own) = self.own(family).first() else { return };
        let first = self.flows.len();
        self.egress(App, Udp, family, 53);
        let Some(query) = self.flows.get(first).cloned() else { return };
        let answer = Flow {
            sender: Outside,
            source: Some(query.destination.ip()),
            destination: SocketAddr::new(own, self.free_port()),
            promise: Promise::Untouched,
            proof: Proof::Dns,
            ..query.clone()
        };
        self.flows[first] = answer;
        self.flows.push(Flow { source: Some(own), again: Some(first), ..query });
    }
}
