//! Servers that do not serve, and files that say so.

use super::super::manners::{Api, Dns, Web};
use super::super::setting::Setting;
use super::{Fault, Slot};

fn above(setting: &Setting) -> bool {
    setting.above
}

const FILE: Fault = Fault {
    name: "",
    slot: Slot::ResolvConf,
    fits: above,
    make: |_, _| {},
    names: &[],
    beside: &[],
    exits: &[40],
    comes_later: false,
};
const NAMESERVER: Fault = Fault { slot: Slot::Nameserver, ..FILE };
const API: Fault = Fault { slot: Slot::ApiServer, exits: &[50], ..FILE };
const WEB: Fault = Fault { slot: Slot::Web, exits: &[60], ..FILE };

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "no-nameserver",
        make: |world, _| world.resolv_conf = "search svc.cluster.local\n".into(),
        names: &["resolv-conf-no-nameserver"],
        ..FILE
    },
    Fault {
        name: "carriage-returns",
        make: |world, _| world.resolv_conf = world.resolv_conf.replace('\n', "\r\n"),
        names: &["resolv-conf-crlf"],
        ..FILE
    },
    Fault {
        name: "byte-order-mark",
        make: |world, _| world.resolv_conf.insert(0, '\u{feff}'),
        names: &["resolv-conf-bom"],
        ..FILE
    },
    Fault {
        name: "leading-space",
        make: |world, _| {
            world.resolv_conf = world.resolv_conf.replace("nameserver", " nameserver");
        },
        names: &["resolv-conf-leading-space", "resolv-conf-no-nameserver"],
        ..FILE
    },
    Fault {
        name: "no-attempts",
        make: |world, _| world.resolv_conf.push_str("options attempts:0\n"),
        names: &["resolv-conf-zero-timers"],
        ..FILE
    },
    Fault {
        name: "search-with-commas",
        make: |world, _| world.resolv_conf = world.resolv_conf.replace("local ", "local,"),
        names: &["resolv-conf-search-comma"],
        ..FILE
    },
    Fault {
        name: "stub-leaked",
        make: |world, _| world.resolv_conf = world.resolv_conf.replace("10.96.0.10", "127.0.0.53"),
        names: &["dns-stub-leaked"],
        ..FILE
    },
    Fault {
        name: "other-nameserver",
        make: |world, _| world.resolv_conf = world.resolv_conf.replace("10.96.0.10", "10.96.0.11"),
        names: &["dns-silent", "dns-rejected", "service-not-programmed", "dns-no-route"],
        ..FILE
    },
    Fault {
        name: "dns-closed",
        make: |world, _| world.manners.dns = Dns::Closed,
        names: &["dns-refused-by-server"],
        ..NAMESERVER
    },
    Fault {
        name: "dns-without-answer",
        make: |world, _| world.manners.dns = Dns::Silent,
        names: &["dns-silent", "dns-answer-unusable"],
        ..NAMESERVER
    },
    Fault {
        name: "dns-servfail",
        make: |world, _| world.manners.dns = Dns::ServFail,
        names: &["dns-servfail"],
        ..NAMESERVER
    },
    Fault {
        name: "dns-refused",
        make: |world, _| world.manners.dns = Dns::Refused,
        names: &["dns-query-refused"],
        ..NAMESERVER
    },
    Fault {
        name: "dns-other-zone",
        make: |world, _| world.manners.dns = Dns::OtherZone,
        names: &["dns-cluster-zone-missing"],
        ..NAMESERVER
    },
    Fault {
        name: "dns-garbage",
        make: |world, _| world.manners.dns = Dns::Garbage,
        names: &["dns-answer-unusable"],
        ..NAMESERVER
    },
    Fault {
        name: "dns-other-question",
        make: |world, _| world.manners.dns = Dns::OtherQuestion,
        names: &["dns-answer-unusable"],
        ..NAMESERVER
    },
    Fault {
        name: "dns-other-source",
        make: |world, _| world.manners.dns = Dns::OtherSource,
        names: &["dns-wrong-source", "dns-udp-blocked"],
        ..NAMESERVER
    },
    Fault {
        name: "dns-over-tcp-alone",
        make: |world, _| world.manners.dns = Dns::OverTcpAlone,
        names: &["dns-udp-blocked"],
        ..NAMESERVER
    },
    Fault {
        name: "dns-drips",
        make: |world, _| world.manners.dns = Dns::Drip,
        names: &["dns-udp-blocked", "dns-silent", "dns-answer-unusable", "dns-refused-by-server"],
        ..NAMESERVER
    },
    Fault {
        name: "api-closed",
        make: |world, _| world.manners.api = Api::Closed,
        names: &["service-refused"],
        ..API
    },
    Fault {
        name: "api-closes",
        make: |world, _| world.manners.api = Api::Closes,
        names: &["service-closed"],
        ..API
    },
    Fault {
        name: "api-hangs",
        make: |world, _| world.manners.api = Api::Hangs,
        names: &["service-hangs"],
        ..API
    },
    Fault {
        name: "api-without-tls",
        make: |world, _| world.manners.api = Api::Plain,
        names: &["service-not-tls"],
        ..API
    },
    Fault {
        name: "api-not-programmed",
        make: |world, _| {
            world.node.ip.push("address del 10.96.0.1/32 dev lo".into());
            world.manners.api = Api::Closed;
            world.outside = true;
        },
        names: &["service-not-programmed"],
        ..API
    },
    Fault {
        name: "web-closed",
        make: |world, _| world.manners.web = Web::Closed,
        names: &["reach-refused"],
        ..WEB
    },
    Fault {
        name: "web-closes",
        make: |world, _| world.manners.web = Web::Closes,
        names: &["reach-protocol"],
        ..WEB
    },
    Fault {
        name: "web-hangs",
        make: |world, _| world.manners.web = Web::Hangs,
        names: &["reach-protocol"],
        ..WEB
    },
    Fault {
        name: "web-fails",
        make: |world, _| world.manners.web = Web::Fails,
        names: &["reach-http-status"],
        ..WEB
    },
    Fault {
        name: "web-garbage",
        make: |world, _| world.manners.web = Web::Garbage,
        names: &["reach-protocol"],
        ..WEB
    },
    Fault {
        name: "web-drips",
        make: |world, _| world.manners.web = Web::Drip,
        names: &["reach-protocol"],
        ..WEB
    },
    Fault {
        name: "web-floods",
        make: |world, _| world.manners.web = Web::Flood,
        names: &["reach-protocol"],
        ..WEB
    },
    Fault {
        name: "target-closed",
        slot: Slot::Plain,
        make: |world, _| world.manners.plain = false,
        names: &["reach-refused"],
        ..WEB
    },
    Fault {
        name: "open-but-blocked",
        slot: Slot::Plain,
        make: |world, _| world.targets.push("!tcp://10.99.0.9:5432".into()),
        names: &["reach-open-but-blocked"],
        exits: &[61],
        ..WEB
    },
    Fault {
        name: "target-nobody",
        slot: Slot::Plain,
        make: |world, _| world.targets.push("tcp://10.77.0.99:80".into()),
        names: &["reach-no-neighbour"],
        ..WEB
    },
    Fault {
        name: "target-unknown-name",
        slot: Slot::Plain,
        make: |world, _| world.targets.push("tcp://nosuch.example.org:80".into()),
        names: &["reach-name-missing", "reach-name-unresolved"],
        ..WEB
    },
    Fault {
        name: "target-outside-silent",
        slot: Slot::Plain,
        make: |world, _| world.targets.push("tcp://203.0.113.7:443".into()),
        names: &[
            "reach-timeout-node",
            "reach-timeout-beyond",
            "reach-timeout-near",
            "reach-silent",
        ],
        ..WEB
    },
];
