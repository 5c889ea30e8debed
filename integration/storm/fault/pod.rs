//! Packet filters of pod and node, and what the container may.

use super::super::setting::Setting;
use super::{Fault, Slot};

fn above(setting: &Setting) -> bool {
    setting.above
}

const FILTER: Fault = Fault {
    name: "",
    slot: Slot::Filter,
    fits: above,
    make: |_, _| {},
    names: &[],
    beside: &[],
    exits: &[40],
    comes_later: true,
};

/// What is cut off later may be cut off between a connection and its hello, or between two layers.
const CUT_OFF: &[&str] = &["dns-silent", "service-silent", "service-hangs", "reach-timeout-near"];

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "pod-drops-dns",
        make: |world, _| {
            world.pod.filter.push(("output", "meta l4proto { tcp, udp } th dport 53 drop".into()));
        },
        // Loopback as well, where a mesh's port 53 would be: who looks for that finds it first.
        names: &["dns-send-refused", "capture-dropped"],
        exits: &[40, 30],
        ..FILTER
    },
    Fault {
        name: "pod-rejects-services",
        make: |world, _| {
            let rule = "ip daddr 10.96.0.0/24 reject with icmpx admin-prohibited";
            world.pod.filter.push(("output", rule.into()));
        },
        names: &["dns-rejected", "dns-send-refused", "service-rejected", "service-send-refused"],
        exits: &[40, 50],
        ..FILTER
    },
    Fault {
        name: "node-drops-dns",
        make: |world, _| world.node.filter.push(("input", "ip daddr 10.96.0.10 drop".into())),
        names: &["dns-silent"],
        ..FILTER
    },
    Fault {
        name: "node-rejects-dns",
        make: |world, _| {
            let rule = "ip daddr 10.96.0.10 reject with icmpx admin-prohibited";
            world.node.filter.push(("input", rule.into()));
        },
        names: &["dns-rejected"],
        ..FILTER
    },
    Fault {
        name: "node-drops-dns-over-udp",
        make: |world, _| world.node.filter.push(("input", "udp dport 53 drop".into())),
        names: &["dns-udp-blocked"],
        ..FILTER
    },
    Fault {
        name: "node-drops-answers",
        make: |world, _| world.node.filter.push(("output", "ip saddr 10.96.0.10 drop".into())),
        names: &["dns-silent"],
        ..FILTER
    },
    Fault {
        name: "node-drops-services",
        make: |world, _| {
            world.node.filter.push(("input", "ip daddr 10.96.0.0/24 drop".into()));
        },
        names: CUT_OFF,
        exits: &[40, 50, 60],
        ..FILTER
    },
    Fault {
        name: "node-drops-api",
        make: |world, _| world.node.filter.push(("input", "tcp dport 443 drop".into())),
        names: &["service-silent"],
        exits: &[50],
        ..FILTER
    },
    Fault {
        name: "node-rejects-api",
        make: |world, random| {
            let kind =
                random.one(&["icmpx admin-prohibited", "icmpx port-unreachable", "tcp reset"]);
            world.node.filter.push(("input", format!("tcp dport 443 reject with {kind}")));
        },
        names: &["service-rejected", "service-no-endpoints", "service-refused"],
        exits: &[50],
        ..FILTER
    },
    Fault {
        name: "node-drops-target",
        make: |world, _| world.node.filter.push(("input", "ip daddr 10.99.0.9 drop".into())),
        names: &[
            "reach-timeout-node",
            "reach-timeout-near",
            "reach-silent",
            "reach-timeout-beyond",
        ],
        exits: &[60],
        ..FILTER
    },
    Fault {
        name: "pod-rejects-target",
        make: |world, random| {
            let kind =
                random.one(&["icmpx admin-prohibited", "icmpx port-unreachable", "tcp reset"]);
            world.pod.filter.push(("output", format!("tcp dport 5432 reject with {kind}")));
        },
        names: &["reach-rejected", "reach-refused", "reach-send-refused"],
        exits: &[60],
        ..FILTER
    },
    Fault {
        name: "node-drops-one-port",
        make: |world, _| world.node.filter.push(("input", "tcp dport 5432 drop".into())),
        names: &["reach-port-filtered", "reach-timeout-node", "reach-silent"],
        exits: &[60],
        ..FILTER
    },
    Fault {
        name: "everything-dropped",
        make: |world, _| {
            world.node.filter.push(("input", "meta l4proto { tcp, udp } drop".into()));
        },
        names: CUT_OFF,
        exits: &[40, 50, 60],
        ..FILTER
    },
    Fault {
        name: "full-packets-vanish",
        slot: Slot::Size,
        fits: |setting| setting.mtu,
        make: |world, _| {
            world.pod.ip.push("link set eth0 gso_max_segs 1".into());
            world.node.filter.push(("prerouting", "iifname host ip length > 1300 drop".into()));
        },
        names: &["mtu-black-hole"],
        exits: &[70],
        comes_later: false,
        ..FILTER
    },
];
