//! Rules from the text of iptables-save: how expected rules are written down.

use std::net::IpAddr;

use ipnet::IpNet;

use super::model::{
    Action, Backend, Base, Chain, Hook, Kind, Match, Rule, Ruleset, Scope, Table, Test, state,
};
use crate::pod::Family;

/// The tables of a text. What it does not understand becomes unreadable.
#[must_use]
pub fn parse(text: &str, family: Family) -> Ruleset {
    let scope = if family == Family::Ipv4 { Scope::Ip } else { Scope::Ip6 };
    let mut ruleset = Ruleset::default();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            let name = name.trim().to_owned();
            ruleset.tables.push(Table { backend: Backend::Nft, scope, name, chains: Vec::new() });
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (["-A", chain, rest @ ..], Some(table)) = (&words[..], ruleset.tables.last_mut())
        else {
            continue;
        };
        let rule = rule(chain, rest, family);
        chain_of(table, chain).rules.push(rule);
    }
    ruleset
}

fn chain_of<'t>(table: &'t mut Table, name: &str) -> &'t mut Chain {
    let index = table.chains.iter().position(|chain| chain.name == name);
    let index = index.unwrap_or_else(|| {
        let base = base(&table.name, name);
        table.chains.push(Chain { name: name.to_owned(), base, rules: Vec::new() });
        table.chains.len() - 1
    });
    &mut table.chains[index]
}

fn base(table: &str, chain: &str) -> Option<Base> {
    let hook = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting]
        .into_iter()
        .find(|hook| hook.name() == chain)?;
    let (kind, priority) = match table {
        "raw" => (Kind::Raw, -300),
        "mangle" => (Kind::Mangle, -150),
        "nat" => (Kind::Nat, -100),
        _ => (Kind::Filter, 0),
    };
    Some(Base { kind, hook, priority, accepts: true })
}

/// The rest of a line, word by word.
struct Words<'a> {
    rest: std::slice::Iter<'a, &'a str>,
    family: Family,
    module: &'a str,
    negated: bool,
    matches: Vec<Match>,
    actions: Vec<Action>,
}

fn rule(chain: &str, words: &[&str], family: Family) -> Rule {
    let mut reader = Words {
        rest: words.iter(),
        family,
        module: "",
        negated: false,
        matches: Vec::new(),
        actions: Vec::new(),
    };
    while let Some(word) = reader.rest.next() {
        if reader.word(word).is_none() {
            let test = Test::Unreadable((*word).to_owned());
            reader.matches.push(Match::is(test));
        }
    }
    Rule::new(chain, reader.matches, reader.actions)
}

impl<'a> Words<'a> {
    fn word(&mut self, word: &'a str) -> Option<()> {
        if word == "!" {
            self.negated = true;
            return Some(());
        }
        if word == "-m" {
            self.module = self.rest.next()?;
            return Some(());
        }
        if matches!(word, "-j" | "-g") {
            let target = *self.rest.next()?;
            let action = self.target(word, target)?;
            self.actions.push(action);
            return Some(());
        }
        let argument = *self.rest.next()?;
        let test = self.test(word, argument)?;
        self.matches.push(Match { negated: std::mem::take(&mut self.negated), test });
        Some(())
    }

    fn test(&self, word: &str, argument: &str) -> Option<Test> {
        Some(match word {
            "-s" => Test::Source(self.net(argument)?),
            "-d" => Test::Destination(self.net(argument)?),
            "-i" => Test::In(argument.to_owned()),
            "-o" => Test::Out(argument.to_owned()),
            "-p" => Test::Protocol(match argument {
                "tcp" => 6,
                "udp" => 17,
                other => other.parse().ok()?,
            }),
            "--sport" | "--sports" => Test::SourcePorts(ports(argument)?),
            "--dport" | "--dports" => Test::DestinationPorts(ports(argument)?),
            "--uid-owner" => range(argument).map(|(first, last)| Test::Uid(first, last))?,
            "--gid-owner" => range(argument).map(|(first, last)| Test::Gid(first, last))?,
            "--mark" => {
                let (value, mask) = masked(argument)?;
                if self.module == "connmark" {
                    Test::ConnMark(value, mask)
                } else {
                    Test::Mark(value, mask)
                }
            }
            "--ctstate" => {
                let bit = |name| state::NAMES.iter().find(|(_, known)| *known == name);
                let mut bits = argument.split(',').map(|name| bit(name).map(|(bit, _)| *bit));
                Test::State(bits.try_fold(0, |all, bit| bit.map(|bit| all | bit))?)
            }
            "--src-type" if argument == "LOCAL" => Test::SourceLocal,
            "--dst-type" if argument == "LOCAL" => Test::DestinationLocal,
            _ => return None,
        })
    }

    fn net(&self, text: &str) -> Option<IpNet> {
        let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let net: IpNet = text.parse().ok().or_else(alone)?;
        self.family.holds(net.addr()).then_some(net)
    }

    fn target(&mut self, word: &str, name: &str) -> Option<Action> {
        let options: Vec<&str> = self.rest.by_ref().copied().collect();
        let option = |name: &str| {
            let at = options.iter().position(|option| *option == name)?;
            options.get(at + 1).copied()
        };
        let says = |name: &str| options.contains(&name);
        Some(match name {
            "ACCEPT" => Action::Accept,
            "DROP" => Action::Drop,
            "REJECT" => Action::Reject,
            "RETURN" => Action::Return,
            "REDIRECT" => {
                let port = option("--to-ports").or_else(|| option("--to-port"));
                Action::Redirect(port.and_then(|port| port.parse().ok()))
            }
            "DNAT" => {
                let to: std::net::SocketAddr = option("--to-destination")?.parse().ok()?;
                Action::Dnat(Some(to.ip()), Some(to.port()))
            }
            "TPROXY" => {
                let (mark, bits) = option("--tproxy-mark").and_then(masked).unwrap_or((0, 0));
                Action::Tproxy { port: option("--on-port")?.parse().ok()?, mark, mask: bits }
            }
            "MARK" => {
                let (value, mask) = masked(option("--set-mark").or(option("--set-xmark"))?)?;
                Action::SetMark(value, mask)
            }
            "CONNMARK" if says("--save-mark") => Action::SaveMark,
            "CONNMARK" if says("--restore-mark") => Action::RestoreMark,
            "CONNMARK" => {
                let (value, mask) = masked(option("--set-mark").or(option("--set-xmark"))?)?;
                Action::SetConnMark(value, mask)
            }
            "CT" if says("--notrack") => Action::NoTrack,
            "CT" => Action::Zone(option("--zone")?.parse().ok()?),
            chain if word == "-g" => Action::Goto(chain.to_owned()),
            chain => Action::Jump(chain.to_owned()),
        })
    }
}

fn ports(list: &str) -> Option<Vec<(u16, u16)>> {
    let number = |text: &str| text.parse::<u16>().ok();
    let one = |text: &str| match text.split_once(':') {
        Some((first, end)) => Some((number(first)?, number(end)?)),
        None => number(text).map(|port| (port, port)),
    };
    list.split(',').map(one).collect()
}

fn range(text: &str) -> Option<(u32, u32)> {
    match text.split_once('-') {
        Some((first, last)) => Some((first.parse().ok()?, last.parse().ok()?)),
        None => text.parse().ok().map(|id| (id, id)),
    }
}

/// `VALUE` or `VALUE/MASK`, each decimal or hexadecimal.
fn masked(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}
