//! Judging answers that are lost now and then, lost in a race of two, or later than resolvers wait.

use super::{
    burst::Burst,
    outcome::{Asked, Nameserver},
};
use crate::{
    finding::{Code, Finding},
    pod::Transport,
};

/// Half-answered pairs that chance alone does not explain: beyond thrice the single losses (a pair
/// has two questions to lose), and two more.
const BEYOND_CHANCE: u32 = 2;

/// At most one finding about loss, for a race explains the losses that it causes; and one about
/// time. `timeout` is how many seconds resolvers wait.
pub(super) fn judge(server: &Nameserver, timeout: u32) -> Vec<Finding> {
    let race = server.burst.as_ref().and_then(|burst| race(server, burst));
    let lost = race.or_else(|| lossy(server));
    lost.into_iter().chain(slow(server, timeout)).collect()
}

/// An answer that came, after a resolver would have given up on it.
fn slow(server: &Nameserver, timeout: u32) -> Option<Finding> {
    let waits = u64::from(timeout) * 1000;
    // After a lost query the time says nothing about the server.
    let first = |a: &&Asked| a.transport == Transport::Udp && a.reply().is_some() && a.lost == 0;
    let slowest = server.asked.iter().filter(first).max_by_key(|asked| asked.elapsed_ms)?;
    if waits == 0 || slowest.elapsed_ms < waits {
        return None;
    }
    let (address, question) = (server.address, &slowest.question);
    let reason = format!(
        "ask {address} for {} {}: the answer came after {} ms, and resolvers wait {waits} ms (options timeout)",
        question.name,
        question.record.name(),
        slowest.elapsed_ms
    );
    Some(Finding::new(Code::DnsSlow, address.to_string(), reason))
}

fn race(server: &Nameserver, burst: &Burst) -> Option<Finding> {
    let Burst { single, single_lost, pairs, half_lost, waited_ms, .. } = *burst;
    if half_lost <= 3 * single_lost + BEYOND_CHANCE.min(pairs / 2) {
        return None;
    }
    let address = server.address;
    let alone = match single_lost {
        0 => "all are answered".to_owned(),
        n => format!("{n} get no answer"),
    };
    let reason = format!(
        "ask {address} for A and AAAA back to back from one port, {pairs} times: {half_lost} times one answer does not come in {waited_ms} ms, and comes when its question is asked again alone; of {single} questions from a port each, {alone}"
    );
    let finding = Finding::new(Code::DnsDelayRace, address.to_string(), reason);
    Some(finding.with("burst", serde_json::json!(burst)))
}

fn lossy(server: &Nameserver) -> Option<Finding> {
    let udp = server.asked.iter().filter(|a| a.transport == Transport::Udp && a.reply().is_some());
    let (mut answered, mut lost, mut slowest) = (0, 0, 0);
    for asked in udp {
        answered += 1;
        lost += asked.lost;
        slowest = slowest.max(asked.elapsed_ms);
    }
    let address = server.address;
    let mut told = Vec::new();
    if lost > 0 {
        told.push(format!("ask {address} {answered} questions over UDP: {lost} lost before there was an answer, the slowest came after {slowest} ms"));
    }
    let burst = server.burst.unwrap_or_default();
    let Burst { single, single_lost, pairs, half_lost, pairs_lost, waited_ms, .. } = burst;
    if single_lost + half_lost + pairs_lost > 0 {
        told.push(format!("ask {address} {single} short questions over UDP: {single_lost} without an answer in {waited_ms} ms; of {pairs} pairs from one port, {half_lost} lost one answer and {pairs_lost} both"));
    }
    if told.is_empty() {
        return None;
    }
    let finding = Finding::new(Code::DnsLossy, address.to_string(), told.join("; "));
    Some(match server.burst {
        Some(burst) => finding.with("burst", serde_json::json!(burst)),
        None => finding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(single_lost: u32, half_lost: u32, half_missing: u32) -> Vec<Code> {
        let burst = Burst {
            single: 10,
            single_lost,
            pairs: 10,
            half_lost,
            half_missing,
            ..Burst::default()
        };
        let address = "10.96.0.10".parse().expect("an address");
        let server = Nameserver {
            address,
            configured: true,
            asked: vec![],
            ladders: vec![],
            burst: Some(burst),
        };
        judge(&server, 5).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn pairs_that_lose_more_than_chance_takes_are_a_race() {
        assert_eq!(code(0, 10, 0), [Code::DnsDelayRace]);
        assert_eq!(code(0, 3, 0), [Code::DnsDelayRace]);
        assert_eq!(code(1, 10, 0), [Code::DnsDelayRace]);
    }

    #[test]
    fn chance_takes_from_pairs_twice_what_it_takes_from_one() {
        assert_eq!(code(2, 4, 0), [Code::DnsLossy]);
        assert_eq!(code(0, 1, 0), [Code::DnsLossy]);
        assert_eq!(code(3, 0, 0), [Code::DnsLossy]);
        assert_eq!(code(0, 0, 0), []);
    }

    #[test]
    fn a_type_that_is_never_answered_races_with_nothing() {
        assert_eq!(code(0, 0, 10), []);
    }
}
