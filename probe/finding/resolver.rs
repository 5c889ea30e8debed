//! The catalogue's rows of the resolver's configuration: resolv.conf and its environment.

use super::{
    Layer::Dns,
    Severity::{Fail, Ok, Warn},
    catalogue::{Meaning, row},
};

pub(super) const RESOLV_CONF_MISSING: Meaning = row(
    Fail,
    Dns,
    "resolv.conf is missing or cannot be read",
    "An image or a mount hides the file that the kubelet wrote, or its mode keeps this user out.",
    "look for a volume mounted over /etc, and at the file's mode",
    "glibc and musl then ask 127.0.0.1; Rust resolvers fail at once.",
);
pub(super) const RESOLV_CONF_NO_NAMESERVER: Meaning = row(
    Fail,
    Dns,
    "resolv.conf names no server that a C library would ask",
    "dnsPolicy None without dnsConfig.nameservers, an empty file mounted over it, or every address is written wrongly.",
    "set dnsPolicy ClusterFirst, or write an IP address into dnsConfig.nameservers",
    "glibc and musl ask 127.0.0.1 then, which looks like a server that refuses.",
);
pub(super) const RESOLV_CONF_CRLF: Meaning = row(
    Fail,
    Dns,
    "resolv.conf has carriage returns: glibc ignores such nameservers",
    "The file was written on Windows and mounted from a ConfigMap, or baked into the image.",
    "write the file with line feeds alone",
    "musl and Rust resolvers take the carriage return for white space: Alpine works, Debian does not.",
);
pub(super) const RESOLV_CONF_BOM: Meaning = row(
    Fail,
    Dns,
    "resolv.conf begins with a byte order mark: its first line counts for nobody",
    "An editor on Windows saved the file as UTF-8 with a byte order mark.",
    "save the file as UTF-8 without a byte order mark",
    "The mark cannot be seen in most editors.",
);
pub(super) const RESOLV_CONF_LEADING_SPACE: Meaning = row(
    Fail,
    Dns,
    "a line of resolv.conf begins with white space: C libraries ignore it",
    "The file was indented, often together with the YAML around it.",
    "begin each line with its directive",
    "Rust resolvers accept the line, so that one program works beside another that does not.",
);
pub(super) const RESOLV_CONF_UNSPECIFIED: Meaning = row(
    Fail,
    Dns,
    "a nameserver is 0.0.0.0 or ::",
    "The node's resolv.conf was copied, or a template's variable was empty.",
    "name the server's own address",
    "glibc reaches whatever listens in the pod itself; musl drops the answer, which comes from another address.",
);
pub(super) const RESOLV_CONF_SCOPE: Meaning = row(
    Fail,
    Dns,
    "a link-local nameserver has no interface, or one that does not exist",
    "The node's resolv.conf, written from router advertisements, was copied into the pod.",
    "write the interface behind a percent sign, as in fe80::1%eth0, or name a server with a global address",
    "Rust resolvers drop the interface even where it is right.",
);
pub(super) const RESOLV_CONF_SEARCH_COMMA: Meaning = row(
    Fail,
    Dns,
    "the search list is separated by commas",
    "The list was written as in other files.",
    "separate the domains by blanks",
    "C libraries ask for names that end with a comma; Rust resolvers drop the domain silently.",
);
pub(super) const RESOLV_CONF_ZERO_TIMERS: Meaning = row(
    Fail,
    Dns,
    "resolv.conf allows no try or no time",
    "options attempts:0 or timeout:0, meant as \"no limit\".",
    "use attempts:2 and timeout:2, or leave the options out",
    "Zero is not \"no limit\": nothing is sent, or no answer is waited for.",
);
pub(super) const RESOLV_CONF_BAD_ADDRESS: Meaning = row(
    Warn,
    Dns,
    "a nameserver line is read as another address, or as none",
    "A host name, a port, an octal or short form, a comment without a blank before it, or capital letters in the directive.",
    "write `nameserver` and a plain IP address",
    "C libraries read 010.0.0.1 as 8.0.0.1 and 10.1 as 10.0.0.1.",
);
pub(super) const RESOLV_CONF_EXTRA_SERVERS: Meaning = row(
    Warn,
    Dns,
    "resolv.conf names more than three nameservers",
    "dnsConfig.nameservers was added to a full list.",
    "name at most three",
    "glibc asks the first three in order, musl the first three at once, Rust resolvers all.",
);
pub(super) const RESOLV_CONF_SEARCH_TOO_LONG: Meaning = row(
    Warn,
    Dns,
    "the search list is too long a line for musl",
    "Many or long domains from the node's resolv.conf.",
    "shorten the list to 255 characters with the directive",
    "musl drops the whole list: not even the cluster's short names resolve on Alpine.",
);
pub(super) const RESOLV_CONF_SEARCH_MANY: Meaning = row(
    Warn,
    Dns,
    "the search list has more than 32 domains or 2048 characters",
    "The node's resolv.conf and dnsConfig.searches together exceed what Kubernetes allows.",
    "take domains out",
    "Every lookup of an outside name asks for all of them first.",
);
pub(super) const RESOLV_CONF_OVERRIDDEN: Meaning = row(
    Warn,
    Dns,
    "a search list is replaced by a later one",
    "Both `domain` and `search`, or two lines of `search`.",
    "put all domains into one line",
    "The last line wins for everybody; nothing is joined.",
);
pub(super) const RESOLV_CONF_NOT_CLUSTER: Meaning = row(
    Warn,
    Dns,
    "the search list names no cluster domain",
    "dnsPolicy Default or None, or hostNetwork without ClusterFirstWithHostNet.",
    "set dnsPolicy, or declare the cluster's domain to have its names tested",
    "Right for pods that need no names of the cluster.",
);
pub(super) const RESOLVER_ENVIRONMENT: Meaning = row(
    Warn,
    Dns,
    "RES_OPTIONS or LOCALDOMAIN make glibc resolve otherwise than resolv.conf says",
    "The variables stand in the image or in the container's env.",
    "remove the variables, and use dnsConfig, which holds for every resolver; correct the words that nobody knows",
    "This container's variables: the application's may be others. musl and Rust resolvers do not read them.",
);
pub(super) const RESOLV_CONF_READ: Meaning = row(
    Ok,
    Dns,
    "resolv.conf reads the same to everybody",
    "",
    "nothing to do",
    "Options that only some resolvers know are told apart in the evidence.",
);
pub(super) const RESOLVER_ENVIRONMENT_SET: Meaning = row(
    Ok,
    Dns,
    "RES_OPTIONS or LOCALDOMAIN are set, and no name is looked for elsewhere",
    "",
    "nothing to do",
    "Tries, times and kinds of packets may change, for glibc alone.",
);
