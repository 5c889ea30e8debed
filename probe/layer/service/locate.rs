//! Who stood in the way: who refused, or how far packets came where nobody answered.

use std::net::{IpAddr, SocketAddr};

use super::{
    judge::{called, happened},
    outcome::Server,
};
use crate::{
    finding::Code,
    layer::{
        attempt::Failure,
        ladder::{Ladder, Lost, Rung},
        redirect::Offender,
    },
    plan::Plan,
    pod::{Family, Pod},
};

/// Who refused decides. The service's own address in an ICMP message stands for anybody behind the
/// translation, the node's own rules included: netfilter puts it in the sender's place. A kernel
/// without a listener sends a reset and no ICMP.
pub(super) fn refusal(pod: &Pod, server: &Server, failure: &Failure) -> Code {
    match (failure, failure.by()) {
        (_, Some(by)) if pod.has_address(by.address) && is_host_unreachable(by) => {
            Code::ServiceNoRoute
        }
        (_, Some(by)) if pod.has_address(by.address) => Code::ServiceSendRefused,
        (_, Some(by)) if by.address == server.address.ip() => Code::ServiceRejected,
        // What has a name has no endpoints on this node: there a firewall or a router refuses.
        (_, Some(_)) if is_named(server) => Code::ServiceRejected,
        (_, Some(by)) if by.is_time_exceeded() => Code::ServiceNotProgrammed,
        (_, Some(by)) if is_port_unreachable(by) => Code::ServiceNoEndpoints,
        (_, Some(_)) => Code::ServiceRejected,
        (Failure::Failed { operation, .. }, _) if operation.contains("socket") => Code::ProbeFailed,
        (Failure::Failed { errno, .. }, _) if errno == "EPERM" => Code::ServiceSendRefused,
        (Failure::Failed { operation, .. }, _) if operation == "connect" => Code::ServiceNoRoute,
        (Failure::Failed { .. } | Failure::Masked { .. }, _) => Code::ProbeFailed,
        (Failure::Refused { .. }, _) => Code::ServiceRefused,
        (Failure::Silent { .. }, _) => Code::ServiceSilent,
    }
}

/// What the pod's own kernel tells when the next hop does not answer.
fn is_host_unreachable(by: &Offender) -> bool {
    let code = (by.icmp_type, by.icmp_code);
    if by.address.is_ipv4() { code == (3, 1) } else { code == (1, 3) }
}

/// RFC 792 and RFC 4443; what kube-proxy and its replacements answer for a service without
/// endpoints.
fn is_port_unreachable(by: &Offender) -> bool {
    let code = (by.icmp_type, by.icmp_code);
    if by.address.is_ipv4() { code == (3, 3) } else { code == (1, 4) }
}

/// Silence, located: who translates the address, and who else got the packet.
pub(super) fn silent(plan: &Plan, server: &Server) -> (Code, String) {
    let what = format!("connect to {}: {}", called(server), happened(&server.outcome));
    let Some(ladder) = &server.ladder else { return (Code::ServiceSilent, what) };
    if let Some(unsent @ 1..) = server.unsent
        && ladder.lost() == Lost::Near
    {
        let tail = format!(
            "no hop tells that packets pass it, and this pod's kernel could not send {unsent} TCP \
             segments meanwhile: a rule drops them in the pod"
        );
        return (Code::ServiceSendRefused, format!("{what}; {tail}"));
    }
    if let Some(to) = server.translated {
        let tail = format!("this node sends it on to {to}; {}", ladder.told());
        return (Code::ServiceSilent, format!("{what}; {tail}"));
    }
    let own = server.address.ip();
    if passed(ladder).any(|(_, by)| by == own) {
        let tail = "the node translates the address, and packets are lost on the way to the server \
                    behind it or back";
        return (Code::ServiceSilent, format!("{what}; {tail}"));
    }
    match foreign(ladder) {
        Some((hops, address)) if !is_named(server) && is_service(plan, server.address) => {
            let tail = format!("untranslated, it came as far as hop {hops} ({address})");
            (Code::ServiceNotProgrammed, format!("{what}; {tail}"))
        }
        _ => (Code::ServiceSilent, format!("{what}; {}", ladder.told())),
    }
}

/// Each hop that told that a packet's life ended there.
fn passed(ladder: &Ladder) -> impl Iterator<Item = (u8, IpAddr)> {
    let ended = |rung: &Rung| {
        let by = rung.by.filter(Offender::is_time_exceeded);
        by.map(|by| (rung.hops, by.address))
    };
    ladder.rungs.iter().filter_map(ended)
}

/// The farthest hop that is not the node: the first one is.
fn foreign(ladder: &Ladder) -> Option<(u8, IpAddr)> {
    let node = passed(ladder).find(|(hops, _)| *hops == 1).map(|(_, address)| address);
    let far = passed(ladder).filter(|(hops, address)| *hops > 1 && Some(*address) != node);
    far.max_by_key(|(hops, _)| *hops)
}

/// Whether a name of no service led there, as where the API server stands outside the cluster (AKS):
/// then that is no service's address, whatever it ends in.
fn is_named(server: &Server) -> bool {
    server.host.parse::<IpAddr>().is_err() && !server.host.starts_with("kubernetes")
}

/// Whether this is the address of a service, and not of a machine, which routers may pass on to:
/// in a declared range; else as the API server's own service always has it, the first address of the
/// range and port 443 (kubernetes `pkg/controlplane`).
fn is_service(plan: &Plan, address: SocketAddr) -> bool {
    let mut of_family = plan
        .service_cidrs
        .iter()
        .filter(|net| Family::of(net.addr()) == Family::of(address.ip()))
        .peekable();
    if of_family.peek().is_some() {
        return of_family.any(|net| net.contains(&address.ip()));
    }
    let last = match address.ip() {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(ip) => ip.octets()[15],
    };
    address.port() == 443 && last == 1
}
