//! Traffic from outside: made inside by a TUN device, or outside by a peer that is asked for it.

mod dial_back;
mod holder;
mod injected;
mod place;

use super::{
    flow::{Flow, Sender},
    outcome::{Outcome, PeerSeen},
    serve::Arrivals,
};
use crate::{plan::Plan, pod::Pod};
use dial_back::DialBack;
use injected::Injected;

/// What it takes to look from outside, for those who lack it.
const NEEDS: &str = "needs uid 0, NET_ADMIN and /dev/net/tun (kubectl debug --profile=sysadmin), a peer outside \
     (--peer HOST:PORT), or the kubelet's probe (gate --await-inbound)";

/// The ways in which packets come from outside in this look.
pub(super) struct Outside {
    injected: Option<Injected>,
    peer: Option<DialBack>,
}

impl Outside {
    /// Opens the ways that are asked for and possible; one clause if there is none.
    pub(super) async fn open(
        plan: &Plan,
        flows: &[Flow],
        pod: &Pod,
        seed: u64,
    ) -> Result<Outside, String> {
        let arriving = |flow: &Flow| flow.sender == Sender::Outside;
        let peer = match &plan.peer {
            Some(asked) if flows.iter().any(arriving) => {
                Some(DialBack::new(plan, asked, flows, pod).await)
            }
            _ => None,
        };
        match injected(plan, flows, pod, seed) {
            Ok(injected) => Ok(Outside { injected: Some(injected), peer }),
            Err(_) if peer.is_some() => Ok(Outside { injected: None, peer }),
            Err(why) => Err(why),
        }
    }

    /// The way of one flow: a peer's packets are the real ones; where they would come from another
    /// address, they must be made.
    fn by_peer(&self, flow: &Flow) -> Option<&DialBack> {
        let peer = self.peer.as_ref().filter(|_| flow.source.is_none())?;
        // Better made than not at all.
        (self.injected.is_none() || peer.has_a_peer_for(flow.family)).then_some(peer)
    }

    /// Whether the answers to this flow must get beyond the first hop.
    pub(super) fn is_answered_afar(&self, flow: &Flow) -> bool {
        flow.sender == Sender::Outside && self.by_peer(flow).is_some()
    }

    /// Why this flow cannot be sent, if so.
    pub(super) fn obstacle(&self, flow: &Flow, attended: bool) -> Option<String> {
        if flow.sender != Sender::Outside {
            return None;
        }
        if let Some(peer) = self.by_peer(flow) {
            return peer.obstacle(flow, attended);
        }
        match &self.injected {
            Some(injected) => injected.obstacle(flow, attended),
            None => Some("a peer has no other address than its own".to_owned()),
        }
    }

    /// Does what must go on while flows are sent, for ever.
    pub(super) async fn attend(&self, flows: &[Flow], arrivals: &Arrivals) {
        let asking = async {
            if let Some(peer) = &self.peer {
                peer.ask(flows, arrivals).await;
            }
            std::future::pending::<()>().await;
        };
        match &self.injected {
            Some(injected) => tokio::join!(asking, injected.receive()).0,
            None => asking.await,
        }
    }

    /// Sends one flow, and tells what became of it.
    pub(super) async fn send(
        &self,
        index: usize,
        flow: &Flow,
        attended: bool,
        arrivals: &Arrivals,
    ) -> Outcome {
        match (self.by_peer(flow), &self.injected) {
            (Some(peer), _) => peer.outcome(index, flow, attended, arrivals).await,
            (None, Some(injected)) => injected.send(index, flow, attended, arrivals).await,
            (None, None) => Outcome::NotSent { reason: "nobody is there to send it".to_owned() },
        }
    }

    /// Takes the device away; what the peers were seen to do.
    pub(super) fn close(self) -> Vec<PeerSeen> {
        if let Some(injected) = self.injected {
            injected.close();
        }
        self.peer.map(DialBack::into_seen).unwrap_or_default()
    }
}

/// The device by which packets arrive from outside, where that is asked for and possible.
fn injected(plan: &Plan, flows: &[Flow], pod: &Pod, seed: u64) -> Result<Injected, String> {
    let running = format!("running as {}:{}", pod.identity.uid, pod.identity.gid);
    if !plan.inject {
        return Err(format!("not asked for (--inject false); it {NEEDS}"));
    }
    if !pod.identity.net_admin() {
        return Err(format!("{running}, {NEEDS}"));
    }
    Injected::open(flows, plan.capture.listen_ports(), pod, seed)
        .map_err(|why| format!("{why}, {running}; it {NEEDS}"))
}
