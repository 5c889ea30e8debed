//! Routes, policy rules, and the gateway.

use super::super::setting::{Command, Setting};
use super::{Fault, Slot};

fn any(_: &Setting) -> bool {
    true
}

fn own(setting: &Setting) -> bool {
    setting.command != Command::IstioIptables
}

const ROUTE: Fault = Fault {
    name: "",
    slot: Slot::Route,
    fits: any,
    make: |_, _| {},
    names: &[],
    beside: &[],
    exits: &[20],
    comes_later: true,
};

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "no-default-route",
        make: |world, _| world.pod.ip.push("route del default".into()),
        names: &["route-no-default"],
        ..ROUTE
    },
    Fault {
        name: "no-default-route-v6",
        fits: |setting| setting.dual,
        make: |world, _| world.pod.ip.push("-6 route del default".into()),
        names: &["route-no-default"],
        ..ROUTE
    },
    Fault {
        name: "no-routes",
        make: |world, _| {
            world.pod.ip.push("route flush table main".into());
            world.pod.ip.push("-6 route flush table main".into());
        },
        names: &["route-table-empty", "route-no-default"],
        ..ROUTE
    },
    Fault {
        name: "refusing-default",
        make: |world, random| {
            let kind = random.one(&["blackhole", "unreachable", "prohibit"]);
            world.pod.ip.push("route del default".into());
            world.pod.ip.push(format!("route add {kind} default"));
        },
        names: &["route-blackhole", "route-unreachable", "route-prohibit"],
        ..ROUTE
    },
    Fault {
        name: "refusing-default-v6",
        fits: |setting| setting.dual,
        make: |world, random| {
            let kind = random.one(&["blackhole", "unreachable", "prohibit"]);
            world.pod.ip.push("-6 route del default".into());
            world.pod.ip.push(format!("-6 route add {kind} default"));
        },
        names: &["route-blackhole", "route-unreachable", "route-prohibit"],
        ..ROUTE
    },
    Fault {
        name: "policy-rule-refuses",
        make: |world, _| world.pod.ip.push("rule add pref 77 to 10.96.0.0/12 prohibit".into()),
        names: &["route-prohibit"],
        fits: own,
        ..ROUTE
    },
    Fault {
        name: "services-refused",
        make: |world, random| {
            let kind = random.one(&["blackhole", "unreachable", "prohibit"]);
            world.pod.ip.push(format!("route add {kind} 10.96.0.0/12"));
        },
        names: &["route-blackhole", "route-unreachable", "route-prohibit"],
        fits: own,
        ..ROUTE
    },
    Fault {
        name: "gateway-nobody",
        make: |world, _| world.pod.ip.push("route replace default via 10.77.0.77".into()),
        names: &["route-gateway-no-neighbour"],
        ..ROUTE
    },
    Fault {
        name: "gateway-nobody-v6",
        fits: |setting| setting.dual,
        make: |world, _| world.pod.ip.push("-6 route replace default via fd77::77".into()),
        names: &["route-gateway-no-neighbour"],
        ..ROUTE
    },
    Fault {
        name: "gateway-offlink",
        make: |world, _| {
            world.pod.ip.push("route replace default via 10.99.0.1 dev eth0 onlink".into());
        },
        names: &["route-gateway-offlink"],
        ..ROUTE
    },
    Fault {
        name: "host-side-without-address",
        slot: Slot::Address,
        make: |world, _| {
            world.node.ip.push("address del 10.77.0.1/24 dev host".into());
            world.pod.ip.push("neighbour flush dev eth0".into());
        },
        names: &["route-gateway-no-neighbour"],
        comes_later: false,
        ..ROUTE
    },
    Fault {
        name: "default-in-another-table",
        make: |world, _| {
            world.pod.ip.push("route del default".into());
            world.pod.ip.push("route add default via 10.77.0.1 table 200".into());
            world.pod.ip.push("rule add from 10.77.0.9 lookup 200".into());
        },
        names: &["route-no-default"],
        ..ROUTE
    },
    Fault {
        name: "services-on-link",
        slot: Slot::Address,
        make: |world, _| {
            world.pod.ip.push("address del 10.77.0.2/24 dev eth0".into());
            world.pod.ip.push("address add 10.77.0.2/8 dev eth0".into());
            world.pod.ip.push("route add default via 10.77.0.1".into());
            world.node.ip.push("address del 10.96.0.10/32 dev lo".into());
        },
        names: &["route-service-no-neighbour", "route-no-default"],
        fits: |setting| own(setting) && setting.above,
        comes_later: false,
        ..ROUTE
    },
];
