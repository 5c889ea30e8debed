//! Running the flows through the real kernel: all side effects of the layer.

use std::{
    collections::{BTreeSet, hash_map::RandomState},
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
/// happened. Takes the patience where nothing answers, up to a second more where a stranger does.
pub async fn observe(
    capture: &Capture,
    app: Option<(u32, u32)>,
    addresses: &Addresses,
    pod: &Pod,
    patience: Duration,
) -> Seen {
    let vantage = vantage(capture, app, &pod.identity);
    let nonce = random();
    let flows = flows(capture, &Addresses { seed: nonce, ..addresses.clone() });
    let (dummies, mut listeners) = open_dummies(capture, addresses, &vantage, pod);
    let passthrough_v6 =
        addresses.families.contains(&Family::Ipv6).then(has_passthrough_v6).flatten();
    let attended = attend(&flows, addresses, &vantage, &mut listeners);
    let obstacles: Vec<Option<String>> =
        flows.iter().map(|flow| obstacle(flow, &vantage, passthrough_v6, &dummies)).collect();
    let arrivals = Arrivals::new(nonce, flows.len(), capture.dns, patience);
    let serving = future::join_all(listeners.iter().map(|listener| serve(listener, &arrivals)));
    let outcomes = tokio::select! {
        // Listeners first: after a pause for want of CPU, what has arrived must be read before a
        // sender looks at the clock.
        biased;
        _ = serving => unreachable!("listeners are served for ever"),
        outcomes = run(&flows, &obstacles, &vantage, &arrivals) => outcomes,
    };
    let flows = flows.into_iter().zip(outcomes).zip(attended);
    let flows = flows.map(|((flow, outcome), attended)| Observed { flow, outcome, attended });
    Seen { vantage, passthrough_v6, dummies, flows: flows.collect() }
}

/// First all flows that stand alone, then those that repeat an earlier one.
async fn run(
    flows: &[Flow],
    obstacles: &[Option<String>],
    vantage: &Vantage,
    arrivals: &Arrivals,
) -> Vec<Outcome> {
    let one = |index: usize, source_port: Option<u16>| async move {
        let flow = &flows[index];
        match obstacles[index].clone() {
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
    for (index, outcome) in alone {
        sent[index] = Some(outcome);
    }
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

/// Whether `::6` is on lo: only then can a socket be bound to it. Any other error tells nothing.
fn has_passthrough_v6() -> Option<bool> {
    match listen::udp(SocketAddr::new(PASSTHROUGH_V6, 0)) {
        Ok(_) => Some(true),
        Err(error) if errno_name(&error) == "EADDRNOTAVAIL" => Some(false),
        Err(_) => None,
    }
}

/// Why a flow cannot be sent, if so.
fn obstacle(
    flow: &Flow,
    vantage: &Vantage,
    passthrough_v6: Option<bool>,
    dummies: &[Dummy],
) -> Option<String> {
    if let Play::Cannot { reason } = vantage.play(flow.sender) {
        return Some(reason.clone());
    }
    let needs_alias =
        flow.destination.ip() == PASSTHROUGH_V6 || flow.source == Some(PASSTHROUGH_V6);
    if needs_alias && passthrough_v6 == Some(false) {
        return Some(NO_PASSTHROUGH.to_owned());
    }
    blocked(flow, dummies)
}

/// The reason that `judge` recognises: without `::6` on lo the probe would leave the pod.
pub(super) const NO_PASSTHROUGH: &str = "::6 is not on lo";

/// A flow proves something only if everything that could accept it is ours. With one port taken,
/// what must arrive at another can still be seen to arrive.
fn blocked(flow: &Flow, dummies: &[Dummy]) -> Option<String> {
    let failed = dummies.iter().find(|d| d.error.is_some() && d.family == flow.family)?;
    let is_ours = |port: u16| {
        let mut at_port = dummies.iter().filter(|d| d.port == port && d.family == flow.family);
        at_port.all(|dummy| dummy.error.is_none())
    };
    match flow.promise {
        Promise::Captured(port) if is_ours(port) => None,
        _ => Some(format!("port {} is not ours to listen on", failed.port)),
    }
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
            let at = SocketAddr::new(loopback(family), port);
            let opened = match vantage.proxy {
                Play::As { uid, gid } => as_owner(uid, gid, || listen::udp(at)),
                Play::Own | Play::Cannot { .. } => listen::udp(at),
            };
            keep(opened, port, family, Transport::Udp, pod, &mut dummies, &mut listeners);
        }
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

/// Listens at the destinations of local flows, so that arriving there is proof, and a refusal is
/// not mistaken for "nothing listens". Privileged ports may stay without.
fn attend(
    flows: &[Flow],
    addresses: &Addresses,
    vantage: &Vantage,
    listeners: &mut Vec<Listening>,
) -> Vec<bool> {
    let mut attended_already = BTreeSet::new();
    let mut attend = |flow: &Flow| {
        let wanted = flow.again.is_none()
            && flow.is_local(&addresses.pod)
            && !matches!(vantage.play(flow.sender), Play::Cannot { .. });
        let place = (flow.transport, flow.destination);
        if wanted && attended_already.contains(&place) {
            return true;
        }
        let opened = match flow.transport {
            Transport::Tcp if wanted => listen::tcp(flow.destination),
            Transport::Udp if wanted => listen::udp(flow.destination),
            _ => return false,
        };
        let opened = opened.and_then(|socket| Listening::new(socket, flow.transport, true));
        let attended = opened.is_ok();
        if attended {
            attended_already.insert(place);
        }
        listeners.extend(opened.ok());
        attended
    };
    flows.iter().map(&mut attend).collect()
}

/// A number of this run, so that a stranger's connection is not taken for a probe. std seeds its
/// hash maps by getrandom(2), which needs no /dev.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
