//! The way of one packet through the chains, as the rules have it: pure.

mod takes;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use super::model::{Action, Hook, Kind, Place, Ruleset};
use crate::pod::Family;

/// How deep jumps may go, and how many rules are looked at (`nf_tables` allows 16 jumps).
const DEEPEST: usize = 32;
const MOST_RULES: usize = 50_000;

/// A packet before it meets any rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The transport protocol's number.
    pub protocol: u8,
    /// Where it comes from.
    pub source: SocketAddr,
    /// Where it is sent.
    pub destination: SocketAddr,
    /// User and group of the socket that sent it; none for one that comes from outside.
    pub owner: Option<(u32, u32)>,
    /// Its mark.
    pub mark: u32,
    /// The mark of its connection.
    pub conn_mark: u32,
    /// It answers another packet.
    pub reply: bool,
}

impl Packet {
    /// Its address family.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.destination.ip())
    }
}

/// The pod that the packet walks through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The pod's own addresses besides loopback.
    pub addresses: Vec<IpAddr>,
    /// The link to everywhere else.
    pub link: String,
}

impl Ground {
    fn is_local(&self, ip: IpAddr) -> bool {
        let passthrough = ip == IpAddr::from([0, 0, 0, 0, 0, 0, 0, 6]);
        ip.is_loopback() || passthrough || self.addresses.contains(&ip)
    }
}

/// Why a packet got no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// By this rule.
    Rule(Place),
    /// By the policy of this chain (its rule index means nothing).
    Policy(Place),
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Its new address and port.
    pub nat: Option<(Option<IpAddr>, Option<u16>)>,
    /// The port of the transparent listener.
    pub tproxy: Option<u16>,
    /// It got no further.
    pub lost: Option<Lost>,
    /// Its conntrack zone.
    pub zone: Option<u16>,
    /// Its mark at the end.
    pub mark: u32,
    /// Its connection's mark.
    pub conn_mark: u32,
}

/// The way of a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// The rules that took it, in order, each with the base chain that led there.
    pub steps: Vec<(Place, Place)>,
    /// What became of it.
    pub effects: Effects,
    /// Rules that may have taken it: a part of them cannot be read.
    pub doubts: Vec<Place>,
}

/// How often each rule was passed while the packet went its way, where that was counted.
pub type Counted = BTreeMap<Place, u64>;

/// Walks a packet through the rules. Where a rule cannot be read in whole, its counter decides: one
/// that counted nothing took nothing.
#[must_use]
pub fn walk(rules: &Ruleset, ground: &Ground, packet: &Packet, counted: Option<&Counted>) -> Walk {
    let mut walker = Walker {
        rules,
        ground,
        counted,
        packet: packet.clone(),
        walk: Walk::default(),
        hook: Hook::Output,
        incoming: None,
        outgoing: None,
        base: Place { table: 0, chain: 0, rule: 0 },
        looked_at: 0,
    };
    walker.walk.effects.conn_mark = packet.conn_mark;
    walker.go();
    walker.walk.effects.mark = walker.packet.mark;
    walker.walk
}

struct Walker<'a> {
    rules: &'a Ruleset,
    ground: &'a Ground,
    counted: Option<&'a Counted>,
    packet: Packet,
    walk: Walk,
    hook: Hook,
    incoming: Option<String>,
    outgoing: Option<String>,
    base: Place,
    looked_at: usize,
}

/// How a chain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// At its end, or by a return.
    Through,
    /// Done with this base chain.
    Accepted,
    /// Gone.
    Lost,
}

impl Walker<'_> {
    fn go(&mut self) {
        if self.packet.owner.is_none() {
            self.incoming = Some(self.ground.link.clone());
            let _ = self.through(Hook::Prerouting, true) && self.through(Hook::Input, true);
            return;
        }
        let local = self.ground.is_local(self.packet.destination.ip());
        self.outgoing = Some(if local { "lo".to_owned() } else { self.ground.link.clone() });
        if !self.through(Hook::Output, true) {
            return;
        }
        // What was translated on its way out is on its way in already known to be.
        if self.ground.is_local(self.packet.destination.ip()) {
            self.outgoing = None;
            self.incoming = Some("lo".to_owned());
            let _ = self.through(Hook::Prerouting, false) && self.through(Hook::Input, false);
        }
    }

    /// Every base chain of a hook, in order. False: the packet is gone.
    fn through(&mut self, hook: Hook, translates: bool) -> bool {
        self.hook = hook;
        let family = self.packet.family();
        let mut bases: Vec<(i32, Place, Kind, bool)> = Vec::new();
        for (table, t) in
            self.rules.tables.iter().enumerate().filter(|(_, t)| t.scope.holds(family))
        {
            for (chain, c) in t.chains.iter().enumerate() {
                if let Some(base) = c.base.as_ref().filter(|base| base.hook == hook) {
                    let place = Place { table, chain, rule: 0 };
                    bases.push((base.priority, place, base.kind, base.accepts));
                }
            }
        }
        bases.sort_by_key(|(priority, ..)| *priority);
        for (_, place, kind, accepts) in bases {
            let settled = self.walk.effects.nat.is_some() || !translates || self.packet.reply;
            if kind == Kind::Nat && settled {
                continue;
            }
            self.base = place;
            let end = self.chain(place, 0);
            if end == End::Through && !accepts {
                self.walk.effects.lost = Some(Lost::Policy(place));
                return false;
            }
            if end == End::Lost {
                return false;
            }
        }
        true
    }

    fn chain(&mut self, at: Place, depth: usize) -> End {
        let rules = self.rules;
        let Some(chain) = rules.chain(at).filter(|_| depth < DEEPEST) else { return End::Through };
        for (index, rule) in chain.rules.iter().enumerate() {
            self.looked_at += 1;
            if self.looked_at > MOST_RULES {
                self.walk.doubts.push(at);
                return End::Through;
            }
            let place = Place { rule: index, ..at };
            match self.takes(rule, place) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    self.walk.doubts.push(place);
                    continue;
                }
            }
            self.walk.steps.push((place, self.base));
            for action in &rule.actions {
                match self.act(action, place, depth) {
                    Some(End::Through) if matches!(action, Action::Return | Action::Goto(_)) => {
                        return End::Through;
                    }
                    Some(End::Through) | None => {}
                    Some(end) => return end,
                }
            }
        }
        End::Through
    }

    /// Does one action; what it ends, if it ends anything.
    fn act(&mut self, action: &Action, at: Place, depth: usize) -> Option<End> {
        let effects = &mut self.walk.effects;
        match action {
            Action::Accept => return Some(End::Accepted),
            Action::Return => return Some(End::Through),
            Action::Drop | Action::Reject => {
                effects.lost = Some(Lost::Rule(at));
                return Some(End::Lost);
            }
            Action::Jump(name) | Action::Goto(name) => {
                let chains = self.rules.tables.get(at.table).map_or(&[][..], |t| &t.chains);
                let chain = chains.iter().position(|chain| chain.name == *name)?;
                return Some(self.chain(Place { chain, rule: 0, ..at }, depth + 1));
            }
            Action::Redirect(port) => {
                self.translate(self.here(), *port);
                return Some(End::Accepted);
            }
            Action::Dnat(ip, port) => {
                self.translate(ip.unwrap_or(self.packet.destination.ip()), *port);
                return Some(End::Accepted);
            }
            Action::Tproxy { port, mark, mask } => {
                effects.tproxy = Some(*port);
                self.packet.mark = (self.packet.mark & !mask) ^ mark;
                // nftables' own form goes on, with a verdict of its own behind it.
                return (*mask != 0).then_some(End::Accepted);
            }
            Action::SetMark(value, mask) => self.packet.mark = (self.packet.mark & !mask) ^ value,
            Action::SetConnMark(value, mask) => {
                effects.conn_mark = (effects.conn_mark & !mask) ^ value;
            }
            Action::SaveMark => effects.conn_mark = self.packet.mark,
            Action::RestoreMark => self.packet.mark = effects.conn_mark,
            Action::Zone(zone) => {
                // The first to give one keeps it (kernel `xt_CT.c`, `nft_ct.c`).
                effects.zone.get_or_insert(*zone);
            }
            Action::NoTrack | Action::Nothing(_) => {}
            Action::Unreadable(_) => self.walk.doubts.push(at),
        }
        None
    }

    /// Where REDIRECT sends it: localhost on its way out, this pod's address on its way in.
    fn here(&self) -> IpAddr {
        match (self.hook, self.packet.family()) {
            (Hook::Output, Family::Ipv4) => IpAddr::from([127, 0, 0, 1]),
            (Hook::Output, Family::Ipv6) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            _ => self.packet.destination.ip(),
        }
    }

    fn translate(&mut self, ip: IpAddr, port: Option<u16>) {
        let to = SocketAddr::new(ip, port.unwrap_or(self.packet.destination.port()));
        self.packet.destination = to;
        self.walk.effects.nat = Some((Some(ip), Some(to.port())));
    }
}
