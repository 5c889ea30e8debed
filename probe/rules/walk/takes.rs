//! Whether a rule takes a packet: yes, no, or nobody can tell.

use super::Walker;
use crate::rules::model::{Hook, Match, Place, Rule, Test, state};

impl Walker<'_> {
    /// Whether a rule takes the packet; None where that cannot be told.
    pub(super) fn takes(&self, rule: &Rule, at: Place) -> Option<bool> {
        let mut known = Some(true);
        for one in &rule.matches {
            match self.passes(one) {
                Some(false) => return Some(false),
                Some(true) => {}
                None => known = None,
            }
        }
        // Counters tell of this packet alone only what they did not count.
        known.or_else(|| {
            let counted = self.counted.filter(|_| rule.packets.is_some())?;
            Some(counted.get(&at).is_some_and(|packets| *packets > 0))
        })
    }

    fn passes(&self, one: &Match) -> Option<bool> {
        // An address of the other family is not "not this one": the rule is not for this packet.
        if let Test::Source(net) | Test::Destination(net) = &one.test
            && !self.packet.family().holds(net.addr())
        {
            return Some(false);
        }
        self.test(&one.test).map(|passes| passes != one.negated)
    }

    fn test(&self, test: &Test) -> Option<bool> {
        let packet = &self.packet;
        let ported = matches!(packet.protocol, 6 | 17);
        let in_any = |ranges: &[(u16, u16)], port: u16| {
            ported && ranges.iter().any(|(first, last)| (*first..=*last).contains(&port))
        };
        Some(match test {
            Test::Family(family) => packet.family() == *family,
            Test::Protocol(number) => packet.protocol == *number,
            Test::Source(net) => net.contains(&packet.source.ip()),
            Test::Destination(net) => net.contains(&packet.destination.ip()),
            Test::In(link) => is_link(link, self.incoming.as_deref()),
            Test::Out(link) => is_link(link, self.outgoing.as_deref()),
            Test::SourcePorts(ranges) => in_any(ranges, packet.source.port()),
            Test::DestinationPorts(ranges) => in_any(ranges, packet.destination.port()),
            // Of a packet without a socket nobody is the owner (kernel `xt_owner.c`).
            Test::Uid(first, last) => {
                self.owner().is_some_and(|(uid, _)| (*first..=*last).contains(&uid))
            }
            Test::Gid(first, last) => {
                self.owner().is_some_and(|(_, gid)| (*first..=*last).contains(&gid))
            }
            Test::Mark(value, mask) => packet.mark & mask == value & mask,
            Test::ConnMark(value, mask) => self.walk.effects.conn_mark & mask == value & mask,
            Test::State(bits) => {
                let own = if packet.reply { state::ESTABLISHED } else { state::NEW };
                bits & own != 0
            }
            Test::SourceLocal => self.ground.is_local(packet.source.ip()),
            Test::DestinationLocal => self.ground.is_local(packet.destination.ip()),
            Test::Unreadable(_) => return None,
        })
    }

    /// On its way in the socket is not the packet's any more.
    fn owner(&self) -> Option<(u32, u32)> {
        self.packet.owner.filter(|_| self.hook == Hook::Output)
    }
}

fn is_link(wanted: &str, link: Option<&str>) -> bool {
    link.is_some_and(|link| match wanted.strip_suffix('+') {
        Some(beginning) => link.starts_with(beginning),
        None => link == wanted,
    })
}
