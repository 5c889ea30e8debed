//! Rules of somebody else, before the mesh's own.

use super::{Mutant, Part, text};
use crate::sweep::battery::{Net, V4, V6};
use crate::sweep::subject::Subject;

/// A foreign rule in both forms; `{…}` is filled in.
struct Foreign {
    name: &'static str,
    /// Table and chain of iptables; type and hook of a native chain follow from them.
    table: &'static str,
    chain: &'static str,
    iptables: &'static str,
    native: &'static str,
}

const fn rule(
    name: &'static str,
    [table, chain]: [&'static str; 2],
    iptables: &'static str,
    native: &'static str,
) -> Foreign {
    Foreign { name, table, chain, iptables, native }
}

const IN: [&str; 2] = ["nat", "PREROUTING"];
const OUT: [&str; 2] = ["nat", "OUTPUT"];
const ARRIVED: [&str; 2] = ["filter", "INPUT"];
const LEAVING: [&str; 2] = ["filter", "OUTPUT"];

const FOREIGN: &[Foreign] = &[
    rule("accept inbound 8080", IN, "-p tcp --dport 8080 -j ACCEPT", "tcp dport 8080 accept"),
    rule("accept inbound", IN, "-p tcp -j ACCEPT", "meta l4proto tcp accept"),
    rule(
        "redirect inbound 8080",
        IN,
        "-p tcp --dport 8080 -j REDIRECT --to-ports 9090",
        "tcp dport 8080 redirect to :9090",
    ),
    rule(
        "redirect inbound exclusion",
        IN,
        "-p tcp --dport {excluded in} -j REDIRECT --to-ports {in}",
        "tcp dport {excluded in} redirect to :{in}",
    ),
    rule("accept outbound 443", OUT, "-p tcp --dport 443 -j ACCEPT", "tcp dport 443 accept"),
    rule("accept services", OUT, "-d {services} -p tcp -j ACCEPT", "{ip} daddr {services} accept"),
    rule("accept outbound", OUT, "-p tcp -j ACCEPT", "meta l4proto tcp accept"),
    rule(
        "accept application",
        OUT,
        "-m owner --uid-owner 2000 -j ACCEPT",
        "meta skuid 2000 accept",
    ),
    rule(
        "redirect localhost",
        OUT,
        "-d {localhost} -p tcp --dport 8080 -j REDIRECT --to-ports {out}",
        "{ip} daddr {localhost} tcp dport 8080 redirect to :{out}",
    ),
    rule(
        "redirect outbound exclusion",
        OUT,
        "! -o lo -p tcp --dport {excluded out} -m owner --uid-owner 2000 -j REDIRECT --to-ports {out}",
        "oifname != \"lo\" tcp dport {excluded out} meta skuid 2000 redirect to :{out}",
    ),
    rule(
        "redirect proxy",
        OUT,
        "! -o lo -p tcp -m owner --gid-owner {group} -j REDIRECT --to-ports {out}",
        "oifname != \"lo\" meta skgid {group} meta l4proto tcp redirect to :{out}",
    ),
    rule("drop inbound port", ARRIVED, "-p tcp --dport {in} -j DROP", "tcp dport {in} drop"),
    rule("drop outbound port", ARRIVED, "-p tcp --dport {out} -j DROP", "tcp dport {out} drop"),
    rule(
        "drop inbound port from outside",
        ARRIVED,
        "! -i lo -p tcp --dport {in} -j DROP",
        "iifname != \"lo\" tcp dport {in} drop",
    ),
    rule(
        "drop 8080 from outside",
        ARRIVED,
        "! -i lo -p tcp --dport 8080 -j DROP",
        "iifname != \"lo\" tcp dport 8080 drop",
    ),
    rule("reject outbound 443", LEAVING, "-p tcp --dport 443 -j REJECT", "tcp dport 443 reject"),
    rule(
        "drop leaving",
        LEAVING,
        "! -o lo -p tcp -m owner --uid-owner 2000 -j DROP",
        "oifname != \"lo\" meta l4proto tcp meta skuid 2000 drop",
    ),
];

/// Each foreign rule in front of one text's rules.
pub fn all(subject: &Subject, part: Part) -> Vec<Mutant> {
    let nets: &[Net] = match part {
        Part::V4 => &[V4],
        Part::V6 => &[V6],
        Part::Nft => &subject.nets,
    };
    let whole = part.read(&subject.rules);
    let mut mutants = Vec::new();
    for foreign in FOREIGN {
        for net in nets {
            let suffix = match part {
                Part::Nft if foreign.native.contains("{ip}") => {
                    if net.is_v4() {
                        " v4"
                    } else {
                        " v6"
                    }
                }
                _ => "",
            };
            let pattern = if part == Part::Nft { foreign.native } else { foreign.iptables };
            let Some(rule) = fill(subject, *net, pattern) else { continue };
            let name = |how: &str| {
                format!("{}/foreign{how}/{}{suffix}", part.prefix(subject), foreign.name)
            };
            if part == Part::Nft {
                let text = inserted(whole, foreign, &rule);
                mutants.extend(
                    text.map(|text| Mutant::new(name(""), part.write(&subject.rules, text))),
                );
                let text = in_own_table(whole, foreign, &rule);
                mutants.push(Mutant::new(name(" table"), part.write(&subject.rules, text)));
            } else {
                let text = on_top(whole, foreign, &rule);
                mutants.push(Mutant::new(name(""), part.write(&subject.rules, text)));
            }
        }
    }
    mutants
}

/// The pattern with the subject's values; none where the subject has no such thing.
fn fill(subject: &Subject, net: Net, pattern: &str) -> Option<String> {
    let [outbound_port, inbound_port, _] = subject.ports;
    let group = Some(subject.proxy.gid).filter(|_| subject.proxy.mark.is_none());
    let localhost = net.localhost.to_string();
    let values = [
        ("{excluded in}", subject.exclude_inbound.first().map(ToString::to_string)),
        ("{excluded out}", subject.exclude_outbound.first().map(ToString::to_string)),
        ("{group}", group.as_ref().map(ToString::to_string)),
        ("{in}", Some(inbound_port.to_string())),
        ("{out}", Some(outbound_port.to_string())),
        ("{services}", net.service.map(|_| "10.96.0.0/16".into())),
        ("{localhost}", Some(localhost)),
        ("{ip}", Some(if net.is_v4() { "ip" } else { "ip6" }.into())),
    ];
    values.into_iter().try_fold(pattern.to_owned(), |text, (name, value)| {
        if text.contains(name) { value.map(|value| text.replace(name, &value)) } else { Some(text) }
    })
}

/// An `iptables-restore` text with the rule at the top of its chain.
fn on_top(whole: &str, foreign: &Foreign, rule: &str) -> String {
    let Foreign { table, chain, .. } = foreign;
    let heading = format!("*{table}\n");
    let insert = format!("-I {chain} 1 {rule}\n");
    match whole.split_once(&heading) {
        None => format!("{whole}{heading}{insert}COMMIT\n"),
        Some((before, after)) => {
            let (body, rest) = after.split_once("COMMIT").expect("a COMMIT for each table");
            format!("{before}{heading}{body}{insert}COMMIT{rest}")
        }
    }
}

/// A native text with the rule at the top of the mesh's own chain, where it has one.
fn inserted(whole: &str, foreign: &Foreign, rule: &str) -> Option<String> {
    let hook = foreign.chain.to_lowercase();
    let chain = text::base_chains(whole, foreign.table, &hook).pop()?;
    Some(format!("{whole}insert rule inet {chain} {rule}\n"))
}

/// A native text with the rule in another table, whose chain comes first.
fn in_own_table(whole: &str, foreign: &Foreign, rule: &str) -> String {
    let hook = foreign.chain.to_lowercase();
    let kind = foreign.table;
    let priority = if kind == "nat" { -110 } else { -10 };
    format!(
        "{whole}add table inet foreign\n\
         add chain inet foreign first {{ type {kind} hook {hook} priority {priority} ; }}\n\
         add rule inet foreign first {rule}\n"
    )
}
