//! The environment: the API server's address, and web proxies that would take cluster traffic.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    finding::{Code, Finding},
    pod::Environment,
};

/// The domain of most clusters.
const USUAL_DOMAIN: &str = "cluster.local";

/// Judges what the environment says, where a kubelet made it.
pub(super) fn judge(environment: &Environment) -> Vec<Finding> {
    [apiserver(environment), exemptions(environment)].into_iter().flatten().collect()
}

fn apiserver(environment: &Environment) -> Option<Finding> {
    let warn = |reason: String| {
        Some(Finding::new(Code::EnvApiserverUnset, "KUBERNETES_SERVICE_HOST", reason))
    };
    match (&environment.service_host, &environment.service_port) {
        (None, _) if environment.kubernetes => {
            warn("look for the API server: KUBERNETES_SERVICE_HOST is not set".to_owned())
        }
        (Some(host), _) if !is_host(host) => warn(format!(
            "look for the API server: KUBERNETES_SERVICE_HOST is `{host}`, neither an address nor a name"
        )),
        (Some(_), Some(port)) if port.parse::<u16>().is_err() => warn(format!(
            "look for the API server: KUBERNETES_SERVICE_PORT is `{port}`, not a port"
        )),
        _ => None,
    }
}

/// An address, or a name as AKS puts it there.
fn is_host(host: &str) -> bool {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    host.parse::<IpAddr>().is_ok() || (host.chars().all(named) && !host.starts_with('.'))
}

/// Cluster destinations that the proxy would be asked for.
fn exemptions(environment: &Environment) -> Option<Finding> {
    let host = environment.service_host.as_ref()?;
    let proxy = environment.proxies.first()?;
    let domain = environment.cluster_domain.as_deref().unwrap_or(USUAL_DOMAIN);
    let mut lacking = Vec::new();
    let covered = |name: &str| environment.no_proxy.iter().any(|entry| covers(entry, name));
    if !covered(host) {
        lacking.push(host.clone());
    }
    // Either spelling of a service's name will do: which one the pod uses is not known.
    if !covered("name.namespace.svc") && !covered(&format!("name.namespace.svc.{domain}")) {
        lacking.extend([".svc".to_owned(), format!(".{domain}")]);
    }
    if lacking.is_empty() {
        return None;
    }
    let reason = format!(
        "read NO_PROXY: cluster traffic would go to the proxy {} of {}, for it lacks {}",
        proxy.address,
        proxy.variable,
        lacking.join(", ")
    );
    Some(Finding::new(Code::EnvProxyNoProxy, "NO_PROXY", reason))
}

/// Whether the entry exempts the name or address, as the most generous programs read it.
fn covers(entry: &str, name: &str) -> bool {
    let entry = entry.to_ascii_lowercase();
    let (entry, name) = (entry.as_str(), name.to_ascii_lowercase());
    if entry == "*" || entry == name {
        return true;
    }
    if let Ok(ip) = name.parse::<IpAddr>() {
        return entry.parse::<IpNet>().is_ok_and(|net| net.contains(&ip));
    }
    let suffix = entry.trim_start_matches('*').trim_start_matches('.');
    !suffix.is_empty() && name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'))
}
