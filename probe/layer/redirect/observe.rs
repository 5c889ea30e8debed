//! Running the flows through the real kernel: all side effects of the layer.

use std::{
    collections::{BTreeSet, hash_map::RandomState},
    hash::{BuildHasher, Hasher},
    io,
    net::SocketAddr,
};

use futures_util::{StreamExt, future, stream};
use socket2::Socket;

use super::{
    destination::{PASSTHROUGH_V6, loopback},
    flow::{Flow, Promise, Proof, Sender, Transport},
    flows::{Addresses, COMMON_PORTS, flows},
    live::{running_proxy, with_owner},
    outcome::{Dummy, Observed, Outcome, Seen},
    outside::Outside,
    send::{Sent, send},
    serve::{Arrivals, Listening, serve},
    vantage::{Play, Vantage, vantage},
    witness::Witness,
};
use crate::{
    capture::{Capture, Interception, Reach},
    net::{errno_name, listen, owner::as_owner},
    plan::Plan,
    pod::{Cap, Family, Pod},
};

/// Probes in flight at once: well below the usual limit of 1024 descriptors.
const IN_FLIGHT: usize = 128;

/// How often a flow is sent again that got no answer while the first hop answered others: a busy
/// node answers late, and its silence must not read as a rule that drops packets.
const REPEATS: usize = 3;

/// How often a connection is made again, from another port, whose other end is not found.
const TRACES: usize = 6;

/// Opens the dummy listeners unless a proxy already runs, sends every flow that this identity can
/// send, and tells what happened. Takes the patience where nothing answers, up to a second more
/// where a stranger does, and up to some seconds where a peer does not answer.
pub async fn observe(plan: &Plan, addresses: &Addresses, pod: &Pod) -> Seen {
    let capture = &plan.capture;
    let vantage = vantage(capture, plan.app, &pod.identity);
    let proxy_by_group = vantage.proxy_by_group(capture);
    let flows = flows(capture, &Addresses { seed: random(), proxy_by_group, ..addresses.clone() });
    send_all(plan, addresses, pod, flows).await
}

/// Sends one flow once more, alone; what became of it this time.
pub async fn resend(plan: &Plan, addresses: &Addresses, pod: &Pod, flow: &Flow) -> Outcome {
    let alone = vec![Flow { again: None, ..flow.clone() }];
    // The device is for what comes from outside alone.
    let inject = plan.inject && flow.sender == Sender::Outside;
    let seen = send_all(&Plan { inject, ..plan.clone() }, addresses, pod, alone).await;
    let outcome = seen.flows.into_iter().next().map(|observed| observed.outcome);
    outcome.unwrap_or_else(|| Outcome::NotSent { reason: "there is no such flow".to_owned() })
}

async fn send_all(plan: &Plan, addresses: &Addresses, pod: &Pod, flows: Vec<Flow>) -> Seen {
    let capture = &plan.capture;
    let mut vantage = vantage(capture, plan.app, &pod.identity);
    let nonce = random();
    let live = running_proxy(plan, pod);
    let outside = Outside::open(plan, &flows, pod, nonce).await;
    vantage.outside = match &outside {
        Ok(_) => Play::Own,
        Err(reason) => Play::Cannot { reason: reason.clone() },
    };
    let outside = outside.ok();
    let mut arrivals = Arrivals::new(nonce, flows.len(), plan.timeout());
    let privileged = pod.identity.has(Cap::NetAdmin) || pod.identity.has(Cap::NetRaw);
    arrivals.mark = capture.marked_route.map(|route| route.mark);
    let (dummies, mut listeners) = if live.is_some() {
        arrivals.witness = Some(Witness::open(capture.listen_ports()));
        (Vec::new(), Vec::new())
    } else {
        arrivals.answers = capture.dns.udp != Reach::Nothing;
        open_dummies(capture, addresses, &vantage, pod)
    };
    let passthrough_v6 = (capture.passthrough && addresses.families.contains(&Family::Ipv6))
        .then(has_passthrough_v6)
        .flatten();
    // Where nobody says which families the pod has, it may have none that needs the address.
    let guessed = plan.families.is_none() && pod.addresses.seen().is_none();
    let without_alias = (passthrough_v6 == Some(false)).then_some(if guessed {
        PERHAPS_NO_IPV6
    } else {
        NO_PASSTHROUGH
    });
    let passthrough_v6 = passthrough_v6.filter(|_| !guessed);
    let left_alone = live.as_ref().map(|_| left_alone(plan));
    let afar = |flow: &Flow| outside.as_ref().is_some_and(|way| way.is_answered_afar(flow));
    let stand_by = Standing { addresses, vantage: &vantage, left_alone };
    let attended = attend(&flows, &stand_by, afar, &mut listeners);
    let obstacles: Vec<Option<String>> = flows
        .iter()
        .zip(&attended)
        .map(|(flow, attended)| {
            obstacle(flow, &vantage, without_alias, &dummies, (live.is_some(), privileged))
                .or_else(|| outside.as_ref()?.obstacle(flow, *attended))
        })
        .collect();
    let serving = future::join_all(listeners.iter().map(|listener| serve(listener, &arrivals)));
    let receiving = async {
        if let Some(outside) = &outside {
            outside.attend(&flows, &arrivals).await;
        }
    };
    let outcomes = tokio::select! {
        // Listeners first: after a pause for want of CPU, what has arrived must be read before a
        // sender looks at the clock.
        biased;
        _ = serving, if !listeners.is_empty() => unreachable!("listeners are served for ever"),
        () = receiving, if outside.is_some() => unreachable!("outside is attended to for ever"),
        outcomes = run(&flows, &obstacles, &attended, (&vantage, outside.as_ref()), &arrivals)
            => outcomes,
    };
    let peers = outside.map(Outside::close).unwrap_or_default();
    let flows = flows.into_iter().zip(outcomes).zip(attended);
    let flows = flows.map(|((flow, outcome), attended)| {
        let outcome = with_owner(outcome, live.as_deref().unwrap_or_default());
        Observed { flow, outcome, attended }
    });
    let flows = flows.collect();
    Seen { vantage, passthrough_v6, live, dummies, flows, peers }
}

/// First all flows that stand alone, then those that repeat an earlier one.
async fn run(
    flows: &[Flow],
    obstacles: &[Option<String>],
    attended: &[bool],
    (vantage, outside): (&Vantage, Option<&Outside>),
    arrivals: &Arrivals,
) -> Vec<Outcome> {
    let one = |index: usize, source_port: Option<u16>| async move {
        let flow = &flows[index];
        if let Some(reason) = obstacles[index].clone() {
            return (index, Sent::without_port(Outcome::NotSent { reason }));
        }
        if let (Sender::Outside, Some(outside)) = (flow.sender, outside) {
            let outcome = outside.send(index, flow, attended[index], arrivals).await;
            return (index, Sent { outcome, source_port: Some(flow.destination.port()) });
        }
        let play = vantage.play(flow.sender);
        (index, send(index, flow, play, source_port, attended[index], arrivals).await)
    };
    let mut sent: Vec<Option<Sent>> = flows.iter().map(|_| None).collect();
    let alone = (0..flows.len()).filter(|i| flows[*i].again.is_none());
    let alone: Vec<_> =
        stream::iter(alone.map(|i| one(i, None))).buffer_unordered(IN_FLIGHT).collect().await;
    for (index, outcome) in alone {
        sent[index] = Some(outcome);
    }
    for _ in 0..REPEATS {
        let repeated = stream::iter(unheard(flows, &sent).into_iter().map(|i| one(i, None)));
        for (index, outcome) in repeated.buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await {
            sent[index] = Some(outcome);
        }
    }
    for _ in 0..if arrivals.live() { TRACES } else { 0 } {
        let again = untraced(flows, &sent).into_iter().map(|i| one(i, Some(seldom_used_port())));
        let again = stream::iter(again).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await;
        // A port that somebody has is another one next time.
        for (index, outcome) in again.into_iter().filter(|(_, sent)| !sent.has_no_socket()) {
            sent[index] = Some(outcome);
        }
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

/// Connections that should be captured and got no answer, in families where the first hop answers.
fn unheard(flows: &[Flow], sent: &[Option<Sent>]) -> Vec<usize> {
    let outcome = |index: usize| sent[index].as_ref().map(|sent| &sent.outcome);
    let left = |index: &usize| matches!(outcome(*index), Some(Outcome::LeftThePod { .. }));
    let answers: BTreeSet<Family> =
        (0..flows.len()).filter(left).map(|index| flows[index].family).collect();
    let silent = |index: &usize| {
        let flow = &flows[*index];
        flow.proof == Proof::Outbound
            && answers.contains(&flow.family)
            && matches!(outcome(*index), Some(Outcome::Silent { .. }))
    };
    (0..flows.len()).filter(silent).collect()
}

/// Connections beside a running proxy whose other end the kernel does not show: conntrack gives a
/// connection another source port where an earlier one to the same capture port had it, and remembers
/// each for two minutes (`nf_conntrack_tcp_timeout_time_wait`). A busy application leaves few or none
/// free of those that the kernel gives out.
fn untraced(flows: &[Flow], sent: &[Option<Sent>]) -> Vec<usize> {
    let elsewhere = |index: &usize| {
        let unclear =
            |sent: &Sent| sent.has_no_socket() || sent.outcome == Outcome::AcceptedElsewhere;
        flows[*index].sender != Sender::Outside && sent[*index].as_ref().is_some_and(unclear)
    };
    (0..flows.len()).filter(elsewhere).collect()
}

/// A source port that the kernel gives to nobody who does not ask for it: below
/// `net.ipv4.ip_local_port_range` as it usually is.
fn seldom_used_port() -> u16 {
    10_000 + u16::try_from(random() % 22_000).unwrap_or_default()
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
    without_alias: Option<&str>,
    dummies: &[Dummy],
    (live, can_be_transparent): (bool, bool),
) -> Option<String> {
    let transparent = flow.proof == Proof::Return;
    if transparent && !can_be_transparent {
        return Some("an address that is not the pod's takes NET_ADMIN or NET_RAW".to_owned());
    }
    // Its way back would be the kubelet's as well, while its probes are at work.
    if live && flow.sender == Sender::Outside && flow.source.is_some() {
        return Some("a running proxy's pod is being probed from this address".to_owned());
    }
    if live && flow.again.is_some() {
        return Some("the DNS port is not ours to answer on".to_owned());
    }
    if let Play::Cannot { reason } = vantage.play(flow.sender) {
        return Some(reason.clone());
    }
    let needs_alias =
        flow.destination.ip() == PASSTHROUGH_V6 || flow.source == Some(PASSTHROUGH_V6);
    if let Some(reason) = without_alias.filter(|_| needs_alias) {
        return Some(reason.to_owned());
    }
    blocked(flow, dummies)
}

/// The reason that `judge` recognises: without `::6` on lo the probe would leave the pod.
pub(super) const NO_PASSTHROUGH: &str = "::6 is not on lo";
/// The same where nobody knows whether it should be.
const PERHAPS_NO_IPV6: &str = "::6 is not on lo, and whether the pod has IPv6 cannot be seen";

/// A flow proves something only if everything that could accept it is ours. With one port taken,
/// what must arrive at another can still be seen to arrive.
fn blocked(flow: &Flow, dummies: &[Dummy]) -> Option<String> {
    let failed = dummies.iter().find(|d| d.error.is_some() && d.family == flow.family)?;
    let is_ours = |port: u16| {
        let mut at_port = dummies.iter().filter(|d| d.port == port && d.family == flow.family);
        at_port.all(|dummy| dummy.error.is_none())
    };
    match flow.promise {
        Promise::Captured(port) | Promise::Transparent(port) if is_ours(port) => None,
        _ => Some(format!("port {} is not ours to listen on", failed.port)),
    }
}

/// Listeners on every capture port: TCP on all addresses, UDP for DNS where its redirection
/// leads. They belong to the proxy's identity where that is possible, for rules know the proxy's
/// answers by their owner: conntrack zones of DNS, and the marks of TPROXY mode.
fn open_dummies(
    capture: &Capture,
    addresses: &Addresses,
    vantage: &Vantage,
    pod: &Pod,
) -> (Vec<Dummy>, Vec<Listening>) {
    let (mut dummies, mut listeners) = (Vec::new(), Vec::new());
    let transparent = capture.interception == Interception::Tproxy
        && (pod.identity.has(Cap::NetAdmin) || pod.identity.has(Cap::NetRaw));
    let mut keep = |opened: io::Result<Socket>, mut dummy: Dummy| {
        let opened = opened.and_then(|socket| Listening::new(socket, dummy.transport, false));
        dummy.error = opened.as_ref().err().map(errno_name);
        dummy.owner_uid = match &dummy.error {
            Some(_) => pod.listener_on(dummy.port).map(|held| held.uid),
            None => None,
        };
        dummies.push(dummy);
        listeners.extend(opened.ok());
    };
    for &family in &addresses.families {
        for port in capture.listen_ports() {
            let dummy = |transport, transparent| Dummy {
                port,
                family,
                transport,
                transparent,
                error: None,
                owner_uid: None,
            };
            let at = SocketAddr::new(family.unspecified(), port);
            let open = || if transparent { listen::transparent(at) } else { listen::tcp(at) };
            keep(played(&vantage.proxy, open), dummy(Transport::Tcp, transparent));
            let at = SocketAddr::new(loopback(family), port);
            keep(played(&vantage.proxy, || listen::udp(at)), dummy(Transport::Udp, false));
        }
    }
    (dummies, listeners)
}

/// A socket that belongs to this player: rules ask for the owner of answers as well.
fn played(player: &Play, open: impl FnOnce() -> io::Result<Socket>) -> io::Result<Socket> {
    match player {
        Play::As { uid, gid } => as_owner(*uid, *gid, open),
        Play::Own | Play::Marked { .. } | Play::Cannot { .. } => open(),
    }
}

/// Where listeners may stand, and whose they are.
struct Standing<'a> {
    addresses: &'a Addresses,
    vantage: &'a Vantage,
    /// Beside a running proxy, [`left_alone`].
    left_alone: Option<BTreeSet<u16>>,
}

/// A running proxy's ports. Who looks again and again leaves those alone, too, at which an application may
/// listen: it may be started again in just that moment, and would not find them free.
fn left_alone(plan: &Plan) -> BTreeSet<u16> {
    let mut ports = BTreeSet::from_iter(plan.capture.listen_ports());
    if plan.command == "watch" {
        ports.extend(plan.capture.special_ports());
        ports.extend(COMMON_PORTS);
    }
    ports
}

/// Listens at the destinations of local flows, so that arriving there is proof, and a refusal is
/// not mistaken for "nothing listens". Privileged ports may stay without; a running proxy's do, and
/// so do destinations whose packets TPROXY hands to it: its socket has the destination's address.
fn attend(
    flows: &[Flow],
    Standing { addresses, vantage, left_alone }: &Standing,
    answered_afar: impl Fn(&Flow) -> bool,
    listeners: &mut Vec<Listening>,
) -> Vec<bool> {
    let mut attended_already = BTreeSet::new();
    let mut attend = |flow: &Flow| {
        // A DNS answer that nobody awaits leaves its port to the next query.
        let wanted = flow.again.is_none()
            && !(flow.sender == Sender::Outside && flow.proof == Proof::Dns)
            && flow.is_local(&addresses.pod)
            && !left_alone.as_ref().is_some_and(|ports| ports.contains(&flow.destination.port()))
            && !(left_alone.is_some() && matches!(flow.promise, Promise::Transparent(_)))
            && !matches!(vantage.play(flow.sender), Play::Cannot { .. });
        let place = (flow.transport, flow.destination);
        if wanted && attended_already.contains(&place) {
            return true;
        }
        let opened = match flow.transport {
            Transport::Tcp if wanted => played(&vantage.app, || listen::tcp(flow.destination)),
            Transport::Udp if wanted => played(&vantage.app, || listen::udp(flow.destination)),
            _ => return false,
        };
        let near =
            |socket| if answered_afar(flow) { Ok(socket) } else { listen::stay_near(socket) };
        let opened = opened.and_then(near);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::ISTIO;

    #[test]
    fn a_watch_leaves_an_application_its_ports() {
        let capture = Capture { exclude_inbound_ports: vec![9090], ..ISTIO.capture() };
        let ports = |command| left_alone(&Plan::new(command, "istio", capture.clone()));
        let of_the_proxy = BTreeSet::from_iter(capture.listen_ports());
        assert!(of_the_proxy.contains(&15006) && !of_the_proxy.contains(&8080));
        assert_eq!(ports("check"), of_the_proxy);
        assert_eq!(ports("gate"), of_the_proxy);
        assert!(ports("watch").is_superset(&of_the_proxy));
        assert!([80, 443, 8080, 9090].iter().all(|port| ports("watch").contains(port)));
    }
}
