//! Rules that do not keep their promise.

use crate::world::{Backend, Who};

use super::super::setting::{Command, Mesh, Setting};
use super::{Fault, Slot};

fn meshed(setting: &Setting) -> bool {
    setting.mesh != Mesh::None
}

fn by_iptables(setting: &Setting) -> bool {
    setting.backend != Backend::Nft
}

/// Istio's chains in a form whose lines are known.
fn istio(setting: &Setting) -> bool {
    setting.is_istio() && by_iptables(setting)
}

fn own(setting: &Setting) -> bool {
    setting.command != Command::IstioIptables
}

const ESCAPES: &[&str] =
    &["outbound-escaped", "inbound-escaped", "dns-escaped", "marked-route-missing"];

const RULES: Fault = Fault {
    name: "",
    slot: Slot::Rules,
    fits: meshed,
    make: |_, _| {},
    names: &[],
    beside: &[],
    exits: &[30, 126],
    comes_later: false,
};

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "no-rules",
        make: |world, _| world.rules = None,
        // To some the routing that goes with the rules is all that shows.
        names: &["redirect-missing", "marked-route-missing"],
        beside: ESCAPES,
        fits: |setting| {
            // Linkerd's rules let all loopback traffic go: its proxy sees none of them.
            let blind = setting.mesh == Mesh::Linkerd && setting.who == setting.mesh.proxy();
            meshed(setting) && !blind
        },
        ..RULES
    },
    Fault {
        name: "rules-for-one-family",
        fits: |setting| {
            // A proxy that sees nothing captured in either family cannot tell one from none.
            let blind = matches!(setting.mesh, Mesh::Linkerd | Mesh::Tproxy)
                && setting.who == setting.mesh.proxy();
            meshed(setting) && setting.dual && by_iptables(setting) && !blind
        },
        make: |world, random| {
            let v4 = random.percent(50);
            world.change_rules(|rules| if v4 { rules.only_v4() } else { rules.only_v6() });
        },
        names: &["redirect-family-missing"],
        beside: ESCAPES,
        ..RULES
    },
    Fault {
        name: "ports-swapped",
        fits: istio,
        make: |world, _| {
            world.change_rules(|rules| {
                let rules =
                    rules.replace("ports 15001", "ports 0").replace("ports 15006", "ports 15001");
                rules.replace("ports 0", "ports 15006")
            });
        },
        names: &["ports-swapped", "outbound-wrong-port", "inbound-wrong-port"],
        ..RULES
    },
    Fault {
        name: "outbound-wrong-port",
        fits: |setting| istio(setting) && setting.sees_outbound(),
        make: |world, _| world.change_rules(|rules| rules.replace("ports 15001", "ports 15099")),
        names: &["outbound-wrong-port", "capture-refused"],
        ..RULES
    },
    Fault {
        name: "inbound-wrong-port",
        fits: |setting| istio(setting) && setting.sees_proxy(),
        make: |world, _| world.change_rules(|rules| rules.replace("ports 15006", "ports 15099")),
        names: &["inbound-wrong-port", "capture-refused"],
        ..RULES
    },
    Fault {
        name: "other-identity",
        fits: |setting| istio(setting) && setting.sees_proxy(),
        make: |world, _| world.change_rules(|rules| rules.replace("owner 1337", "owner 2102")),
        names: &["identity-mismatch"],
        beside: &["dns-zone-missing", "inbound-escaped", "proxy-loop"],
        // The drop-in says 1: the same rules once more would be no better.
        exits: &[30, 126, 1],
        ..RULES
    },
    Fault {
        name: "no-outbound-rule",
        fits: |setting| istio(setting) && setting.sees_outbound(),
        make: |world, _| {
            world.change_rules(|rules| rules.without("-A ISTIO_OUTPUT -j ISTIO_REDIRECT"));
        },
        names: &["outbound-escaped", "redirect-missing"],
        ..RULES
    },
    Fault {
        name: "no-loopback-rule",
        fits: |setting| istio(setting) && setting.sees_proxy(),
        make: |world, _| {
            world.change_rules(|rules| rules.without("--uid-owner 1337 -j ISTIO_IN_REDIRECT"));
        },
        names: &["inbound-escaped", "redirect-missing", "exclusion-missing"],
        ..RULES
    },
    Fault {
        name: "proxy-loops",
        fits: |setting| istio(setting) && setting.sees_proxy(),
        make: |world, _| {
            world.change_rules(|rules| {
                rules
                    .without("owner --uid-owner 1337 -j RETURN")
                    .without("owner --gid-owner 1337 -j RETURN")
            });
        },
        names: &["proxy-loop", "identity-mismatch"],
        exits: &[30, 126, 1],
        ..RULES
    },
    Fault {
        name: "exclusion-not-programmed",
        fits: |setting| setting.is_istio() && setting.sees_outbound() && own(setting),
        make: |world, _| world.flags.extend(["--exclude-outbound-ports", "5432"].map(String::from)),
        names: &["exclusion-captured"],
        ..RULES
    },
    Fault {
        name: "dns-not-programmed",
        fits: |setting| setting.mesh == Mesh::Istio && setting.sees_outbound() && own(setting),
        make: |world, _| world.flags.extend(["--dns-capture", "true"].map(String::from)),
        // Over TCP, queries are captured as all the rest is.
        names: &["dns-escaped", "dns-wrong-port"],
        ..RULES
    },
    Fault {
        name: "untracked",
        fits: |setting| setting.is_istio() && (setting.sees_outbound() || setting.sees_proxy()),
        make: |world, _| {
            world.pod.nft.push(
                "add chain inet storm untracked { type filter hook output priority -310; }".into(),
            );
            world.pod.nft.push("add rule inet storm untracked meta l4proto tcp notrack".into());
        },
        names: &["redirect-missing", "outbound-escaped", "inbound-escaped"],
        // Where nobody can prove more: nothing is translated in the first direction, and what comes back is.
        beside: &["dns-escaped", "service-hangs", "reach-protocol"],
        exits: &[30, 126, 50, 60],
        ..RULES
    },
    Fault {
        name: "foreign-redirect",
        fits: |setting| setting.is_istio() && setting.sees_outbound(),
        make: |world, _| {
            world.pod.nft.push(
                "add chain inet storm foreign { type nat hook output priority -110; }".into(),
            );
            let rule = "oifname != lo meta l4proto tcp redirect to :19999";
            world.pod.nft.push(format!("add rule inet storm foreign {rule}"));
        },
        names: &["capture-refused", "outbound-wrong-port", "proxy-loop", "traffic-diverted"],
        exits: &[30, 126, 1],
        ..RULES
    },
    Fault {
        name: "capture-dropped",
        slot: Slot::Filter,
        fits: |setting| setting.is_istio(),
        make: |world, random| {
            let port = random.one(&["15001", "15006"]);
            world.pod.filter.push(("input", format!("tcp dport {port} drop")));
        },
        names: &["capture-dropped"],
        // The drop-in says 1: the rules of the mesh are not at fault.
        exits: &[30, 126, 1],
        ..RULES
    },
    Fault {
        name: "no-passthrough-address",
        slot: Slot::Service,
        fits: |setting| setting.mesh == Mesh::Istio && setting.dual,
        make: |world, _| world.pod.ip.push("-6 address del ::6/128 dev lo".into()),
        names: &["inbound-address-missing"],
        ..RULES
    },
    Fault {
        name: "no-plumbing",
        fits: |setting| setting.mesh == Mesh::Tproxy,
        make: |world, random| {
            let says = random.one(&["rule add fwmark 1337", "route add local 0.0.0.0/0"]);
            world.change_rules(|rules| rules.without_setup(says));
        },
        names: &["marked-route-missing"],
        ..RULES
    },
    Fault {
        name: "proxy-absent",
        slot: Slot::Listener,
        fits: |setting| setting.mesh == Mesh::Ambient,
        make: |world, _| world.proxy_gone = true,
        names: &["proxy-absent", "capture-refused", "redirect-missing"],
        ..RULES
    },
    Fault {
        name: "stranger-on-the-port",
        slot: Slot::Listener,
        fits: |setting| {
            setting.is_istio()
                && !setting.live
                && setting.who != Who::NetAdmin
                && setting.command == Command::Gate
        },
        make: |world, _| world.strangers.extend([15001, 15006]),
        names: &["listener-port-taken", "proof-required", "not-observable"],
        exits: &[5],
        ..RULES
    },
];
