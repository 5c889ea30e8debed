//! Links and addresses.

use super::super::setting::{Command, Setting};
use super::{Fault, Slot};

fn any(_: &Setting) -> bool {
    true
}

fn dual(setting: &Setting) -> bool {
    setting.dual
}

/// Whether podprobe's own flags and environment are read.
fn own(setting: &Setting) -> bool {
    setting.command != Command::IstioIptables
}

const LINK: Fault = Fault {
    name: "",
    slot: Slot::Link,
    fits: any,
    make: |_, _| {},
    names: &[],
    beside: &[],
    exits: &[10],
    comes_later: true,
};

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "eth0-down",
        make: |world, _| world.pod.ip.push("link set eth0 down".into()),
        names: &["link-down"],
        ..LINK
    },
    Fault {
        name: "host-side-down",
        make: |world, _| world.node.ip.push("link set host down".into()),
        // The kernel tells of a lost carrier up to a second later.
        names: &["link-down", "route-gateway-no-neighbour"],
        exits: &[10, 20],
        ..LINK
    },
    Fault {
        name: "no-eth0",
        make: |world, _| world.pod.ip.push("link del eth0".into()),
        names: &["link-no-pod-interface"],
        ..LINK
    },
    Fault {
        name: "lo-down",
        make: |world, _| world.pod.ip.push("link set lo down".into()),
        names: &["link-lo-down"],
        ..LINK
    },
    Fault {
        name: "lo-without-address",
        make: |world, _| world.pod.ip.push("address del 127.0.0.1/8 dev lo".into()),
        names: &["link-lo-down"],
        ..LINK
    },
    Fault {
        name: "tiny-mtu",
        fits: |setting| setting.dual && own(setting),
        make: |world, _| {
            world.environment.push(("POD_IPS", "10.77.0.2,fd77::2".into()));
            world.pod.ip.push("link set eth0 mtu 1279".into());
        },
        names: &["link-mtu-too-small", "address-family-missing"],
        comes_later: false,
        ..LINK
    },
    Fault {
        name: "no-address",
        slot: Slot::Address,
        fits: |setting| !setting.dual,
        make: |world, _| world.pod.ip.push("address del 10.77.0.2/24 dev eth0".into()),
        names: &["address-none", "route-table-empty", "address-family-missing"],
        exits: &[10, 20],
        ..LINK
    },
    Fault {
        name: "other-pod-ip",
        slot: Slot::Address,
        fits: own,
        make: |world, _| world.environment.push(("POD_IP", "10.77.0.9".into())),
        names: &["env-pod-ip-mismatch"],
        comes_later: false,
        ..LINK
    },
    Fault {
        name: "promised-ipv6",
        slot: Slot::Address,
        fits: |setting| !setting.dual && own(setting),
        make: |world, _| world.environment.push(("POD_IPS", "10.77.0.2,fd77::2".into())),
        names: &["address-family-missing", "env-pod-ip-mismatch"],
        comes_later: false,
        ..LINK
    },
    Fault {
        name: "ipv6-off",
        slot: Slot::Address,
        fits: |setting| dual(setting) && own(setting),
        make: |world, _| {
            world.pod.sysctl.push(("ipv6/conf/all/disable_ipv6", "1"));
            world.environment.push(("POD_IPS", "10.77.0.2,fd77::2".into()));
        },
        names: &["address-family-missing", "env-pod-ip-mismatch"],
        comes_later: false,
        ..LINK
    },
    Fault {
        name: "ports-exhausted",
        slot: Slot::Limit,
        fits: own,
        make: |world, _| world.ports_held = true,
        names: &["ports-exhausted"],
        comes_later: false,
        ..LINK
    },
];
