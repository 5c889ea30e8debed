//! The flags of `istio-iptables`, Istio 1.10 to 1.31, and podprobe's own beside them, as data
//! (istio `tools/istio-iptables/pkg/cmd/root.go`, `pkg/log/options.go`).

use std::fmt::Write;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text, the empty one too.
    Text,
    /// Any text, each occurrence one more.
    List,
    /// Go's booleans; needs no value.
    Bool,
    /// 0 to 65535 in Go's integer syntax.
    Port,
    /// A whole number in Go's integer syntax.
    Number,
    /// Go's durations.
    Duration,
}

/// Which environment variable speaks for a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Derived {
    /// The flag's name in upper case, `-` as `_`.
    Name,
    /// The same, but only for a plain port number: Kubernetes writes `tcp://…` into variables that
    /// services name, and Istio reads this one up to 1.20 only.
    PlainPort,
    /// None.
    Nothing,
}

/// One flag.
#[derive(Debug)]
pub(super) struct Flag {
    /// Its name after `--`.
    pub(super) name: &'static str,
    /// Its name after `-`.
    pub(super) short: Option<char>,
    /// How its value is written.
    pub(super) kind: Kind,
    /// Its value when nobody says anything.
    pub(super) default: &'static str,
    /// The environment variable of its name.
    pub(super) derived: Derived,
    /// Further environment variables, a later one before an earlier one.
    pub(super) aliases: &'static [&'static str],
    /// One line for `--help`.
    pub(super) help: &'static str,
}

impl Flag {
    const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        help: &'static str,
    ) -> Flag {
        let derived = Derived::Name;
        Flag { name, short: None, kind, default, derived, aliases: &[], help }
    }

    const fn text(name: &'static str, help: &'static str) -> Flag {
        Flag::new(name, Kind::Text, "", help)
    }

    const fn bool(name: &'static str, help: &'static str) -> Flag {
        Flag::new(name, Kind::Bool, "false", help)
    }

    /// A flag of Istio's logging, which has no environment variable.
    const fn log(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        help: &'static str,
    ) -> Flag {
        Flag { derived: Derived::Nothing, ..Flag::new(name, kind, default, help) }
    }

    /// A flag of podprobe's own, with the variable that `podprobe gate` has for it.
    const fn own(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        env: &'static [&'static str],
        help: &'static str,
    ) -> Flag {
        Flag { derived: Derived::Nothing, aliases: env, ..Flag::new(name, kind, default, help) }
    }

    const fn short(self, short: char) -> Flag {
        Flag { short: Some(short), ..self }
    }

    const fn or(self, default: &'static str) -> Flag {
        Flag { default, ..self }
    }

    const fn also(self, aliases: &'static [&'static str]) -> Flag {
        Flag { aliases, ..self }
    }

    /// The environment variable of the flag's name.
    pub(super) fn variable(&self) -> String {
        self.name.to_uppercase().replace('-', "_")
    }
}

macro_rules! flags {
    ($($constant:ident = $flag:expr;)*) => {
        $(pub(super) static $constant: Flag = $flag;)*
        /// Every flag.
        pub(super) static ALL: &[&Flag] = &[$(&$constant,)*];
    };
}

const ENVOY_ONLY: Flag = Flag {
    derived: Derived::PlainPort,
    ..Flag::text("envoy-port", "port that outbound traffic is redirected to")
};
const NO_EFFECT: &str = "accepted; changes nothing that is validated";
const PROGRAMS: &str = "refused: podprobe programs no rules";

flags! {
    OUTBOUND_PORT = ENVOY_ONLY.short('p').or("15001");
    INBOUND_PORT = Flag::text("inbound-capture-port", "port that inbound traffic is redirected to").short('z').or("15006");
    TUNNEL_PORT = Flag::text("inbound-tunnel-port", "port of the mesh's tunnel, never redirected").short('e').or("15008");
    PROXY_UID = Flag::text("proxy-uid", "uids of the proxy; empty: 1337").short('u');
    PROXY_GID = Flag::text("proxy-gid", "gids of the proxy; empty: the uids").short('g');
    MODE = Flag::text("istio-inbound-interception-mode", "REDIRECT or TPROXY").short('m');
    INBOUND_PORTS = Flag::text("istio-inbound-ports", "inbound ports that are captured, or *").short('b');
    INBOUND_EXCLUDE = Flag::text("istio-local-exclude-ports", "inbound ports that are not").short('d');
    EXCLUDE_INTERFACES = Flag::text("istio-exclude-interfaces", "interfaces that are left alone; not observable here").short('c');
    CIDRS = Flag::text("istio-service-cidr", "destinations that are captured, or *").short('i');
    CIDRS_EXCLUDE = Flag::text("istio-service-exclude-cidr", "destinations that are not").short('x');
    OUTBOUND_PORTS = Flag::text("istio-outbound-ports", "destination ports captured whatever the address").short('q');
    OUTBOUND_EXCLUDE = Flag::text("istio-local-outbound-ports-exclude", "destination ports that are not").short('o');
    VIRTUAL_INTERFACES = Flag::text("kube-virt-interfaces", "interfaces of virtual machines; not observable here").short('k');
    TPROXY_MARK = Flag::text("istio-inbound-tproxy-mark", "mark of TPROXY's packets").short('t').or("1337");
    TPROXY_TABLE = Flag::text("istio-inbound-tproxy-route-table", "routing table of TPROXY's packets").short('r').or("133");
    DRY_RUN = Flag::bool("dry-run", NO_EFFECT).short('n');
    RESTORE_FORMAT = Flag::bool("restore-format", NO_EFFECT).short('f').or("true");
    PROBE_PORT = Flag::new("iptables-probe-port", Kind::Port, "15002", NO_EFFECT);
    PROBE_TIMEOUT = Flag::new("probe-timeout", Kind::Duration, "5s", "how long podprobe keeps trying");
    SKIP_RULE_APPLY = Flag::bool("skip-rule-apply", "required: podprobe programs no rules");
    RUN_VALIDATION = Flag::bool("run-validation", "required: validate");
    REDIRECT_DNS = Flag::bool("redirect-dns", "DNS queries are captured").also(&["ISTIO_META_DNS_CAPTURE"]);
    CAPTURE_ALL_DNS = Flag::bool("capture-all-dns", "accepted; the CNI plugin always captures those to all servers");
    NETWORK_NAMESPACE = Flag::text("network-namespace", NO_EFFECT);
    CNI_MODE = Flag::bool("cni-mode", NO_EFFECT);
    OUTPUT_PATHS = Flag::text("output-paths", NO_EFFECT);
    TRACE_LOGGING = Flag::bool("iptables-trace-logging", NO_EFFECT);
    DROP_INVALID = Flag::bool("drop-invalid", "packets of no connection are dropped; not observable here").also(&["INVALID_DROP"]);
    HOST_NSENTER = Flag::bool("host-nsenter-exec", NO_EFFECT);
    DUAL_STACK = Flag::bool("dual-stack", "both families are captured").also(&["ISTIO_AGENT_DUAL_STACK", "ISTIO_DUAL_STACK"]);
    IPTABLES_VERSION = Flag::text("iptables-version", NO_EFFECT);
    RECONCILE = Flag::bool("reconcile", PROGRAMS);
    CLEANUP_ONLY = Flag::bool("cleanup-only", PROGRAMS);
    FORCE_APPLY = Flag::bool("force-apply", PROGRAMS);
    NATIVE_NFTABLES = Flag::bool("native-nftables", "the rules are nftables' own");
    FORCE_BINARY = Flag::text("force-iptables-binary", "legacy, nft or nothing");
    LOG_TARGET = Flag::log("log_target", Kind::List, "stdout", "where logs go: stdout, stderr or a file");
    LOG_AS_JSON = Flag::log("log_as_json", Kind::Bool, "false", "logs as JSON");
    LOG_LEVEL = Flag::log("log_output_level", Kind::Text, "default:info,grpc:none", "LEVEL or SCOPE:LEVEL,…: debug, info, warn, error, fatal, none");
    LOG_STACK = Flag::log("log_stacktrace_level", Kind::Text, "default:none", NO_EFFECT);
    LOG_CALLER = Flag::log("log_caller", Kind::Text, "", NO_EFFECT);
    LOG_VERBOSITY = Flag::log("vklog", Kind::Number, "0", NO_EFFECT);
    LOG_ROTATE = Flag::log("log_rotate", Kind::Text, "", NO_EFFECT);
    LOG_ROTATE_AGE = Flag::log("log_rotate_max_age", Kind::Number, "30", NO_EFFECT);
    LOG_ROTATE_SIZE = Flag::log("log_rotate_max_size", Kind::Number, "104857600", NO_EFFECT);
    LOG_ROTATE_BACKUPS = Flag::log("log_rotate_max_backups", Kind::Number, "1000", NO_EFFECT);
    HELP = Flag::log("help", Kind::Bool, "false", "this text").short('h');
    STRICT = Flag::own("strict-flags", Kind::Bool, "false", &["PODPROBE_STRICT_FLAGS"], "podprobe: an unknown flag is an error, as in Istio");
    MESSAGE = Flag::own("termination-message", Kind::Text, "/dev/termination-log", &["PODPROBE_TERMINATION_MESSAGE"], "podprobe: where the reason of a failure goes, or none");
    MESSAGE_TEXT = Flag::own("termination-message-text", Kind::Text, "", &["PODPROBE_TERMINATION_MESSAGE_TEXT"], "podprobe: a fixed text for exit code 126, for a repair controller that matches it");
    SEVERITY = Flag::own("mode", Kind::Text, "enforce", &["PODPROBE_MODE"], "podprobe: enforce, warn (exit 0) or off (do not look)");
    APP_UID = Flag::own("app-uid", Kind::Text, "", &["PODPROBE_APP_UID"], "podprobe: the application's uid, for a podprobe that may switch");
    APP_GID = Flag::own("app-gid", Kind::Text, "", &["PODPROBE_APP_GID"], "podprobe: the application's gid; empty: its uid");
}

/// The text of `--help`.
pub(super) fn help() -> String {
    let mut text = "Validates that Istio's traffic redirection works in this pod, with istio-iptables' arguments.\n\n\
        Usage:\n  podprobe istio-iptables --run-validation --skip-rule-apply [flags]\n\nFlags:\n".to_owned();
    for flag in ALL {
        let short = flag.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
        let default = match flag.default {
            "" | "false" => String::new(),
            default => format!(" (default {default})"),
        };
        let _ = writeln!(text, "  {short}--{:<36} {}{default}", flag.name, flag.help);
    }
    text.push_str(
        "\nExit codes: 0 the rules work; 126 re-programming them or deleting the pod may help; 1 another\n\
         reason or a bad value; 255 bad command line; 143 ended by SIGTERM.\n",
    );
    text
}
