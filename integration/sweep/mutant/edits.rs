//! The mesh's own rules changed: deleted, with another number in them, or gone by the chain.

use super::{Mutant, Part, text};
use crate::sweep::subject::Subject;
use text::Rule;

/// Nobody listens there.
const WRONG_PORT: u32 = 15999;

/// What stands before a port that a packet is sent to.
const TARGETS: &[&str] = &[
    "--to-ports ",
    "--to-port ",
    "--on-port ",
    "redirect to :",
    "tproxy ip to :",
    "tproxy ip6 to :",
    "127.0.0.1:",
    "[::1]:",
];

/// What stands before the proxy's user, and before its group.
const USERS: &[&str] = &["--uid-owner ", "skuid ", "skuid != "];
const GROUPS: &[&str] = &["--gid-owner ", "skgid ", "skgid != "];

/// Changes of one text.
pub fn all(subject: &Subject, part: Part) -> Vec<Mutant> {
    let whole = part.read(&subject.rules);
    let make = |(what, text): (String, String)| {
        let name = format!("{}/{what}", part.prefix(subject));
        Mutant::new(name, part.write(&subject.rules, text))
    };
    let rules = text::rules(whole);
    let mut changes = Vec::new();
    for rule in &rules {
        changes.push((format!("delete/{}", rule.name()), text::with(whole, rule, None)));
        let others = ports(subject, rule).into_iter().chain(excluded(rule)).chain(marks(rule));
        changes.extend(others.map(|(what, line)| {
            (format!("{what}/{}", rule.name()), text::with(whole, rule, Some(&line)))
        }));
    }
    changes.extend(owners(subject, whole));
    changes.extend(without_chains(whole, &rules));
    changes.into_iter().map(make).collect()
}

/// Another target port, and each of the mesh's other ones.
fn ports(subject: &Subject, rule: &Rule) -> Vec<(String, String)> {
    let own = subject.ports.map(u32::from);
    let Some(port) =
        own.into_iter().find(|port| *port != 0 && to_port(rule, *port, WRONG_PORT) != rule.text)
    else {
        return Vec::new();
    };
    let others = own.into_iter().filter(|other| *other != port && *other != 0);
    let mut changes: Vec<_> =
        others.map(|other| (format!("port {other}"), to_port(rule, port, other))).collect();
    changes.push(("wrong port".into(), to_port(rule, port, WRONG_PORT)));
    changes
}

fn to_port(rule: &Rule, from: u32, to: u32) -> String {
    text::renumber(&rule.text, TARGETS, from, to)
}

/// An exclusion that names a port is made for the next port.
fn excluded(rule: &Rule) -> Option<(String, String)> {
    let ends = |word: &str| rule.text.to_lowercase().ends_with(word);
    let behind =
        ["--dport ", " dport ", "--dports "].into_iter().find(|word| rule.text.contains(word))?;
    if !ends("return") && !ends("accept") || rule.text.contains("! --dport") {
        return None;
    }
    let rest = rule.text.split(behind).nth(1)?;
    let port: u32 = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some(("exclusion".into(), text::renumber(&rule.text, &[behind], port, port + 1)))
}

/// A mark that nobody else sets or asks for.
fn marks(rule: &Rule) -> Option<(String, String)> {
    const MARKS: [&str; 4] = ["1337", "1338", "0x539", "0x111"];
    let mut owner = false;
    let mut changed = false;
    let words: Vec<String> = rule
        .text
        .split(' ')
        .map(|word| {
            let bare = word.split('/').next().unwrap_or(word);
            let marked = MARKS.contains(&bare) && !owner;
            // `skuid 1337`, `skuid != 1337`
            owner = word.ends_with("id-owner") || word.starts_with("sk") || owner && word == "!=";
            changed |= marked;
            if marked { word.replacen(bare, "0x578", 1) } else { word.to_owned() }
        })
        .collect();
    (rule.text.contains("mark") && changed).then(|| ("mark".into(), words.join(" ")))
}

/// Another user, another group, both.
fn owners(subject: &Subject, whole: &str) -> Vec<(String, String)> {
    // The rules of TPROXY mode name a user that the proxy does not have.
    let (uid, gid) =
        if subject.transparent { (1337, 1337) } else { (subject.proxy.uid, subject.proxy.gid) };
    let users = text::renumber(whole, USERS, uid, uid + 1000);
    let groups = text::renumber(whole, GROUPS, gid, gid + 1000);
    let both = text::renumber(&users, GROUPS, gid, gid + 1000);
    [("owner/uid", users), ("owner/gid", groups), ("owner/both", both)]
        .map(|(what, text)| (what.to_owned(), text))
        .to_vec()
}

/// Without each chain's rules, without each table's, and without all.
fn without_chains(whole: &str, rules: &[Rule]) -> Vec<(String, String)> {
    let mut changes = vec![("without/all".to_owned(), text::keep(whole, |_| false))];
    for rule in rules.iter().filter(|rule| rule.number == 1) {
        let of_table = |other: &Rule| other.table == rule.table;
        let of_chain = |other: &Rule| of_table(other) && other.chain == rule.chain;
        changes
            .push((format!("without/{}", rule.table), text::keep(whole, |other| !of_table(other))));
        changes.push((format!("only/{}", rule.table), text::keep(whole, of_table)));
        let name = format!("without/{} {}", rule.table, rule.chain);
        changes.push((name, text::keep(whole, |other| !of_chain(other))));
    }
    changes
}
