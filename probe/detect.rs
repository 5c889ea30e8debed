//! `--mesh auto`: which mesh this pod is in, and what says so. Pure.
//!
//! What was promised goes before what is there: annotations, then policy routing and listeners that
//! only one mesh has, then what becomes of packets.

use std::{collections::BTreeSet, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{
    capture::Capture,
    layer::redirect::{self, Outcome, Transport},
    pod::{Listener, Pod},
};

/// A mesh that the pod may be in, and its promise with what was declared besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The profile's name.
    pub mesh: String,
    /// Its promise.
    pub capture: Capture,
}

/// Which mesh it is, and what says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detected {
    /// The profile's name.
    pub mesh: String,
    /// One clause for the report.
    pub because: String,
}

fn detected(mesh: &str, because: String) -> Detected {
    Detected { mesh: mesh.to_owned(), because }
}

/// Annotations that an injector leaves on a pod, the value that counts (any, where none is given),
/// and the mesh.
const ANNOTATIONS: [(&str, Option<&str>, &str); 8] = [
    ("ambient.istio.io/redirection", Some("enabled"), "istio-ambient"),
    ("sidecar.istio.io/status", None, "istio"),
    ("linkerd.io/proxy-version", None, "linkerd"),
    ("kuma.io/sidecar-injected", Some("true"), "kuma"),
    ("consul.hashicorp.com/transparent-proxy-status", None, "consul"),
    ("openservicemesh.io/sidecar-injection", Some("enabled"), "osm"),
    ("appmesh.k8s.aws/sidecarInjectorWebhook", Some("enabled"), "appmesh"),
    ("linkerd.io/inject", Some("enabled"), "linkerd"),
];

/// Annotations of injected pods whose traffic is left alone: the mesh, and the values that say so.
/// Consul's `connect-inject-status` says nothing about traffic at all, and is none of the above.
const NOT_CAPTURED: [(&str, &str, &[&str]); 3] = [
    ("istio", "sidecar.istio.io/interceptionMode", &["NONE"]),
    ("istio", "inject.istio.io/templates", &["gateway", "grpc-agent", "grpc-simple"]),
    ("kuma", "kuma.io/transparent-proxying", &["disabled", "false"]),
];

/// By the pod's annotations, in the form of the downward API's file: `key="value"`, a line each.
#[must_use]
pub fn by_annotations(text: &str) -> Option<Detected> {
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(k, _)| *k == key).map(|(_, value)| value.trim_matches('"'))
    };
    let (key, _, mesh) = ANNOTATIONS.iter().find(|(key, wanted, _)| {
        value(key).is_some_and(|value| wanted.is_none_or(|wanted| wanted == value))
    })?;
    let left_alone = NOT_CAPTURED.iter().find_map(|(of, key, values)| {
        let value = value(key).filter(|value| of == mesh && values.contains(value))?;
        Some(detected("none", format!("the annotation {key} is {value}")))
    });
    let interception = "sidecar.istio.io/interceptionMode";
    left_alone.or_else(|| {
        let tproxy = *mesh == "istio" && value(interception) == Some("TPROXY");
        Some(if tproxy {
            detected("istio-tproxy", format!("the annotation {interception} is TPROXY"))
        } else {
            detected(mesh, format!("the pod has the annotation {key}"))
        })
    })
}

/// Marks, the tables they lead to, and the mesh: istio `cni/pkg/iptables`, `tools/istio-iptables`,
/// App Mesh's proxy route manager.
const MARKS: [(u32, u32, &str); 3] =
    [(0x111, 100, "istio-ambient"), (1337, 133, "istio-tproxy"), (0x1e77_00ce, 100, "appmesh")];

/// Who listens where, by the proxy's port and user: the first that fits.
const LISTENERS: [(&[u16], u32, &str); 7] = [
    (&[4140, 4143], 2102, "linkerd"),
    (&[15001, 15006], 5678, "kuma"),
    (&[15001, 20000], 5995, "consul"),
    (&[15001, 15003], 1500, "osm"),
    (&[15001, 15006], 1337, "istio"),
    (&[15001, 15000], 1337, "appmesh"),
    (&[15001, 15006, 15053], 0, "istio-ambient"),
];

/// By what the kernel shows without a packet: policy routing, and the proxy's listeners.
#[must_use]
pub fn by_pod(pod: &Pod) -> Option<Detected> {
    for (mark, table, mesh) in MARKS {
        let leads = |rule: &&crate::pod::Rule| rule.fwmark == Some(mark) && rule.table == table;
        if pod.rules.list().iter().find(leads).is_some() {
            return Some(detected(mesh, format!("a rule sends mark {mark:#x} to table {table}")));
        }
    }
    let tcp = |held: &&Listener| held.transport == Transport::Tcp;
    let held: Vec<&Listener> = pod.listeners.list().iter().filter(tcp).collect();
    let (ports, uid, mesh) = LISTENERS.iter().find(|(ports, uid, _)| {
        ports.iter().all(|port| held.iter().any(|h| h.address.port() == *port && h.uid == *uid))
    })?;
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    Some(detected(mesh, format!("uid {uid} listens on {}", ports.join(" and "))))
}

/// By what became of packets while podprobe listened on the ports of all meshes.
#[must_use]
pub fn by_flows(seen: &redirect::Seen) -> Option<Detected> {
    let taken = Taken::of(seen);
    let uid = seen.vantage.uid;
    let at = |ports: &BTreeSet<u16>, port: u16| ports.contains(&port);
    let by_user =
        |mesh: &str| format!("what uid {uid} sends to 127.0.0.6 arrives at {mesh}'s port");
    if at(&taken.outbound, 4140) {
        Some(detected("linkerd", "egress arrives at port 4140".to_owned()))
    } else if at(&taken.alias, 15003) {
        Some(detected("osm", by_user("Open Service Mesh")))
    } else if at(&taken.alias, 15006) && uid == 5678 {
        Some(detected("kuma", by_user("Kuma")))
    } else if at(&taken.alias, 15006) {
        Some(detected("istio", by_user("Istio")))
    } else if at(&taken.alias, 15001) {
        let because = "what is sent to 127.0.0.6 arrives at port 15001 like other egress";
        Some(detected("consul", because.to_owned()))
    } else if at(&taken.outbound, 15001) && taken.dns_udp && !taken.dns_tcp {
        let because = "egress arrives at port 15001, and DNS is captured over UDP alone";
        Some(detected("kuma", because.to_owned()))
    } else if at(&taken.outbound, 15001) {
        let because = if taken.dns_udp {
            "egress arrives at port 15001, and DNS at port 15053"
        } else {
            "egress arrives at port 15001; Kuma, Open Service Mesh and App Mesh use it as well: \
             declare them"
        };
        Some(detected("istio", because.to_owned()))
    } else {
        None
    }
}

/// Where the survey's packets arrived.
#[derive(Default)]
struct Taken {
    outbound: BTreeSet<u16>,
    alias: BTreeSet<u16>,
    dns_udp: bool,
    dns_tcp: bool,
}

impl Taken {
    fn of(seen: &redirect::Seen) -> Taken {
        let mut taken = Taken::default();
        for observed in &seen.flows {
            let Outcome::Arrived { at, at_destination: false, .. } = observed.outcome else {
                continue;
            };
            let (to, transport) = (observed.flow.destination, observed.flow.transport);
            match (to.ip(), to.port(), transport) {
                (_, 53, Transport::Udp) => taken.dns_udp |= at.port() == 15053,
                (_, 53, Transport::Tcp) => taken.dns_tcp |= at.port() == 15053,
                (IpAddr::V4(ip), ..) if ip.is_loopback() => {
                    taken.alias.insert(at.port());
                }
                (ip, ..) if ip.is_loopback() => {}
                _ => {
                    taken.outbound.insert(at.port());
                }
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pod::tests::sample;

    fn mesh(found: Option<Detected>) -> Option<String> {
        found.map(|found| found.mesh)
    }

    #[test]
    fn an_annotation_decides_by_its_value() {
        let of = |text: &str| mesh(by_annotations(text));
        assert_eq!(
            of("ambient.istio.io/redirection=\"enabled\"").as_deref(),
            Some("istio-ambient")
        );
        assert_eq!(of("ambient.istio.io/redirection=\"disabled\""), None);
        let tproxy = "sidecar.istio.io/interceptionMode=\"TPROXY\"\nsidecar.istio.io/status=\"{}\"";
        assert_eq!(of(tproxy).as_deref(), Some("istio-tproxy"));
        assert_eq!(of("a=\"b\"\nkuma.io/sidecar-injected=\"true\"").as_deref(), Some("kuma"));
    }

    #[test]
    fn an_injected_pod_whose_traffic_is_left_alone_is_in_no_mesh() {
        let of = |text: &str| mesh(by_annotations(text));
        let status = |other: &str| of(&format!("sidecar.istio.io/status=\"{{}}\"\n{other}"));
        assert_eq!(status("sidecar.istio.io/interceptionMode=\"NONE\"").as_deref(), Some("none"));
        assert_eq!(status("inject.istio.io/templates=\"grpc-agent\"").as_deref(), Some("none"));
        assert_eq!(status("inject.istio.io/templates=\"sidecar,x\"").as_deref(), Some("istio"));
        let kuma = "kuma.io/sidecar-injected=\"true\"\nkuma.io/transparent-proxying=\"disabled\"";
        assert_eq!(of(kuma).as_deref(), Some("none"));
        assert_eq!(of("consul.hashicorp.com/connect-inject-status=\"injected\""), None);
    }

    #[test]
    fn a_marked_rule_decides_and_so_does_the_proxys_listener() {
        let mut pod = sample();
        assert_eq!(mesh(by_pod(&pod)).as_deref(), Some("istio-tproxy"));
        let rules = std::mem::replace(&mut pod.rules, crate::pod::Look::Seen(Vec::new()));
        assert_eq!(by_pod(&pod), None);
        let crate::pod::Look::Seen(listeners) = &mut pod.listeners else { unreachable!() };
        let mut inbound = listeners[0].clone();
        inbound.address.set_port(15006);
        listeners.push(inbound);
        assert_eq!(mesh(by_pod(&pod)).as_deref(), Some("istio"));
        pod.rules = rules;
        let crate::pod::Look::Seen(rules) = &mut pod.rules else { unreachable!() };
        (rules[1].fwmark, rules[1].table) = (Some(0x111), 100);
        assert_eq!(mesh(by_pod(&pod)).as_deref(), Some("istio-ambient"));
    }

    proptest! {
        #[test]
        fn foreign_annotations_never_panic(text in "\\PC*") {
            let _ = by_annotations(&text);
        }
    }
}
