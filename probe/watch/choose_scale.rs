//! What choosing costs and finds in clusters of 10 to 10 000 nodes: the table of docs/scale.md.

use std::{collections::HashMap, net::IpAddr, ops::Range, thread};

use super::choose;

/// More than any k of the table, so that who lost a peer is seen to take the next one.
const DEPTH: usize = 40;
const MOST_ASKED: usize = 5;

/// A /24 for each node, as most CNI plugins give.
fn address(node: usize) -> IpAddr {
    let node = u32::try_from(node).expect("at most 10 000 nodes");
    IpAddr::from((0x0a00_0000 + (node << 8) + 7).to_be_bytes())
}

/// Each node's peers in the order of its choice, as numbers of nodes.
fn ranking(nodes: usize) -> Vec<Vec<usize>> {
    let all: Vec<IpAddr> = (0..nodes).map(address).collect();
    let number: HashMap<IpAddr, usize> =
        all.iter().enumerate().map(|(at, one)| (*one, at)).collect();
    let of = |range: Range<usize>| -> Vec<Vec<usize>> {
        let ranked = |own: &IpAddr| choose(&own.to_string(), &all, DEPTH);
        all[range].iter().map(|own| ranked(own).iter().map(|one| number[one]).collect()).collect()
    };
    thread::scope(|scope| {
        let half = scope.spawn(|| of(0..nodes / 2));
        let mut rest = of(nodes / 2..nodes);
        let mut ranking = half.join().expect("the other half");
        ranking.append(&mut rest);
        ranking
    })
}

/// By how many each node is asked, where every node asks its first k of those that are there.
fn asked_by(ranking: &[Vec<usize>], k: usize, there: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut count = vec![0; ranking.len()];
    for (_, peers) in ranking.iter().enumerate().filter(|(own, _)| there(*own)) {
        peers.iter().filter(|peer| there(**peer)).take(k).for_each(|peer| count[*peer] += 1);
    }
    count
}

/// The questions that go to somebody else once every hundredth node (at least one) is gone.
fn moved(ranking: &[Vec<usize>], k: usize) -> (usize, usize) {
    let gone = |node: usize| node.is_multiple_of(100);
    let count = ranking.len().div_ceil(100);
    let moved = ranking
        .iter()
        .enumerate()
        .filter(|(own, _)| !gone(*own))
        .map(|(_, peers)| peers.iter().take(k).filter(|peer| gone(**peer)).count());
    (count, moved.sum())
}

/// The share, in percent, of the nodes for which something holds.
#[expect(clippy::cast_precision_loss, reason = "at most 10 000")]
fn percent(of: &[usize], holds: impl Fn(usize, usize) -> bool) -> f64 {
    let count = of.iter().enumerate().filter(|(at, count)| holds(*at, **count)).count();
    100.0 * count as f64 / of.len() as f64
}

fn line(nodes: usize, k: usize, ranking: &[Vec<usize>]) -> String {
    let count = asked_by(ranking, k, |_| true);
    let (most, least) = (count.iter().max(), count.iter().min());
    let noticed = percent(&count, |_, count| count > 0);
    // A tenth of the cluster breaks: what do those that are whole see of it?
    let broken = |node: usize| node % 10 == 3;
    let mut healthy = vec![0; nodes];
    for (_, peers) in ranking.iter().enumerate().filter(|(own, _)| !broken(*own)) {
        peers.iter().take(k).for_each(|peer| healthy[*peer] += 1);
    }
    let seen: Vec<usize> =
        (0..nodes).filter(|node| broken(*node)).map(|node| healthy[node]).collect();
    let outage = percent(&seen, |_, count| count > 0);
    let (gone, moved) = moved(ranking, k);
    let (most, least) = (most.expect("nodes"), least.expect("nodes"));
    let asked: usize = count.iter().sum();
    format!(
        "{nodes:>6} {k:>2} {asked:>7} {least:>6} {most:>5} {noticed:>9.1} % {outage:>9.1} % {gone:>6} {moved:>6}"
    )
}

#[test]
#[ignore = "prints a table, a minute: make scale"]
fn table() {
    println!(" nodes  k   pairs  least  most  one broken  a tenth of  gone   moved");
    println!("                 asked by       is noticed  them are            ");
    for nodes in [10, 100, 1000, 10_000] {
        let ranking = ranking(nodes);
        for k in 1..=MOST_ASKED {
            println!("{}", line(nodes, k, &ranking));
            let count = asked_by(&ranking, k, |_| true);
            assert_eq!(count.iter().sum::<usize>(), nodes * k, "N·k questions");
            // Poisson with mean k: three times k + 4 has a chance below one in a million.
            let most = *count.iter().max().expect("nodes");
            assert!(most <= 3 * (k + 4), "{nodes} nodes, k {k}: one is asked by {most}");
        }
        promises(nodes, &ranking);
    }
}

/// What goes and comes moves no more than its own share.
fn promises(nodes: usize, ranking: &[Vec<usize>]) {
    let gone = |node: usize| node.is_multiple_of(100);
    let rest: Vec<IpAddr> = (0..nodes).filter(|node| !gone(*node)).map(address).collect();
    for own in (0..nodes).filter(|node| !gone(*node)).step_by(nodes.div_ceil(200)) {
        let after = choose(&address(own).to_string(), &rest, 3);
        let expected =
            ranking[own].iter().filter(|peer| !gone(**peer)).take(3).copied().map(address);
        assert_eq!(after, expected.collect::<Vec<_>>(), "node {own} of {nodes}");
    }
}
