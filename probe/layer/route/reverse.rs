//! Reverse path filtering: what comes in on one link and would be answered by another.

use crate::{
    finding::{Code, Finding, Layer},
    pod::{Address, Family, Look, Pod},
};

/// Links besides the default route's on which the kernel drops what comes from beyond their own
/// network. Policy routing may send answers back the same way: then nothing is wrong.
pub(super) fn judge(pod: &Pod, strict: &Look<Vec<String>>) -> Vec<Finding> {
    let Look::Seen(strict) = strict else {
        let reason = format!("reverse path filtering not observable: {}", strict.why());
        return vec![Finding::unseen(Layer::Route, "rp_filter", reason)];
    };
    let links = pod.links.list();
    let index = |name: &str| links.iter().find(|link| link.name == name).map(|link| link.index);
    let defaults: Vec<&str> = pod
        .routes
        .list()
        .iter()
        .filter(|route| route.family == Family::Ipv4 && route.is_default() && route.leads_out())
        .filter_map(|route| route.link.as_deref())
        .collect();
    let addressed = |link: &&String| {
        let of = |address: &Address| Some(address.link_index) == index(link);
        let mut addresses = pod.addresses.list().iter();
        addresses.any(|a| Family::Ipv4.holds(a.ip) && a.is_global() && of(a))
    };
    let elsewhere = |link: &&String| !defaults.is_empty() && !defaults.contains(&link.as_str());
    strict
        .iter()
        .filter(addressed)
        .filter(elsewhere)
        .map(|link| {
            let reason = format!(
                "look where answers go: rp_filter is 1 on {link}, and the default route leads to {}: what comes in on {link} from beyond its own network is dropped",
                defaults.join(", ")
            );
            Finding::new(Code::ReversePathStrict, link, reason)
        })
        .collect()
}
