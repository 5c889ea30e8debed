//! Running the flows through the real kernel: all side effects of the layer.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    net::SocketAddr,
    time::Duration,
};

use futures_util::{StreamExt, future, stream};

use super::{
    flow::{Flow, Promise, Transport},
    flows::{Addresses, PASSTHROUGH_V6, flows, loopback},
    outcome::{Dummy, Observed, Outcome, Seen},
    send::{Sent, send},
    serve::{Arrivals, Listening, serve},
    vantage::{Play, Vantage, vantage},
};
use crate::{
    capture::Capture,
    net::{errno_name, listen, owner::as_owner},
    pod::{Family, Pod},
};

/// Probes in flight at once: well below the usual limit of 1024 descriptors.
const IN_FLIGHT: usize = 128;

/// Opens the dummy listeners, sends every flow that this identity can send, and tells what
/// happened. Takes tens of milliseconds at most where nothing answers.
pub async fn observe(
    capture: &Capture,
    app: Option<(u32, u32)>,
    addresses: &Addresses,
    pod: &Pod,
    patience: Duration,
) -> Seen {
    let vantage = vantage(capture, app, &pod.identity);
    let flows = flows(capture, addresses);
    let (dummies, mut listeners) = open_dummies(capture, addresses, &vantage, pod);
    if let Some(reason) = blocked(&dummies) {
        let flows = flows.into_iter().map(|flow| not_sent(flow, &reason)).collect();
        return Seen { vantage, dummies, flows };
    }
    let attended = attend(&flows, addresses, &vantage, &mut listeners);
    let arrivals = Arrivals::new(random(), flows.len(), answers(capture, &vantage), patience);
    let serving = future::join_all(listeners.iter().map(|listener| serve(listener, &arrivals)));
    let outcomes = tokio::select! {
        outcomes = run(&flows, &vantage, &arrivals) => outcomes,
        _ = serving => unreachable!("listeners are served for ever"),
    };
    let flows = flows.into_iter().zip(outcomes).zip(attended);
    let flows = flows.map(|((flow, outcome), attended)| Observed { flow, outcome, attended });
    Seen { vantage, dummies, flows: flows.collect() }
}

/// First all flows that stand alone, then those that repeat an earlier one.
async fn run(flows: &[Flow], vantage: &Vantage, arrivals: &Arrivals) -> Vec<Outcome> {
    let passthrough = listen::udp(SocketAddr::new(PASSTHROUGH_V6, 0)).is_ok();
    let one = |index: usize, source_port: Option<u16>| async move {
        let flow = &flows[index];
        match obstacle(flow, vantage, passthrough) {
            Some(reason) => (index, Sent::without_port(Outcome::NotSent { reason })),
            None => {
                (index, send(index, flow, vantage.play(flow.sender), source_port, arrivals).await)
            }
        }
    };
    let mut sent: Vec<Option<Sent>> = flows.iter().map(|_| None).collect();
    let alone = (0..flows.len()).filter(|i| flows[*i].again.is_none());
    let alone: Vec<_> =
        stream::iter(alone.map(|i| one(i, None))).buffer_unordered(IN_FLIGHT).collect().await;
    alone.into_iter().for_each(|(index, outcome)| sent[index] = Some(outcome));
    for index in 0..flows.len() {
        if let Some(first) = flows[index].again {
            let port = sent[first].as_ref().and_then(|sent| sent.source_port);
            sent[index] = Some(match port {
                Some(port) => one(index, Some(port)).await.1,
                None => Sent::without_port(Outcome::NotSent {
                    reason: "the flow that it repeats could not be sent".to_owned(),
                }),
            });
        }
    }
    sent.into_iter().flatten().map(|sent| sent.outcome).collect()
}

/// Why a flow cannot be sent, if so.
fn obstacle(flow: &Flow, vantage: &Vantage, passthrough: bool) -> Option<String> {
    if let Play::Cannot { reason } = vantage.play(flow.sender) {
        return Some(reason.clone());
    }
    let needs_alias =
        flow.destination.ip() == PASSTHROUGH_V6 || flow.source == Some(PASSTHROUGH_V6);
    (needs_alias && !passthrough).then(|| NO_PASSTHROUGH.to_owned())
}

/// The reason that `judge` recognises: without ::6 on lo the probe would leave the pod.
pub(super) const NO_PASSTHROUGH: &str = "::6 is not on lo";

fn not_sent(flow: Flow, reason: &str) -> Observed {
    Observed { flow, outcome: Outcome::NotSent { reason: reason.to_owned() }, attended: false }
}

/// The reason not to send anything: without all its listeners a probe proves nothing.
fn blocked(dummies: &[Dummy]) -> Option<String> {
    let dummy = dummies.iter().find(|dummy| dummy.error.is_some())?;
    let error = dummy.error.as_deref().unwrap_or_default();
    Some(format!("the dummy listener on {} {} failed: {error}", dummy.transport, dummy.port))
}

/// Listeners on every capture port: TCP on all addresses, UDP for DNS where its redirection
/// leads. The UDP ones belong to the proxy's identity where that is possible, for the mesh's
/// conntrack zones take answers for the proxy's by their owner.
fn open_dummies(
    capture: &Capture,
    addresses: &Addresses,
    vantage: &Vantage,
    pod: &Pod,
) -> (Vec<Dummy>, Vec<Listening>) {
    let (mut dummies, mut listeners) = (Vec::new(), Vec::new());
    for &family in &addresses.families {
        for port in capture.listen_ports() {
            let opened = listen::tcp(SocketAddr::new(family.unspecified(), port));
            keep(opened, port, family, Transport::Tcp, pod, &mut dummies, &mut listeners);
        }
        let at = SocketAddr::new(loopback(family), capture.dns_port);
        let opened = match vantage.proxy {
            Play::As { uid, gid } => as_owner(uid, gid, || listen::udp(at)),
            Play::Own | Play::Cannot { .. } => listen::udp(at),
        };
        keep(opened, at.port(), family, Transport::Udp, pod, &mut dummies, &mut listeners);
    }
    (dummies, listeners)
}

fn keep(
    opened: std::io::Result<socket2::Socket>,
    port: u16,
    family: Family,
    transport: Transport,
    pod: &Pod,
    dummies: &mut Vec<Dummy>,
    listeners: &mut Vec<Listening>,
) {
    let opened = opened.and_then(|socket| Listening::new(socket, transport, false));
    let error = opened.as_ref().err().map(errno_name);
    let owner_uid = error.as_ref().and_then(|_| pod.listener_on(port)).map(|held| held.uid);
    dummies.push(Dummy { port, family, transport, error, owner_uid });
    listeners.extend(opened.ok());
}

/// Listens at the destinations of local flows that must be left alone, so that arriving there is
/// proof, and a refusal is not mistaken for "nothing listens". Privileged ports may stay without.
fn attend(
    flows: &[Flow],
    addresses: &Addresses,
    vantage: &Vantage,
    listeners: &mut Vec<Listening>,
) -> Vec<bool> {
    let mut attend = |flow: &Flow| {
        let wanted = flow.promise == Promise::Untouched
            && flow.is_local(&addresses.pod)
            && !matches!(vantage.play(flow.sender), Play::Cannot { .. });
        let opened = match flow.transport {
            Transport::Tcp if wanted => listen::tcp(flow.destination),
            Transport::Udp if wanted => listen::udp(flow.destination),
            _ => return false,
        };
        let opened = opened.and_then(|socket| Listening::new(socket, flow.transport, true));
        let attended = opened.is_ok();
        listeners.extend(opened.ok());
        attended
    };
    flows.iter().map(|flow| attend(flow)).collect()
}

/// Whether the DNS dummies stand where the proxy would, so that their answers must find back.
fn answers(capture: &Capture, vantage: &Vantage) -> bool {
    capture.dns && !matches!(vantage.proxy, Play::Cannot { .. })
}

/// A number of this run, so that a stranger's connection is not taken for a probe. std seeds its
/// hash maps by getrandom(2), which needs no /dev.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
