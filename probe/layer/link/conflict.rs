//! Whether somebody else has one of the pod's IPv4 addresses, by who answered for it.

use std::net::Ipv4Addr;

use super::claim::Asked;
use crate::{
    finding::{Code, Finding, Layer},
    pod::{Family, Look, Pod},
};

/// What becomes clear of who answers for the pod's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foreign {
    /// He answers for addresses that he cannot all have: proxy ARP.
    Proxy,
    /// The gateway, for this address and not for the others.
    Gateway(Ipv4Addr),
    /// Somebody who has it.
    Owner,
}

/// Judges who claimed what on the pod's links.
#[must_use]
pub fn judge_claims(pod: &Pod, asked: &[Asked]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = unseen(asked).into_iter().collect();
    findings.extend(asked.iter().flat_map(|asked| on_link(pod, asked)));
    findings
}

fn unseen(asked: &[Asked]) -> Option<Finding> {
    let blind: Vec<&Asked> = asked.iter().filter(|asked| asked.claims.seen().is_none()).collect();
    let Some(Look::Blind { errno, .. }) = blind.first().map(|asked| &asked.claims) else {
        return None;
    };
    let links: Vec<&str> = blind.iter().map(|asked| asked.link.as_str()).collect();
    let why = blind.first().map(|asked| asked.claims.why()).unwrap_or_default();
    let (links, refused) = (links.join(", "), ["EPERM", "EACCES"].contains(&errno.as_str()));
    let needs = if refused { ", which needs CAP_NET_RAW" } else { "" };
    let reason = format!("ask on {links} who has the pod's addresses: {why}{needs}");
    // Another look serves nothing without the capability.
    let code = if refused { Code::NotObservable } else { Code::ProbeFailed };
    let finding = Finding::new(code, "address conflict", reason);
    let mut finding = Finding { layer: Layer::Link, ..finding };
    if refused {
        "add NET_RAW to the container's capabilities, such as by `kubectl debug --profile=netadmin`"
            .clone_into(&mut finding.hint);
    }
    Some(finding)
}

fn on_link(pod: &Pod, asked: &Asked) -> Vec<Finding> {
    // Two links of one pod on one network answer for each other's addresses.
    let ours = |hardware: &String| {
        pod.links.list().iter().any(|link| link.hardware.as_ref() == Some(hardware))
    };
    let claims = asked.claims.list().iter();
    let foreign = claims.filter(|claim| asked.own.contains(&claim.ip) && !ours(&claim.hardware));
    let findings = foreign.filter_map(|claim| {
        let (ip, hardware, link) = (claim.ip, &claim.hardware, &asked.link);
        let subject = format!("address {ip}");
        let said = format!("ask on {link} who has {ip}, which is the pod's: {hardware} answers");
        let finding = match who(hardware, asked) {
            Foreign::Proxy => return None,
            Foreign::Gateway(gateway) => {
                let reason = format!(
                    "{said}, which answers for gateway {gateway}, too: either the gateway has the address, or it answers in others' place"
                );
                let mut finding = Finding::unseen(Layer::Link, &subject, reason);
                "look on the gateway whether it has the address itself (`ip address`), or answers for it (proxy ARP)".clone_into(&mut finding.hint);
                finding
            }
            Foreign::Owner => {
                Finding::new(Code::AddressConflict, subject, format!("{said} that it is its own"))
            }
        };
        Some(finding.of(Some(Family::Ipv4)).with("hardware", hardware.as_str()))
    });
    findings.collect()
}

/// A machine has one address of a network, or a few; whoever answers for what nobody has, or for
/// two of three others, answers in their place.
fn who(hardware: &str, asked: &Asked) -> Foreign {
    let answers = |ip: &&Ipv4Addr| {
        let mut claims = asked.claims.list().iter();
        claims.any(|claim| claim.ip == **ip && claim.hardware == hardware)
    };
    if answers(&&asked.nobodys) || asked.others.iter().filter(answers).count() > 1 {
        return Foreign::Proxy;
    }
    asked.gateways.iter().find(answers).map_or(Foreign::Owner, |ip| Foreign::Gateway(*ip))
}

#[cfg(test)]
mod tests {
    use super::{super::claim::Claim, *};
    use crate::pod::tests::sample;

    const NOBODYS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    /// The codes of what is found where these claim these.
    fn found(claims: &[(Ipv4Addr, &str)]) -> Vec<Code> {
        let claim =
            |(ip, hardware): &(Ipv4Addr, &str)| Claim { ip: *ip, hardware: (*hardware).to_owned() };
        let asked = Asked {
            link: "eth0".to_owned(),
            own: vec![ip(2)],
            gateways: vec![ip(1)],
            others: vec![ip(64), ip(128), ip(192)],
            nobodys: NOBODYS,
            claims: Look::Seen(claims.iter().map(claim).collect()),
        };
        let mut pod = sample();
        if let Look::Seen(links) = &mut pod.links {
            links[1].hardware = Some("own".to_owned());
        }
        judge_claims(&pod, &[asked]).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn one_who_answers_for_our_address_alone_has_it() {
        assert_eq!(found(&[(ip(2), "a")]), [Code::AddressConflict]);
        assert_eq!(found(&[(ip(2), "a"), (ip(64), "a"), (ip(1), "b")]), [Code::AddressConflict]);
        assert_eq!(found(&[(ip(2), "own"), (ip(1), "b"), (ip(64), "c")]), []);
    }

    #[test]
    fn one_who_answers_for_many_answers_in_their_place() {
        assert_eq!(found(&[(ip(2), "a"), (NOBODYS, "a")]), []);
        assert_eq!(found(&[(ip(2), "a"), (ip(64), "a"), (ip(128), "a")]), []);
        assert_eq!(found(&[(ip(2), "a"), (ip(64), "b"), (ip(128), "c")]), [Code::AddressConflict]);
    }

    #[test]
    fn behind_a_proxy_an_owner_is_seen_all_the_same() {
        let claims = [(ip(2), "proxy"), (NOBODYS, "proxy"), (ip(2), "a")];
        assert_eq!(found(&claims), [Code::AddressConflict]);
    }

    #[test]
    fn of_a_gateway_it_cannot_be_told() {
        assert_eq!(found(&[(ip(2), "a"), (ip(1), "a")]), [Code::ProbeFailed]);
    }
}
