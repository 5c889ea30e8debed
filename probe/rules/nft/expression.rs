//! The expressions of one rule, one after the other, as the kernel's registers see them.

use std::collections::BTreeMap;

use super::{Elements, value};
use crate::{
    pod::Family,
    rules::{
        bytes::{at, be16_at, u32_at, word},
        model::{Action, Match, Scope, Test},
        xt,
    },
};

/// What a register holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A fact about the packet, by its key.
    Meta(u32),
    /// A fact about its connection.
    Ct(u32),
    /// Bytes of it: base, offset, length.
    Payload(u32, u32, u32),
    /// One of these, some of its bits: `(value & mask) ^ other`.
    Masked(Box<Value>, Vec<u8>, Vec<u8>),
    /// Bytes of the rule's own.
    Bytes(Vec<u8>),
    /// What this program does not know, by its name.
    Unknown(String),
}

/// Keys of `meta` and `ct`.
pub(super) const META_MARK: u32 = 3;
pub(super) const CT_MARK: u32 = 3;
const CT_ZONE: u32 = 17;

/// Reads the expressions of one rule.
pub(super) struct Reader {
    pub(super) scope: Scope,
    registers: BTreeMap<u32, Value>,
    pub(super) matches: Vec<Match>,
    actions: Vec<Action>,
    packets: Option<u64>,
}

/// The name of the set that a `lookup` looks into.
pub(super) fn looked_into(data: &[u8]) -> String {
    value(data, 0, 1).map(word).unwrap_or_default()
}

/// The number in an attribute: the network's order.
pub(super) fn number(data: &[u8], kind: u16) -> Option<u32> {
    value(data, 0, kind).and_then(<[u8]>::first_chunk).map(|be| u32::from_be_bytes(*be))
}

/// The 16-byte registers 1 to 4 are the 4-byte ones from 8 on, by fours.
fn register(number: u32) -> u32 {
    if (1..=4).contains(&number) { 8 + 4 * (number - 1) } else { number }
}

impl Reader {
    pub(super) fn new(scope: Scope) -> Reader {
        Reader {
            scope,
            registers: BTreeMap::new(),
            matches: Vec::new(),
            actions: Vec::new(),
            packets: None,
        }
    }

    /// What the rule asks for, what it does, what it counted. A family that an address tells
    /// already is not told twice.
    pub(super) fn done(mut self) -> (Vec<Match>, Vec<Action>, Option<u64>) {
        let addressed = |m: &Match| matches!(m.test, Test::Source(_) | Test::Destination(_));
        if self.matches.iter().any(addressed) {
            self.matches.retain(|m| m.negated || !matches!(m.test, Test::Family(_)));
        }
        (self.matches, self.actions, self.packets)
    }

    /// The next expression.
    pub(super) fn take(&mut self, name: &str, data: &[u8], set: &dyn Fn(&str) -> Option<Elements>) {
        // An expression that is not understood may end the rule, or not.
        if self.expression(name, data, set).is_none() {
            let source = number(data, if name == "lookup" { 2 } else { 1 });
            let name = match source.and_then(|from| self.registers.get(&register(from))) {
                Some(Value::Unknown(loader)) => loader.clone(),
                _ => name.to_owned(),
            };
            self.matches.push(Match::is(Test::Unreadable(name)));
        }
    }

    fn expression(
        &mut self,
        name: &str,
        data: &[u8],
        set: &dyn Fn(&str) -> Option<Elements>,
    ) -> Option<()> {
        match name {
            "meta" => self.fact(data, [1, 2, 3], true)?,
            "ct" => self.fact(data, [1, 2, 4], false)?,
            "payload" => {
                let part = |kind| number(data, kind);
                let loaded = Value::Payload(part(2)?, part(3)?, part(4)?);
                self.load(part(1)?, loaded);
            }
            "bitwise" => self.bitwise(data)?,
            "immediate" => self.immediate(data)?,
            "cmp" => {
                let held = self.held(number(data, 1)?);
                let wanted = value(value(data, 0, 3)?, 0, 1)?.to_vec();
                self.compare(&held, number(data, 2)?, &wanted)?;
            }
            "range" => {
                let held = self.held(number(data, 1)?);
                let end = |kind| value(value(data, 0, kind)?, 0, 1).map(<[u8]>::to_vec);
                self.within(&held, number(data, 2)? == 1, &end(3)?, &end(4)?)?;
            }
            "lookup" => {
                let held = self.held(number(data, 2)?);
                let inverted = number(data, 5).unwrap_or(0) & 1 == 1;
                // A map's value decides what comes next.
                let elements = set(&looked_into(data)).filter(|_| number(data, 3).is_none())?;
                self.one_of(&held, inverted, &elements)?;
            }
            "counter" => {
                self.packets = value(data, 0, 2)
                    .and_then(<[u8]>::first_chunk)
                    .map(|be| u64::from_be_bytes(*be));
            }
            "match" => {
                let (named, revision, info) = compat(data)?;
                self.matches.extend(xt::matches(&named, revision, info));
            }
            "target" => {
                let (named, revision, info) = compat(data)?;
                let family = if self.scope == Scope::Ip6 { Family::Ipv6 } else { Family::Ipv4 };
                self.actions.push(xt::target(&named, revision, info, family));
            }
            _ => self.statement(name, data)?,
        }
        Some(())
    }

    /// What is done to the packet.
    fn statement(&mut self, name: &str, data: &[u8]) -> Option<()> {
        let action = match name {
            "redir" => Action::Redirect(self.port(data, 1)),
            "nat" if number(data, 1) == Some(1) => {
                let held = number(data, 3).map(|register| self.held(register));
                let ip = match held {
                    Some(Value::Bytes(bytes)) if bytes.len() == 16 => {
                        Some(at::<16>(&bytes, 0)?.into())
                    }
                    Some(Value::Bytes(bytes)) => Some(at::<4>(&bytes, 0)?.into()),
                    Some(_) => return None,
                    None => None,
                };
                Action::Dnat(ip, self.port(data, 5))
            }
            "nat" => Action::Nothing("SNAT".to_owned()),
            "masq" => Action::Nothing("MASQUERADE".to_owned()),
            // Of its own it sets no mark.
            "tproxy" => Action::Tproxy { port: self.port(data, 3)?, mark: 0, mask: 0 },
            "reject" => Action::Reject,
            "notrack" => Action::NoTrack,
            "log" => Action::Nothing("LOG".to_owned()),
            "objref" | "dynset" | "last" | "flow_offload" => Action::Nothing(name.to_owned()),
            // The loaders of unknown facts: whoever asks for these cannot be read.
            "fib" | "socket" | "rt" | "numgen" | "hash" | "osf" | "tunnel" | "xfrm" | "exthdr"
            | "byteorder" | "inner" => {
                // Most put their result where attribute 1 or 2 says.
                let loaded = Value::Unknown(name.to_owned());
                for kind in [1, 2, 3] {
                    if let Some(register) = number(data, kind).filter(|r| *r <= 23) {
                        self.load(register, loaded.clone());
                    }
                }
                return Some(());
            }
            _ => return None,
        };
        self.actions.push(action);
        Some(())
    }

    fn load(&mut self, number: u32, loaded: Value) {
        self.registers.insert(register(number), loaded);
    }

    fn held(&self, number: u32) -> Value {
        let unknown = || Value::Unknown("register".to_owned());
        self.registers.get(&register(number)).cloned().unwrap_or_else(unknown)
    }

    fn port(&self, data: &[u8], kind: u16) -> Option<u16> {
        match self.held(number(data, kind)?) {
            Value::Bytes(bytes) => be16_at(&bytes, 0),
            _ => None,
        }
    }

    /// `meta` and `ct` load a fact, or set one.
    fn fact(&mut self, data: &[u8], [to, key, from]: [u16; 3], meta: bool) -> Option<()> {
        let key = number(data, key)?;
        if let Some(register) = number(data, to) {
            self.load(register, if meta { Value::Meta(key) } else { Value::Ct(key) });
            return Some(());
        }
        let held = self.held(number(data, from)?);
        let action = match (meta, key) {
            (true, META_MARK) if held == Value::Ct(CT_MARK) => Some(Action::RestoreMark),
            (true, META_MARK) => {
                mark(&held, &Value::Meta(META_MARK)).map(|(v, m)| Action::SetMark(v, m))
            }
            (false, CT_MARK) if held == Value::Meta(META_MARK) => Some(Action::SaveMark),
            (false, CT_MARK) => {
                mark(&held, &Value::Ct(CT_MARK)).map(|(v, m)| Action::SetConnMark(v, m))
            }
            (false, CT_ZONE) => match &held {
                Value::Bytes(bytes) => at(bytes, 0).map(u16::from_ne_bytes).map(Action::Zone),
                _ => None,
            },
            (true, _) => Some(Action::Nothing("META".to_owned())),
            (false, _) => None,
        };
        let unreadable = Action::Unreadable(if meta { "meta set" } else { "ct set" }.to_owned());
        self.actions.push(action.unwrap_or(unreadable));
        Some(())
    }

    fn bitwise(&mut self, data: &[u8]) -> Option<()> {
        let held = self.held(number(data, 1)?);
        let operand = |kind| value(value(data, 0, kind)?, 0, 1).map(<[u8]>::to_vec);
        // Shifts, and operations on two registers, are other operations.
        let plain = number(data, 6).unwrap_or(0) == 0;
        let result = match (plain, operand(4), operand(5)) {
            (true, Some(mask), Some(other)) => Value::Masked(Box::new(held), mask, other),
            _ => Value::Unknown("bitwise".to_owned()),
        };
        self.load(number(data, 2)?, result);
        Some(())
    }

    /// A constant, or the rule's verdict.
    fn immediate(&mut self, data: &[u8]) -> Option<()> {
        const VERDICT_REGISTER: u32 = 0;
        let (to, data) = (number(data, 1)?, value(data, 0, 2)?);
        if to != VERDICT_REGISTER {
            self.load(to, Value::Bytes(value(data, 0, 1)?.to_vec()));
            return Some(());
        }
        let verdict = value(data, 0, 2)?;
        let chain = || value(verdict, 0, 2).map(word).unwrap_or_default();
        let action = match number(verdict, 1)?.cast_signed() {
            0 => Action::Drop,
            1 => Action::Accept,
            -1 => return Some(()),
            -3 => Action::Jump(chain()),
            -4 => Action::Goto(chain()),
            -5 => Action::Return,
            code => Action::Unreadable(format!("verdict {code}")),
        };
        self.actions.push(action);
        Some(())
    }
}

/// What a mark is set to: a value, and the bits that change.
fn mark(held: &Value, own: &Value) -> Option<(u32, u32)> {
    match held {
        Value::Bytes(bytes) => Some((u32_at(bytes, 0)?, u32::MAX)),
        Value::Masked(of, mask, value) if **of == *own => {
            Some((u32_at(value, 0)?, !u32_at(mask, 0)?))
        }
        _ => None,
    }
}

/// A match or target of iptables: name, revision, data.
fn compat(data: &[u8]) -> Option<(String, u32, &[u8])> {
    Some((word(value(data, 0, 1)?), number(data, 2)?, value(data, 0, 3)?))
}
