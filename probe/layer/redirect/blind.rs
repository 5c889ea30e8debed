//! What could not be seen, and what would let it.

use serde_json::Value;

use super::{
    flow::{Promise, Proof, Sender},
    judge::LISTED,
    outcome::{Observed, Outcome, PeerSeen, Seen},
    phrase,
    vantage::Play,
    verdict::Verdict,
};
use crate::{
    finding::{Code, Finding},
    pod::Family,
};

/// What to do where nothing can be made to arrive.
const OUTSIDE_HINT: &str = "look from a container with uid 0, NET_ADMIN and /dev/net/tun (--inject), let a peer dial back (--peer HOST:PORT), or let the kubelet's probe be the proof (gate --await-inbound)";
/// What to do where the peer that was named does not do it.
const PEER_HINT: &str = "see that podprobe peer runs there, outside of any mesh, with an address of each of the pod's families, and that policies let this pod ask it (UDP and TCP) and it connect to this pod";
/// The subject of "not observable" where TPROXY handed nothing over.
const TPROXY: &str = "TPROXY";
/// The subject of "not observable" where a running proxy did not tell.
const BESIDE_PROXY: &str = "running proxy";

/// The subject of "not observable" for packets that could not be made to arrive, or were lost.
const PACKETS: &str = "packets from outside";
/// The subject of "not observable" for what arrives.
const OUTSIDE: &str = "traffic from outside";

/// Whether this finding says no more than what nearly every container must leave open: a gate that
/// passes does not repeat it.
#[must_use]
pub fn goes_without_saying(finding: &Finding) -> bool {
    finding.code == Code::NotObservable && finding.subject == OUTSIDE
}

/// Whether what this finding could not see may show in another look of the same identity.
#[must_use]
pub fn may_show_later(finding: &Finding) -> bool {
    finding.code == Code::NotObservable
        && [TPROXY, BESIDE_PROXY].contains(&finding.subject.as_str())
}

/// What could not be seen: one finding a sender that cannot be played, one for failed probes.
pub(super) fn blind_spots(seen: &Seen, verdicts: &[(&Observed, Verdict)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for sender in [Sender::App, Sender::Proxy, Sender::Outside] {
        let concerned = seen.flows.iter().any(|o| o.flow.sender == sender);
        if let Play::Cannot { reason } = seen.vantage.play(sender)
            && concerned
        {
            findings.push(unplayable(sender, reason, &seen.flows));
        }
    }
    findings.extend(handing_over(seen, verdicts));
    findings.extend(untold(seen, verdicts));
    findings.extend(not_sent_from_outside(seen));
    findings.extend(translated(seen));
    findings.extend(deaf(verdicts));
    let failed: Vec<&Observed> = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Blind(Code::ProbeFailed))
        .map(|(observed, _)| *observed)
        .collect();
    if let Some(first) = failed.first() {
        let (what, became) = (phrase::subject(&first.flow), phrase::happened(&first.outcome));
        let listed: Vec<Value> = failed.iter().take(LISTED).map(|o| phrase::evidence(o)).collect();
        let says = match first.outcome {
            Outcome::Refused { .. } => {
                "by the first hop, or by a port of the pod that nobody listens on: \
                 a packet tells no difference"
            }
            _ => "which says nothing about redirection",
        };
        let reason = format!("{what} {became}, {says}");
        let mut finding = Finding::new(Code::ProbeFailed, what, reason).of(Some(first.flow.family));
        if matches!(first.outcome, Outcome::Unasked { .. }) {
            PEER_HINT.clone_into(&mut finding.hint);
        }
        findings.push(finding.with("flows", listed).with("count", failed.len()));
    }
    findings
}

/// TPROXY by native nftables shows itself to a transparent listener alone.
fn handing_over(seen: &Seen, verdicts: &[(&Observed, Verdict)]) -> Option<Finding> {
    let blind = |(o, verdict): &&(&Observed, Verdict)| {
        o.flow.sender != Sender::Outside
            && matches!(o.flow.promise, Promise::Transparent(_))
            && *verdict == Verdict::Blind(Code::NotObservable)
            && !matches!(o.outcome, Outcome::NotSent { .. })
    };
    let count = verdicts.iter().filter(blind).count();
    let (uid, gid) = (seen.vantage.uid, seen.vantage.gid);
    let reason = format!(
        "TPROXY's hand-over not observable: running as {uid}:{gid}, needs NET_ADMIN for a transparent listener"
    );
    (count > 0).then(|| Finding::new(Code::NotObservable, TPROXY, reason).with("flows", count))
}

/// Packets could be made to arrive, but not these. A running proxy's pod is never disturbed for the
/// sake of the node's probes, and that needs no words.
fn not_sent_from_outside(seen: &Seen) -> Option<Finding> {
    if matches!(seen.vantage.outside, Play::Cannot { .. }) {
        return None;
    }
    let mut unsent = seen.flows.iter().filter_map(|o| match &o.outcome {
        Outcome::NotSent { reason } if is_arriving(o) => Some((o, reason)),
        _ => None,
    });
    let (first, reason) = unsent.next()?;
    let what = phrase::subject(&first.flow);
    let reason = format!("inbound from outside not observable: {what} was not sent: {reason}");
    let finding = Finding::new(Code::NotObservable, PACKETS, reason);
    let finding = Finding { hint: OUTSIDE_HINT.to_owned(), ..finding };
    Some(finding.of(Some(first.flow.family)).with("flows", 1 + unsent.count()))
}

/// The pod's network promises that pods see each other's own addresses (Kubernetes' network model).
fn translated(seen: &Seen) -> Option<Finding> {
    let (peer, you) = seen.peers.iter().find_map(|peer| Some((peer, peer.translated()?)))?;
    let PeerSeen { peer: at, own, over, .. } = peer;
    let reason = format!(
        "the peer {at} sees {own} as {you} over {over}: something between them translates the source address"
    );
    let finding = Finding::new(Code::SourceTranslated, "source address", reason);
    let finding = finding.of(Some(Family::of(*own))).with("peer", at.to_string());
    Some(finding.with("own", own.to_string()).with("seenAs", you.to_string()))
}

/// From outside, and neither the node's own nor a preparation.
fn is_arriving(observed: &Observed) -> bool {
    let flow = &observed.flow;
    flow.sender == Sender::Outside && flow.proof != Proof::Dns && flow.source.is_none()
}

/// Packets were made to arrive, and none was answered: not even by a refusal.
fn deaf(verdicts: &[(&Observed, Verdict)]) -> Option<Finding> {
    let unheard = |(o, verdict): &&(&Observed, Verdict)| {
        o.flow.sender == Sender::Outside
            && o.flow.proof != Proof::Dns
            && *verdict == Verdict::Blind(Code::NotObservable)
            && matches!(o.outcome, Outcome::Silent { .. })
    };
    let count = verdicts.iter().filter(unheard).count();
    let (first, _) = verdicts.iter().find(unheard)?;
    let (what, became) = (phrase::subject(&first.flow), phrase::happened(&first.outcome));
    let reason = format!(
        "{what} {became}, and so did everything else from outside: \
         rules that let in the pod's own interface alone would do that"
    );
    let finding = Finding::new(Code::NotObservable, PACKETS, reason);
    let finding = Finding { hint: OUTSIDE_HINT.to_owned(), ..finding };
    Some(finding.of(Some(first.flow.family)).with("flows", count))
}

/// What must be captured, and a running proxy alone could tell whether it was.
fn untold(seen: &Seen, verdicts: &[(&Observed, Verdict)]) -> Option<Finding> {
    let untold = |(o, verdict): &&(&Observed, Verdict)| {
        o.flow.sender != Sender::Outside
            && matches!(o.flow.promise, Promise::Captured(_))
            && *verdict == Verdict::Blind(Code::NotObservable)
            && !matches!(o.outcome, Outcome::NotSent { .. })
    };
    let mut flows = verdicts.iter().filter(untold).map(|(observed, _)| *observed);
    let first = flows.next().filter(|_| seen.live.is_some())?;
    let (what, became) = (phrase::subject(&first.flow), phrase::happened(&first.outcome));
    let reason = format!("{what} {became}: beside a running proxy that is no proof");
    let finding = Finding::new(Code::NotObservable, BESIDE_PROXY, reason);
    Some(finding.of(Some(first.flow.family)).with("flows", 1 + flows.count()))
}

fn unplayable(sender: Sender, reason: &str, flows: &[Observed]) -> Finding {
    let unseen = flows.iter().filter(|o| o.flow.sender == sender);
    let mut proofs: Vec<&str> = unseen.clone().map(|o| o.flow.proof.name()).collect();
    proofs.sort_unstable();
    proofs.dedup();
    let (subject, what) = match sender {
        Sender::App => ("application flows", "outbound capture"),
        Sender::Proxy => ("proxy flows", "inbound capture and loop prevention"),
        Sender::Outside => (OUTSIDE, "inbound from outside"),
    };
    let finding =
        Finding::new(Code::NotObservable, subject, format!("{what} not observable: {reason}"));
    let hint = if sender == Sender::Outside { OUTSIDE_HINT } else { &finding.hint };
    Finding { hint: hint.to_owned(), ..finding }
        .with("flows", unseen.filter(|o| matches!(o.outcome, Outcome::NotSent { .. })).count())
        .with("proofs", proofs)
}
